"""`link.json`: how the way to the cloud stands, for the kiosk."""

import asyncio
import json
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edge.infrastructure.durable_files import write_replacing
from edge.infrastructure.sqlite_outbox_ledger import standing_faults
from edge.infrastructure.sqlite_outbox_thread import OutboxThread
from edge.infrastructure.systemd_notify import Beat, NoManager
from edge.station.ports import Clock

CHECK_S = 1.0
#: A reader takes a report older than 20 s for a broken link.
REFRESH_S = 5.0
#: Counting a long backlog costs something, and what is lost stays lost.
COUNT_S = 20.0

_LOG = logging.getLogger("kyndof.sync")


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
        self._faults: dict[str, str] = {}
        self._counted_s: float | None = None

    async def run(self) -> None:
        """Report for ever; the last word is that the link is down."""
        last: tuple[bool, int, bool, str, str] | None = None
        written_s = 0.0
        try:
            while True:
                now_s = self._clock.monotonic_ns() / 1e9
                unsent, reserve = await self._outbox.unsent(), await self._outbox.has_reserve()
                detail = self._alarm() or self._status.detail
                await self._count(now_s)
                faults = json.dumps(self._faults)
                report = (self._status.cloud, unsent, not reserve, detail, faults)
                if report != last or now_s - written_s >= REFRESH_S:
                    self._write(*report[:4])
                    last, written_s = report, now_s
                self._status.manager.beat("report")
                await asyncio.sleep(CHECK_S)
        finally:
            unsent, low = (last[1], last[2]) if last else (0, False)
            self._write(False, unsent, low, "AGENT_STOPPED")

    async def _count(self, now_s: float) -> None:
        """Look at times whether every event is where it should be; say what is new at once."""
        if self._counted_s is not None and now_s - self._counted_s < COUNT_S:
            return
        self._counted_s = now_s
        now_ms = int(self._clock.now().timestamp() * 1000)
        try:
            faults = await asyncio.to_thread(standing_faults, self._path.parent, now_ms)
        except sqlite3.Error as error:
            _LOG.warning("events not counted", extra={"reason": str(error)})
            return
        for code in faults.keys() - self._faults.keys():
            _LOG.error("events at fault", extra={"alarm": code.upper(), "reason": faults[code]})
        self._faults = faults

    def _write(self, cloud: bool, unsent: int, disk_low: bool, detail: str) -> None:
        report = {
            "cloud": cloud,
            "unsent": unsent,
            "disk_low": disk_low,
            "detail": detail,
            "faults": self._faults,
            "at": self._clock.now().isoformat(),
        }
        # A full disk must not end the agent over a report.
        write_replacing(self._path, json.dumps(report).encode())
