"""What this boot and earlier ones knew of the time.

An event that waits here is of a boot that may be over when the cloud hears of it. What a time
server said in that boot is written down, so that the cloud can still date the event.
"""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from kyndof_wire.sync.v1.sync_pb2 import ClockReport

from edge.infrastructure.clock_floor import clock_trust
from edge.infrastructure.durable_files import write_durably
from edge.station.ports import Clock

MOST_BOOTS = 16
LOOK_S = 60.0
#: A kernel that slews a clock bends it by at most so much; what is known ages by it.
_DRIFT_RATIO = 500e-6
_LARGEST_MS = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BootClocks:
    """Knows which boot this is, and keeps ``file`` of what boots knew."""

    file: Path
    boot_id: bytes

    def now(self, clock: Clock) -> ClockReport:
        """Return what this machine's clocks say at this moment."""
        synced, error_ms = clock_trust()
        mono_ns = clock.monotonic_ns()
        wall = Timestamp()
        wall.FromDatetime(clock.now())
        return ClockReport(
            wall=wall,
            mono_ns=mono_ns,
            ntp_synced=synced,
            est_error_ms=error_ms,
            boot_id=self.boot_id,
        )

    def past(self) -> list[ClockReport]:
        """Return what earlier boots knew; a file that cannot be read knows nothing."""
        return [report for report in _read(self.file) if report.boot_id != self.boot_id]

    def note(self, report: ClockReport) -> None:
        """Write down what a time server says, where that is better than what is known.

        Raises:
            OSError: the file cannot be written.
        """
        if not report.ntp_synced:
            return
        known = _read(self.file)
        own = [one for one in known if one.boot_id == self.boot_id]
        if own and _aged_ms(own[0], report.mono_ns) <= report.est_error_ms:
            return
        others = [one for one in known if one.boot_id != self.boot_id]
        kept = [*others, report][-MOST_BOOTS:]
        write_durably(self.file, json.dumps([_row(one) for one in kept]).encode())

    async def keep(self, clock: Clock) -> None:
        """Look at the clock for ever; a disk that takes nothing is tried again."""
        while True:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self.note, self.now(clock))
            await asyncio.sleep(LOOK_S)


def _aged_ms(report: ClockReport, mono_ns: int) -> float:
    return report.est_error_ms + abs(mono_ns - report.mono_ns) / 1e6 * _DRIFT_RATIO


def _row(report: ClockReport) -> dict[str, Any]:
    return {
        "boot_id": report.boot_id.hex(),
        "wall_us": report.wall.ToMicroseconds(),
        "mono_ns": report.mono_ns,
        "error_ms": report.est_error_ms,
    }


def _read(file: Path) -> Sequence[ClockReport]:
    try:
        return [_report(row) for row in json.loads(file.read_text(encoding="utf-8"))]
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return []


def _report(row: dict[str, Any]) -> ClockReport:
    wall = Timestamp()
    wall.FromMicroseconds(row["wall_us"])
    return ClockReport(
        wall=wall,
        mono_ns=row["mono_ns"],
        ntp_synced=True,
        est_error_ms=min(row["error_ms"], _LARGEST_MS),
        boot_id=bytes.fromhex(row["boot_id"]),
    )
