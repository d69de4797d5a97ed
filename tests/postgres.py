"""One real PostgreSQL per test run; a fresh database, copied from a template, per test."""

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cloud.infrastructure.embedded.postgres import DatabaseUrls, EmbeddedPostgres
from cloud.infrastructure.postgres.migration import migrate

_NUMBER = itertools.count(1)
TEMPLATE = "kyndof_template"
_ROOM_BYTES = 3 * 2**30


class PostgresForTests:
    """The run's server, held in an event loop of its own thread-free runner."""

    def __init__(self, folder: Path) -> None:
        self._runner = asyncio.Runner()
        self.server = EmbeddedPostgres(folder / "postgres", durable=False, max_connections=200)

    def start(self) -> None:
        self._runner.run(self._start())

    async def _start(self) -> None:
        await self.server.start()
        urls = await self.server.ensure_database(TEMPLATE)
        await migrate(urls.owner)

    def stop(self) -> None:
        self._runner.run(self.server.stop())
        self._runner.close()

    @asynccontextmanager
    async def fresh_database(self) -> AsyncIterator[DatabaseUrls]:
        name = f"test_{os.getpid()}_{next(_NUMBER)}"
        yield await self.server.ensure_database(name, TEMPLATE)
        await self.server.drop_database(name)


def _quickest_folder() -> str | None:
    """Return the machine's memory where there is room: copying a database is ten times quicker."""
    memory = Path("/dev/shm")  # noqa: S108  made by mkdtemp below
    try:
        roomy = shutil.disk_usage(memory).free >= _ROOM_BYTES and os.access(memory, os.W_OK)
    except OSError:
        return None
    return str(memory) if roomy else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresForTests]:
    # Not under pytest's own folder: a second run closes that one to `nobody` again.
    with tempfile.TemporaryDirectory(prefix="kyndof-tests-", dir=_quickest_folder()) as folder:
        server = PostgresForTests(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture
async def database(postgres: PostgresForTests) -> AsyncIterator[DatabaseUrls]:
    """A migrated, empty database of this test's own: ``.app``, ``.owner``, ``.jobs`` are URLs."""
    async with postgres.fresh_database() as urls:
        yield urls
