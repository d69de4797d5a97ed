"""What people taught, in PostgreSQL."""

import base64
from collections.abc import Callable, Sequence
from datetime import datetime

import asyncpg

from cloud.infrastructure.postgres.unit_of_work import read_json
from cloud.learning.commands import NameFlaw
from cloud.learning.naming import NamedFinding, Naming
from cloud.learning.ports import NamingStore

# A finding of an inspection.
_FINDING = """
SELECT bundle_digest, findings -> $3::integer AS finding FROM inspections
WHERE organization_id = $1 AND inspection_id = $2
"""

# Keep a naming once.
_ADD = """
INSERT INTO flaw_namings (
  organization_id, naming_id, inspection_id, finding_index, kind, bundle_digest, description,
  station_id, named_by, named_at, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (organization_id, naming_id) DO NOTHING
RETURNING 1
"""

# The newest word on each finding; one that takes a name back leaves nothing.
_NEWEST = """
SELECT kind, bundle_digest, description, named_at FROM (
  SELECT DISTINCT ON (inspection_id, finding_index) kind, bundle_digest, description, named_at
  FROM flaw_namings WHERE organization_id = $1
  ORDER BY inspection_id, finding_index, named_at DESC, naming_id DESC
) word WHERE kind <> '' ORDER BY named_at DESC LIMIT 5000
"""

# How many namings came from a station.
_COUNT = "SELECT count(*) FROM flaw_namings WHERE organization_id = $1 AND station_id = $2"


class PostgresNamingStore:
    """``NamingStore`` in one transaction."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization = organization_id

    async def finding(self, inspection_id: str, index: int) -> NamedFinding | None:
        """Return a finding of an inspection."""
        row = await self._connection.fetchrow(_FINDING, self._organization, inspection_id, index)
        finding = read_json(row["finding"]) if row else None
        if row is None or finding is None:
            return None
        return NamedFinding(
            bundle_digest=row["bundle_digest"],
            description=base64.b64decode(finding.get("description") or ""),
        )

    async def add(self, naming: NameFlaw, by: str, named_at: datetime, at: datetime) -> bool:
        """Keep a naming; False when its identifier is kept already."""
        added = await self._connection.fetchval(
            _ADD,
            self._organization,
            naming.naming_id,
            naming.inspection_id,
            naming.finding_index,
            naming.kind,
            naming.bundle_digest,
            naming.description if naming.kind else b"",
            naming.station_id,
            by,
            named_at,
            at,
        )
        return added is not None

    async def newest(self) -> Sequence[Naming]:
        """Return the newest word on each finding that somebody named."""
        rows = await self._connection.fetch(_NEWEST, self._organization)
        return [Naming(**dict(row)) for row in rows]

    async def count_of(self, station_id: str) -> int:
        """Return how many namings came from a station."""
        count: int = await self._connection.fetchval(_COUNT, self._organization, station_id)
        return count


STORES: dict[type, Callable[[asyncpg.Connection, str], object]] = {
    NamingStore: PostgresNamingStore,
}
