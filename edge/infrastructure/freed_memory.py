"""Memory that networks left behind."""

import contextlib
import ctypes
import gc


def give_back_memory() -> None:
    """Let the machine have what this process has freed; without it a large heap stays large."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
