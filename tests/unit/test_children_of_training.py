"""No process of a training outlives it."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

PATIENCE_S = 60


@pytest.mark.requirement("DEF")
def test_children_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent(
            """
            import time
            from concurrent.futures import ProcessPoolExecutor
            from multiprocessing import get_context

            from cloud.infrastructure.training.child_of_training import end_with_parent

            if __name__ == "__main__":
                with ProcessPoolExecutor(1, get_context("spawn"), end_with_parent) as pool:
                    pool.submit(time.sleep, 0).result()
                    print("ready", flush=True)
                    pool.submit(time.sleep, 3600).result()
            """
        )
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        children = psutil.Process(parent.pid).children(recursive=True)
        assert children
        os.kill(parent.pid, signal.SIGKILL)
    gone, alive = psutil.wait_procs(children, timeout=PATIENCE_S)
    for child in alive:
        child.kill()
    assert (len(gone), alive) == (len(children), [])
