"""Token sign-ins, devices that wait for one, and accounts elsewhere."""

from collections.abc import Callable
from datetime import datetime

import asyncpg

from cloud.infrastructure.postgres.sign_in_store import tuple_of
from cloud.organizations.person import secret_hash
from cloud.organizations.ports import (
    DeviceStore,
    Family,
    OutsideAccountStore,
    TokenStore,
    WaitingDevice,
)
from cloud.organizations.queries import SlackAccountView, TokenSignInView

_FAMILY = "f.family_id, f.user_id, f.login, f.client, f.scopes, f.proof, f.created_at, f.expires_at"
BEGIN_FAMILY = """
INSERT INTO token_families (organization_id, family_id, user_id, login, client, scopes, proof,
                            created_at, last_used_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)"""
ADD_REFRESH = """
INSERT INTO refresh_tokens (organization_id, token_hash, family_id, issued_at, expires_at)
VALUES ($1, $2, $3, $4, $5)"""
# Two users of one token at once: the row is updated once, so the second counts as a copy.
USE_REFRESH = f"""
WITH used AS (
  UPDATE refresh_tokens r SET used_at = $3 FROM token_families f
  WHERE r.organization_id = $1 AND r.token_hash = $2 AND r.used_at IS NULL AND r.expires_at > $3
    AND f.organization_id = r.organization_id AND f.family_id = r.family_id
    AND f.ended_at IS NULL AND f.expires_at > $3
  RETURNING r.family_id
)
UPDATE token_families f SET last_used_at = $3 FROM used
WHERE f.organization_id = $1 AND f.family_id = used.family_id
RETURNING {_FAMILY}"""  # noqa: S608  names of columns
FAMILY_OF = f"""
SELECT {_FAMILY} FROM refresh_tokens r JOIN token_families f USING (organization_id, family_id)
WHERE r.organization_id = $1 AND r.token_hash = $2 AND f.ended_at IS NULL
  AND (r.used_at IS NOT NULL OR NOT $3)"""  # noqa: S608  names of columns
END_FAMILY = """
UPDATE token_families SET ended_at = $4, ended_reason = $5
WHERE organization_id = $1 AND family_id = $2 AND login = $3 AND ended_at IS NULL"""
END_FAMILIES = """
UPDATE token_families SET ended_at = $3, ended_reason = $4
WHERE organization_id = $1 AND login = $2 AND ended_at IS NULL"""
LIVING = """
SELECT family_id AS access_id, client, scopes, created_at, last_used_at, expires_at
FROM token_families
WHERE organization_id = $1 AND login = $2 AND ended_at IS NULL AND expires_at > $3
ORDER BY created_at DESC LIMIT 200"""
DECIDE_DEVICE = """
INSERT INTO device_decisions (organization_id, device_hash, user_id, approved, proof, decided_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"""
TAKE_DEVICE = """
UPDATE device_decisions SET taken_at = $3
WHERE organization_id = $1 AND device_hash = $2 AND approved AND taken_at IS NULL
RETURNING user_id, proof"""
PROVIDER_ACCOUNTS = """
SELECT subject, user_id FROM provider_accounts
WHERE organization_id = $1 AND issuer = $2 AND (subject = $3 OR user_id = $4)"""
LINK_PROVIDER = """
INSERT INTO provider_accounts (organization_id, issuer, subject, user_id, linked_at)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"""
LINK_SLACK = """
INSERT INTO slack_accounts AS a
  (organization_id, team_id, slack_user_id, user_id, team_name, linked_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (organization_id, team_id, slack_user_id)
DO UPDATE SET team_name = excluded.team_name WHERE a.user_id = excluded.user_id"""
UNLINK_SLACK = """
DELETE FROM slack_accounts
WHERE organization_id = $1 AND team_id = $2 AND slack_user_id = $3 AND user_id = $4"""
SLACK_ACCOUNTS = """
SELECT team_id, slack_user_id, team_name, linked_at FROM slack_accounts
WHERE organization_id = $1 AND user_id = $2 ORDER BY linked_at"""


def _family(row: asyncpg.Record | None) -> Family | None:
    return None if row is None else Family(**{**row, "scopes": tuple_of(row["scopes"])})


class PostgresTokenStore:
    """Token sign-ins of one organization, in one transaction."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def begin(self, family: Family) -> None:
        """Keep a new sign-in."""
        scopes = None if family.scopes is None else list(family.scopes)
        await self._connection.execute(
            BEGIN_FAMILY, self._organization_id, family.family_id, family.user_id, family.login,
            family.client, scopes, family.proof, family.created_at, family.expires_at,
        )  # fmt: skip

    async def add_refresh(
        self, token_hash: bytes, family_id: str, now: datetime, expires_at: datetime
    ) -> None:
        """Keep a refresh token's hash."""
        await self._connection.execute(
            ADD_REFRESH, self._organization_id, token_hash, family_id, now, expires_at
        )

    async def use_refresh(self, token_hash: bytes, now: datetime) -> Family | None:
        """Mark a token used, once, and return its living sign-in; None when it opens nothing."""
        return _family(
            await self._connection.fetchrow(USE_REFRESH, self._organization_id, token_hash, now)
        )

    async def family_of_used(self, token_hash: bytes) -> Family | None:
        """Return the living sign-in of a token that was used before."""
        return await self._of(token_hash, used=True)

    async def family_of(self, token_hash: bytes) -> Family | None:
        """Return the living sign-in of a token."""
        return await self._of(token_hash, used=False)

    async def _of(self, token_hash: bytes, *, used: bool) -> Family | None:
        return _family(
            await self._connection.fetchrow(FAMILY_OF, self._organization_id, token_hash, used)
        )

    async def end(self, family_id: str, login: str, now: datetime, reason: str) -> bool:
        """End a person's sign-in; False when none lives."""
        status = await self._connection.execute(
            END_FAMILY, self._organization_id, family_id, login, now, reason
        )
        return bool(status == "UPDATE 1")

    async def end_all(self, login: str, now: datetime, reason: str) -> None:
        """End every sign-in of a person."""
        await self._connection.execute(END_FAMILIES, self._organization_id, login, now, reason)

    async def living(self, login: str, now: datetime) -> tuple[TokenSignInView, ...]:
        """Return a person's sign-ins, newest first."""
        rows = await self._connection.fetch(LIVING, self._organization_id, login, now)
        return tuple(TokenSignInView(**{**row, "scopes": tuple_of(row["scopes"])}) for row in rows)


class PostgresDeviceStore:
    """What persons of one organization say to devices, in one transaction."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def by_user_code(self, user_code: str, now: datetime) -> WaitingDevice | None:
        """Return the device that shows a code; None when it waited too long."""
        row = await self._connection.fetchrow(
            "SELECT * FROM lookup_device_code($1)", secret_hash(user_code)
        )
        if row is None or row["expires_at"] <= now:
            return None
        return WaitingDevice(**{**row, "scopes": tuple_of(row["scopes"])})

    async def by_device_code(self, device_code: str) -> WaitingDevice | None:
        """Return the device that holds a code."""
        row = await self._connection.fetchrow(
            "SELECT client, scopes, expires_at FROM lookup_device($1)", secret_hash(device_code)
        )
        if row is None:
            return None
        return WaitingDevice(
            device_hash=secret_hash(device_code),
            client=row["client"],
            address="",
            scopes=tuple_of(row["scopes"]),
            expires_at=row["expires_at"],
        )

    async def decide(
        self, device_hash: bytes, user_id: str, proof: str, now: datetime, *, approved: bool
    ) -> bool:
        """Keep what a person said; False when somebody has spoken."""
        status = await self._connection.execute(
            DECIDE_DEVICE, self._organization_id, device_hash, user_id, approved, proof, now
        )
        return bool(status == "INSERT 0 1")

    async def take(self, device_hash: bytes, now: datetime) -> tuple[str, str] | None:
        """Mark an approval as taken, once; return the person's identifier and proof."""
        row = await self._connection.fetchrow(TAKE_DEVICE, self._organization_id, device_hash, now)
        return None if row is None else (row["user_id"], row["proof"])


class PostgresOutsideAccountStore:
    """Accounts elsewhere of one organization's persons, in one transaction."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def link_provider(self, issuer: str, subject: str, user_id: str, now: datetime) -> bool:
        """Note an account; False when it is another's, or the person has another there."""
        await self._connection.execute(
            LINK_PROVIDER, self._organization_id, issuer, subject, user_id, now
        )
        rows = await self._connection.fetch(
            PROVIDER_ACCOUNTS, self._organization_id, issuer, subject, user_id
        )
        return all(row["subject"] == subject and row["user_id"] == user_id for row in rows)

    async def link_slack(self, account: SlackAccountView, user_id: str) -> bool:
        """Note a Slack account; False when it is another's."""
        status = await self._connection.execute(
            LINK_SLACK, self._organization_id, account.team_id, account.slack_user_id, user_id,
            account.team_name, account.linked_at,
        )  # fmt: skip
        return bool(status == "INSERT 0 1")

    async def unlink_slack(self, team_id: str, slack_user_id: str, user_id: str) -> bool:
        """Forget a Slack account; False when it is not the person's."""
        status = await self._connection.execute(
            UNLINK_SLACK, self._organization_id, team_id, slack_user_id, user_id
        )
        return bool(status == "DELETE 1")

    async def slack_accounts(self, user_id: str) -> tuple[SlackAccountView, ...]:
        """Return a person's Slack accounts."""
        rows = await self._connection.fetch(SLACK_ACCOUNTS, self._organization_id, user_id)
        return tuple(SlackAccountView(**dict(row)) for row in rows)


STORES: dict[type, Callable[[asyncpg.Connection, str], object]] = {
    TokenStore: PostgresTokenStore,
    DeviceStore: PostgresDeviceStore,
    OutsideAccountStore: PostgresOutsideAccountStore,
}
