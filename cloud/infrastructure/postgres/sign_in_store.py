"""Hashes of links, sessions, keys and passwords."""

from collections.abc import Callable
from datetime import datetime

import asyncpg

from cloud.organizations.ports import NewKey, NewSession, PasswordStore, SecretStore
from cloud.organizations.queries import ApiKeyView, SessionView

ADD_LINK = """
INSERT INTO login_links (organization_id, token_hash, login, expires_at) VALUES ($1, $2, $3, $4)"""
# Two clicks at once: the row is updated once, so one of them gets nothing.
USE_LINK = """
UPDATE login_links SET used_at = $3
WHERE organization_id = $1 AND token_hash = $2 AND used_at IS NULL AND expires_at > $3
RETURNING login"""
OPEN_SESSION = """
INSERT INTO web_sessions (organization_id, session_hash, login, created_at, expires_at,
                          web_session_id, proof, user_agent)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"""
END_SESSION = """
UPDATE web_sessions SET ended_at = $3
WHERE organization_id = $1 AND session_hash = $2 AND ended_at IS NULL"""
END_OWN_SESSION = """
UPDATE web_sessions SET ended_at = $4
WHERE organization_id = $1 AND web_session_id = $2 AND login = $3 AND ended_at IS NULL"""
END_SESSIONS = """
UPDATE web_sessions SET ended_at = $3
WHERE organization_id = $1 AND login = $2 AND ended_at IS NULL AND web_session_id <> $4"""
SESSIONS = """
SELECT web_session_id AS access_id, proof, user_agent, created_at, expires_at, false AS here
FROM web_sessions
WHERE organization_id = $1 AND login = $2 AND ended_at IS NULL AND expires_at > $3
ORDER BY created_at DESC LIMIT 200"""
ADD_KEY = """
INSERT INTO api_keys (organization_id, key_id, key_hash, name, login, created_at, scopes,
                      expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"""
REVOKE_KEY = """
UPDATE api_keys SET revoked_at = $3
WHERE organization_id = $1 AND key_id = $2 AND revoked_at IS NULL
  AND login = coalesce($4::text, login)"""
REVOKE_KEYS = """
UPDATE api_keys SET revoked_at = $3
WHERE organization_id = $1 AND login = $2 AND revoked_at IS NULL"""
KEYS = """
SELECT key_id, name, login, scopes, created_at, expires_at, last_used_at FROM api_keys
WHERE organization_id = $1 AND login = coalesce($2::text, login) AND revoked_at IS NULL
ORDER BY created_at DESC, key_id LIMIT 1000"""
HASH = """
SELECT hash FROM passwords WHERE organization_id = $1 AND user_id = $2 FOR NO KEY UPDATE"""
HAS_HASH = """
SELECT EXISTS (SELECT FROM passwords WHERE organization_id = $1 AND user_id = $2)"""
SET_HASH = """
WITH closed AS (
  UPDATE password_links SET used_at = $4
  WHERE organization_id = $1 AND user_id = $2 AND used_at IS NULL
)
INSERT INTO passwords (organization_id, user_id, hash, changed_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (organization_id, user_id)
DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at"""
ADD_SETTING_LINK = """
INSERT INTO password_links (organization_id, token_hash, user_id, expires_at)
VALUES ($1, $2, $3, $4)"""
USE_SETTING_LINK = """
UPDATE password_links SET used_at = $3
WHERE organization_id = $1 AND token_hash = $2 AND used_at IS NULL AND expires_at > $3
RETURNING user_id"""


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

    async def open_session(self, session: NewSession) -> None:
        """Store a web session."""
        await self._connection.execute(
            OPEN_SESSION, self._organization_id, session.session_hash, session.login,
            session.created_at, session.expires_at, session.web_session_id, session.proof,
            session.user_agent,
        )  # fmt: skip

    async def end_session(self, session_hash: bytes, now: datetime) -> None:
        """End a web session."""
        await self._connection.execute(END_SESSION, self._organization_id, session_hash, now)

    async def end_own_session(self, web_session_id: str, login: str, now: datetime) -> bool:
        """End a person's session by its name; False when there is none."""
        status = await self._connection.execute(
            END_OWN_SESSION, self._organization_id, web_session_id, login, now
        )
        return bool(status == "UPDATE 1")

    async def end_sessions(self, login: str, now: datetime, keep: str = "") -> None:
        """End every web session of a person but the one named ``keep``."""
        await self._connection.execute(END_SESSIONS, self._organization_id, login, now, keep)

    async def sessions(self, login: str, now: datetime) -> tuple[SessionView, ...]:
        """Return a person's open sessions, newest first; ``here`` is not known."""
        rows = await self._connection.fetch(SESSIONS, self._organization_id, login, now)
        return tuple(SessionView(**dict(row)) for row in rows)

    async def add_api_key(self, key: NewKey) -> None:
        """Store a key's hash."""
        scopes = None if key.scopes is None else list(key.scopes)
        await self._connection.execute(
            ADD_KEY, self._organization_id, key.key_id, key.key_hash, key.name, key.login,
            key.created_at, scopes, key.expires_at,
        )  # fmt: skip

    async def revoke_api_key(self, key_id: str, now: datetime, login: str | None = None) -> bool:
        """End a key, of ``login`` alone if given; False when there is none."""
        status = await self._connection.execute(
            REVOKE_KEY, self._organization_id, key_id, now, login
        )
        return bool(status == "UPDATE 1")

    async def revoke_keys(self, login: str, now: datetime) -> None:
        """End every key of a person."""
        await self._connection.execute(REVOKE_KEYS, self._organization_id, login, now)

    async def keys(self, login: str | None = None) -> tuple[ApiKeyView, ...]:
        """Return keys in use, of ``login`` alone if given, newest first."""
        rows = await self._connection.fetch(KEYS, self._organization_id, login)
        return tuple(ApiKeyView(**{**row, "scopes": tuple_of(row["scopes"])}) for row in rows)


class PostgresPasswordStore:
    """Passwords and links for them, of one organization, in one transaction."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def hash_of(self, user_id: str) -> str | None:
        """Return the person's hash and keep others from changing it until the transaction ends."""
        found: str | None = await self._connection.fetchval(HASH, self._organization_id, user_id)
        return found

    async def set(self, user_id: str, password_hash: str, now: datetime) -> None:
        """Keep the person's hash; open links for it end."""
        await self._connection.execute(SET_HASH, self._organization_id, user_id, password_hash, now)

    async def has(self, user_id: str) -> bool:
        """Say whether the person has a password here."""
        return bool(await self._connection.fetchval(HAS_HASH, self._organization_id, user_id))

    async def add_link(self, token_hash: bytes, user_id: str, expires_at: datetime) -> None:
        """Keep a link's hash."""
        await self._connection.execute(
            ADD_SETTING_LINK, self._organization_id, token_hash, user_id, expires_at
        )

    async def use_link(self, token_hash: bytes, now: datetime) -> str | None:
        """Mark the link used and return whose it is; None when used or expired."""
        user_id: str | None = await self._connection.fetchval(
            USE_SETTING_LINK, self._organization_id, token_hash, now
        )
        return user_id


def tuple_of(scopes: list[str] | None) -> tuple[str, ...] | None:
    """Return a column of scopes as the domain has it."""
    return None if scopes is None else tuple(scopes)


STORES: dict[type, Callable[[asyncpg.Connection, str], object]] = {
    SecretStore: PostgresSecretStore,
    PasswordStore: PostgresPasswordStore,
}
