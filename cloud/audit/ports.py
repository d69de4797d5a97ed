"""What reading the audit chain needs."""

from collections.abc import AsyncIterator
from typing import Protocol

from cloud.audit.chain import AuditRow


class AuditLog(Protocol):
    """The organization's chain, for reading."""

    async def head(self) -> tuple[int, bytes]:
        """Return the chain's last sequence and hash; (0, empty) before the first row."""
        ...

    def rows(self) -> AsyncIterator[tuple[AuditRow, bytes]]:
        """Yield every row with its stored hash, oldest first."""
        ...

    async def recent(self, *, before: int | None, resource: str, limit: int) -> list[AuditRow]:
        """Return up to ``limit`` rows before the sequence ``before``, newest first."""
        ...
