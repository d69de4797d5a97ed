"""The log of what stations said, in PostgreSQL."""

from datetime import datetime

import asyncpg

from cloud.stations.commands import BuryEvent, RecordStationGap, StationEvent
from cloud.stations.event_log import EMPTY_DIGEST, AppendPlan, Cursor

STREAMS = ("events", "state")

# One statement per batch, whatever its size. An event that another epoch brought before keeps its
# number and is marked as repeated.
_APPEND = """
INSERT INTO station_events
  (organization_id, station_id, epoch, stream, seq, standing, event_id, type, schema_version, hlc,
   mono_ns, boot_id, payload, media, producer_id, pseq, occurred_at, worker, basis, received_at)
SELECT $1, $2, $3, $4, $5 + n.place - 1,
       CASE WHEN n.standing = 'accepted' AND EXISTS (
              SELECT FROM station_events e
              WHERE e.organization_id = $1 AND e.event_id = n.event_id AND e.standing = 'accepted')
            THEN 'repeated' ELSE n.standing END,
       n.event_id, n.type, n.schema_version, n.hlc, n.mono_ns, n.boot_id, n.payload,
       coalesce(string_to_array(nullif(n.media, ''), ','), '{}'), n.producer_id, n.pseq,
       n.occurred_at, n.worker, n.basis, $6
FROM unnest($7::text[], $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[],
            $13::bytea[], $14::bytea[], $15::text[], $16::text[], $17::bigint[],
            $18::timestamptz[], $19::text[], $20::text[])
  WITH ORDINALITY AS n (standing, event_id, type, schema_version, hlc, mono_ns, boot_id, payload,
                        media, producer_id, pseq, occurred_at, worker, basis, place)
"""

_BURY = """
INSERT INTO station_dead_letters
  (organization_id, station_id, epoch, stream, seq, event_id, type, code, detail, payload,
   received_at)
SELECT $1, $2, $3, $4, n.* , $5
FROM unnest($6::bigint[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bytea[]) AS n
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
        row = await self._connection.fetchrow(
            """SELECT committed_seq, digest FROM station_cursors
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
        # Acknowledged means durable, whatever the server's default is.
        await self._connection.execute("SET LOCAL synchronous_commit = on")
        received_at = await self._connection.fetchval(
            """UPDATE station_cursors
               SET committed_seq = $5, digest = $6, duplicates = duplicates + $7
               WHERE organization_id = $1 AND station_id = $2 AND epoch = $3 AND stream = $4
               RETURNING now()""",
            *place,
            plan.cursor.committed_seq,
            plan.cursor.digest,
            plan.duplicates,
        )
        if not plan.events:
            return
        await self._connection.execute(
            _APPEND, *place, plan.first_seq, received_at, *_columns(plan.events)
        )
        dead = [
            (plan.first_seq + index, e.event_id, e.type, e.fault_code, e.fault_detail, e.payload)
            for index, e in enumerate(plan.events)
            if e.fault_code
        ]
        if dead:
            columns = [list(column) for column in zip(*dead, strict=True)]
            await self._connection.execute(_BURY, *place, received_at, *columns)
        await self._connection.execute(
            "SELECT pg_notify('kyndof_station_events', $1)",
            f"{self._organization_id}:{station_id}",
        )

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


def _columns(events: tuple[StationEvent, ...]) -> list[list[object]]:
    """Turn rows into the columns that the statement unnests."""
    seen: set[str] = set()
    rows = []
    for event in events:
        if event.fault_code:
            standing = "dead"
        else:
            standing = "repeated" if event.event_id in seen else "accepted"
            seen.add(event.event_id)
        rows.append(
            (
                standing,
                event.event_id or None,
                event.type,
                event.schema_version,
                event.hlc,
                event.mono_ns,
                event.boot_id,
                # Unreadable events lie whole among the dead letters.
                b"" if event.fault_code else event.payload,
                ",".join(event.media),
                event.producer_id,
                event.pseq,
                event.occurred_at,
                event.worker,
                event.basis,
            )
        )
    return [list(column) for column in zip(*rows, strict=True)]
