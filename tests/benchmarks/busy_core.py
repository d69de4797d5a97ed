"""One core kept busy by another process, as long as this one lives."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# It looks for its parent ten times a second or more, so that a killed benchmark leaves nothing.
_SPIN = """
import os, sys
parent, core = map(int, sys.argv[1:])
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {core})
print("busy", flush=True)
while os.getppid() == parent:
    sum(range(100_000))
"""


def cores() -> list[int]:
    """Return the numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@contextmanager
def busy_core(core: int) -> Iterator[int]:
    """Keep ``core`` busy from the first line of the block to its last; gives the process' id."""
    command = [sys.executable, "-c", _SPIN, str(os.getpid()), str(core)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline(), "the busy process did not start"
            yield child.pid
        finally:
            child.kill()
