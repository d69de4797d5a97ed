"""The sync agent as a whole: what runs side by side in its process."""

import asyncio
import faulthandler
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

from kyndof_wire.sync.v1.sync_pb2 import DiskReport

from edge.infrastructure.boot_clocks import BootClocks
from edge.infrastructure.clock_floor import keep_floor
from edge.infrastructure.configuration_tuning import AgentTuning
from edge.infrastructure.ending_tasks import end_tasks
from edge.infrastructure.grpc_link import CloudLink
from edge.infrastructure.identity_enrolment import EnrolmentWatcher
from edge.infrastructure.identity_rotation import IdentityRotation
from edge.infrastructure.link_report import LinkReporter
from edge.infrastructure.media_uploader import MediaUploader
from edge.infrastructure.mqtt_agent import MqttAgent
from edge.infrastructure.sqlite_outbox_thread import OutboxThread
from edge.infrastructure.system_time import SystemClock
from edge.outbox.errors import OutboxError

LOG = logging.getLogger("kyndof.sync")
TRIM_S = 60.0
SHORTEST_TRIM_S = 1.0
STOP_S = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncAgent:
    """Everything of `kyndof-edge sync`."""

    outbox: OutboxThread
    mqtt: MqttAgent
    link: CloudLink
    enrolment: EnrolmentWatcher
    rotation: IdentityRotation
    media: MediaUploader
    reporter: LinkReporter
    clock_file: Path
    clocks: BootClocks
    tuning: AgentTuning
    trim_s: float = TRIM_S

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop.

        Raises:
            ExceptionGroup: a part failed in a way that it cannot mend itself.
        """
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(act, name=name)
                for name, act in (
                    ("mqtt", self.mqtt.run()),
                    ("link", self.link.run()),
                    ("enrolment", self.enrolment.run(self.link.identity_changed)),
                    ("rotation", self.rotation.run(self.link.identity_changed)),
                    ("media", self.media.keep_house()),
                    ("report", self.reporter.run()),
                    ("trim", self._trim()),
                    ("clock", keep_floor(self.clock_file)),
                    ("boot clocks", self.clocks.keep(SystemClock())),
                    ("tuning", self.tuning.run()),
                )
            ]
            LOG.info("ready")
            await stop.wait()
            LOG.info("stopping")
            # Everything that counts is on the disk; what hangs now may be cut off.
            faulthandler.dump_traceback_later(STOP_S, exit=True)
            await end_tasks(tasks)

    async def _trim(self) -> None:
        while True:
            try:
                removed = await self.outbox.trim()
                if removed:
                    LOG.info("trimmed", extra={"events": removed})
            except OutboxError as error:
                LOG.warning("cannot trim", extra={"reason": str(error)})
            await asyncio.sleep(self.trim_s)


def trim_interval_s(retention_s: float) -> float:
    """Return how often to trim: of what is kept for a day, each minute; of nothing, at once."""
    return min(TRIM_S, max(SHORTEST_TRIM_S, retention_s / 10))


def disk_report(home: Path) -> DiskReport:
    """Measure the disk that a station's folder lies on."""
    usage = shutil.disk_usage(home)
    outbox = home / "outbox.db"
    return DiskReport(
        total_bytes=usage.total,
        free_bytes=usage.free,
        outbox_bytes=outbox.stat().st_size if outbox.exists() else 0,
    )
