"""Answers by idempotency key, in PostgreSQL; the unique key makes a second caller wait.

The key lies in `idempotency_keys`, which is one table over all months and so keeps it unique. The
answer lies in `executions`, in the partition of the month in which the key was taken.
"""

from dataclasses import dataclass
from typing import Any

import asyncpg

from cloud.commands.payload import canonical
from cloud.commands.ports import StoredResult, UnitOfWork
from cloud.infrastructure.postgres.unit_of_work import StoreFactory, read_json

# The insert waits while another open transaction holds the same key.
_CLAIM = """
INSERT INTO idempotency_keys (organization_id, user_login, key, payload_hash, created_at)
VALUES ($1, $2, $3, $4, now())
ON CONFLICT DO NOTHING
RETURNING true
"""
_STORED = """
SELECT k.payload_hash, e.result FROM idempotency_keys k
LEFT JOIN executions e ON e.organization_id = k.organization_id AND e.user_login = k.user_login
  AND e.key = k.key AND e.recorded_at = k.created_at
WHERE k.organization_id = $1 AND k.user_login = $2 AND k.key = $3
"""
# now() is the moment at which this transaction began, the same for the key and its answer.
_KEEP = """
INSERT INTO executions (organization_id, user_login, key, recorded_at, source, trace_id, result)
VALUES ($1, $2, $3, now(), $4, $5, $6::jsonb)
"""


@dataclass(frozen=True, slots=True)
class IdempotencyRows:
    """The table in one transaction."""

    connection: asyncpg.Connection
    organization_id: str


class PostgresIdempotencyStore:
    """Remembers answers by organization, user and key."""

    async def claim(self, key: str, payload_hash: str, unit: UnitOfWork) -> StoredResult | None:
        """Return the stored answer, or take the key for this transaction and return None."""
        rows, user = unit.store(IdempotencyRows), unit.context.user
        taken = await rows.connection.fetchval(
            _CLAIM, rows.organization_id, user, key, payload_hash
        )
        if taken:
            return None
        stored = await rows.connection.fetchrow(_STORED, rows.organization_id, user, key)
        if stored is None:
            raise RuntimeError("an idempotency key vanished while it was read")
        return StoredResult(payload_hash=stored["payload_hash"], result=read_json(stored["result"]))

    async def keep(self, key: str, result: Any, unit: UnitOfWork) -> None:  # noqa: ANN401  JSON
        """Store the answer, plain JSON data, in this transaction."""
        rows = unit.store(IdempotencyRows)
        context = unit.context
        await rows.connection.execute(
            _KEEP,
            rows.organization_id,
            context.user,
            key,
            context.source.value,
            context.trace_id,
            canonical(result),
        )


STORES: dict[type, StoreFactory] = {IdempotencyRows: IdempotencyRows}
