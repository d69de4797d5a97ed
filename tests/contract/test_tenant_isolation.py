"""Organizations mixed through one pool see their own rows and nobody else's."""

import pytest

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from tests.benchmarks.tenant_isolation import fill, mix


@pytest.mark.requirement("DBS")
async def test_mixed_queries_through_small_and_large_pools_leak_no_row(
    database: DatabaseUrls,
) -> None:
    await fill(database.owner)
    count = await mix(database.app, 2_000, sizes=(1, 4, 20))
    assert count.queries >= 2_000
    assert count.rows > 20_000
    assert (count.leaks, count.missed) == (0, 0)
    assert count.nobody > 50
    assert count.cancelled > 0
