"""A connection to the floor's broker that ends without noise."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiomqtt


@asynccontextmanager
async def connected(client: aiomqtt.Client) -> AsyncIterator[aiomqtt.Client]:
    """Keep a client connected while the block runs.

    Whoever works in the block hears of a lost connection by its own call. aiomqtt keeps the reason
    a second time, and asyncio would print it as an error that nobody looked at.

    Raises:
        MqttError: the broker is not there, or went.
    """
    try:
        async with client:
            yield client
    finally:
        ended = client._disconnected  # noqa: SLF001 - there is no public way to it
        if ended.done() and not ended.cancelled():
            ended.exception()
