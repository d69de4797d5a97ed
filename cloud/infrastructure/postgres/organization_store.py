"""Persons and the hashes of their secrets."""

from collections.abc import Callable
from datetime import datetime

import asyncpg

from cloud.events.ports import Clock
from cloud.organizations.person import Membership, Person, secret_hash
from cloud.organizations.ports import PersonStore, SecretStore
from cloud.organizations.queries import Me, PersonView

# A new person; a taken login inserts nothing.
ADD_PERSON = """
INSERT INTO persons (organization_id, user_id, login, name_ko, name_en, badge, active)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (organization_id, login) DO NOTHING"""
# The active person with this login.
PERSON_BY_LOGIN = """
SELECT user_id, login, name_ko, name_en, badge, active FROM persons
WHERE organization_id = $1 AND login = $2 AND active"""
# Every active person.
ACTIVE_PERSONS = """
SELECT user_id, login, name_ko, name_en, badge FROM persons
WHERE organization_id = $1 AND active ORDER BY login"""
# The person with the organization's names.
ME = """
SELECT p.user_id, p.login, p.name_ko, p.name_en, p.badge,
       o.organization_id, o.code, o.name_ko AS organization_ko, o.name_en AS organization_en
FROM persons p JOIN organizations o USING (organization_id)
WHERE p.organization_id = $1 AND p.login = $2 AND p.active"""
ADD_LINK = """
INSERT INTO login_links (organization_id, token_hash, login, expires_at) VALUES ($1, $2, $3, $4)"""
# Two clicks at once: the row is updated once, so one of them gets nothing.
USE_LINK = """
UPDATE login_links SET used_at = $3
WHERE organization_id = $1 AND token_hash = $2 AND used_at IS NULL AND expires_at > $3
RETURNING login"""
OPEN_SESSION = """
INSERT INTO web_sessions (organization_id, session_hash, login, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5)"""
END_SESSION = """
UPDATE web_sessions SET ended_at = $3
WHERE organization_id = $1 AND session_hash = $2 AND ended_at IS NULL"""
ADD_KEY = """
INSERT INTO api_keys (organization_id, key_id, key_hash, name, login, created_at)
VALUES ($1, $2, $3, $4, $5, $6)"""
REVOKE_KEY = """
UPDATE api_keys SET revoked_at = $3
WHERE organization_id = $1 AND key_id = $2 AND revoked_at IS NULL"""


def _view(row: asyncpg.Record) -> PersonView:
    return PersonView(
        user_id=row["user_id"],
        login=row["login"],
        name_ko=row["name_ko"],
        name_en=row["name_en"],
        badge=row["badge"],
    )


class PostgresPersonStore:
    """Persons of one organization, in one transaction."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def add(self, person: Person) -> bool:
        """Store a new person; False when the login is taken."""
        status = await self._connection.execute(
            ADD_PERSON, self._organization_id, person.user_id, person.login, person.name_ko,
            person.name_en, person.badge, person.active,
        )  # fmt: skip
        return bool(status == "INSERT 0 1")

    async def by_login(self, login: str) -> Person | None:
        """Return the active person with this login."""
        row = await self._connection.fetchrow(PERSON_BY_LOGIN, self._organization_id, login)
        return Person(**dict(row)) if row else None

    async def list_active(self) -> tuple[PersonView, ...]:
        """Return every active person, by login."""
        rows = await self._connection.fetch(ACTIVE_PERSONS, self._organization_id)
        return tuple(_view(row) for row in rows)

    async def me(self, login: str) -> Me | None:
        """Return the person with the organization's names."""
        row = await self._connection.fetchrow(ME, self._organization_id, login)
        if row is None:
            return None
        return Me(
            organization_id=row["organization_id"],
            organization_code=row["code"],
            organization_name_ko=row["organization_ko"],
            organization_name_en=row["organization_en"],
            person=_view(row),
        )


class PostgresSecretStore:
    """Hashes of links, sessions and keys of one organization, in one transaction."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def add_login_link(self, token_hash: bytes, login: str, expires_at: datetime) -> None:
        """Store a link's hash."""
        await self._connection.execute(
            ADD_LINK, self._organization_id, token_hash, login, expires_at
        )

    async def use_login_link(self, token_hash: bytes, now: datetime) -> str | None:
        """Mark the link used and return its login; None when used or expired."""
        login: str | None = await self._connection.fetchval(
            USE_LINK, self._organization_id, token_hash, now
        )
        return login

    async def open_session(
        self, session_hash: bytes, login: str, now: datetime, expires_at: datetime
    ) -> None:
        """Store a web session."""
        await self._connection.execute(
            OPEN_SESSION, self._organization_id, session_hash, login, now, expires_at
        )

    async def end_session(self, session_hash: bytes, now: datetime) -> None:
        """End a web session."""
        await self._connection.execute(END_SESSION, self._organization_id, session_hash, now)

    async def add_api_key(
        self, key_id: str, key_hash: bytes, name: str, login: str, now: datetime
    ) -> None:
        """Store a key's hash."""
        await self._connection.execute(
            ADD_KEY, self._organization_id, key_id, key_hash, name, login, now
        )

    async def revoke_api_key(self, key_id: str, now: datetime) -> bool:
        """End a key; False when there is none."""
        status = await self._connection.execute(REVOKE_KEY, self._organization_id, key_id, now)
        return bool(status == "UPDATE 1")


class PostgresSecretLookup:
    """Finds who is behind a secret through the functions of role kyndof_lookup."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def link(self, secret: str) -> Membership | None:
        """Return whose login link this is."""
        return await self._find("SELECT * FROM lookup_login_link($1)", secret)

    async def session(self, secret: str) -> Membership | None:
        """Return whose web session this is; ended and expired ones are unknown."""
        row = await self._pool.fetchrow("SELECT * FROM lookup_web_session($1)", secret_hash(secret))
        if row is None or row["expires_at"] <= self._clock.now():
            return None
        return Membership(organization_id=row["organization_id"], login=row["login"])

    async def key(self, secret: str) -> Membership | None:
        """Return whose key this is; revoked ones are unknown."""
        return await self._find("SELECT * FROM lookup_api_key($1)", secret)

    async def _find(self, statement: str, secret: str) -> Membership | None:
        row = await self._pool.fetchrow(statement, secret_hash(secret))
        return Membership(**dict(row)) if row else None


STORES: dict[type, Callable[[asyncpg.Connection, str], object]] = {
    PersonStore: PostgresPersonStore,
    SecretStore: PostgresSecretStore,
}
