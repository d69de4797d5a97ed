"""Carries committed events to subscribers and live views.

Wake-ups come by NOTIFY; a sweep finds what a lost notification would have hidden. Subscribers
keep a cursor per organization in the database and hear at least once, in order. One that fails
is asked again later and delays nobody else.
"""

import asyncio
import contextlib
import json
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from cloud.events.errors import FollowerTooSlowError, LiveEventsStoppedError
from cloud.events.event import RecordedEvent, Subscriber
from cloud.infrastructure.postgres.pool import DATABASE_AWAY

_log = logging.getLogger("kyndof.outbox")
_CHANNEL = "kyndof_events"
_SET_ORGANIZATION = "SELECT set_config('kyndof.organization', $1, true)"
_UNHEARD = "SELECT organization_id FROM unheard_organizations($1)"
_CURSOR = """
SELECT sequence, recorded_at FROM subscriber_cursors WHERE organization_id = $1 AND subscriber = $2
"""
_HEAD = "SELECT event_sequence, recorded_at FROM organization_heads WHERE organization_id = $1"
# A later number never lies in an earlier month: months before the place are not looked into.
_AFTER = """
SELECT organization_id, sequence, event_id, type, occurred_at, recorded_at, payload FROM events
WHERE organization_id = $1 AND sequence > $2
  AND recorded_at >= coalesce($3::timestamptz, '-infinity')
ORDER BY sequence
LIMIT $4
"""
_MOVE = """
INSERT INTO subscriber_cursors AS c
  (organization_id, subscriber, sequence, recorded_at, failures, last_error)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (organization_id, subscriber) DO UPDATE
  SET sequence = greatest(c.sequence, excluded.sequence),
      recorded_at = greatest(c.recorded_at, excluded.recorded_at), failures = excluded.failures,
      last_error = excluded.last_error, moved_at = now()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayPace:
    """How often and how much. ``lag_count`` is how far a live follower may fall behind."""

    sweep_s: float = 2.0
    batch_count: int = 200
    first_pause_s: float = 0.5
    longest_pause_s: float = 30.0
    lag_count: int = 5000


@dataclass(slots=True)
class _Setback:
    failures: int = 0
    until_s: float = 0.0


@dataclass(slots=True)
class _Hearing:
    """What one subscriber's loop remembers."""

    subscriber: Subscriber
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    setbacks: defaultdict[str, _Setback] = field(default_factory=lambda: defaultdict(_Setback))


@dataclass(frozen=True, slots=True)
class Place:
    """Up to where somebody has read; ``recorded_at`` tells the month, None that it is unknown."""

    sequence: int = 0
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Page:
    """Some events in order, and the place after each."""

    events: list[RecordedEvent]
    places: list[Place]


class OutboxReader:
    """Reads events of one organization, as that organization."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def after(self, organization_id: str, place: Place, limit: int) -> _Page:
        """Return up to ``limit`` events after ``place``, in order."""
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute(_SET_ORGANIZATION, organization_id)
            rows = await connection.fetch(
                _AFTER, organization_id, place.sequence, place.recorded_at, limit
            )
        return _Page(
            [_event(row) for row in rows],
            [Place(row["sequence"], row["recorded_at"]) for row in rows],
        )

    async def head(self, organization_id: str) -> int:
        """Return the sequence of the newest event; 0 before the first."""
        return (await self.end(organization_id)).sequence

    async def end(self, organization_id: str) -> Place:
        """Return the place after the newest event."""
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute(_SET_ORGANIZATION, organization_id)
            row = await connection.fetchrow(_HEAD, organization_id)
        return Place() if row is None else Place(row["event_sequence"], row["recorded_at"])

    async def cursor(self, organization_id: str, subscriber: str) -> Place:
        """Return how far ``subscriber`` has heard."""
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute(_SET_ORGANIZATION, organization_id)
            row = await connection.fetchrow(_CURSOR, organization_id, subscriber)
        return Place() if row is None else Place(row["sequence"], row["recorded_at"])

    async def move(
        self, organization_id: str, subscriber: str, place: Place, failure: tuple[int, str | None]
    ) -> None:
        """Keep the cursor, with the count of failures and the last error's text."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_SET_ORGANIZATION, organization_id)
            await connection.execute(
                _MOVE, organization_id, subscriber, place.sequence, place.recorded_at, *failure
            )

    async def unheard(self, subscriber: str) -> list[str]:
        """Return the organizations with events that ``subscriber`` has not heard."""
        return [row["organization_id"] for row in await self._pool.fetch(_UNHEARD, subscriber)]


def _event(row: Any) -> RecordedEvent:  # noqa: ANN401  a record of the driver
    return RecordedEvent(
        organization_id=row["organization_id"],
        sequence=row["sequence"],
        event_id=row["event_id"],
        type=row["type"],
        occurred_at=row["occurred_at"],
        payload=json.loads(row["payload"]),
    )


async def _woken_within(event: asyncio.Event, patience_s: float) -> None:
    # Not `wait_for`: in Python 3.11 it swallows a cancellation that meets the event's set.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience_s):
            await event.wait()


class OutboxRelay:
    """Runs in `serve`: ``async with OutboxRelay(…)`` listens, sweeps and delivers.

    It is the process's ``LiveEvents`` as well.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        url: str,
        subscribers: Sequence[Subscriber] = (),
        pace: RelayPace | None = None,
    ) -> None:
        self._reader = OutboxReader(pool)
        self._url = url
        self._pace = pace or RelayPace()
        self._hearings = [_Hearing(subscriber) for subscriber in subscribers]
        self._followers: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._listening = False

    @property
    def listening(self) -> bool:
        """Say whether notifications arrive now; without them the sweep alone works."""
        return self._listening

    async def __aenter__(self) -> "OutboxRelay":
        self._tasks = [asyncio.create_task(self._listen(), name="outbox-listen")]
        self._tasks += [
            asyncio.create_task(self._deliver(hearing), name=f"outbox-{hearing.subscriber.name}")
            for hearing in self._hearings
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping = True
        self._wake_everybody()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self) -> None:
        """Hold one connection that listens, and open it again when it is lost."""
        while True:
            lost = asyncio.Event()
            try:
                connection = await asyncpg.connect(self._url)
            except DATABASE_AWAY as error:
                _log.warning("the outbox cannot listen: %s", error)
                await asyncio.sleep(self._pace.sweep_s)
                continue
            try:
                connection.add_termination_listener(lambda *_, lost=lost: lost.set())
                await connection.add_listener(_CHANNEL, self._notified)
                self._listening = True
                self._wake_everybody()
                await lost.wait()
            except DATABASE_AWAY as error:
                _log.warning("the outbox stopped listening: %s", error)
            finally:
                self._listening = False
                with contextlib.suppress(Exception):
                    await connection.close(timeout=1)

    def _notified(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        for hearing in self._hearings:
            hearing.wake.set()
        for follower in self._followers.get(str(payload), ()):
            follower.set()

    def _wake_everybody(self) -> None:
        for hearing in self._hearings:
            hearing.wake.set()
        for followers in self._followers.values():
            for follower in followers:
                follower.set()

    async def _deliver(self, hearing: _Hearing) -> None:
        while True:
            hearing.wake.clear()
            try:
                await self._round(hearing)
            except DATABASE_AWAY as error:
                _log.warning("the outbox of %s waits: %s", hearing.subscriber.name, error)
            except Exception:  # noqa: BLE001  a subscriber whose loop ended would hear nothing more
                _log.exception("the outbox of %s stumbled", hearing.subscriber.name)
            await _woken_within(hearing.wake, self._patience_s(hearing))

    def _patience_s(self, hearing: _Hearing) -> float:
        """Return the time until the next sweep or the next try after a setback."""
        now_s = asyncio.get_running_loop().time()
        waits = [s.until_s - now_s for s in hearing.setbacks.values() if s.failures]
        return max(0.01, min([self._pace.sweep_s, *waits]))

    async def _round(self, hearing: _Hearing) -> None:
        now_s = asyncio.get_running_loop().time
        for organization_id in await self._reader.unheard(hearing.subscriber.name):
            if hearing.setbacks[organization_id].until_s <= now_s():
                await self._hear_out(hearing, organization_id)

    async def _hear_out(self, hearing: _Hearing, organization_id: str) -> None:
        """Offer the organization's events one after another until none is left or one fails."""
        name = hearing.subscriber.name
        place = await self._reader.cursor(organization_id, name)
        while True:
            page = await self._reader.after(organization_id, place, self._pace.batch_count)
            heard_count, error = await self._offer(hearing, page.events)
            if heard_count:
                place = page.places[heard_count - 1]
            if error is not None:
                failed = page.events[heard_count]
                await self._set_back(hearing, failed, place, error)
                return
            if heard_count:
                await self._reader.move(organization_id, name, place, (0, None))
            hearing.setbacks.pop(organization_id, None)
            if heard_count < self._pace.batch_count:
                return

    async def _set_back(
        self, hearing: _Hearing, failed: RecordedEvent, place: Place, error: Exception
    ) -> None:
        """Note the failure and when to offer the event again."""
        name, organization_id = hearing.subscriber.name, failed.organization_id
        setback = hearing.setbacks[organization_id]
        setback.failures += 1
        pause_s = min(
            self._pace.first_pause_s * 2 ** (setback.failures - 1), self._pace.longest_pause_s
        )
        setback.until_s = asyncio.get_running_loop().time() + pause_s
        text = f"{type(error).__name__}: {error}"[:500]
        _log.error("%s failed at event %s: %s", name, failed.event_id, text, exc_info=error)
        await self._reader.move(organization_id, name, place, (setback.failures, text))

    async def _offer(
        self, hearing: _Hearing, events: list[RecordedEvent]
    ) -> tuple[int, Exception | None]:
        """Return how many were heard, and what the next one failed with."""
        for count, event in enumerate(events):
            try:
                await hearing.subscriber.hear(event)
            except Exception as error:  # noqa: BLE001  whatever a subscriber raises, offer it again
                return count, error
        return len(events), None

    async def follow(self, organization_id: str, after: int | None) -> AsyncIterator[RecordedEvent]:
        """Yield every event after ``after``, replayed from the store first, then live.

        Every event is read from the store by its sequence, so none is missing and none comes
        twice; nothing is queued, so a slow follower costs no memory.

        Raises:
            FollowerTooSlowError: the follower was live and fell more than ``lag_count`` behind.
            LiveEventsStoppedError: this process is shutting down.
        """
        woken = asyncio.Event()
        self._followers[organization_id].add(woken)
        try:
            place = await self._reader.end(organization_id) if after is None else Place(after)
            live = False
            while True:
                if self._stopping:
                    raise LiveEventsStoppedError("live events end here; come again")
                woken.clear()
                page = await self._reader.after(organization_id, place, self._pace.batch_count)
                if live and len(page.events) == self._pace.batch_count:
                    await self._refuse_laggard(organization_id, place.sequence)
                for event, place in zip(page.events, page.places, strict=True):  # noqa: B007
                    yield event
                if len(page.events) < self._pace.batch_count:
                    live = True
                    await _woken_within(woken, self._pace.sweep_s)
        finally:
            self._followers[organization_id].discard(woken)

    async def _refuse_laggard(self, organization_id: str, position: int) -> None:
        behind = await self._reader.head(organization_id) - position
        if behind > self._pace.lag_count:
            raise FollowerTooSlowError(f"{behind} events behind; come again with after={position}")
