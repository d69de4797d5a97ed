"""Processes that training starts end when it does, however it ends."""

import os
import threading
from multiprocessing import parent_process

_ORPHANED = 1


def end_with_parent() -> None:
    """Let this child end as soon as its parent is gone; it holds nothing that has to be kept.

    A pool's children wait for work for ever, and a parent that was killed cannot tell them.
    """
    parent = parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os._exit(_ORPHANED)

    threading.Thread(target=wait, name="parent", daemon=True).start()
