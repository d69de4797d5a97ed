"""The audit chain in PostgreSQL."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import asyncpg

from cloud.audit.chain import AuditRow, ChainPoint
from cloud.audit.ports import AuditLog
from cloud.commands.ports import AuditEntry, UnitOfWork
from cloud.infrastructure.postgres.unit_of_work import AuditBuffer, StoreFactory

# A later number never lies in an earlier month: months that are behind are not looked into.
_ROWS = """
SELECT organization_id, sequence, at, recorded_at, user_login, source, action, resource, outcome,
       trace_id, metadata, hash
FROM audit_log
WHERE organization_id = $1 AND sequence > $2
  AND recorded_at >= coalesce($3::timestamptz, '-infinity')
ORDER BY sequence
LIMIT $4
"""
_SEAL = """
SELECT through_sequence, through_hash FROM audit_seals
WHERE organization_id = $1 ORDER BY through_sequence DESC LIMIT 1
"""
_ADD_SEAL = """
INSERT INTO audit_seals (organization_id, through_sequence, through_hash, sealed_at)
VALUES ($1, $2, $3, $4)
"""
_LAST_BEFORE = """
SELECT sequence, hash FROM audit_log WHERE organization_id = $1 AND recorded_at < $2
ORDER BY recorded_at DESC, sequence DESC LIMIT 1
"""
_RECENT = """
SELECT organization_id, sequence, at, recorded_at, user_login, source, action, resource, outcome,
       trace_id, metadata, hash
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

    async def rows(self, after: int = 0) -> AsyncIterator[tuple[AuditRow, bytes]]:
        """Yield every row after the sequence ``after`` with its stored hash, oldest first."""
        since: datetime | None = None
        while True:
            batch = await self._connection.fetch(
                _ROWS, self._organization_id, after, since, _BATCH_COUNT
            )
            for row in batch:
                yield _row(row), row["hash"]
            if len(batch) < _BATCH_COUNT:
                return
            after, since = batch[-1]["sequence"], batch[-1]["recorded_at"]

    async def seal(self) -> ChainPoint | None:
        """Return the last row that was sealed, to be dropped by policy."""
        row = await self._connection.fetchrow(_SEAL, self._organization_id)
        if row is None:
            return None
        return ChainPoint(sequence=row["through_sequence"], hash=row["through_hash"])

    async def add_seal(self, point: ChainPoint, at: datetime) -> None:
        """Note that rows up to ``point`` may be dropped."""
        await self._connection.execute(
            _ADD_SEAL, self._organization_id, point.sequence, point.hash, at
        )

    async def last_before(self, moment: datetime) -> ChainPoint | None:
        """Return the last row that was recorded before ``moment``."""
        row = await self._connection.fetchrow(_LAST_BEFORE, self._organization_id, moment)
        return None if row is None else ChainPoint(sequence=row["sequence"], hash=row["hash"])

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
        recorded_at=row["recorded_at"],
        user=row["user_login"],
        source=row["source"],
        action=row["action"],
        resource=row["resource"],
        outcome=row["outcome"],
        trace_id=row["trace_id"],
        metadata=row["metadata"],
    )


STORES: dict[type, StoreFactory] = {AuditLog: PostgresAuditLog}
