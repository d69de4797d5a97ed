"""End tasks for certain."""

import asyncio
from collections.abc import Iterable

AGAIN_S = 0.5


async def end_tasks(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks until they have ended; what they raise is dropped.

    Once is not enough: up to Python 3.11 `asyncio.wait_for` forgets a cancellation that comes
    together with its result, and libraries use it.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        done, pending = await asyncio.wait(pending, timeout=AGAIN_S)
        for task in done:
            if not task.cancelled():
                task.exception()
