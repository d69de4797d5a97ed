"""What sessions need of the outside."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cloud.sessions.queries import (
    Appended,
    EntryView,
    InterfaceStatistics,
    RestoredSession,
    SessionView,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """What is appended; its sequence is given by the store."""

    role: str
    author: str
    interface: str
    text: str
    at: datetime


class SessionStore(Protocol):
    """Sessions of the transaction's organization."""

    async def add(self, session: SessionView) -> None:
        """Store a new session."""
        ...

    async def find(self, session_id: str) -> SessionView | None:
        """Return the session."""
        ...

    async def append(self, session_id: str, entry: NewEntry) -> Appended | None:
        """Append with the next sequence; None when the session has ended."""
        ...

    async def switch(
        self, session_id: str, interface: str, metadata: Mapping[str, str], at: datetime
    ) -> SessionView | None:
        """Set the interface and merge the metadata; None when the session has ended."""
        ...

    async def close(self, session_id: str, at: datetime) -> SessionView | None:
        """End the session; None when it has ended before."""
        ...

    async def newest(self, session_id: str, limit: int) -> tuple[EntryView, ...]:
        """Return the last ``limit`` entries, in order."""
        ...

    async def after(self, session_id: str, after: int, limit: int) -> tuple[EntryView, ...]:
        """Return up to ``limit`` entries after ``after``, in order."""
        ...

    async def of_owner(
        self, owner: str, before: str, limit: int, *, active_only: bool
    ) -> tuple[SessionView, ...]:
        """Return sessions of ``owner``, newest first."""
        ...

    async def statistics(self) -> tuple[InterfaceStatistics, ...]:
        """Return counts and lengths by the interface where sessions began."""
        ...


class HotSessions(Protocol):
    """Copies of sessions in use, quick to read, true when they are there, lost at any time.

    A copy older than a version that was heard of is never given out and never taken in.
    """

    async def get(self, organization_id: str, session_id: str) -> RestoredSession | None:
        """Return the copy; None when there is none or it may be old."""
        ...

    async def put(self, organization_id: str, copy: RestoredSession) -> None:
        """Keep a copy, unless something newer was heard of."""
        ...

    async def appended(self, organization_id: str, appended: Appended) -> None:
        """Bring a copy of the version before up to date; forget any other."""
        ...

    async def outdated(self, organization_id: str, session_id: str, version: int) -> None:
        """Hear that ``version`` is committed.

        Raises:
            HotTierAwayError: it could not be noted and must be told again.
        """
        ...


class ActivePersons(Protocol):
    """Who is active in an organization, without a transaction."""

    async def is_active(self, organization_id: str, login: str) -> bool:
        """Say whether this person is an active member."""
        ...
