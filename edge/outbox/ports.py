"""What the outbox needs from the world."""

from collections.abc import Sequence
from typing import Protocol

from edge.outbox.record import AppendOutcome, IncomingEvent, MediaDue, OutboxState, StoredEvent


class Outbox(Protocol):
    """Keeps events on this disk until the cloud has them."""

    async def append(self, events: Sequence[IncomingEvent]) -> AppendOutcome:
        """Store events durably, each once.

        Raises:
            OutboxFullError: no room; nothing was stored.
            OutboxDamagedError: the file failed; nothing was stored.
        """
        ...

    async def refuse(self, topic: str, body: bytes, reason: str) -> None:
        """Keep a message that is no event among the refused ones."""
        ...

    async def set_aside(self, stream: str, event: StoredEvent) -> None:
        """Keep what is left of a row that the disk has changed, once, and count it."""
        ...

    async def producers(self) -> dict[str, int]:
        """Return each producer's last stored number."""
        ...

    async def state(self) -> OutboxState:
        """Return whose outbox this is and how far it got."""
        ...

    async def set_epoch(self, epoch: int) -> None:
        """Keep the epoch that the cloud gave this outbox."""
        ...

    async def read_after(
        self, stream: str, seq: int, max_events: int, max_bytes: int
    ) -> list[StoredEvent]:
        """Return the next events of a stream, at least one when there is any."""
        ...

    async def digest_at(self, stream: str, seq: int) -> int | None:
        """Return the rolling digest at a number; ``None`` when that event is gone."""
        ...

    async def acknowledge(self, positions: dict[str, int]) -> None:
        """Note how far the cloud has committed each stream."""
        ...

    async def note_rejections(self, stream: str, rejected: Sequence[tuple[int, str, str]]) -> None:
        """Keep why the cloud could not read some events, as (seq, code, detail)."""
        ...

    async def unsent(self) -> int:
        """Return how many events the cloud has not committed."""
        ...

    async def start_over(self, reason: str) -> None:
        """Become a new outbox: new id, epoch 0, what was not acknowledged numbered from 1."""
        ...

    async def trim(self) -> int:
        """Remove what is acknowledged and old; return how many events went."""
        ...

    async def media_due(self, limit: int) -> list[MediaDue]:
        """Return pictures named by acknowledged events and not yet taken over."""
        ...

    async def media_named(self) -> set[bytes]:
        """Return all pictures, by SHA-256, that events here name and nobody has taken over."""
        ...

    async def media_taken(self, taken: Sequence[bytes]) -> None:
        """Forget pictures, by SHA-256, that the media index has taken over."""
        ...
