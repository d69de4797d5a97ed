"""A Redis server of a test's own; missing, it is missing loudly."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

BOUND_S = 30


class RedisForTests:
    """`redis-server` in its own folder, on a port that stays the same when it is started again."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self._process = subprocess.Popen(  # noqa: ASYNC220  it goes on by itself
            [
                redis_server(), "--port", str(self.port), "--bind", "127.0.0.1",
                "--dir", str(self._folder), "--save", "", "--appendonly", "no",
                "--maxmemory-policy", "noeviction",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(BOUND_S):
            while not self._answers():  # noqa: ASYNC110  another process's port
                await asyncio.sleep(0.02)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """Take its life without a warning; what it held is gone."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


def redis_server() -> str:
    """Find the server."""
    found = shutil.which("redis-server", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found:
        return found
    sentence = "redis-server is not installed (apt-get install redis-server)"
    if os.environ.get("KYNDOF_REQUIRE_SERVERS") == "1":
        pytest.fail(sentence)
    pytest.skip(sentence)


@asynccontextmanager
async def running_redis(folder: Path) -> AsyncIterator[RedisForTests]:
    """An empty Redis: ``.url``, ``.kill()``, ``.start()``."""
    folder = folder / "redis"
    folder.mkdir()
    server = RedisForTests(folder)
    await server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[RedisForTests]:
    async with running_redis(tmp_path) as server:
        yield server
