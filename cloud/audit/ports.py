"""What reading the audit chain needs."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

from cloud.audit.chain import AuditRow, ChainPoint


class AuditLog(Protocol):
    """The organization's chain, for reading."""

    async def head(self) -> tuple[int, bytes]:
        """Return the chain's last sequence and hash; (0, empty) before the first row."""
        ...

    def rows(self, after: int = 0) -> AsyncIterator[tuple[AuditRow, bytes]]:
        """Yield every row after the sequence ``after`` with its stored hash, oldest first."""
        ...

    async def seal(self) -> ChainPoint | None:
        """Return the last row that was sealed, to be dropped by policy."""
        ...

    async def add_seal(self, point: ChainPoint, at: datetime) -> None:
        """Note that rows up to ``point`` may be dropped."""
        ...

    async def last_before(self, moment: datetime) -> ChainPoint | None:
        """Return the last row that was recorded before ``moment``."""
        ...

    async def recent(self, *, before: int | None, resource: str, limit: int) -> list[AuditRow]:
        """Return up to ``limit`` rows before the sequence ``before``, newest first."""
        ...


class AuditAnchors(Protocol):
    """Ends of chains, noted where whoever can rewrite the database cannot write."""

    def known(self, organization_id: str) -> Sequence[ChainPoint]:
        """Return every point that was noted."""
        ...

    def note(self, organization_id: str, point: ChainPoint, at: datetime) -> None:
        """Note a point that was found to hold; a number is noted once."""
        ...
