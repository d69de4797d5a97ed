"""`link.json`: how the way to the cloud stands, for the kiosk."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edge.infrastructure.durable_files import write_replacing
from edge.infrastructure.sqlite_outbox_thread import OutboxThread
from edge.infrastructure.systemd_notify import Beat, NoManager
from edge.station.ports import Clock

CHECK_S = 1.0
#: A reader takes a report older than 20 s for a broken link.
REFRESH_S = 5.0


@dataclass(slots=True)
class LinkStatus:
    """What the parts of the agent say about themselves; `detail` is a stable code."""

    cloud: bool = False
    detail: str = "NOT_ENROLLED"
    manager: Beat = field(default_factory=NoManager)

    def welcomed(self) -> None:
        """Note that the cloud answers."""
        self.cloud, self.detail = True, "OK"


class LinkReporter:
    """Writes the report on change, at most once a second, and at least every five."""

    def __init__(
        self,
        path: Path,
        status: LinkStatus,
        outbox: OutboxThread,
        alarm: Callable[[], str],
        clock: Clock,
    ) -> None:
        self._path = path
        self._status = status
        self._outbox = outbox
        self._alarm = alarm
        self._clock = clock

    async def run(self) -> None:
        """Report for ever; the last word is that the link is down."""
        last: tuple[bool, int, bool, str] | None = None
        written_s = 0.0
        try:
            while True:
                now_s = self._clock.monotonic_ns() / 1e9
                unsent, reserve = await self._outbox.unsent(), await self._outbox.has_reserve()
                detail = self._alarm() or self._status.detail
                report = (self._status.cloud, unsent, not reserve, detail)
                if report != last or now_s - written_s >= REFRESH_S:
                    self._write(*report)
                    last, written_s = report, now_s
                self._status.manager.beat("report")
                await asyncio.sleep(CHECK_S)
        finally:
            unsent, low = (last[1], last[2]) if last else (0, False)
            self._write(False, unsent, low, "AGENT_STOPPED")

    def _write(self, cloud: bool, unsent: int, disk_low: bool, detail: str) -> None:
        report = {
            "cloud": cloud,
            "unsent": unsent,
            "disk_low": disk_low,
            "detail": detail,
            "at": self._clock.now().isoformat(),
        }
        # A full disk must not end the agent over a report.
        write_replacing(self._path, json.dumps(report).encode())
