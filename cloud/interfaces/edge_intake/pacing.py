"""How much a station may have under way, and whose turn it is to be written down."""

import asyncio
from collections import deque
from dataclasses import dataclass

from kyndof_wire.sync.v1.sync_pb2 import EventBatch, GapRecord

Frame = EventBatch | GapRecord
#: In this stream the newest event says all that the earlier ones said; it waits for no history.
PRESENT = "state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """Bounds of what stations may have under way.

    ``ahead_s`` is how much work one station may have sent ahead: what the cloud has lately written
    for it in that time. ``all_bytes`` is shared by all stations that are connected. ``turns_count``
    batches are written at once; who waits for a turn gets it in the order of asking.
    """

    most_events: int = 8000
    least_events: int = 50
    most_bytes: int = 4 * 1024 * 1024
    least_bytes: int = 64 * 1024
    all_bytes: int = 64 * 1024 * 1024
    ahead_s: float = 2.0
    turns_count: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """What a station may have sent without an acknowledgement."""

    events: int
    size_bytes: int


class Intake:
    """What all connections share."""

    def __init__(self, pacing: Pacing) -> None:
        self.pacing = pacing
        self.turns = asyncio.Semaphore(pacing.turns_count)
        self.stations_count = 0


class Allowance:
    """One station's credit: it grows and shrinks with the speed at which it is served.

    A slow database, a lock, and a crowd before the doors all show in how long a batch takes from
    its arrival to its commit. Nobody needs to know which of them it is.
    """

    #: How much of the measured speed is the newest batch's.
    _NEWEST_RATIO = 0.5

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._events_per_s: float | None = None

    def served(self, events_count: int, took_s: float) -> None:
        """Note how long a batch took from its arrival to its commit."""
        speed = events_count / max(took_s, 1e-3)
        if self._events_per_s is None or speed < self._events_per_s:
            # What is told at once is trouble; better times are believed slowly.
            self._events_per_s = speed
            return
        self._events_per_s += self._NEWEST_RATIO * (speed - self._events_per_s)

    def stuck(self, events_count: int, waits_s: float) -> bool:
        """Note that a batch has waited so long; say whether the credit shrank by that."""
        before = self.credit()
        if waits_s > self._intake.pacing.ahead_s:
            self.served(events_count, waits_s)
        return self.credit().events < before.events

    def credit(self) -> Credit:
        """Return what the station may have under way now."""
        pacing, share = self._intake.pacing, 1.0
        if self._events_per_s is not None:
            share = min(1.0, self._events_per_s * pacing.ahead_s / pacing.most_events)
        room_bytes = min(pacing.most_bytes, pacing.all_bytes // max(1, self._intake.stations_count))
        return Credit(
            events=max(pacing.least_events, int(pacing.most_events * share)),
            size_bytes=max(pacing.least_bytes, int(room_bytes * share)),
        )


class Inbox:
    """Frames that came and wait; those about the present go first.

    It holds what the credit allows, and then the connection is not read any further.
    """

    def __init__(self, most_events: int) -> None:
        self._most_events = most_events
        self._waiting: dict[bool, deque[tuple[Frame, float]]] = {True: deque(), False: deque()}
        self._events = 0
        self._changed = asyncio.Condition()
        self._closed = False

    async def put(self, frame: Frame, now_s: float) -> None:
        """Take a frame in when there is room for it."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._events < self._most_events)
            self._events += _events(frame)
            self._waiting[frame.stream == PRESENT].append((frame, now_s))
            self._changed.notify_all()

    async def close(self) -> None:
        """Say that nothing more comes."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def get(self) -> tuple[Frame, float] | None:
        """Return the next frame and when it came; ``None`` after the last."""
        async with self._changed:
            await self._changed.wait_for(lambda: any(self._waiting.values()) or self._closed)
            waiting = self._waiting[True] or self._waiting[False]
            if not waiting:
                return None
            frame, came_s = waiting.popleft()
            self._events -= _events(frame)
            self._changed.notify_all()
            return frame, came_s


def _events(frame: Frame) -> int:
    return max(1, len(frame.events)) if isinstance(frame, EventBatch) else 1
