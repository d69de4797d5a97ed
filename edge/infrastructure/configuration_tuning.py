"""What a configuration changes at the agent: how fast pictures leave and how long things stay."""

import asyncio
import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path

from edge.infrastructure.configuration_document import StationConfiguration, parse_configuration
from edge.infrastructure.configuration_files import ConfigurationFolder
from edge.infrastructure.media_uploader import MediaUploader
from edge.infrastructure.sqlite_outbox_thread import OutboxThread
from edge.outbox.errors import OutboxError
from edge.outbox.pace import UploadPace
from edge.station.errors import ConfigurationError
from edge.station.ports import Clock

LOG = logging.getLogger("kyndof.configuration")
LOOK_S = 1.0
_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnBounds:
    """The agent's own settings, which hold where a configuration leaves them open."""

    media_max_mb: int
    retention_h: float
    log_level: str
    partition_bytes: int


def partition_bytes(home: Path) -> int:
    """Return the size of the partition that the station's data lie on; 0 when it is not told."""
    try:
        return shutil.disk_usage(home).total
    except OSError:
        return 0


def pictures_bytes(wished: StationConfiguration, own: OwnBounds) -> int:
    """Return what pictures may take: the smaller of the bound in MB and the share of the disk."""
    disk = wished.disk
    max_mb = own.media_max_mb if disk.pictures_max_mb is None else disk.pictures_max_mb
    bounds = [max_mb << 20]
    if disk.pictures_max_ratio is not None and own.partition_bytes:
        bounds.append(int(own.partition_bytes * disk.pictures_max_ratio))
    return min(bounds)


def pace_of(wished: StationConfiguration) -> UploadPace:
    """Return how fast pictures may leave."""
    upload = wished.upload
    return UploadPace(
        limit_kib_per_s=upload.limit_kib_per_s,
        shift_from=_time(upload.shift_from),
        shift_until=_time(upload.shift_until),
        shift_limit_kib_per_s=upload.shift_limit_kib_per_s,
    )


def _time(text: str | None) -> time | None:
    return None if text is None else time.fromisoformat(text)


class AgentTuning:
    """Follows the configuration that the station's own process has put to use."""

    def __init__(
        self,
        folder: ConfigurationFolder,
        media: MediaUploader,
        outbox: OutboxThread,
        own: OwnBounds,
        clock: Clock,
    ) -> None:
        self._folder = folder
        self._media = media
        self._outbox = outbox
        self._own = own
        self._clock = clock
        self._seen: tuple[int, ...] = ()

    async def run(self) -> None:
        """Look once a second until cancelled."""
        while True:
            try:
                await self.look()
            except OutboxError as error:
                LOG.warning("configuration waits", extra={"reason": str(error)})
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Take over what is in use when it has changed.

        Raises:
            OutboxError: the outbox did not take it; nothing is noted.
        """
        mark = await asyncio.to_thread(self._folder.mark)
        if mark == self._seen:
            return
        current = await asyncio.to_thread(self._folder.current)
        wished = StationConfiguration()
        if current is not None:
            try:
                wished = parse_configuration(current.document)
            except ConfigurationError as error:
                LOG.error("configuration not usable", extra={"reason": str(error)})  # noqa: TRY400
        await self._use(wished)
        self._seen = mark

    async def _use(self, wished: StationConfiguration) -> None:
        disk, own = wished.disk, self._own
        keep_h = own.retention_h if disk.retention_h is None else disk.retention_h
        self._media.tune(pictures_bytes(wished, own), limited(pace_of(wished), self._local))
        await self._outbox.keep_for(int(keep_h * _HOUR_MS))
        logging.getLogger().setLevel(wished.log.level or own.log_level)

    def _local(self) -> datetime:
        return self._clock.now().astimezone()


def limited(pace: UploadPace, now: Callable[[], datetime]) -> Callable[[], float | None]:
    """Return what tells the limit of this moment, in bytes a second."""
    return lambda: pace.bytes_per_s(now())
