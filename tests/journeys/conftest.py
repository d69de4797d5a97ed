"""Fixtures of the journeys."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journeys.factory import Factory


@pytest.fixture
async def factory(tmp_path: Path) -> AsyncIterator[Factory]:
    """A running factory whose cameras follow what the test puts on the tables."""
    async with Factory.start(tmp_path / "home") as running:
        yield running


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the journeys of one run keep what they have drawn."""
    return tmp_path_factory.mktemp("pictures")
