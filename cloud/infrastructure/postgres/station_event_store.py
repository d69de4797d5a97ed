"""The log of what stations said, in PostgreSQL."""

from datetime import datetime

import asyncpg

from cloud.stations.commands import BuryEvent, EventColumns, RecordStationGap
from cloud.stations.event_log import EMPTY_DIGEST, AppendPlan, Cursor

STREAMS = ("events", "state")

# The cursor moves and the projector is woken by the same statement that writes the events.
_MOVE = """
UPDATE station_cursors SET committed_seq = {0}, digest = {1}, duplicates = duplicates + {2}
WHERE organization_id = $1 AND station_id = $2 AND epoch = $3 AND stream = $4
"""
_MOVE_ALONE = _MOVE.format("$5", "$6", "$7")
_MOVE_AND = f"""
WITH moved AS ({_MOVE.format("$21", "$22", "$23")}
  RETURNING pg_notify('kyndof_station_events', $1 || ':' || $2))
"""
# One statement per batch, whatever its size. What differs seldom comes once and is pointed at. An
# event whose id is taken, by another epoch or earlier in this batch, is left out and comes next.
_APPEND = """
INSERT INTO station_events
  (organization_id, station_id, epoch, stream, seq, standing, event_id, type, schema_version, hlc,
   mono_ns, boot_id, payload, media, producer_id, pseq, occurred_at, worker, basis, received_at)
SELECT $1, $2, $3, $4, $5 + n.place - 1, ($13::text[])[n.envelope], nullif(n.event_id, ''),
       ($14::text[])[n.envelope], ($15::bigint[])[n.envelope], n.hlc, n.mono_ns,
       ($16::bytea[])[n.envelope], n.payload,
       coalesce(string_to_array(nullif(($17::text[])[n.envelope], ''), ','), '{}'),
       ($18::text[])[n.envelope], n.pseq,
       timestamptz 'epoch' + n.moment_us / 1000000 * interval '1 second'
         + n.moment_us % 1000000 * interval '1 microsecond',
       ($19::text[])[n.envelope], ($20::text[])[n.envelope], now()
FROM unnest($6::text[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bytea[], $11::bigint[],
            $12::bigint[])
  WITH ORDINALITY AS n (event_id, envelope, hlc, mono_ns, payload, pseq, moment_us, place)
"""
_UNLESS_TAKEN = """
ON CONFLICT (organization_id, event_id) WHERE standing = 'accepted' DO NOTHING
"""
# It keeps its number, so that the log has no hole, and is marked as repeated.
_UNLESS_THERE = """
ON CONFLICT (organization_id, station_id, epoch, stream, seq) DO NOTHING
"""

_BURY = """
INSERT INTO station_dead_letters
  (organization_id, station_id, epoch, stream, seq, event_id, type, code, detail, payload,
   received_at)
SELECT $1, $2, $3, $4, n.* , now()
FROM unnest($5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bytea[]) AS n
ON CONFLICT DO NOTHING
"""


class PostgresStationEventStore:
    """The log of one organization's stations."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def find_epoch(self, station_id: str, outbox_id: str) -> int | None:
        """Return the epoch of a known outbox."""
        epoch: int | None = await self._connection.fetchval(
            """SELECT epoch FROM station_outboxes
               WHERE organization_id = $1 AND station_id = $2 AND outbox_id = $3""",
            self._organization_id,
            station_id,
            outbox_id,
        )
        return epoch

    async def latest_epoch(self, station_id: str) -> int:
        """Return the newest epoch, 0 when there is none."""
        latest: int = await self._connection.fetchval(
            """SELECT coalesce(max(epoch), 0) FROM station_outboxes
               WHERE organization_id = $1 AND station_id = $2""",
            self._organization_id,
            station_id,
        )
        return latest

    async def add_epoch(
        self, station_id: str, epoch: int, outbox_id: str, agent_version: str
    ) -> None:
        """Give an outbox its epoch and empty cursors."""
        await self._connection.execute(
            """INSERT INTO station_outboxes (organization_id, station_id, epoch, outbox_id,
                                             agent_version, opened_at)
               VALUES ($1, $2, $3, $4, $5, now())""",
            self._organization_id,
            station_id,
            epoch,
            outbox_id,
            agent_version,
        )
        await self._connection.execute(
            """INSERT INTO station_cursors (organization_id, station_id, epoch, stream,
                                            committed_seq, digest)
               SELECT $1, $2, $3, stream, 0, $5 FROM unnest($4::text[]) AS stream""",
            self._organization_id,
            station_id,
            epoch,
            list(STREAMS),
            EMPTY_DIGEST,
        )

    async def cursors(self, station_id: str, epoch: int) -> dict[str, Cursor]:
        """Return how far each stream of an epoch got."""
        rows = await self._connection.fetch(
            """SELECT stream, committed_seq, digest FROM station_cursors
               WHERE organization_id = $1 AND station_id = $2 AND epoch = $3""",
            self._organization_id,
            station_id,
            epoch,
        )
        return {
            row["stream"]: Cursor(committed_seq=row["committed_seq"], digest=row["digest"])
            for row in rows
        }

    async def lock_cursor(self, station_id: str, epoch: int, stream: str) -> Cursor | None:
        """Return a cursor and keep it for this transaction."""
        # Acknowledged means durable, whatever the server's default is.
        row = await self._connection.fetchrow(
            """SELECT committed_seq, digest, set_config('synchronous_commit', 'on', true)
               FROM station_cursors
               WHERE organization_id = $1 AND station_id = $2 AND epoch = $3 AND stream = $4
               FOR UPDATE""",
            self._organization_id,
            station_id,
            epoch,
            stream,
        )
        return Cursor(committed_seq=row["committed_seq"], digest=row["digest"]) if row else None

    async def append(self, station_id: str, epoch: int, stream: str, plan: AppendPlan) -> None:
        """Write new events, move the cursor, and wake the projector at commit."""
        place = (self._organization_id, station_id, epoch, stream)
        cursor = (plan.cursor.committed_seq, plan.cursor.digest, plan.duplicates)
        if plan.events:
            await self._write(place, plan, cursor)
        else:
            await self._connection.execute(_MOVE_ALONE, *place, *cursor)

    async def _write(
        self, place: tuple[str, str, int, str], plan: AppendPlan, cursor: tuple[int, bytes, int]
    ) -> None:
        events = plan.events
        columns = (
            events.event_ids, [number + 1 for number in events.envelope_places], events.hlcs,
            events.mono_ns, events.payloads, events.pseqs, events.moments_us,
        )  # fmt: skip
        start = (*place, plan.first_seq)
        told = await self._connection.execute(
            _MOVE_AND + _APPEND + _UNLESS_TAKEN,
            *start, *columns, *_envelopes(events, "accepted"), *cursor,
        )  # fmt: skip
        if int(told.rpartition(" ")[2]) < len(events):
            await self._connection.execute(
                _APPEND + _UNLESS_THERE, *start, *columns, *_envelopes(events, "repeated")
            )
        if events.faults:
            dead = [
                (
                    plan.first_seq + fault.place,
                    events.event_ids[fault.place],
                    events.envelopes[events.envelope_places[fault.place]].type,
                    fault.code,
                    fault.detail,
                    fault.payload,
                )
                for fault in events.faults
            ]
            buried = [list(column) for column in zip(*dead, strict=True)]
            await self._connection.execute(_BURY, *place, *buried)

    async def append_gap(self, gap: RecordStationGap, first_seq: int, cursor: Cursor) -> None:
        """Keep a gap that begins at ``first_seq`` here, and move the cursor."""
        place = (self._organization_id, gap.station_id, gap.epoch, gap.stream)
        await self._connection.execute(
            """INSERT INTO station_gaps (organization_id, station_id, epoch, stream, first_seq,
                                         last_seq, reason, noted_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, now())""",
            *place,
            first_seq,
            gap.last_seq,
            gap.reason,
        )
        await self._connection.execute(
            """UPDATE station_cursors SET committed_seq = $5, digest = $6
               WHERE organization_id = $1 AND station_id = $2 AND epoch = $3 AND stream = $4""",
            *place,
            cursor.committed_seq,
            cursor.digest,
        )

    async def bury(self, burial: BuryEvent, at: datetime) -> None:
        """Mark an event as dead and keep it among the dead letters."""
        place = (
            self._organization_id,
            burial.station_id,
            burial.epoch,
            burial.stream,
            burial.seq,
        )
        await self._connection.execute(
            """INSERT INTO station_dead_letters (organization_id, station_id, epoch, stream, seq,
                 event_id, type, code, detail, payload, received_at)
               SELECT organization_id, station_id, epoch, stream, seq, coalesce(event_id, ''), type,
                      $6, $7, payload, $8
               FROM station_events
               WHERE organization_id = $1 AND station_id = $2 AND epoch = $3 AND stream = $4
                 AND seq = $5
               ON CONFLICT DO NOTHING""",
            *place,
            burial.code,
            burial.detail,
            at,
        )
        await self._connection.execute(
            """UPDATE station_events SET standing = 'dead'
               WHERE organization_id = $1 AND station_id = $2 AND epoch = $3 AND stream = $4
                 AND seq = $5""",
            *place,
        )


def _envelopes(events: EventColumns, standing: str) -> tuple[list[object], ...]:
    """Return what the statement points at, in its order; ``standing`` is that of readable ones."""
    envelopes = events.envelopes
    return (
        [standing if envelope.readable else "dead" for envelope in envelopes],
        [envelope.type for envelope in envelopes],
        [envelope.schema_version for envelope in envelopes],
        [envelope.boot_id for envelope in envelopes],
        [",".join(envelope.media) for envelope in envelopes],
        [envelope.producer_id for envelope in envelopes],
        [envelope.worker for envelope in envelopes],
        [envelope.basis for envelope in envelopes],
    )
