"""Fixtures of the journeys."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from tests.journeys.factory import CHECKOUT, Factory

_CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
_QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
_BUILT = CHECKOUT / "cloud" / "dashboard" / "dist" / "index.html"


@pytest.fixture
async def factory(tmp_path: Path) -> AsyncIterator[Factory]:
    """A running factory whose cameras follow what the test puts on the tables."""
    async with Factory.start(tmp_path / "home") as running:
        yield running


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the journeys of one run keep what they have drawn."""
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A Chromium of the system; without one the journey is skipped, in CI it fails."""
    missing = []
    if not os.access(_CHROMIUM, os.X_OK):
        missing.append("chromium is not installed: apt-get install chromium")
    if not _BUILT.exists():
        missing.append("the dashboard is not built: make install")
    if missing and os.environ.get("KYNDOF_REQUIRE_SERVERS") == "1":
        pytest.fail("; ".join(missing))
    if missing:
        pytest.skip("; ".join(missing))
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=_CHROMIUM, args=_QUIET)
        yield chromium
        await chromium.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that no other run closes to PostgreSQL's user, as pytest does with its own."""
    with tempfile.TemporaryDirectory(prefix="kyndof-", ignore_cleanup_errors=True) as name:
        yield Path(name)
