"""What the agent says of itself reaches the station."""

import asyncio
from pathlib import Path

import pytest

from edge.infrastructure.link_report import LinkReporter, LinkStatus
from edge.infrastructure.sqlite_outbox import OutboxBounds, SqliteOutbox
from edge.infrastructure.sqlite_outbox_schema import migrate_outbox
from edge.infrastructure.sqlite_outbox_thread import OutboxThread
from edge.infrastructure.station_files import StationFiles
from edge.infrastructure.system_time import SystemClock, UlidFactory
from tests.fakes.floor import until

CLOCK = SystemClock()
MORE_THAN_ANY_DISK_BYTES = 1 << 60


@pytest.mark.requirement("BUF")
@pytest.mark.parametrize(
    ("ballast_bytes", "low"), [(0, False), (4096, False), (MORE_THAN_ANY_DISK_BYTES, True)]
)
async def test_the_outboxs_spent_reserve_is_told_to_the_station(
    tmp_path: Path, ballast_bytes: int, low: bool
) -> None:
    bounds = OutboxBounds(max_bytes=1 << 20, ballast_bytes=ballast_bytes, retention_ms=1)
    outbox = OutboxThread(
        lambda: SqliteOutbox(tmp_path / "outbox.db", bounds, CLOCK, UlidFactory(), migrate_outbox)
    )
    await outbox.open()
    status = LinkStatus()
    status.welcomed()
    reporter = LinkReporter(tmp_path / "link.json", status, outbox, lambda: "", CLOCK)
    reporting = asyncio.create_task(reporter.run())
    try:
        await until((tmp_path / "link.json").exists, 30)
        told = StationFiles(tmp_path, CLOCK).cloud_link()
        assert (told.cloud, told.unsent_count, told.disk_low) == (True, 0, low)
    finally:
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)
        await outbox.close()
    assert StationFiles(tmp_path, CLOCK).cloud_link().disk_low is low
