"""Webhook secrets in PostgreSQL, in the envelopes in which credentials lie."""

import secrets
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import asyncpg

from cloud.commands.secret import Secret
from cloud.credentials.credential import SealedSecret, SecretPlace, StoredCredential
from cloud.credentials.ports import SealedRows, Sealer
from cloud.webhooks.errors import WebhookSecretMissingError
from cloud.webhooks.signature import SECRET_BYTES, written

_PAGE_COUNT = 500
_FIELD = "secret_"
_HOLDING = """
SELECT number, key_id, envelope FROM webhook_secrets
WHERE organization_id = $1 AND owner_id = $2 AND (holds_until IS NULL OR holds_until > $3)
ORDER BY number DESC LIMIT 2"""
_NEXT = """
SELECT coalesce(max(number), 0) + 1 FROM webhook_secrets
WHERE organization_id = $1 AND owner_id = $2"""
_END = """
UPDATE webhook_secrets SET holds_until = least(holds_until, $3)
WHERE organization_id = $1 AND owner_id = $2"""
_ADD = """
INSERT INTO webhook_secrets (organization_id, owner_id, number, key_id, envelope, created_at)
VALUES ($1, $2, $3, $4, $5, $6)"""
# One page of all.
_PAGE = """
SELECT owner_id, number, key_id, envelope FROM webhook_secrets
WHERE organization_id = $1 AND (owner_id, number) > ($2, $3)
ORDER BY owner_id, number LIMIT $4"""
# Either side of the current key is a range of the index; whoever changes a row keeps it.
_SEALED_BY_OTHERS = """
SELECT owner_id, number, key_id, envelope FROM webhook_secrets
WHERE organization_id = $1 AND (key_id < $2 OR key_id > $2)
ORDER BY owner_id, number LIMIT $3
FOR UPDATE SKIP LOCKED"""
_COUNT_SEALED_BY_OTHERS = """
SELECT count(*) FROM webhook_secrets WHERE organization_id = $1 AND (key_id < $2 OR key_id > $2)"""
_RESEAL = """
UPDATE webhook_secrets w SET key_id = n.key_id, envelope = n.envelope
FROM unnest($2::text[], $3::integer[], $4::text[], $5::bytea[])
  AS n (owner_id, number, key_id, envelope)
WHERE w.organization_id = $1 AND w.owner_id = n.owner_id AND w.number = n.number"""


class PostgresWebhookSecrets:
    """Secrets of one organization's endpoints and subscriptions, in one transaction."""

    def __init__(
        self, connection: asyncpg.Connection, organization_id: str, sealer: Sealer
    ) -> None:
        self._connection = connection
        self._organization_id = organization_id
        self._sealer = sealer

    async def of(self, owner_id: str, now: datetime) -> tuple[Secret, ...]:
        """Return the secrets that hold now, two at most, the newest first."""
        rows = await self._connection.fetch(_HOLDING, self._organization_id, owner_id, now)
        if not rows:
            raise WebhookSecretMissingError(
                f"no secret of {owner_id} holds: make a new one", owner_id=owner_id
            )
        return tuple(
            self._sealer.open(self._place(owner_id, row["number"]), _sealed(row)) for row in rows
        )

    async def add(self, owner_id: str, secret: Secret, now: datetime, old_until: datetime) -> None:
        """Keep a new secret; all before it hold until ``old_until`` at most."""
        number = await self._connection.fetchval(_NEXT, self._organization_id, owner_id)
        sealed = self._sealer.seal(self._place(owner_id, number), secret)
        await self._connection.execute(_END, self._organization_id, owner_id, old_until)
        await self._connection.execute(
            _ADD, self._organization_id, owner_id, number, sealed.key_id, sealed.envelope, now
        )

    def fresh(self) -> Secret:
        """Return a new secret."""
        return Secret(written(secrets.token_bytes(SECRET_BYTES)))

    def _place(self, owner_id: str, number: int) -> SecretPlace:
        return SecretPlace(
            organization_id=self._organization_id,
            credential_id=owner_id,
            field=f"{_FIELD}{number}",
        )


class WebhookSealedRows:
    """The same secrets as a change of keys sees them: sealed, each with its place."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    @property
    def organization_id(self) -> str:
        """Return whose they are."""
        return self._organization_id

    async def every(self) -> AsyncIterator[StoredCredential]:
        """Yield all, sealed."""
        owner_id, number = "", 0
        while True:
            rows = await self._connection.fetch(
                _PAGE, self._organization_id, owner_id, number, _PAGE_COUNT
            )
            for row in rows:
                yield _stored(row)
            if len(rows) < _PAGE_COUNT:
                return
            owner_id, number = rows[-1]["owner_id"], rows[-1]["number"]

    async def sealed_by_others(self, key_id: str, limit: int) -> Sequence[StoredCredential]:
        """Return some that another key sealed, for a change; skips those that somebody changes."""
        rows = await self._connection.fetch(_SEALED_BY_OTHERS, self._organization_id, key_id, limit)
        return [_stored(row) for row in rows]

    async def count_sealed_by_others(self, key_id: str) -> int:
        """Return how many another key has sealed."""
        found = await self._connection.fetchval(
            _COUNT_SEALED_BY_OTHERS, self._organization_id, key_id
        )
        return int(found)

    async def reseal(self, credentials: Sequence[StoredCredential]) -> None:
        """Write the sealed secrets of ``credentials``, nothing else of them."""
        await self._connection.execute(
            _RESEAL,
            self._organization_id,
            [one.credential_id for one in credentials],
            [int(one.field.removeprefix(_FIELD)) for one in credentials],
            [one.sealed.key_id for one in credentials],
            [one.sealed.envelope for one in credentials],
        )


class SealedTables:
    """Every table beside the credentials' own in which something sealed lies."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._webhooks = WebhookSealedRows(connection, organization_id)

    @property
    def tables(self) -> Sequence[SealedRows]:
        """Return them."""
        return (self._webhooks,)


def _sealed(row: asyncpg.Record) -> SealedSecret:
    return SealedSecret(key_id=row["key_id"], envelope=row["envelope"])


def _stored(row: asyncpg.Record) -> StoredCredential:
    return StoredCredential(
        credential_id=row["owner_id"],
        name="webhook",
        field=f"{_FIELD}{row['number']}",
        sealed=_sealed(row),
    )
