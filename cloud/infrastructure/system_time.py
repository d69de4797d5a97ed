"""The machine's clock and fresh identifiers."""

from datetime import UTC, datetime

from ulid import ULID


class SystemClock:
    """Tells the machine's time in UTC."""

    def now(self) -> datetime:
        """Return the present moment."""
        return datetime.now(UTC)  # noqa: TID251  the one clock of the cloud


class UlidFactory:
    """Makes ULIDs, ordered by time."""

    def new(self, prefix: str) -> str:
        """Return ``prefix_`` followed by a fresh ULID."""
        return f"{prefix}_{ULID()}"
