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
