"""What organizations need of the outside."""

from datetime import datetime
from typing import Protocol

from cloud.organizations.person import Person
from cloud.organizations.queries import Me, PersonView


class PersonStore(Protocol):
    """Persons of the transaction's organization."""

    async def add(self, person: Person) -> bool:
        """Store a new person; False when the login is taken."""
        ...

    async def by_login(self, login: str) -> Person | None:
        """Return the active person with this login."""
        ...

    async def list_active(self) -> tuple[PersonView, ...]:
        """Return every active person, by login."""
        ...

    async def me(self, login: str) -> Me | None:
        """Return the person with the organization's names."""
        ...


class SecretStore(Protocol):
    """Hashes of links, sessions and keys of the transaction's organization."""

    async def add_login_link(self, token_hash: bytes, login: str, expires_at: datetime) -> None:
        """Store a link's hash."""
        ...

    async def use_login_link(self, token_hash: bytes, now: datetime) -> str | None:
        """Mark the link used and return its login; None when used or expired."""
        ...

    async def open_session(
        self, session_hash: bytes, login: str, now: datetime, expires_at: datetime
    ) -> None:
        """Store a web session."""
        ...

    async def end_session(self, session_hash: bytes, now: datetime) -> None:
        """End a web session."""
        ...

    async def add_api_key(
        self, key_id: str, key_hash: bytes, name: str, login: str, now: datetime
    ) -> None:
        """Store a key's hash."""
        ...

    async def revoke_api_key(self, key_id: str, now: datetime) -> bool:
        """End a key; False when there is none."""
        ...
