"""The audit chain in PostgreSQL."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg

from cloud.audit.chain import AuditRow
from cloud.audit.ports import AuditLog
from cloud.commands.ports import AuditEntry, UnitOfWork
from cloud.infrastructure.postgres.unit_of_work import AuditBuffer, StoreFactory

_ROWS = """
SELECT organization_id, sequence, at, user_login, source, action, resource, outcome, trace_id,
       metadata, hash
FROM audit_log
WHERE organization_id = $1 AND sequence > $2
ORDER BY sequence
LIMIT $3
"""
_RECENT = """
SELECT organization_id, sequence, at, user_login, source, action, resource, outcome, trace_id,
       metadata, hash
FROM audit_log
WHERE organization_id = $1 AND ($2::bigint IS NULL OR sequence < $2)
  AND ($3 = '' OR resource = $3)
ORDER BY sequence DESC
LIMIT $4
"""
_HEAD = "SELECT audit_sequence, audit_hash FROM organization_heads WHERE organization_id = $1"
_BATCH_COUNT = 1000


class PostgresAuditTrail:
    """Appends to the organization's chain in the act's own transaction."""

    async def append(self, entry: AuditEntry, unit: UnitOfWork) -> None:
        """Append one entry; it is chained and written at the commit."""
        unit.store(AuditBuffer).entries.append((unit.clock.now(), unit.context, entry))


class PostgresAuditLog:
    """Reads the chain."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def head(self) -> tuple[int, bytes]:
        """Return the chain's last sequence and hash; (0, empty) before the first row."""
        row = await self._connection.fetchrow(_HEAD, self._organization_id)
        return (0, b"") if row is None else (row["audit_sequence"], row["audit_hash"])

    async def rows(self) -> AsyncIterator[tuple[AuditRow, bytes]]:
        """Yield every row with its stored hash, oldest first."""
        after = 0
        while True:
            batch = await self._connection.fetch(_ROWS, self._organization_id, after, _BATCH_COUNT)
            for row in batch:
                yield _row(row), row["hash"]
            if len(batch) < _BATCH_COUNT:
                return
            after = batch[-1]["sequence"]

    async def recent(self, *, before: int | None, resource: str, limit: int) -> list[AuditRow]:
        """Return up to ``limit`` rows before the sequence ``before``, newest first."""
        batch = await self._connection.fetch(
            _RECENT, self._organization_id, before, resource, limit
        )
        return [_row(row) for row in batch]


def _row(row: Any) -> AuditRow:  # noqa: ANN401  a record of the driver
    return AuditRow(
        organization_id=row["organization_id"],
        sequence=row["sequence"],
        at=row["at"],
        user=row["user_login"],
        source=row["source"],
        action=row["action"],
        resource=row["resource"],
        outcome=row["outcome"],
        trace_id=row["trace_id"],
        metadata=row["metadata"],
    )


STORES: dict[type, StoreFactory] = {AuditLog: PostgresAuditLog}
