"""How much a station may send ahead, and what waits at the cloud's door."""

import asyncio
from dataclasses import replace

import pytest
from kyndof_wire.sync.v1.sync_pb2 import Event, EventBatch

from cloud.interfaces.edge_intake.events_from_wire import record_command
from cloud.interfaces.edge_intake.pacing import Allowance, Inbox, Intake, Pacing
from cloud.interfaces.edge_intake.waiting_work import Work, together
from cloud.stations.commands import EventFault, RecordStationEvents, RecordStationGap

pytestmark = pytest.mark.requirement("SYN")


def work(stream: str, count: int = 1, first_seq: int = 1, came_s: float = 0.0) -> Work:
    message = EventBatch(
        stream=stream,
        first_seq=first_seq,
        prev_digest=first_seq - 1,
        events=[Event(event_id=bytes(16), type="scan_refused")] * count,
    )
    return Work(command=record_command("sta_1", 1, message), came_s=came_s, size_bytes=count)


def chain(*counts: int) -> list[Work]:
    """Batches of which each goes on with the digest of the one before."""
    made: list[Work] = []
    first_seq, digest = 1, 0
    for count in counts:
        one = work("events", count, first_seq)
        events = replace(
            one.command.events, last_digest=one.command.events.rolled(digest.to_bytes(8, "big"))
        )
        command = replace(one.command, prev_digest=digest, events=events)
        made.append(replace(one, command=command))
        first_seq += count
        digest = int.from_bytes(events.last_digest or b"", "big")
    return made


async def waiting(*works: Work) -> Inbox:
    inbox = Inbox(10_000)
    for one in works:
        await inbox.put(one)
    return inbox


async def test_a_station_that_is_served_slowly_gets_less_credit_at_once_and_more_again_slowly() -> (
    None
):
    allowance = Allowance(Intake(Pacing()))
    assert allowance.credit().events == 8000
    allowance.served(500, 1.0)
    assert allowance.credit().events == 1000
    allowance.served(500, 0.01)
    assert 1000 < allowance.credit().events < 8000
    for _ in range(3):
        allowance.served(500, 0.01)
    assert allowance.credit().events == 8000
    allowance.served(1, 60.0)
    credit = allowance.credit()
    assert (credit.events, credit.size_bytes) == (50, 64 * 1024)
    allowance.served(100, 0.1)
    assert 50 < allowance.credit().events < 2000


async def test_one_event_about_the_present_says_little_against_a_cloud_that_writes_thousands() -> (
    None
):
    allowance = Allowance(Intake(Pacing()))
    for _ in range(10):
        allowance.served(1000, 0.05)
        allowance.served(1, 0.02)
    assert allowance.credit().events == 8000


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
    streams = ["events", "events", "state", "state"]
    inbox = await waiting(*(work(name, came_s=at) for at, name in enumerate(streams)))
    await inbox.close()
    came = []
    while await inbox.next() is not None:
        came += [one.came_s for one in await inbox.take(0, 0)]
    assert came == [2, 3, 0, 1]


async def test_batches_that_continue_each_other_are_taken_together_up_to_the_bounds() -> None:
    inbox = await waiting(*chain(3, 4, 5))
    assert [len(one.command.events) for one in await inbox.take(7, 100)] == [3, 4]
    assert [len(one.command.events) for one in await inbox.take(7, 100)] == [5]
    inbox = await waiting(*chain(3, 4, 5))
    assert len(await inbox.take(100, 6)) == 1


async def test_what_does_not_continue_the_batch_before_it_is_committed_by_itself() -> None:
    first, second, third = chain(3, 4, 5)
    gap = RecordStationGap(
        station_id="sta_1", epoch=1, stream="events", first_seq=4, last_seq=4, reason="OPERATOR"
    )
    parted = replace(second, command=replace(second.command, prev_digest=77))
    unknown = replace(second, command=replace(second.command, prev_digest=0))
    for after in (third, parted, unknown, replace(second, command=gap)):
        inbox = await waiting(first, after)
        assert await inbox.take(100, 100) == [first]


async def test_batches_committed_together_are_what_they_were_apart() -> None:
    works = chain(2, 1, 3)
    one = together(works)
    assert isinstance(one, RecordStationEvents)
    events = one.events
    assert (one.first_seq, one.prev_digest, len(events)) == (1, 0, 6)
    assert events.last_digest == events.rolled(bytes(8)) == works[-1].command.events.last_digest
    assert len(events.envelopes) == 1
    assert one.content_sha256 not in {each.command.content_sha256 for each in works}
    events.check()


async def test_an_unreadable_event_keeps_its_place_when_its_batch_is_committed_with_others() -> (
    None
):
    first, second = chain(2, 2)
    fault = EventFault(place=1, code="TYPE_UNKNOWN", detail="", payload=b"x")
    other = replace(second.command.events.envelopes[0], type="strange", readable=False)
    columns = replace(
        second.command.events,
        faults=(fault,),
        envelopes=(other, *second.command.events.envelopes),
        envelope_places=(1, 0),
    )
    events = first.command.events.followed_by([columns])
    assert [one.place for one in events.faults] == [3]
    assert [events.envelopes[place].type for place in events.envelope_places] == [
        "scan_refused", "scan_refused", "scan_refused", "strange",
    ]  # fmt: skip


async def test_where_others_wait_for_a_turn_each_commits_one_batch() -> None:
    intake = Intake(Pacing(turns_count=1))
    assert intake.most_together() == (4000, 1024 * 1024)
    async with intake.turns:
        assert intake.most_together() == (0, 0)


async def test_a_full_inbox_reads_no_further_until_something_is_taken_out() -> None:
    inbox = Inbox(5)
    await inbox.put(work("events", 5))
    second = asyncio.create_task(inbox.put(work("events", 1)))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not second.done()
    await inbox.take(0, 0)
    await second
