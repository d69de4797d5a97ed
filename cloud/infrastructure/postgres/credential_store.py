"""Sealed secrets in PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import asyncpg

from cloud.commands.secret import Secret
from cloud.credentials.credential import SealedSecret, SecretPlace, StoredCredential
from cloud.credentials.errors import CredentialUnknownError
from cloud.credentials.ports import CredentialStore, Sealer
from cloud.credentials.queries import CredentialView
from cloud.infrastructure.postgres.unit_of_work import StoreFactory

# A new one; a taken name and field inserts nothing.
ADD = """
INSERT INTO credentials
  (organization_id, credential_id, name, field, key_id, envelope, stored_by, stored_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (organization_id, name, field) DO NOTHING
RETURNING true"""
REPLACE = """
UPDATE credentials SET key_id = $3, envelope = $4, stored_by = $5, stored_at = $6
WHERE organization_id = $1 AND credential_id = $2"""
REMOVE = "DELETE FROM credentials WHERE organization_id = $1 AND credential_id = $2"
FOR_CHANGE = """
SELECT credential_id, name, field, key_id, envelope FROM credentials
WHERE organization_id = $1 AND credential_id = $2
FOR UPDATE"""
BY_NAME = """
SELECT credential_id, name, field, key_id, envelope FROM credentials
WHERE organization_id = $1 AND name = $2 AND field = $3"""
VIEWS = """
SELECT credential_id, name, field, key_id, stored_by, stored_at FROM credentials
WHERE organization_id = $1 ORDER BY name, field"""
# One page of all.
PAGE = """
SELECT credential_id, name, field, key_id, envelope FROM credentials
WHERE organization_id = $1 AND credential_id > $2 ORDER BY credential_id LIMIT $3"""
# Either side of the current key is a range of the index; whoever changes a row keeps it.
SEALED_BY_OTHERS = """
SELECT credential_id, name, field, key_id, envelope FROM credentials
WHERE organization_id = $1 AND (key_id < $2 OR key_id > $2)
ORDER BY credential_id LIMIT $3
FOR UPDATE SKIP LOCKED"""
COUNT_SEALED_BY_OTHERS = """
SELECT count(*) FROM credentials WHERE organization_id = $1 AND (key_id < $2 OR key_id > $2)"""
RESEAL = """
UPDATE credentials c SET key_id = n.key_id, envelope = n.envelope
FROM unnest($2::text[], $3::text[], $4::bytea[]) AS n (credential_id, key_id, envelope)
WHERE c.organization_id = $1 AND c.credential_id = n.credential_id"""
_PAGE_COUNT = 500


def _stored(row: asyncpg.Record) -> StoredCredential:
    return StoredCredential(
        credential_id=row["credential_id"],
        name=row["name"],
        field=row["field"],
        sealed=SealedSecret(key_id=row["key_id"], envelope=row["envelope"]),
    )


class PostgresCredentialStore:
    """The organization's sealed secrets."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    @property
    def organization_id(self) -> str:
        """Return whose they are."""
        return self._organization_id

    async def add(self, credential: StoredCredential, by: str, at: datetime) -> bool:
        """Store a new one; False when its name and field are taken."""
        sealed = credential.sealed
        return bool(
            await self._connection.fetchval(
                ADD,
                self._organization_id,
                credential.credential_id,
                credential.name,
                credential.field,
                sealed.key_id,
                sealed.envelope,
                by,
                at,
            )
        )

    async def replace(self, credential: StoredCredential, by: str, at: datetime) -> None:
        """Put another sealed secret in its place."""
        sealed = credential.sealed
        await self._connection.execute(
            REPLACE,
            self._organization_id,
            credential.credential_id,
            sealed.key_id,
            sealed.envelope,
            by,
            at,
        )

    async def remove(self, credential_id: str) -> None:
        """Remove the row."""
        await self._connection.execute(REMOVE, self._organization_id, credential_id)

    async def find(self, credential_id: str) -> StoredCredential | None:
        """Return one for a change; nobody else changes it until the commit."""
        row = await self._connection.fetchrow(FOR_CHANGE, self._organization_id, credential_id)
        return None if row is None else _stored(row)

    async def named(self, name: str, field: str) -> StoredCredential | None:
        """Return the one with this name and field."""
        row = await self._connection.fetchrow(BY_NAME, self._organization_id, name, field)
        return None if row is None else _stored(row)

    async def views(self) -> tuple[CredentialView, ...]:
        """Return all without what they hold, by name and field."""
        rows = await self._connection.fetch(VIEWS, self._organization_id)
        return tuple(CredentialView(**dict(row)) for row in rows)

    async def every(self) -> AsyncIterator[StoredCredential]:
        """Yield all, sealed."""
        after = ""
        while True:
            rows = await self._connection.fetch(PAGE, self._organization_id, after, _PAGE_COUNT)
            for row in rows:
                yield _stored(row)
            if len(rows) < _PAGE_COUNT:
                return
            after = rows[-1]["credential_id"]

    async def sealed_by_others(self, key_id: str, limit: int) -> Sequence[StoredCredential]:
        """Return some that another key sealed, for a change; skips those that somebody changes."""
        rows = await self._connection.fetch(SEALED_BY_OTHERS, self._organization_id, key_id, limit)
        return [_stored(row) for row in rows]

    async def count_sealed_by_others(self, key_id: str) -> int:
        """Return how many another key has sealed."""
        found = await self._connection.fetchval(
            COUNT_SEALED_BY_OTHERS, self._organization_id, key_id
        )
        return int(found)

    async def reseal(self, credentials: Sequence[StoredCredential]) -> None:
        """Write the sealed secrets of ``credentials``, nothing else of them."""
        await self._connection.execute(
            RESEAL,
            self._organization_id,
            [credential.credential_id for credential in credentials],
            [credential.sealed.key_id for credential in credentials],
            [credential.sealed.envelope for credential in credentials],
        )


class SealedCredentialVault:
    """Opens secrets for the part of the program that speaks to the outside service."""

    def __init__(self, store: CredentialStore, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer

    async def reveal(self, name: str, field: str) -> Secret:
        """Return one; raises CredentialUnknownError or whatever opening raises."""
        found = await self._store.named(name, field)
        if found is None:
            raise CredentialUnknownError(f"no {field} of {name} is kept", name=name, field=field)
        place = SecretPlace(
            organization_id=self._store.organization_id,
            credential_id=found.credential_id,
            field=found.field,
        )
        return self._sealer.open(place, found.sealed)


def vault(
    connection: asyncpg.Connection, organization_id: str, sealer: Sealer
) -> SealedCredentialVault:
    """Return the organization's vault in this transaction."""
    return SealedCredentialVault(PostgresCredentialStore(connection, organization_id), sealer)


STORES: dict[type, StoreFactory] = {CredentialStore: PostgresCredentialStore}
