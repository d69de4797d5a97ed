"""Answers by idempotency key, in PostgreSQL; the unique key makes a second caller wait."""

from dataclasses import dataclass
from typing import Any

import asyncpg

from cloud.commands.payload import canonical
from cloud.commands.ports import StoredResult, UnitOfWork
from cloud.infrastructure.postgres.unit_of_work import StoreFactory, read_json

# The insert waits while another open transaction holds the same key.
_CLAIM = """
INSERT INTO idempotency_keys (organization_id, user_login, key, payload_hash, created_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
RETURNING true
"""
_STORED = """
SELECT payload_hash, result FROM idempotency_keys
WHERE organization_id = $1 AND user_login = $2 AND key = $3
"""
_KEEP = """
UPDATE idempotency_keys SET result = $4::jsonb
WHERE organization_id = $1 AND user_login = $2 AND key = $3
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
            _CLAIM, rows.organization_id, user, key, payload_hash, unit.clock.now()
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
        await rows.connection.execute(
            _KEEP, rows.organization_id, unit.context.user, key, canonical(result)
        )


STORES: dict[type, StoreFactory] = {IdempotencyRows: IdempotencyRows}
