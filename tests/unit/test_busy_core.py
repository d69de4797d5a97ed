"""A benchmark's own load: one core kept busy, and nothing left of it."""

import subprocess
import sys

import psutil
import pytest

from tests.benchmarks.busy_core import busy_core, cores

PARENT = """
import time
from tests.benchmarks.busy_core import busy_core, cores
with busy_core(cores()[0]) as child:
    print(child, flush=True)
    time.sleep(600)
"""
LONGEST_S = 60


def gone(child: psutil.Process) -> bool:
    try:
        child.wait(LONGEST_S)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        child.kill()
        return False
    return True


@pytest.mark.requirement("CAP")
def test_the_busy_process_ends_with_its_block():
    with busy_core(cores()[0]) as number:
        child = psutil.Process(number)
        assert child.is_running()
    assert gone(child)


@pytest.mark.requirement("CAP")
def test_the_busy_process_ends_when_its_benchmark_is_killed():
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as benchmark:
        child = psutil.Process(int(benchmark.stdout.readline()))
        benchmark.kill()
    assert gone(child)
