"""The outbox for asyncio: one thread of its own, which also mends what it can."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from edge.infrastructure.sqlite_outbox import SqliteOutbox
from edge.outbox.errors import OutboxDamagedError, OutboxFullError
from edge.outbox.record import AppendOutcome, IncomingEvent, MediaDue, OutboxState, StoredEvent

LOG = logging.getLogger("kyndof.outbox")
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class OutboxThread:
    """Runs every act on the outbox in the one thread that owns its file."""

    def __init__(self, make: Callable[[], SqliteOutbox]) -> None:
        self._make = make
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outbox")
        self._file: SqliteOutbox | None = None

    async def open(self) -> None:
        """Open the file.

        Raises:
            OutboxDamagedError: not even a fresh file can be written.
        """
        self._file = await asyncio.get_running_loop().run_in_executor(self._executor, self._make)
        if self._file.quarantined is not None:
            LOG.error(
                "outbox was damaged and moved aside",
                extra={
                    "alarm": "OUTBOX_QUARANTINED",
                    "folder": str(self._file.quarantined),
                    "salvaged": self._file.salvaged_count,
                },
            )

    async def close(self) -> None:
        """Close the file and end the thread."""
        if self._file is not None:
            await self._run(self._file.close)
        self._executor.shutdown(wait=False)

    async def keep_for(self, retention_ms: int) -> None:
        """Keep acknowledged events so long from now on."""
        await self._run(lambda: self._outbox.keep_for(retention_ms))

    @property
    def _outbox(self) -> SqliteOutbox:
        if self._file is None:
            raise OutboxDamagedError("the outbox is not open")
        return self._file

    async def _run(
        self,
        act: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: act(*args, **kwargs))

    def _mending(
        self,
        act: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """Write; when the disk is full or the file failed, mend and try once more."""
        try:
            return act(*args, **kwargs)
        except OutboxFullError:
            self._outbox.make_room()
        except OutboxDamagedError:
            LOG.exception("outbox failed", extra={"alarm": "OUTBOX_DAMAGED"})
            self._outbox.reopen()
        return act(*args, **kwargs)

    async def append(self, events: Sequence[IncomingEvent]) -> AppendOutcome:
        """Store events durably, each once."""
        return await self._run(self._mending, self._outbox.append, events)

    async def refuse(self, topic: str, body: bytes, reason: str) -> None:
        """Keep a message that is no event among the refused ones."""
        await self._run(self._mending, self._outbox.refuse, topic, body, reason)

    async def set_aside(self, stream: str, event: StoredEvent) -> None:
        """Keep what is left of a row that the disk has changed, and count it."""
        await self._run(self._mending, self._outbox.set_aside, stream, event)

    async def producers(self) -> dict[str, int]:
        """Return each producer's last stored number."""
        return await self._run(self._outbox.producers)

    async def state(self) -> OutboxState:
        """Return whose outbox this is and how far it got."""
        return await self._run(self._outbox.state)

    async def set_epoch(self, epoch: int) -> None:
        """Keep the epoch that the cloud gave this outbox."""
        await self._run(self._mending, self._outbox.set_epoch, epoch)

    async def read_after(
        self, stream: str, seq: int, max_events: int, max_bytes: int
    ) -> list[StoredEvent]:
        """Return the next events of a stream, at least one when there is any."""
        return await self._run(self._outbox.read_after, stream, seq, max_events, max_bytes)

    async def digest_at(self, stream: str, seq: int) -> int | None:
        """Return the rolling digest at a number; ``None`` when that event is gone."""
        return await self._run(self._outbox.digest_at, stream, seq)

    async def acknowledge(self, positions: dict[str, int]) -> None:
        """Note how far the cloud has committed each stream."""
        await self._run(self._mending, self._outbox.acknowledge, positions)

    async def note_rejections(self, stream: str, rejected: Sequence[tuple[int, str, str]]) -> None:
        """Keep why the cloud could not read some events."""
        await self._run(self._mending, self._outbox.note_rejections, stream, rejected)

    async def unsent(self) -> int:
        """Return how many events the cloud has not committed."""
        return await self._run(self._outbox.unsent)

    async def has_reserve(self) -> bool:
        """Say whether the outbox's ballast is there; take it back where there is room."""
        return await self._run(self._outbox.has_reserve)

    async def start_over(self, reason: str) -> None:
        """Become a new outbox."""
        await self._run(self._mending, self._outbox.start_over, reason)

    async def trim(self) -> int:
        """Remove what is acknowledged and old."""
        return await self._run(self._mending, self._outbox.trim)

    async def media_due(self, limit: int) -> list[MediaDue]:
        """Return pictures of acknowledged events not yet taken over."""
        return await self._run(self._outbox.media_due, limit)

    async def media_named(self) -> set[bytes]:
        """Return all pictures that events name and the media index has not taken over."""
        return await self._run(self._outbox.media_named)

    async def media_taken(self, taken: Sequence[bytes]) -> None:
        """Forget pictures that the media index has taken over."""
        await self._run(self._mending, self._outbox.media_taken, taken)
