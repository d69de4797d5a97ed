"""Time and identity, the lowest ports of a station."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        ...

    def monotonic_ns(self) -> int:
        """Return nanoseconds since boot; never goes back."""
        ...


class IdFactory(Protocol):
    """Makes identifiers."""

    def new(self, prefix: str) -> str:
        """Return ``prefix_`` followed by a fresh ULID, 26 capitals and digits."""
        ...

    def event_id(self) -> bytes:
        """Return the 16 bytes of a fresh ULID."""
        ...
