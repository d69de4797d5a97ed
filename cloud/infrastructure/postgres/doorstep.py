"""What happens before anybody is known: who is behind a secret, and who knocks how often.

Lookups go through the functions of role kyndof_lookup. What must be written down belongs to the
doorstep, an organization that is none.
"""

import ipaddress
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import asyncpg

from cloud.events.ports import Clock
from cloud.infrastructure.signing.access_tokens import JoseAccessTokens
from cloud.organizations import device_login
from cloud.organizations.person import Membership, new_secret, secret_hash

DOORSTEP = "org_00000000000000000000000000"
TRIP_LIFETIME = timedelta(minutes=10)
_SET_ORGANIZATION = "SELECT set_config('kyndof.organization', $1, true)"
# A bucket that leaks: `full_at` is when it would be full of tries again. One statement, so that
# a hundred at once are counted one by one; a restart forgets nothing.
_KNOCK = """
INSERT INTO knocks AS k (organization_id, subject, full_at)
VALUES ($1, $2, $3::timestamptz + $4::interval)
ON CONFLICT (organization_id, subject)
DO UPDATE SET full_at = greatest(k.full_at, $3::timestamptz) + $4::interval
WHERE greatest(k.full_at, $3::timestamptz) + $4::interval <= $3::timestamptz + $5::interval
RETURNING full_at"""
_FULL_AT = "SELECT full_at FROM knocks WHERE organization_id = $1 AND subject = $2"
_FORGIVE = "DELETE FROM knocks WHERE organization_id = $1 AND subject = $2"
_TIDY = (
    "DELETE FROM knocks WHERE organization_id = $1 AND full_at < $2::timestamptz",
    "DELETE FROM outside_trips WHERE organization_id = $1 AND expires_at < $2::timestamptz",
    """DELETE FROM device_codes
       WHERE organization_id = $1 AND expires_at < $2::timestamptz - interval '1 day'""",
)
_SET_OUT = """
INSERT INTO outside_trips (organization_id, state_hash, browser_hash, kind, nonce, verifier,
                           expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)"""
_COME_BACK = """
DELETE FROM outside_trips
WHERE organization_id = $1 AND state_hash = $2 AND browser_hash = $3 AND kind = $4
RETURNING nonce, verifier, expires_at"""
_ASK_FOR_DEVICE = """
INSERT INTO device_codes (organization_id, device_hash, user_code_hash, client, address, scopes,
                          expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)"""
# A device that asks too soon is told so, and its next turn counts from now.
_POLL = """
UPDATE device_codes d SET polled_at = $3 FROM device_codes before
WHERE d.organization_id = $1 AND d.device_hash = $2
  AND before.organization_id = d.organization_id AND before.device_hash = d.device_hash
RETURNING before.polled_at"""
_NOTE_KEY_USE = """
UPDATE api_keys SET last_used_at = $3 WHERE organization_id = $1 AND key_id = $2"""
_KEY_USE_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """``burst_count`` tries at once, then ``per_h_count`` an hour."""

    burst_count: int
    per_h_count: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """How often one account, and one address, may try."""

    account: Bucket
    address: Bucket


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """What was kept while somebody was at an outside provider."""

    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRequest:
    """What a device is told, once."""

    device_code: str
    user_code: str
    expires_in_s: float
    interval_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceStanding:
    """How a device stands: pending, slow_down, denied, expired or approved (then by whom)."""

    status: str
    member: Membership | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where a login is at home."""

    code: str
    has_password: bool
    member: Membership


class PostgresSecretLookup:
    """Finds who is behind a secret."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, tokens: JoseAccessTokens) -> None:
        self._pool = pool
        self._clock = clock
        self._tokens = tokens

    async def link(self, secret: str) -> Membership | None:
        """Return whose login link this is."""
        return await self._member("SELECT * FROM lookup_login_link($1)", secret_hash(secret))

    async def session(self, secret: str) -> Membership | None:
        """Return whose web session this is; ended and expired ones are unknown."""
        row = await self._pool.fetchrow("SELECT * FROM lookup_web_session($1)", secret_hash(secret))
        if row is None or row["expires_at"] <= self._clock.now():
            return None
        return Membership(
            organization_id=row["organization_id"],
            login=row["login"],
            user_id=row["user_id"],
            home_organization_id=row["home_organization_id"],
            session_id=row["web_session_id"],
            proof=row["proof"],
        )

    async def key(self, secret: str) -> Membership | None:
        """Return whose key this is; revoked and expired ones are unknown. Its use is noted."""
        row = await self._pool.fetchrow("SELECT * FROM lookup_api_key($1)", secret_hash(secret))
        now = self._clock.now()
        if row is None or (row["expires_at"] is not None and row["expires_at"] <= now):
            return None
        used = row["last_used_at"]
        if used is None or now - used >= _KEY_USE_EVERY:
            await self._note_key_use(row["organization_id"], row["key_id"], now)
        return Membership(
            organization_id=row["organization_id"],
            login=row["login"],
            user_id=row["user_id"],
            session_id=row["key_id"],
            scopes=None if row["scopes"] is None else frozenset(row["scopes"]),
        )

    async def access(self, token: str) -> Membership | None:
        """Return whom an access token speaks for, as long as its sign-in lives.

        Raises:
            TokenExpiredError: it is ours and its time is over.
        """
        claims = self._tokens.read(token)
        if claims is None:
            return None
        row = await self._pool.fetchrow("SELECT * FROM lookup_token_family($1)", claims.family_id)
        if row is None or row["expires_at"] <= self._clock.now():
            return None
        if (row["organization_id"], row["user_id"]) != (claims.organization_id, claims.user_id):
            return None
        return Membership(
            organization_id=row["organization_id"],
            login=row["login"],
            user_id=row["user_id"],
            session_id=claims.family_id,
            scopes=None if row["scopes"] is None else frozenset(row["scopes"]),
        )

    async def refresh(self, token: str) -> Membership | None:
        """Return whose refresh token this is, used and expired ones too."""
        return await self._member("SELECT * FROM lookup_refresh_token($1)", secret_hash(token))

    async def password_link(self, token: str) -> Membership | None:
        """Return whose password a link sets."""
        return await self._member("SELECT * FROM lookup_password_link($1)", secret_hash(token))

    async def invitation(self, token: str) -> tuple[Membership, str, str] | None:
        """Return whom an invitation names, and the organization's names in Korean and English."""
        row = await self._pool.fetchrow("SELECT * FROM lookup_invitation($1)", secret_hash(token))
        if row is None:
            return None
        member = Membership(organization_id=row["organization_id"], login=row["login"])
        return member, row["name_ko"], row["name_en"]

    async def homes(self, login: str) -> list[Home]:
        """Return where a login is at home, oldest first."""
        rows = await self._pool.fetch("SELECT * FROM lookup_login($1)", login)
        return [
            Home(
                code=row["code"],
                has_password=row["has_password"],
                member=Membership(
                    organization_id=row["organization_id"],
                    login=row["login"],
                    user_id=row["user_id"],
                ),
            )
            for row in rows
        ]

    async def provider_account(self, issuer: str, subject: str) -> list[Membership]:
        """Return who is linked to a provider's account, oldest first."""
        rows = await self._pool.fetch(
            "SELECT * FROM lookup_provider_account($1, $2)", issuer, subject
        )
        return [Membership(**dict(row)) for row in rows]

    async def membership(self, user_id: str, organization_id: str) -> Membership | None:
        """Return a person's membership in one organization."""
        rows = await self._pool.fetch("SELECT * FROM lookup_memberships($1)", user_id)
        for row in rows:
            if row["organization_id"] == organization_id:
                return Membership(
                    organization_id=organization_id, login=row["login"], user_id=user_id
                )
        return None

    async def _member(self, statement: str, key: bytes) -> Membership | None:
        row = await self._pool.fetchrow(statement, key)
        return Membership(**dict(row)) if row else None

    async def _note_key_use(self, organization_id: str, key_id: str, now: datetime) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_SET_ORGANIZATION, organization_id)
            await connection.execute(_NOTE_KEY_USE, organization_id, key_id, now)


class PostgresDoorstep:
    """Keeps what belongs to nobody yet: counted tries, trips outside, waiting devices."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, buckets: Buckets) -> None:
        self._pool = pool
        self._clock = clock
        self._buckets = buckets

    async def knock_account(self, login: str) -> float:
        """Count a try for an account, known or not; return the seconds to wait, 0 for none."""
        return await self._knock(f"account {login}", self._buckets.account)

    async def knock_address(self, address: str) -> float:
        """Count a try from an address; return the seconds to wait, 0 for none."""
        return await self._knock(f"address {_network(address)}", self._buckets.address)

    async def forgive_account(self, login: str) -> None:
        """Forget an account's tries: somebody has come in."""
        async with self._doorstep() as connection:
            await connection.execute(_FORGIVE, DOORSTEP, secret_hash(f"account {login}"))

    async def _knock(self, who: str, bucket: Bucket) -> float:
        now, subject = self._clock.now(), secret_hash(who)
        each = timedelta(hours=1) / bucket.per_h_count
        room = each * bucket.burst_count
        async with self._doorstep() as connection:
            if await connection.fetchval(_KNOCK, DOORSTEP, subject, now, each, room) is not None:
                return 0.0
            full_at: datetime | None = await connection.fetchval(_FULL_AT, DOORSTEP, subject)
        wait = (full_at or now) + each - room - now
        return max(1.0, math.ceil(wait.total_seconds()))

    async def set_out(self, kind: str, browser: str) -> tuple[str, Trip]:
        """Keep a new trip of a browser; return its state and what must hold at the return."""
        state, trip = new_secret(), Trip(nonce=new_secret(), verifier=new_secret() + new_secret())
        async with self._doorstep() as connection:
            await connection.execute(
                _SET_OUT, DOORSTEP, secret_hash(state), secret_hash(browser), kind, trip.nonce,
                trip.verifier, self._clock.now() + TRIP_LIFETIME,
            )  # fmt: skip
        return state, trip

    async def come_back(self, kind: str, browser: str, state: str) -> Trip | None:
        """Return the browser's trip, once; None when it is not this browser's, or too old."""
        async with self._doorstep() as connection:
            row = await connection.fetchrow(
                _COME_BACK, DOORSTEP, secret_hash(state), secret_hash(browser), kind
            )
        if row is None or row["expires_at"] <= self._clock.now():
            return None
        return Trip(nonce=row["nonce"], verifier=row["verifier"])

    async def ask_for_device(
        self, client: str, address: str, scopes: tuple[str, ...] | None
    ) -> DeviceRequest:
        """Let a device wait for a person."""
        now = self._clock.now()
        device_code, user_code = new_secret(), device_login.new_user_code()
        async with self._doorstep() as connection:
            for statement in _TIDY:
                await connection.execute(statement, DOORSTEP, now)
            await connection.execute(
                _ASK_FOR_DEVICE, DOORSTEP, secret_hash(device_code),
                secret_hash(user_code.replace("-", "")), client, address,
                None if scopes is None else list(scopes), now + device_login.LIFETIME,
            )  # fmt: skip
        return DeviceRequest(
            device_code=device_code,
            user_code=user_code,
            expires_in_s=device_login.LIFETIME.total_seconds(),
            interval_s=device_login.INTERVAL_S,
        )

    async def poll_device(self, device_code: str) -> DeviceStanding:
        """Say how a device stands."""
        now, device = self._clock.now(), secret_hash(device_code)
        row = await self._pool.fetchrow("SELECT * FROM lookup_device($1)", device)
        if row is None or row["expires_at"] <= now or row["taken_at"] is not None:
            return DeviceStanding(status="expired")
        if row["approved"] is not None:
            if not row["approved"]:
                return DeviceStanding(status="denied")
            member = Membership(
                organization_id=row["organization_id"], login=row["login"], user_id=row["user_id"]
            )
            return DeviceStanding(status="approved", member=member)
        async with self._doorstep() as connection:
            before: datetime | None = await connection.fetchval(_POLL, DOORSTEP, device, now)
        # Half a second of grace: the network may hurry.
        soon = timedelta(seconds=device_login.INTERVAL_S - 0.5)
        hurried = before is not None and now - before < soon
        return DeviceStanding(status="slow_down" if hurried else "pending")

    @asynccontextmanager
    async def _doorstep(self) -> AsyncIterator[asyncpg.Connection]:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_SET_ORGANIZATION, DOORSTEP)
            yield cast("asyncpg.Connection", connection)


def _network(address: str) -> str:
    """Return what one subscriber has: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((found, 64), strict=False))
