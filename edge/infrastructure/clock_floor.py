"""A time below which this machine's clock cannot be right: no battery, 1970 at boot.

The floor is the latest of the program's own making and what was last written down. Since boot it
rises with the monotonic clock.
"""

import asyncio
import contextlib
import ctypes
import json
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge.infrastructure.durable_files import write_durably

LOG = logging.getLogger("kyndof.clock")
#: No clock was right before this program existed.
BUILT_AT = datetime(2025, 1, 1, tzinfo=UTC)
#: A clock that is further ahead of what was told last is not written down.
PLAUSIBLE = timedelta(days=400)
#: The same for a clock that was told nothing yet: programs grow old.
PLAUSIBLE_AT_FIRST = timedelta(days=3650)
WRITE_S = 60.0
UNKNOWN_ERROR_MS = 0xFFFF_FFFF
_TIME_ERROR = 5


@dataclass(slots=True)
class _Floor:
    at: datetime = BUILT_AT
    since_ns: int = 0

    def now(self) -> datetime:
        """Return the floor as it stands now."""
        return self.at + timedelta(microseconds=(time.monotonic_ns() - self.since_ns) // 1000)


_FLOOR = _Floor(since_ns=time.monotonic_ns())


def floored_now() -> datetime:
    """Return this machine's time, or the floor where that is later."""
    return max(datetime.now(UTC), _FLOOR.now())  # noqa: TID251 - the clock's other half


def clock_is_behind() -> bool:
    """Say whether this machine's clock cannot be right."""
    behind = _FLOOR.now() - datetime.now(UTC)  # noqa: TID251 - the clock's other half
    return behind > timedelta(minutes=5)


def raise_floor(at: datetime) -> None:
    """Take a time that somebody trusted has told; an earlier one than known changes nothing."""
    if at > _FLOOR.now():
        _FLOOR.at, _FLOOR.since_ns = at, time.monotonic_ns()


def read_floor(path: Path) -> None:
    """Take the time that was last written down; without one the program's own age counts."""
    try:
        raise_floor(datetime.fromisoformat(json.loads(path.read_text(encoding="utf-8"))["at"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return
    if clock_is_behind():
        LOG.error("this machine's clock is behind", extra={"alarm": "CLOCK_BEHIND"})


def write_floor(path: Path) -> None:
    """Write the time down, unless it is absurd."""
    at = floored_now()
    known = _FLOOR.at > BUILT_AT
    if at - _FLOOR.now() > (PLAUSIBLE if known else PLAUSIBLE_AT_FIRST):
        LOG.error("this machine's clock is far ahead", extra={"alarm": "CLOCK_AHEAD"})
        at = _FLOOR.now()
    write_durably(path, json.dumps({"at": at.isoformat()}).encode())


async def keep_floor(path: Path) -> None:
    """Write the time down for ever, and once more at the end."""
    try:
        while True:
            await asyncio.sleep(WRITE_S)
            with contextlib.suppress(OSError):
                await asyncio.to_thread(write_floor, path)
    finally:
        with contextlib.suppress(OSError):
            write_floor(path)


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("rest", ctypes.c_byte * 256),
    )


def clock_trust() -> tuple[bool, int]:
    """Return whether a time server agrees, and the largest error of the clock in ms."""
    timex = _Timex()  # modes 0: asks only
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (OSError, AttributeError):
        return False, UNKNOWN_ERROR_MS
    if state in {-1, _TIME_ERROR} or clock_is_behind():
        return False, UNKNOWN_ERROR_MS
    # Where the floor is told instead of the clock, by so much more may it be wrong.
    lead = max(timedelta(0), _FLOOR.now() - datetime.now(UTC))  # noqa: TID251 - the clock's other half
    error_ms = timex.maxerror // 1000 + 1 + lead // timedelta(milliseconds=1)
    return True, min(UNKNOWN_ERROR_MS, error_ms)
