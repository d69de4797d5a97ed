"""Hears the agent's words that it is alive, as the service manager hears the station's."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Iterator


class AgentWords:
    """A socket of our own that the agent takes for the service manager's."""

    def __init__(self, door: socket.socket) -> None:
        self.address = "@" + door.getsockname()[1:].decode()
        self._door = door
        self._heard = asyncio.Event()

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._door.recv(4096):
                self._heard.set()

    async def silence(self, longest_s: float, first_s: float) -> None:
        """Return once nothing was heard for so long; the first word may take ``first_s``."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._door, self._read)
        patience_s = first_s
        try:
            while True:
                self._heard.clear()
                async with asyncio.timeout(patience_s):
                    await self._heard.wait()
                patience_s = longest_s
        except TimeoutError:
            return
        finally:
            loop.remove_reader(self._door)


@contextlib.contextmanager
def agent_words() -> Iterator[AgentWords]:
    """Open a datagram socket without a place in the file system, which a crash leaves behind."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as door:
        door.bind("\0kyndof-agent-" + secrets.token_hex(8))
        door.setblocking(False)
        yield AgentWords(door)
