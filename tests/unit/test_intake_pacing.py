"""How much a station may send ahead, and what waits at the cloud's door."""

import asyncio

import pytest
from kyndof_wire.sync.v1.sync_pb2 import Event, EventBatch

from cloud.interfaces.edge_intake.pacing import Allowance, Inbox, Intake, Pacing

pytestmark = pytest.mark.requirement("SYN")


def batch(stream: str, count: int = 1) -> EventBatch:
    return EventBatch(stream=stream, first_seq=1, events=[Event()] * count)


async def test_a_station_that_is_served_slowly_gets_less_credit_at_once_and_more_again_slowly() -> (
    None
):
    allowance = Allowance(Intake(Pacing()))
    assert allowance.credit().events == 8000
    allowance.served(500, 1.0)
    assert allowance.credit().events == 1000
    allowance.served(500, 0.01)
    assert allowance.credit().events == 8000
    allowance.served(1, 60.0)
    credit = allowance.credit()
    assert (credit.events, credit.size_bytes) == (50, 64 * 1024)
    allowance.served(100, 0.1)
    assert 50 < allowance.credit().events < 2000


async def test_a_batch_that_gets_nowhere_lowers_the_credit_before_its_acknowledgement() -> None:
    allowance = Allowance(Intake(Pacing()))
    assert not allowance.stuck(1000, 1.0)
    assert allowance.stuck(1000, 4.0)
    assert allowance.credit().events == 500


async def test_all_stations_share_the_bytes_that_may_wait() -> None:
    intake = Intake(Pacing())
    intake.stations_count = 64
    assert Allowance(intake).credit().size_bytes == 1024 * 1024


async def test_the_present_goes_before_the_history_and_both_keep_their_order() -> None:
    inbox = Inbox(100)
    frames = [batch("events"), batch("events", 2), batch("state"), batch("state", 2)]
    for number, frame in enumerate(frames):
        await inbox.put(frame, number)
    await inbox.close()
    came = []
    while (got := await inbox.get()) is not None:
        came.append(got[1])
    assert came == [2, 3, 0, 1]


async def test_a_full_inbox_reads_no_further_until_something_is_taken_out() -> None:
    inbox = Inbox(5)
    await inbox.put(batch("events", 5), 0)
    second = asyncio.create_task(inbox.put(batch("events", 1), 1))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not second.done()
    await inbox.get()
    await second
