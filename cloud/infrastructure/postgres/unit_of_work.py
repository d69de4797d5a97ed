"""One transaction with the organization set, its stores, and the outbox written at its end."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast

import asyncpg

from cloud.audit.chain import AuditRow, row_hash
from cloud.commands.command import CommandContext
from cloud.commands.errors import PayloadInvalidError
from cloud.commands.payload import canonical
from cloud.commands.ports import AuditEntry, UnitOfWork
from cloud.events.event import DomainEvent, event_type
from cloud.events.ports import Clock, IdFactory

Port = TypeVar("Port")
StoreFactory = Callable[[Any, str], object]

_SET_ORGANIZATION = "SELECT set_config('kyndof.organization', $1, true)"

# Takes the organization's row lock: from here to the commit nobody else numbers anything. The
# moment never goes back, whatever a clock does, so a later number never lies in an earlier month.
_TAKE_NUMBERS = """
INSERT INTO organization_heads AS h (organization_id, event_sequence, audit_sequence, recorded_at)
VALUES ($1, $2, $3, clock_timestamp())
ON CONFLICT (organization_id) DO UPDATE
  SET event_sequence = h.event_sequence + excluded.event_sequence,
      audit_sequence = h.audit_sequence + excluded.audit_sequence,
      recorded_at = greatest(h.recorded_at, clock_timestamp())
RETURNING event_sequence, audit_sequence, audit_hash, recorded_at
"""

_WRITE = """
WITH written_events AS (
  INSERT INTO events (organization_id, sequence, event_id, type, occurred_at, recorded_at, payload,
                      trace_id)
  SELECT $1, e.sequence, e.event_id, e.type, e.occurred_at, $19, e.payload::jsonb, $7
  FROM unnest($2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::text[])
    AS e (sequence, event_id, type, occurred_at, payload)
), written_audit AS (
  INSERT INTO audit_log (organization_id, sequence, at, recorded_at, user_login, source, action,
                         resource, outcome, trace_id, metadata, hash)
  SELECT $1, a.sequence, a.at, $19, a.user_login, a.source, a.action, a.resource, a.outcome,
         a.trace_id, a.metadata::json, a.hash
  FROM unnest($8::bigint[], $9::timestamptz[], $10::text[], $11::text[], $12::text[],
              $13::text[], $14::text[], $15::text[], $16::text[], $17::bytea[])
    AS a (sequence, at, user_login, source, action, resource, outcome, trace_id, metadata, hash)
), new_head AS (
  UPDATE organization_heads SET audit_hash = $18 WHERE organization_id = $1
)
SELECT CASE WHEN cardinality($2::bigint[]) > 0 THEN pg_notify('kyndof_events', $1) END
"""


class AuditBuffer:
    """Audit entries of this transaction, chained when it commits."""

    def __init__(self) -> None:
        self.entries: list[tuple[datetime, CommandContext, AuditEntry]] = []


@dataclass(slots=True)
class _Recorded:
    ids: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    moments: list[datetime] = field(default_factory=list)
    payloads: list[str] = field(default_factory=list)


class PostgresUnitOfWork:
    """One open transaction of one organization."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        context: CommandContext,
        parts: "PostgresTransactions",
        *,
        may_write: bool,
    ) -> None:
        self._connection = connection
        self._context = context
        self._parts = parts
        self._may_write = may_write
        self._events = _Recorded()
        self._audit = AuditBuffer()
        self._stores: dict[type, object] = {AuditBuffer: self._audit}

    @property
    def context(self) -> CommandContext:
        """Return who acts."""
        return self._context

    @property
    def clock(self) -> Clock:
        """Return the clock."""
        return self._parts.clock

    @property
    def ids(self) -> IdFactory:
        """Return the maker of identifiers."""
        return self._parts.ids

    def store(self, port: type[Port]) -> Port:
        """Return the implementation of ``port`` that works in this transaction.

        Raises:
            LookupError: composition gave no implementation of it.
        """
        found = self._stores.get(port)
        if found is None:
            factory = self._parts.stores.get(port)
            if factory is None:
                raise LookupError(f"no store implements {port.__name__}")
            found = factory(self._connection, self._context.organization_id)
            self._stores[port] = found
        return cast("Port", found)

    def record(self, event: DomainEvent) -> None:
        """Write ``event`` to the outbox when the transaction commits.

        Raises:
            RuntimeError: the transaction is read-only.
        """
        if not self._may_write:
            raise RuntimeError("a question records no event")
        self._events.ids.append(self.ids.new("evt"))
        self._events.types.append(event_type(type(event)))
        self._events.moments.append(self.clock.now())
        self._events.payloads.append(canonical(event))

    async def flush(self) -> None:
        """Number and write what was recorded; the last thing before the commit."""
        events, entries = self._events, self._audit.entries
        if not events.ids and not entries:
            return
        organization_id = self._context.organization_id
        head = await self._connection.fetchrow(
            _TAKE_NUMBERS, organization_id, len(events.ids), len(entries)
        )
        if head is None:
            raise RuntimeError("the organization's head was not written")
        first_event = head["event_sequence"] - len(events.ids) + 1
        rows = self._rows(head["audit_sequence"] - len(entries) + 1, head["recorded_at"])
        hashes: list[bytes] = []
        for row in rows:
            hashes.append(row_hash(hashes[-1] if hashes else head["audit_hash"], row))
        await self._connection.execute(
            _WRITE,
            organization_id,
            list(range(first_event, first_event + len(events.ids))),
            events.ids,
            events.types,
            events.moments,
            events.payloads,
            self._context.trace_id,
            *_columns(rows),
            hashes,
            hashes[-1] if hashes else head["audit_hash"],
            head["recorded_at"],
        )

    def _rows(self, first: int, recorded_at: datetime) -> list[AuditRow]:
        return [
            AuditRow(
                organization_id=context.organization_id,
                sequence=sequence,
                at=at,
                recorded_at=recorded_at,
                user=context.user,
                source=context.source.value,
                action=entry.action,
                resource=entry.resource,
                outcome=entry.outcome,
                trace_id=context.trace_id,
                metadata=canonical(entry.metadata),
            )
            for sequence, (at, context, entry) in enumerate(self._audit.entries, first)
        ]


def _columns(rows: list[AuditRow]) -> list[list[Any]]:
    return [
        [row.sequence for row in rows],
        [row.at for row in rows],
        [row.user for row in rows],
        [row.source for row in rows],
        [row.action for row in rows],
        [row.resource for row in rows],
        [row.outcome for row in rows],
        [row.trace_id for row in rows],
        [row.metadata for row in rows],
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresTransactions:
    """Opens units of work on the pool; ``stores`` maps each port to its maker."""

    pool: asyncpg.Pool
    stores: Mapping[type, StoreFactory]
    clock: Clock
    ids: IdFactory

    @asynccontextmanager
    async def begin(self, context: CommandContext) -> AsyncIterator[UnitOfWork]:
        """Open a read-write transaction; leaving commits, an exception rolls back."""
        async with self.pool.acquire() as connection, _readable(), connection.transaction():
            await connection.execute(_SET_ORGANIZATION, context.organization_id)
            unit = _opened(connection, context, self, may_write=True)
            yield unit
            await unit.flush()

    @asynccontextmanager
    async def read(self, context: CommandContext) -> AsyncIterator[UnitOfWork]:
        """Open a read-only transaction."""
        # One snapshot for the whole question: what it adds up belongs together.
        async with (
            self.pool.acquire() as connection,
            _readable(),
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(_SET_ORGANIZATION, context.organization_id)
            yield _opened(connection, context, self, may_write=False)


@asynccontextmanager
async def _readable() -> AsyncIterator[None]:
    """Tell a value that a column cannot hold as what it is: somebody's data, not our failure."""
    try:
        yield
    except asyncpg.DataError as error:
        raise PayloadInvalidError(f"a value cannot be stored: {error}") from error


def _opened(
    connection: object, context: CommandContext, parts: PostgresTransactions, *, may_write: bool
) -> PostgresUnitOfWork:
    # The pool lends a proxy that does everything a connection does.
    lent = cast("asyncpg.Connection", connection)
    return PostgresUnitOfWork(lent, context, parts, may_write=may_write)


def read_json(text: str | None) -> Any:  # noqa: ANN401  plain JSON data
    """Return the value of a json or jsonb column, which asyncpg gives as text."""
    return None if text is None else json.loads(text)
