"""Persons and what proves who they are."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

LOGIN_LINK_LIFETIME = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A member of one organization; ``badge`` is the ULID in the badge's code."""

    user_id: str
    login: str
    name_ko: str
    name_en: str
    badge: str
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Whom a secret proved: a login in an organization."""

    organization_id: str
    login: str


def new_secret() -> str:
    """Return 256 random bits as text; only its hash is ever stored."""
    return secrets.token_urlsafe(32)


def secret_hash(secret: str) -> bytes:
    """Return the SHA-256 by which a random secret is found again.

    A slow hash is for passwords; these secrets carry 256 bits of their own.
    """
    return hashlib.sha256(secret.encode()).digest()
