"""The life of the agent's process: one per station, ended by its parent or by a signal."""

import asyncio
import contextlib
import fcntl
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from edge.outbox.errors import StationHomeUnusableError, StationTakenError


@contextlib.contextmanager
def sole_process(path: Path) -> Iterator[None]:
    """Hold a station's lock.

    Raises:
        StationTakenError: another process holds it.
        StationHomeUnusableError: nothing can be written beside it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StationHomeUnusableError(
            f"cannot write into {path.parent} ({error.strerror}); set KYNDOF_HOME"
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StationTakenError(f"another process holds {path}") from error
        os.truncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)


class _ParentPipe(asyncio.Protocol):
    """The parent never writes; the end of the pipe is its end, or its wish."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop when the pipe ends."""
        self._stop.set()


@contextlib.asynccontextmanager
async def stop_requested(parent_pipe: int) -> AsyncIterator[asyncio.Event]:
    """Give an event that is set by SIGTERM, SIGINT, or the end of the parent's pipe (-1: none)."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    transport: asyncio.BaseTransport | None = None
    if parent_pipe >= 0:
        pipe = os.fdopen(parent_pipe, "rb", buffering=0)
        transport, _ = await loop.connect_read_pipe(lambda: _ParentPipe(stop), pipe)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        if transport is not None:
            transport.close()
