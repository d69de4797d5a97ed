"""A child stops when its parent is gone: the pipe's end says so, even after a kill -9."""

import asyncio
import os
import signal


async def stop_requested(parent_pipe: int) -> None:
    """Return at SIGTERM, at SIGINT, or when the pipe of the parent ends.

    ``parent_pipe`` is a file descriptor; -1 means that there is no parent to outlive.
    """
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if parent_pipe >= 0:
        os.set_blocking(parent_pipe, False)

        def readable() -> None:
            if not os.read(parent_pipe, 1):
                loop.remove_reader(parent_pipe)
                stop.set()

        loop.add_reader(parent_pipe, readable)
    await stop.wait()
