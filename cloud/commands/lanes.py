"""Commands that touch one thing wait for each other before they take a connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Lanes:
    """First come, first served, within this process.

    A crowd at one row would else hold every connection of the pool while it waits for the row's
    lock, and would pass it in no order.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], tuple[asyncio.Lock, list[int]]] = {}

    @asynccontextmanager
    async def turn(self, organization_id: str, lane: str) -> AsyncIterator[None]:
        """Wait for this lane's turn and hold it."""
        key = (organization_id, lane)
        lock, waiting = self._open.setdefault(key, (asyncio.Lock(), [0]))
        waiting[0] += 1
        try:
            async with lock:
                yield
        finally:
            waiting[0] -= 1
            if not waiting[0]:
                del self._open[key]
