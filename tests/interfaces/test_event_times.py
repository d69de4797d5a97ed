"""The cloud dates what happens at stations by its own clock, whatever theirs say."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kyndof_wire.floor.v1 import floor_pb2
from kyndof_wire.sync.v1 import sync_pb2

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.interfaces.edge_intake.projector import Pace, Projector
from cloud.production.queries import FindPiece, PieceView, WorkOrderCreation
from cloud.stations.boot_clock import (
    ROUND_TRIP,
    SLOT_NS,
    TIME_SERVER,
    ClockEstimate,
    event_time,
)
from cloud.stations.queries import DisputeView, ListDisputes, StationKey, StationView
from tests.fakes.core import DEMO, OTHER, context_of
from tests.fakes.intake import IntakeWorld, Talk, badge_event, floor_event, intake_over
from tests.fakes.production import wish

pytestmark = [pytest.mark.requirement("SYN"), pytest.mark.timeout(60)]
BOOT = b"m" * 16
HOUR_NS, SECOND_NS = 3_600 * 10**9, 10**9
LEAD = context_of("lead@demo.example")
TIMES = (
    "SELECT event_time, event_time_err_ms, event_time_known_by, occurred_at, received_at"
    " FROM station_event_times WHERE stream = 'events' ORDER BY epoch, seq"
)


@pytest.fixture
async def world(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[IntakeWorld]:
    async with intake_over(database, tmp_path) as opened:
        yield opened


def report(mono_ns: int, boot_id: bytes = BOOT, **more: object) -> sync_pb2.ClockReport:
    return sync_pb2.ClockReport(boot_id=boot_id, mono_ns=mono_ns, **more)


async def answer(talk: Talk, mono_ns: int, number: int = 0, boot_id: bytes = BOOT) -> None:
    """Send a heartbeat that answers at once what the cloud said under this number."""
    echo = sync_pb2.ClockEcho(number=number, heard_mono_ns=mono_ns)
    await talk.send(heartbeat=sync_pb2.Heartbeat(clock=report(mono_ns, boot_id), echo=echo))


def made_at(mono_ns: int, said: datetime, boot_id: bytes = BOOT) -> sync_pb2.Event:
    event = badge_event()
    event.mono_ns, event.boot_id = mono_ns, boot_id
    event.occurred_at.FromDatetime(said)
    return event


async def stand(world: IntakeWorld) -> Sequence[tuple[object, ...]]:
    rows = await world.rows("SELECT boot_id, slot, known_by FROM station_clocks ORDER BY 1, 2")
    return [tuple(row) for row in rows]


async def test_an_event_of_1970_is_dated_by_what_the_monotonic_clock_counted(
    world: IntakeWorld,
) -> None:
    _, device = await world.enrolled()
    now = world.core.clock.now()
    async with world.talk(device) as talk:
        await talk.hello()
        await answer(talk, HOUR_NS)
        wall_1970 = datetime(1970, 1, 1, 0, 30, tzinfo=UTC)
        await talk.batch(1, [made_at(HOUR_NS - 600 * SECOND_NS, wall_1970)])
    (row,) = await world.rows(TIMES)
    assert row["occurred_at"] == wall_1970
    error = timedelta(milliseconds=row["event_time_err_ms"])
    assert abs(row["event_time"] - (now - timedelta(minutes=10))) <= error
    assert row["event_time_known_by"] == ROUND_TRIP


async def test_what_came_before_anything_was_known_is_dated_when_it_is(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    said = datetime(2031, 1, 1, tzinfo=UTC)
    async with world.talk(device) as talk:
        await talk.hello()
        await talk.batch(1, [made_at(HOUR_NS, said)])
        (before,) = await world.rows(TIMES)
        assert (before["event_time"], before["event_time_err_ms"]) == (said, None)
        await answer(talk, 2 * HOUR_NS)
        await talk.batch(2, [made_at(2 * HOUR_NS, said)])
    first, second = await world.rows(TIMES)
    assert second["event_time"] - first["event_time"] == timedelta(hours=1)
    # An hour at 500 millionths, and what the round trip took.
    assert first["event_time_err_ms"] - second["event_time_err_ms"] in {1799, 1800, 1801}


async def test_another_boot_of_the_same_station_is_not_dated_by_this_one(
    world: IntakeWorld,
) -> None:
    _, device = await world.enrolled()
    said = datetime(2026, 5, 4, 9, tzinfo=UTC)
    async with world.talk(device) as talk:
        await talk.hello()
        await answer(talk, HOUR_NS)
        await talk.batch(1, [made_at(HOUR_NS, said, b"o" * 16), made_at(-5, said)])
    # A reading before the boot is none; neither stops the log from being read.
    for row in await world.rows(TIMES):
        assert (row["event_time"], row["event_time_err_ms"]) == (said, None)


async def test_answers_to_what_was_never_said_tell_nothing(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    async with world.talk(device) as talk:
        await talk.hello()
        await answer(talk, HOUR_NS, number=10**6)
        await answer(talk, -1)
        await answer(talk, HOUR_NS, boot_id=b"")
        # An older station says nothing of all this.
        await talk.send(heartbeat=sync_pb2.Heartbeat(clock=sync_pb2.ClockReport(mono_ns=7)))
        await talk.batch(1, [badge_event(1)])
    assert await stand(world) == []


async def test_an_earlier_boot_is_dated_by_its_time_server_until_the_cloud_has_measured_it(
    world: IntakeWorld,
) -> None:
    _, device = await world.enrolled()
    fixed = datetime(2026, 5, 3, 12, tzinfo=UTC)
    known = report(2 * HOUR_NS, ntp_synced=True, est_error_ms=40)
    known.wall.FromDatetime(fixed)
    vague = report(HOUR_NS, b"v" * 16, ntp_synced=False, est_error_ms=40)
    vague.wall.FromDatetime(fixed)
    hello = sync_pb2.Hello(
        outbox_id="outbox-1", protocol=1, clock=report(5, b"n" * 16), past_clocks=[known, vague]
    )
    async with world.talk(device) as talk:
        await talk.send(hello=hello)
        await talk.hear()
        await talk.batch(1, [made_at(HOUR_NS, datetime(1970, 1, 2, tzinfo=UTC))])
        (row,) = await world.rows(TIMES)
        assert (row["event_time"], row["event_time_known_by"]) == (
            fixed - timedelta(hours=1), TIME_SERVER,
        )  # fmt: skip
        assert row["event_time_err_ms"] == 40 + 1800
        assert await stand(world) == [(BOOT, 2, TIME_SERVER)]
        await answer(talk, 5 * HOUR_NS)
        await talk.batch(2, [badge_event(2)])
    assert await stand(world) == [(BOOT, 5, ROUND_TRIP)]
    async with world.talk(device) as talk:
        # The station still says so; the cloud knows better by now.
        await talk.send(hello=hello)
        await talk.hear()
        await talk.batch(3, [badge_event(3)])
    assert await stand(world) == [(BOOT, 5, ROUND_TRIP)]


async def test_the_database_dates_as_the_rule_does(world: IntakeWorld) -> None:
    station, device = await world.enrolled()
    key = StationKey(organization_id=DEMO, station_id=station.station_id)
    chance = random.Random(11)  # noqa: S311
    estimates = [
        ClockEstimate(
            boot_id=BOOT,
            mono_ns=hour * SLOT_NS + chance.randrange(SLOT_NS),
            offset_us=1_770_000_000_000_000 + chance.randrange(10**6),
            error_us=chance.randrange(10**6),
            known_by=ROUND_TRIP,
        )
        for hour in range(1, 9)
    ]
    await world.border.note_clocks(key, estimates)
    # What is worse than the one that is kept changes nothing.
    worse = [replace(one, error_us=one.error_us + 1, offset_us=0) for one in estimates]
    await world.border.note_clocks(key, worse)
    monos = [chance.randrange(10 * SLOT_NS) for _ in range(300)] + [2**63 - 1]
    async with world.talk(device) as talk:
        await talk.hello()
        await talk.batch(
            1, [made_at(mono_ns, datetime(1970, 1, 2, tzinfo=UTC)) for mono_ns in monos]
        )
    for row, mono_ns in zip(await world.rows(TIMES), monos, strict=True):
        slot = mono_ns // SLOT_NS
        before = [one for one in estimates if one.slot <= slot][-1:]
        after = [one for one in estimates if one.slot > slot][:1]
        at, error_us = event_time([*before, *after], mono_ns) or (None, 0)
        assert (row["event_time"], row["event_time_err_ms"]) == (at, (error_us + 999) // 1000)


async def test_another_organization_sees_no_clock_and_no_event(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    async with world.talk(device) as talk:
        await talk.hello()
        await answer(talk, HOUR_NS)
        await talk.batch(1, [made_at(HOUR_NS, datetime(2026, 5, 4, tzinfo=UTC))])
    async with world.core.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('kyndof.organization', $1, true)", OTHER)
        assert await connection.fetchval("SELECT count(*) FROM station_event_times") == 0
        assert await connection.fetchval("SELECT count(*) FROM station_clocks") == 0
    assert len(await world.rows(TIMES)) == 1


async def opened(world: IntakeWorld) -> WorkOrderCreation:
    order: WorkOrderCreation = await world.core.bus.send(wish(), LEAD)
    return order


def started(order: WorkOrderCreation, piece_id: str = "") -> sync_pb2.Event:
    payload = floor_pb2.StepStarted(
        piece_id=piece_id or order.piece_ids[0],
        step_id=order.step_ids[0],
        stage="CUT",
        spec_version=order.spec_version,
        attempt=1,
        reader="hid",
    )
    return floor_event("step_started", payload)


async def projected(world: IntakeWorld, station: StationView) -> None:
    projector = Projector(world.core.bus, world.border, Pace(first_pause_s=0.01))
    task = asyncio.create_task(projector.run())
    key = StationKey(organization_id=DEMO, station_id=station.station_id)
    try:
        async with asyncio.timeout(30):
            while key in await world.border.backlog():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.requirement("TRK")
async def test_a_piece_tells_when_it_was_worked_on_and_how_surely(world: IntakeWorld) -> None:
    station, device = await world.enrolled()
    order = await opened(world)
    now = world.core.clock.now()
    event, strange = started(order), started(order, "pc_01K0STRANGE000000000000000")
    for one in (event, strange):
        one.mono_ns, one.boot_id = 5 * HOUR_NS, BOOT
        one.occurred_at.FromDatetime(datetime(1970, 1, 1, 3, tzinfo=UTC))
    async with world.talk(device) as talk:
        await talk.hello()
        await answer(talk, 10 * HOUR_NS)
        await talk.batch(1, [event, strange])
    await projected(world, station)
    view: PieceView = await world.core.bus.ask(FindPiece(piece_id=order.piece_ids[0]), LEAD)
    (line,) = view.history
    error_ms = line.event_time_err_ms
    # Five hours before the first contact, at 500 millionths.
    assert error_ms is not None
    assert error_ms >= 9000
    assert abs(line.at - (now - timedelta(hours=5))) <= timedelta(milliseconds=error_ms)
    (dispute,) = await disputes(world)
    assert (dispute.occurred_at, dispute.event_time_err_ms) == (line.at, error_ms)


async def disputes(world: IntakeWorld) -> list[DisputeView]:
    found = await world.core.bus.ask(ListDisputes(), LEAD)
    return list(getattr(found, "items", found))
