"""`make demo`: the factory in the foreground, simulated workers beside it, both ended together."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

_GRACE_S = 20


async def run(home: Path) -> int:
    """Start both; return the factory's exit code."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    # The factory ends with us even when we are killed: the pipe's end tells it.
    read_end, write_end = os.pipe()
    factory = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cloud", "up", "--demo", pass_fds=(read_end,),
        env=os.environ | {"KYNDOF_HOME": str(home), "KYNDOF_PARENT_PIPE": str(read_end)},
    )  # fmt: skip
    os.close(read_end)
    with (home / "simulator.log").open("ab") as log:
        workers = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.simulators.floor", "--home", str(home), *sys.argv[1:],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    ends = [asyncio.create_task(factory.wait()), asyncio.create_task(stop.wait())]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for process in (workers, factory):
        await _end(process)
    os.close(write_end)
    for task in ends:
        task.cancel()
    await asyncio.gather(*ends, return_exceptions=True)
    return factory.returncode or 0


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _GRACE_S)
    except TimeoutError:
        process.kill()
        await process.wait()


if __name__ == "__main__":
    folder = Path(os.environ.get("KYNDOF_HOME", ".kyndof")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    raise SystemExit(asyncio.run(run(folder)))
