"""What credentials need of the outside."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

from cloud.commands.secret import Secret
from cloud.credentials.credential import SealedSecret, SecretPlace, StoredCredential
from cloud.credentials.queries import CredentialView


class Sealer(Protocol):
    """Seals and opens secrets with the keys that are set."""

    def current_key(self) -> str:
        """Return the name of the key that seals; raises CredentialKeysMissingError."""
        ...

    def seal(self, place: SecretPlace, secret: Secret) -> SealedSecret:
        """Seal with the current key; raises CredentialKeysMissingError."""
        ...

    def open(self, place: SecretPlace, sealed: SealedSecret) -> Secret:
        """Open; raises CredentialKeyUnknownError or CredentialDamagedError."""
        ...


class SealedRows(Protocol):
    """One table of the organization's sealed secrets, as a change of keys sees it."""

    @property
    def organization_id(self) -> str:
        """Return whose they are."""
        ...

    def every(self) -> AsyncIterator[StoredCredential]:
        """Yield all, sealed."""
        ...

    async def sealed_by_others(self, key_id: str, limit: int) -> Sequence[StoredCredential]:
        """Return some that another key sealed, for a change; skips those that somebody changes."""
        ...

    async def count_sealed_by_others(self, key_id: str) -> int:
        """Return how many another key has sealed."""
        ...

    async def reseal(self, credentials: Sequence[StoredCredential]) -> None:
        """Write the sealed secrets of ``credentials``, nothing else of them."""
        ...


class SealedElsewhere(Protocol):
    """The tables in which other features keep sealed secrets of their own."""

    @property
    def tables(self) -> Sequence[SealedRows]:
        """Return them; each names its rows as credentials, by identifier and field."""
        ...


class CredentialStore(SealedRows, Protocol):
    """The organization's credentials."""

    async def add(self, credential: StoredCredential, by: str, at: datetime) -> bool:
        """Store a new one; False when its name and field are taken."""
        ...

    async def replace(self, credential: StoredCredential, by: str, at: datetime) -> None:
        """Put another sealed secret in its place."""
        ...

    async def remove(self, credential_id: str) -> None:
        """Remove the row."""
        ...

    async def find(self, credential_id: str) -> StoredCredential | None:
        """Return one for a change; nobody else changes it until the commit."""
        ...

    async def named(self, name: str, field: str) -> StoredCredential | None:
        """Return the one with this name and field."""
        ...

    async def views(self) -> tuple[CredentialView, ...]:
        """Return all without what they hold, by name and field."""
        ...


class CredentialVault(Protocol):
    """Gives secrets to the part of the program that speaks to the outside service."""

    async def reveal(self, name: str, field: str) -> Secret:
        """Return one; raises CredentialUnknownError or whatever opening raises."""
        ...
