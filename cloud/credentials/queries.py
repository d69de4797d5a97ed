"""What can be asked of credentials; no answer holds a secret."""

from dataclasses import dataclass
from datetime import datetime

from cloud.commands.command import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCredentials(Query):
    """Which secrets are kept, by name; never the secrets."""

    restricted = True
    domain = "credentials"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckCredentials(Query):
    """Whether every secret opens with the keys that are set."""

    restricted = True
    domain = "credentials"


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialView:
    """One credential without its secret; ``key_id`` names the key that sealed it."""

    credential_id: str
    name: str
    field: str
    key_id: str
    stored_by: str
    stored_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsReport:
    """How many secrets open, and which do not: identifier and code."""

    opened_count: int
    closed: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reencrypted:
    """What one batch did: ``key_id`` is the current key."""

    key_id: str
    done_count: int
    remaining_count: int
