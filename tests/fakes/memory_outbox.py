"""An outbox in memory, for stations that are simulated by the hundred."""

from collections.abc import Sequence

from kyndof_wire.sync.v1.sync_pb2 import Event

from edge.outbox.record import OutboxState, StoredEvent, StreamState, rolling_digest


class MemoryOutbox:
    """Implements what the uplink asks of an outbox; nothing is durable."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.epoch = 0
        self.acked = {"events": 0, "state": 0}
        self.events: dict[str, list[StoredEvent]] = {"events": [], "state": []}

    def make(self, stream: str, events: Sequence[Event]) -> None:
        """Append events."""
        rows = self.events[stream]
        for event in events:
            before = rows[-1].digest if rows else 0
            digest = rolling_digest(before, event.event_id, event.payload)
            body = event.SerializeToString()
            rows.append(StoredEvent(seq=len(rows) + 1, body=body, digest=digest))

    async def state(self) -> OutboxState:
        streams = tuple(
            StreamState(
                stream=name,
                last_seq=len(rows),
                acked_seq=self.acked[name],
                trimmed_seq=0,
                digest=rows[-1].digest if rows else 0,
            )
            for name, rows in self.events.items()
        )
        return OutboxState(outbox_id=self.name, epoch=self.epoch, streams=streams)

    async def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    async def read_after(
        self, stream: str, seq: int, max_events: int, max_bytes: int
    ) -> list[StoredEvent]:
        return self.events[stream][seq : seq + max_events]

    async def digest_at(self, stream: str, seq: int) -> int | None:
        return self.events[stream][seq - 1].digest if seq else 0

    async def acknowledge(self, positions: dict[str, int]) -> None:
        self.acked.update(positions)

    async def note_rejections(self, stream: str, rejected: Sequence[tuple[int, str, str]]) -> None:
        raise AssertionError(f"rejected: {rejected}")

    async def start_over(self, reason: str) -> None:
        raise AssertionError(f"the cloud knows another history: {reason}")
