"""Released bundles and the keys that vouch for them, in PostgreSQL."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime

import asyncpg

from cloud.rollouts.bundle import BundleFile, ReleasedBundle
from cloud.rollouts.ports import BundleStore
from cloud.rollouts.trust import SignedTrust

_BUNDLE = """model_digest, name, version, release_counter, expires_at, signed_by, key_id,
             size_bytes, manifest, files, chunk_sha256, released_at, co_signers"""


class PostgresBundleStore:
    """Bundles of one organization."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def add(self, bundle: ReleasedBundle) -> bool:
        """Keep a bundle; say whether it is new."""
        added = await self._connection.fetchval(
            f"""INSERT INTO model_bundles (organization_id, {_BUNDLE})
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::jsonb, $12, $13, $14)
                ON CONFLICT (organization_id, model_digest) DO NOTHING RETURNING true""",  # noqa: S608
            self._organization_id,
            bundle.model_digest,
            bundle.name,
            bundle.version,
            bundle.release_counter,
            bundle.expires_at,
            bundle.signed_by,
            bundle.key_id,
            bundle.size_bytes,
            bundle.manifest,
            json.dumps([asdict(file) for file in bundle.files]),
            list(bundle.chunk_sha256),
            bundle.released_at,
            list(bundle.co_signers),
        )
        return bool(added)

    async def find(self, model_digest: str) -> ReleasedBundle | None:
        """Return a bundle."""
        row = await self._connection.fetchrow(
            f"""SELECT {_BUNDLE} FROM model_bundles
                WHERE organization_id = $1 AND model_digest = $2""",  # noqa: S608
            self._organization_id,
            model_digest,
        )
        return _bundle(row) if row else None

    async def newest_counter(self, name: str) -> int:
        """Return the highest release counter of a name, 0 before the first; nobody else counts."""
        await self._connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
            f"{self._organization_id} releases {name}",
        )
        found = await self._connection.fetchval(
            """SELECT max(release_counter) FROM model_bundles
               WHERE organization_id = $1 AND name = $2""",
            self._organization_id,
            name,
        )
        return int(found or 0)

    async def newest(self, limit: int, before: str) -> Sequence[ReleasedBundle]:
        """Return bundles, newest first, those after the digest ``before``."""
        rows = await self._connection.fetch(
            f"""SELECT {_BUNDLE} FROM model_bundles
                WHERE organization_id = $1 AND ($3 = '' OR (released_at, model_digest) <
                  (SELECT released_at, model_digest FROM model_bundles
                   WHERE organization_id = $1 AND model_digest = $3))
                ORDER BY released_at DESC, model_digest DESC LIMIT $2""",  # noqa: S608
            self._organization_id,
            limit,
            before,
        )
        return [_bundle(row) for row in rows]

    async def is_person(self, login: str) -> bool:
        """Say whether somebody of the organization signs in so."""
        sql = "SELECT true FROM persons WHERE organization_id = $1 AND login = $2 AND active"
        return bool(await self._connection.fetchval(sql, self._organization_id, login))

    async def is_wished(self, model_digest: str) -> bool:
        """Say whether a station of the organization is wished this bundle."""
        found = await self._connection.fetchval(
            """SELECT EXISTS (SELECT 1 FROM station_wishes
               WHERE organization_id = $1 AND model_digest = $2 AND model_digest <> '')""",
            self._organization_id,
            model_digest,
        )
        return bool(found)

    async def trust_after(self, version: int) -> Sequence[SignedTrust]:
        """Return versions of the trusted keys, oldest first."""
        rows = await self._connection.fetch(
            """SELECT trust_json, trust_sig FROM model_trust
               WHERE organization_id = $1 AND version > $2 ORDER BY version""",
            self._organization_id,
            version,
        )
        return [SignedTrust(**dict(row)) for row in rows]

    async def add_trust(self, version: int, signed: SignedTrust, at: datetime) -> None:
        """Keep a version."""
        await self._connection.execute(
            """INSERT INTO model_trust (organization_id, version, trust_json, trust_sig,
                                        published_at)
               VALUES ($1, $2, $3, $4, $5)""",
            self._organization_id,
            version,
            signed.trust_json,
            signed.trust_sig,
            at,
        )


def _bundle(row: asyncpg.Record) -> ReleasedBundle:
    facts = dict(row)
    facts["files"] = tuple(BundleFile(**file) for file in json.loads(row["files"]))
    facts["chunk_sha256"] = tuple(row["chunk_sha256"])
    facts["co_signers"] = tuple(row["co_signers"])
    return ReleasedBundle(**facts)


STORES: dict[type, Callable[[asyncpg.Connection, str], object]] = {
    BundleStore: PostgresBundleStore,
}
