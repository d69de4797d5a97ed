"""What can be done with credentials."""

from dataclasses import dataclass

from cloud.commands.command import Command
from cloud.commands.secret import Secret
from cloud.credentials.credential import check_names

LARGEST_BATCH_COUNT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCredential(Command):
    """Keep a secret of the outside service ``name``, such as its ``api_key``."""

    domain = "credentials"

    name: str
    field: str
    secret: Secret

    def check(self) -> None:
        """Refuse names that no credential has."""
        check_names(self.name, self.field)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceCredential(Command):
    """Put another secret in the place of the one that is kept."""

    domain = "credentials"

    credential_id: str
    secret: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveCredential(Command):
    """Forget a secret."""

    domain = "credentials"

    credential_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReencryptCredentials(Command):
    """Seal up to ``limit`` secrets anew that another key than the current one has sealed."""

    domain = "credentials"

    limit: int = 500

    def check(self) -> None:
        """Refuse a batch that would hold its rows for long."""
        if not 0 < self.limit <= LARGEST_BATCH_COUNT:
            raise ValueError(f"limit: 1 to {LARGEST_BATCH_COUNT}")
