"""The machine's clock, and identifiers made from it."""

import time
from datetime import datetime

from ulid import ULID

from edge.infrastructure.clock_floor import floored_now


class SystemClock:
    """Tells what the machine's clock says."""

    def now(self) -> datetime:
        """Return the present moment in UTC, never one that cannot be."""
        return floored_now()

    def monotonic_ns(self) -> int:
        """Return nanoseconds since boot; never goes back."""
        return time.monotonic_ns()


class UlidFactory:
    """Makes ULIDs."""

    def new(self, prefix: str) -> str:
        """Return ``prefix_`` followed by a fresh ULID."""
        return f"{prefix}_{ULID()}"

    def event_id(self) -> bytes:
        """Return the 16 bytes of a fresh ULID."""
        return ULID().bytes
