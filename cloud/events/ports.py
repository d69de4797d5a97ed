"""Time and identity, the lowest ports of the cloud, and the outbox's reading side."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

from cloud.events.event import RecordedEvent


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        ...


class IdFactory(Protocol):
    """Makes identifiers."""

    def new(self, prefix: str) -> str:
        """Return ``prefix_`` followed by a fresh ULID, 26 capitals and digits."""
        ...


class LiveEvents(Protocol):
    """The events of one organization as they come."""

    def follow(self, organization_id: str, after: int | None) -> AsyncIterator[RecordedEvent]:
        """Yield every event after ``after``, replayed from the store first, then live.

        ``None`` starts with the next event to come.
        """
        ...
