"""Credentials: secrets of outside services, stored sealed."""

import re
from dataclasses import dataclass

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretPlace:
    """Where a sealed secret belongs; sealed for one place it opens at no other."""

    organization_id: str
    credential_id: str
    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSecret:
    """Ciphertext and the name of the key that opens it."""

    key_id: str
    envelope: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCredential:
    """A credential as it lies in the table."""

    credential_id: str
    name: str
    field: str
    sealed: SealedSecret


def check_names(name: str, field: str) -> None:
    """Refuse names that no credential has.

    Raises:
        ValueError: a name that is empty, too long or has other characters.
    """
    if not _NAME.fullmatch(name):
        raise ValueError("name: small letters, digits, dot, dash, underscore; at most 64")
    if not _FIELD.fullmatch(field):
        raise ValueError("field: small letters, digits, underscore; at most 64")
