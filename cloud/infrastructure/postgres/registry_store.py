"""The last good version of registry files, kept for each organization that uses them."""

import hashlib
from dataclasses import dataclass

import asyncpg

_SET_ORGANIZATION = "SELECT set_config('kyndof.organization', $1, true)"
_ORGANIZATIONS = "SELECT organization_id FROM organizations ORDER BY organization_id"
_LOGINS = "SELECT login FROM persons WHERE organization_id = $1"
_KEPT = "SELECT path, digest, content FROM registry_files WHERE organization_id = $1"
_KEEP = """
INSERT INTO registry_files AS r (organization_id, path, digest, content) VALUES ($1, $2, $3, $4)
ON CONFLICT (organization_id, path) DO UPDATE
  SET digest = excluded.digest, content = excluded.content, kept_at = now()
  WHERE r.digest <> excluded.digest
"""
_FORGET = """
DELETE FROM registry_files
WHERE organization_id = $1 AND path <> ALL($2) AND path LIKE 'org/%'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """A file's text as it was last used."""

    path: str
    digest: str
    content: str


class PostgresRegistryStore:
    """Reads and writes as each organization in turn."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def organizations(self) -> tuple[str, ...]:
        """Return every organization."""
        return tuple(row["organization_id"] for row in await self._pool.fetch(_ORGANIZATIONS))

    async def logins(self) -> frozenset[str]:
        """Return the logins of all organizations' persons."""
        found: set[str] = set()
        for organization_id in await self.organizations():
            async with self._pool.acquire() as connection, connection.transaction(readonly=True):
                await connection.execute(_SET_ORGANIZATION, organization_id)
                rows = await connection.fetch(_LOGINS, organization_id)
            found.update(row["login"] for row in rows)
        return frozenset(found)

    async def kept(self, organization_id: str) -> dict[str, KeptFile]:
        """Return the kept files by path."""
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute(_SET_ORGANIZATION, organization_id)
            rows = await connection.fetch(_KEPT, organization_id)
        return {row["path"]: KeptFile(**dict(row)) for row in rows}

    async def keep_one(self, organization_id: str, path: str, content: str) -> None:
        """Keep one file that is no matrix."""
        digest = hashlib.sha256(content.encode()).hexdigest()
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_SET_ORGANIZATION, organization_id)
            await connection.execute(_KEEP, organization_id, path, digest, content)

    async def keep(
        self, organization_id: str, files: tuple[KeptFile, ...], present: tuple[str, ...]
    ) -> None:
        """Keep ``files``; forget every matrix that is not ``present`` in the folder any more."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_SET_ORGANIZATION, organization_id)
            for file in files:
                await connection.execute(
                    _KEEP, organization_id, file.path, file.digest, file.content
                )
            await connection.execute(_FORGET, organization_id, list(present))
