"""What the stations' border asks PostgreSQL beside commands, as the application's own role.

None of this changes what the company knows: whose token it is, which events wait to be projected
and how far that got, when a station was heard and how its clock stands to ours, which generation a
work package has.
"""

import asyncio
import contextlib
import itertools
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import asyncpg

from cloud.events.ports import Clock
from cloud.infrastructure.postgres.pool import DATABASE_AWAY
from cloud.stations.boot_clock import (
    ROUND_TRIP,
    BootClock,
    ClockEstimate,
    estimate_of_exchange,
    estimate_of_word,
)
from cloud.stations.queries import (
    ClockExchange,
    ClockWord,
    LoggedEvent,
    StationKey,
    TokenOwner,
    Wish,
    WishedTrial,
)

LOG = logging.getLogger("kyndof.intake")
CHANNEL = "kyndof_station_events"
SWEEP_S = 2.0
RECONNECT_S = 1.0
#: Connection, transaction rollback, resources, object in use, operator's intervention, system.
_PASSING_CLASSES = frozenset({"08", "25", "40", "53", "55", "57", "58"})
_SET_ORGANIZATION = "SELECT set_config('kyndof.organization', $1, true)"

_NEXT_STREAM = """
SELECT c.epoch, c.stream, coalesce(p.projected_seq, 0) AS projected_seq, c.committed_seq
FROM station_cursors c
LEFT JOIN station_projections p USING (organization_id, station_id, epoch, stream)
WHERE c.organization_id = $1 AND c.station_id = $2
  AND c.committed_seq > coalesce(p.projected_seq, 0)
ORDER BY c.epoch, c.stream DESC LIMIT 1
"""
_PENDING = """
SELECT epoch, stream, seq, standing, coalesce(event_id, '') AS event_id, type, payload,
       event_time, event_time_err_ms, worker, basis
FROM station_event_times
WHERE organization_id = $1 AND station_id = $2 AND epoch = $3 AND stream = $4
  AND seq > $5 AND seq <= $6 AND standing = 'accepted' AND type <> ALL($8::text[])
ORDER BY seq LIMIT $7
"""
_FIND = """
SELECT epoch, stream, seq, standing, event_id, type, payload,
       event_time, event_time_err_ms, worker, basis
FROM station_event_times
WHERE organization_id = $1 AND station_id = $2 AND event_id = $3 AND standing = 'accepted'
ORDER BY epoch LIMIT 1
"""
_MOVE = """
INSERT INTO station_projections (organization_id, station_id, epoch, stream, projected_seq)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (organization_id, station_id, epoch, stream)
DO UPDATE SET projected_seq = greatest(station_projections.projected_seq, excluded.projected_seq)
"""
_NOTE_CLOCKS = """
INSERT INTO station_clocks AS k
  (organization_id, station_id, boot_id, slot, mono_ns, offset_us, error_us, known_by, noted_at)
SELECT $1, $2, n.*, $9
FROM unnest($3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[])
  AS n (boot_id, slot, mono_ns, offset_us, error_us, known_by)
WHERE n.known_by = 'round_trip' OR NOT EXISTS (
  SELECT FROM station_clocks m
  WHERE m.organization_id = $1 AND m.station_id = $2 AND m.boot_id = n.boot_id
    AND m.known_by = 'round_trip')
ON CONFLICT (organization_id, station_id, boot_id, slot) DO UPDATE SET
  mono_ns = excluded.mono_ns, offset_us = excluded.offset_us, error_us = excluded.error_us,
  known_by = excluded.known_by, noted_at = excluded.noted_at
WHERE excluded.error_us < k.error_us
"""
# What the cloud has measured is believed before what a station says of its time server.
_FORGET_WORDS = """
DELETE FROM station_clocks
WHERE organization_id = $1 AND station_id = $2 AND boot_id = ANY($3::bytea[])
  AND known_by = 'time_server'
"""
_WISH = """
INSERT INTO station_wishes AS w
  (organization_id, station_id, generation, work_digest, config_digest, wished_at)
VALUES ($1, $2, 1, $3, coalesce((
  SELECT digest FROM station_configurations WHERE organization_id = $1 AND station_id = $2
  ORDER BY version DESC LIMIT 1), ''), $4)
ON CONFLICT (organization_id, station_id) DO UPDATE SET
  generation = w.generation
    + ((w.work_digest, w.config_digest) <> (excluded.work_digest, excluded.config_digest))::integer,
  wished_at = CASE
    WHEN (w.work_digest, w.config_digest) <> (excluded.work_digest, excluded.config_digest)
    THEN excluded.wished_at ELSE w.wished_at END,
  work_digest = excluded.work_digest,
  config_digest = excluded.config_digest
RETURNING generation, work_digest, config_digest, model_digest, rollout_id, trial_rules,
  coalesce((SELECT l.log_request_id FROM station_logs l
            WHERE l.organization_id = $1 AND l.station_id = $2 AND l.answered_at IS NULL), '')
    AS log_request_id
"""
#: Only what concerns pieces: a badge or an alarm must not make another package.
_WATERMARK = """
SELECT e.seq FROM station_events e
JOIN station_projections p USING (organization_id, station_id, epoch, stream)
WHERE e.organization_id = $1 AND e.station_id = $2 AND e.stream = 'events'
  AND e.epoch = (SELECT max(epoch) FROM station_cursors
                 WHERE organization_id = $1 AND station_id = $2)
  AND e.seq <= p.projected_seq
  AND e.type IN ('step_started', 'inspection_recorded', 'step_finished')
ORDER BY e.seq DESC LIMIT 1
"""


class PostgresStationBorder:
    """Tokens, presence, the stations' log as the projector reads it, and generations."""

    def __init__(self, pool: asyncpg.Pool, url: str, clock: Clock) -> None:
        self._pool = pool
        self._url = url
        self._clock = clock
        self._boots: dict[StationKey, BootClock] = {}

    async def owner_of_token(self, token_hash: bytes) -> TokenOwner | None:
        """Return whose join token this is."""
        row = await self._pool.fetchrow(
            """SELECT organization_id, code AS organization_code, station_id
               FROM lookup_join_token($1) JOIN organizations USING (organization_id)""",
            token_hash,
        )
        return TokenOwner(**dict(row)) if row else None

    async def seen(self, station: StationKey) -> None:
        """Note that a station was heard now."""
        async with self._as(station) as connection:
            await connection.execute(
                """UPDATE stations SET last_seen_at = $3
                   WHERE organization_id = $1 AND station_id = $2""",
                station.organization_id,
                station.station_id,
                self._clock.now(),
            )

    async def note_exchange(self, station: StationKey, exchange: ClockExchange) -> None:
        """Keep what a round trip tells of a station's clock, where it is worth it."""
        estimate = estimate_of_exchange(exchange)
        boot = self._boots.setdefault(station, BootClock())
        if estimate is not None and boot.is_news(estimate):
            await self.note_clocks(station, [estimate])
            boot.written(estimate)

    async def note_words(self, station: StationKey, words: Sequence[ClockWord]) -> None:
        """Keep what a station says of the clocks of earlier boots that nobody else knows."""
        known = {word.boot_id: estimate for word in words if (estimate := estimate_of_word(word))}
        if known:
            await self.note_clocks(station, list(known.values()))

    async def note_clocks(self, station: StationKey, clocks: Sequence[ClockEstimate]) -> None:
        """Keep what is newly known of a station's clocks, where it is better than what was."""
        key = (station.organization_id, station.station_id)
        measured = [clock.boot_id for clock in clocks if clock.known_by == ROUND_TRIP]
        async with self._as(station) as connection:
            if measured:
                await connection.execute(_FORGET_WORDS, *key, measured)
            await connection.execute(
                _NOTE_CLOCKS,
                *key,
                [clock.boot_id for clock in clocks],
                [clock.slot for clock in clocks],
                [clock.mono_ns for clock in clocks],
                [clock.offset_us for clock in clocks],
                [clock.error_us for clock in clocks],
                [clock.known_by for clock in clocks],
                self._clock.now(),
            )

    async def wish(self, station: StationKey, work_digest: str) -> Wish:
        """Return the wish with this work package; a changed wish gets the next generation."""
        async with self._as(station) as connection:
            row = await connection.fetchrow(
                _WISH,
                station.organization_id,
                station.station_id,
                work_digest,
                self._clock.now(),
            )
        facts = dict(row or {})
        rules = facts.pop("trial_rules")
        trial = WishedTrial(**json.loads(rules)) if rules else None
        return Wish(trial=trial, **facts)

    async def watermark(self, station: StationKey) -> int:
        """Return the last of the station's own events about work that production has judged."""
        async with self._as(station) as connection:
            seq = await connection.fetchval(_WATERMARK, station.organization_id, station.station_id)
        return int(seq or 0)

    async def backlog(self) -> Sequence[StationKey]:
        """Return the stations that have committed events which were not projected."""
        rows = await self._pool.fetch("SELECT * FROM lookup_projection_backlog()")
        return [StationKey(**dict(row)) for row in rows]

    async def pending(
        self, station: StationKey, limit: int, idle_types: Sequence[str]
    ) -> Sequence[LoggedEvent]:
        """Return the next events of a station, in order, of one epoch and stream.

        What nobody can read, what was repeated and what is of ``idle_types`` is passed over.
        """
        key = (station.organization_id, station.station_id)
        while True:
            async with self._as(station) as connection:
                stream = await connection.fetchrow(_NEXT_STREAM, *key)
                if stream is None:
                    return []
                place = (stream["epoch"], stream["stream"])
                rows = await connection.fetch(
                    _PENDING,
                    *key,
                    *place,
                    stream["projected_seq"],
                    stream["committed_seq"],
                    limit,
                    idle_types,
                )
                if rows:
                    return list(itertools.starmap(LoggedEvent, rows))
                # Nothing lies there that concerns a room: a gap, or what is passed over.
                await connection.execute(_MOVE, *key, *place, stream["committed_seq"])

    async def find(self, station: StationKey, event_id: str) -> LoggedEvent | None:
        """Return an accepted event of a station."""
        async with self._as(station) as connection:
            row = await connection.fetchrow(
                _FIND, station.organization_id, station.station_id, event_id
            )
        return LoggedEvent(*row) if row else None

    async def move(self, station: StationKey, event: LoggedEvent) -> None:
        """Note that everything up to and including ``event`` was projected."""
        async with self._as(station) as connection:
            await connection.execute(
                _MOVE,
                station.organization_id,
                station.station_id,
                event.epoch,
                event.stream,
                event.seq,
            )

    def passes(self, error: BaseException) -> bool:
        """Say whether an error goes away by itself: a lost connection, a restart, a deadlock.

        What the data itself causes never does.
        """
        if isinstance(error, asyncpg.PostgresError):
            return (error.sqlstate or "")[:2] in _PASSING_CLASSES
        return isinstance(error, DATABASE_AWAY)

    async def wakes(self) -> AsyncIterator[StationKey | None]:
        """Yield a station when it has new events; ``None`` when any may have.

        Notifications are a courtesy: what one of them would have said is found by the sweep.
        """
        while True:
            try:
                async with self._listening() as heard:
                    while True:
                        yield await _next(heard)
            except DATABASE_AWAY as error:
                LOG.warning("the database's notifications are away", extra={"reason": str(error)})
                await asyncio.sleep(RECONNECT_S)
                yield None

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[asyncio.Queue[str | None]]:
        heard: asyncio.Queue[str | None] = asyncio.Queue()
        connection = await asyncpg.connect(self._url)

        def hear(_connection: object, _pid: int, _channel: str, payload: object) -> None:
            heard.put_nowait(str(payload))

        def lost(_connection: object) -> None:
            heard.put_nowait(None)

        try:
            await connection.add_listener(CHANNEL, hear)
            connection.add_termination_listener(lost)
            yield heard
        finally:
            with contextlib.suppress(*DATABASE_AWAY):
                await connection.close(timeout=1)

    @asynccontextmanager
    async def _as(self, station: StationKey) -> AsyncIterator[asyncpg.Connection]:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_SET_ORGANIZATION, station.organization_id)
            yield cast("asyncpg.Connection", connection)


async def _next(heard: asyncio.Queue[str | None]) -> StationKey | None:
    try:
        payload = await asyncio.wait_for(heard.get(), SWEEP_S)
    except TimeoutError:
        return None
    if payload is None:
        raise ConnectionError("the listening connection was closed")
    organization_id, _, station_id = payload.partition(":")
    return StationKey(organization_id=organization_id, station_id=station_id)
