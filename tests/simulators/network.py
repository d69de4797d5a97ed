"""A bad network on loopback: a TCP proxy that cuts, swallows, delays and throttles.

``async with NetworkProxy("127.0.0.1", port) as network`` listens on ``network.port``.
"""

import asyncio
import contextlib
import random
from dataclasses import dataclass, field

_CHUNK_BYTES = 64 * 1024


@dataclass
class NetworkFaults:
    """What is wrong with the line at this moment; changed while it is in use.

    ``swallow`` takes bytes and delivers none, and nobody is told: a half-open link.
    ``refuse`` lets nobody connect. ``rate_bytes_per_s`` 0 means as fast as it goes.
    """

    swallow: bool = False
    refuse: bool = False
    delay_s: float = 0.0
    jitter_s: float = 0.0
    rate_bytes_per_s: int = 0


@dataclass(eq=False)
class _Pair:
    tasks: list[asyncio.Task] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)


class NetworkProxy:
    """Stands between a client and a server on this machine."""

    def __init__(self, host: str, port: int, seed: int = 1) -> None:
        self.faults = NetworkFaults()
        self.connects = 0
        self.carried_bytes = 0
        self.swallowed_bytes = 0
        self._to = (host, port)
        self._chance = random.Random(seed)  # noqa: S311
        self._pairs: set[_Pair] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Return the port to connect to instead of the server's."""
        return self._server.sockets[0].getsockname()[1]

    @property
    def open_count(self) -> int:
        """Return how many connections are open."""
        return len(self._pairs)

    async def __aenter__(self) -> "NetworkProxy":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """End every connection at once, both sides by a reset."""
        tasks = [task for pair in self._pairs for task in pair.tasks]
        for pair in list(self._pairs):
            self._end(pair)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connects += 1
        if self.faults.refuse:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._to)
        except OSError:
            writer.transport.abort()
            return
        pair = _Pair(writers=[writer, far_writer])
        pair.tasks = [
            asyncio.create_task(self._carry(reader, far_writer)),
            asyncio.create_task(self._carry(far_reader, writer)),
        ]
        self._pairs.add(pair)
        try:
            await asyncio.wait(pair.tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._end(pair)

    def _end(self, pair: _Pair) -> None:
        self._pairs.discard(pair)
        for task in pair.tasks:
            task.cancel()
        for writer in pair.writers:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one direction; what is on its way when the line is swallowed is lost with it."""
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(_CHUNK_BYTES):
                faults = self.faults
                if faults.delay_s or faults.jitter_s:
                    await asyncio.sleep(faults.delay_s + self._chance.uniform(0, faults.jitter_s))
                if faults.rate_bytes_per_s:
                    await asyncio.sleep(len(data) / faults.rate_bytes_per_s)
                if self.faults.swallow:
                    self.swallowed_bytes += len(data)
                    await self._never(reader)
                    return
                self.carried_bytes += len(data)
                writer.write(data)
                await writer.drain()

    async def _never(self, reader: asyncio.StreamReader) -> None:
        """A stream that lost bytes can never be whole again: swallow the rest of it too."""
        while data := await reader.read(_CHUNK_BYTES):
            self.swallowed_bytes += len(data)
        # Its end is not told either, until somebody cuts the line.
        await asyncio.Event().wait()
