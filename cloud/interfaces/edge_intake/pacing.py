"""How much a station may have under way, and whose turn it is to be written down."""

import asyncio
from collections import deque
from dataclasses import dataclass

from cloud.interfaces.edge_intake.waiting_work import Work, continues

#: In this stream the newest event says all that the earlier ones said; it waits for no history.
PRESENT = "state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """Bounds of what stations may have under way.

    ``ahead_s`` is how much work one station may have sent ahead: what the cloud has lately written
    for it in that time. ``all_bytes`` is shared by all stations that are connected. ``turns_count``
    stations are written for at once; who waits for a turn gets it in the order of asking. In a turn
    that nobody else waits for, batches that follow each other are committed together, up to
    ``together_events`` and ``together_bytes``.
    """

    most_events: int = 8000
    least_events: int = 50
    most_bytes: int = 4 * 1024 * 1024
    least_bytes: int = 64 * 1024
    all_bytes: int = 64 * 1024 * 1024
    ahead_s: float = 2.0
    turns_count: int = 4
    together_events: int = 4000
    together_bytes: int = 1024 * 1024


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

    def most_together(self) -> tuple[int, int]:
        """Return how many events, and bytes of them, one turn may commit.

        Where others wait, one batch: turns are fair only while they are alike.
        """
        if self.turns.locked():
            return 0, 0
        return self.pacing.together_events, self.pacing.together_bytes


class Allowance:
    """One station's credit: it grows and shrinks with the speed at which it is served.

    A slow database, a lock, and a crowd before the doors all show in how long it takes from a
    batch's arrival, or the commit before it, to its own commit. Nobody needs to know which of them
    it is. What counts is how many events were written in how much time: one event that takes ten
    milliseconds says little beside a thousand that take fifty.
    """

    #: How much of what was known before still counts beside the newest batch.
    _FORMER_RATIO = 0.5

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._events = 0.0
        self._took_s = 0.0

    def served(self, events_count: int, took_s: float) -> None:
        """Note how long a batch took, from when it was its station's next one to its commit."""
        self._events = self._FORMER_RATIO * self._events + events_count
        self._took_s = self._FORMER_RATIO * self._took_s + max(took_s, 1e-3)
        # A minute's standstill must not be remembered for a minute.
        scale = min(1.0, self._intake.pacing.ahead_s / self._took_s)
        self._events *= scale
        self._took_s *= scale

    def stuck(self, events_count: int, waits_s: float) -> bool:
        """Note that a batch has waited so long; say whether the credit shrank by that."""
        before = self.credit()
        if waits_s > self._intake.pacing.ahead_s:
            self.served(events_count, waits_s)
        return self.credit().events < before.events

    def credit(self) -> Credit:
        """Return what the station may have under way now."""
        pacing, share = self._intake.pacing, 1.0
        if self._took_s:
            speed = self._events / self._took_s
            share = min(1.0, speed * pacing.ahead_s / pacing.most_events)
        room_bytes = min(pacing.most_bytes, pacing.all_bytes // max(1, self._intake.stations_count))
        return Credit(
            events=max(pacing.least_events, int(pacing.most_events * share)),
            size_bytes=max(pacing.least_bytes, int(room_bytes * share)),
        )


class Inbox:
    """Work that came and waits; what is about the present goes first.

    It holds what the credit allows, and then the connection is not read any further.
    """

    def __init__(self, most_events: int) -> None:
        self._most_events = most_events
        self._waiting: dict[bool, deque[Work]] = {True: deque(), False: deque()}
        self._events = 0
        self._changed = asyncio.Condition()
        self._closed = False

    async def room(self) -> None:
        """Wait until there is room for more."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._events < self._most_events)

    async def put(self, work: Work) -> None:
        """Take work in, once there is room for it."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._events < self._most_events)
            self._events += work.events_count
            self._waiting[work.command.stream == PRESENT].append(work)
            self._changed.notify_all()

    async def close(self) -> None:
        """Say that nothing more comes."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def next(self) -> Work | None:
        """Wait for work and return what comes next, which stays; ``None`` after the last."""
        async with self._changed:
            await self._changed.wait_for(lambda: any(self._waiting.values()) or self._closed)
            waiting = self._next()
            return waiting[0] if waiting else None

    async def take(self, most_events: int, most_bytes: int) -> list[Work]:
        """Take what comes next out, and what follows it without a break up to these bounds."""
        async with self._changed:
            waiting = self._next()
            taken = [waiting.popleft()]
            events, size_bytes = taken[0].events_count, taken[0].size_bytes
            while waiting and continues(taken[-1], waiting[0]):
                events += waiting[0].events_count
                size_bytes += waiting[0].size_bytes
                if events > most_events or size_bytes > most_bytes:
                    break
                taken.append(waiting.popleft())
            self._events -= sum(work.events_count for work in taken)
            self._changed.notify_all()
            return taken

    def _next(self) -> deque[Work]:
        return self._waiting[True] or self._waiting[False]
