"""How often somebody may ask: per key or session, and per address for those who prove nothing."""

import hashlib
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from cloud.commands.allowance import Allowance, Budget, RateLimiter

COOKIE = "kyndof_session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Who counts, and how much is allowed."""

    limiter: RateLimiter
    asker: Allowance
    refused: Allowance


def headers_of(budget: Budget) -> list[tuple[bytes, bytes]]:
    """Return the headers that tell the asker what is left."""
    told = {
        b"ratelimit-limit": budget.limit_count,
        b"ratelimit-remaining": budget.remaining_count,
        b"ratelimit-reset": _seconds(budget.reset_s),
    }
    if not budget.is_allowed:
        told[b"retry-after"] = max(1, _seconds(budget.retry_s))
    return [(name, str(value).encode()) for name, value in told.items()]


def _seconds(duration_s: float) -> int:
    return int(-(-duration_s // 1))


def asker_of(connection: HTTPConnection) -> str:
    """Return the name under which a request is counted; a secret only by its hash."""
    headers = connection.headers
    secret = (
        headers.get("x-api-key")
        or headers.get("authorization", "").partition(" ")[2]
        or connection.cookies.get(COOKIE, "")
    )
    if secret:
        return "secret:" + hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()[:32]
    return address_of(connection)


def address_of(connection: HTTPConnection) -> str:
    """Return the name of the address that a request came from."""
    return f"address:{connection.client.host if connection.client else 'unknown'}"
