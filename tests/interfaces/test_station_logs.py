"""A person asks for a station's log, and the station's own agent answers over real TLS."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from kyndof_wire.fleet.v1 import fleet_pb2
from kyndof_wire.fleet.v1.fleet_pb2_grpc import FleetServiceStub

from cloud.commands.errors import ForbiddenError
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.postgres.outbox_relay import OutboxRelay
from cloud.stations.commands import AskForStationLogs, LogLine, RecordStationLogs
from cloud.stations.errors import StationInvalidError, StationUnknownError
from cloud.stations.queries import FindStationLogs, StationLogsView
from edge.infrastructure.ending_tasks import end_tasks
from edge.infrastructure.grpc_fleet import FleetAgent
from edge.infrastructure.log_courier import LogCourier
from edge.infrastructure.package_store import PackageStore
from tests.fakes.core import OTHER, context_of
from tests.fakes.intake import IntakeWorld, intake_over
from tests.fakes.rollouts import LEAD

pytestmark = [pytest.mark.requirement("FLT", "DEP"), pytest.mark.timeout(60)]


@pytest.fixture
async def world(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[IntakeWorld]:
    (tmp_path / "styles").mkdir()
    async with (
        intake_over(database, tmp_path) as opened,
        OutboxRelay(opened.core.pool, database.app, [opened.desired]),
    ):
        yield opened


def written(home: Path, *lines: dict[str, str]) -> None:
    (home / "logs").mkdir(parents=True, exist_ok=True)
    with (home / "logs" / "sync.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def line(level: str, message: str, second: int) -> dict[str, str]:
    at = f"2026-03-02T09:00:{second:02}.000+00:00"
    return {"at": at, "level": level, "logger": "kyndof.sync", "message": message}


async def found(world: IntakeWorld, station_id: str) -> StationLogsView:
    view = await world.core.bus.ask(FindStationLogs(station_id=station_id), LEAD)
    assert isinstance(view, StationLogsView)
    return view


async def answered(world: IntakeWorld, station_id: str, request_id: str) -> StationLogsView:
    async with asyncio.timeout(30):
        while True:
            view = await found(world, station_id)
            if view.log_request_id == request_id and view.answered_at is not None:
                return view
            await asyncio.sleep(0.05)


async def test_a_station_answers_with_its_newest_warnings_without_secrets(
    world: IntakeWorld, tmp_path: Path
) -> None:
    station, device = await world.enrolled()
    name, home = station.station_id, tmp_path / "home"
    written(
        home,
        line("INFO", "all is well", 1),
        line("WARNING", "cloud away", 2),
        line("ERROR", "token=abcdef refused", 3),
    )
    assert (await found(world, name)).log_request_id == ""
    async with world.channel(device) as channel:
        courier = LogCourier(home, pause_s=0.0)
        agent = FleetAgent(PackageStore(home / "packages"), lambda: name, None, None, courier)
        running = asyncio.create_task(agent.run(channel))
        asked = await world.core.bus.send(AskForStationLogs(station_id=name), LEAD)
        joined = await world.core.bus.send(AskForStationLogs(station_id=name), LEAD)
        view = await answered(world, name, asked.log_request_id)
        assert joined.log_request_id == asked.log_request_id
        assert [(one.level, one.message) for one in view.lines] == [
            ("WARNING", "cloud away"),
            ("ERROR", "token=[…] refused"),
        ]
        assert (view.asked_by, view.left_out_count) == ("lead@demo.example", 0)
        # Asked again, it answers again, with what came since.
        written(home, line("CRITICAL", "disk full", 4))
        again = await world.core.bus.send(AskForStationLogs(station_id=name), LEAD)
        assert again.log_request_id != asked.log_request_id
        view = await answered(world, name, again.log_request_id)
        assert view.lines[-1].message == "disk full"
        await end_tasks([running])
    audited = await world.rows(
        "SELECT user_login, outcome FROM audit_log WHERE action = 'ask_for_station_logs'"
    )
    assert [(row["user_login"], row["outcome"]) for row in audited] == [
        ("lead@demo.example", "done")
    ] * 3


async def test_what_nobody_asked_for_and_what_no_station_sends_is_not_kept(
    world: IntakeWorld,
) -> None:
    station, device = await world.enrolled()
    other, _ = await world.enrolled("CUT-02")
    name = station.station_id
    asked = await world.core.bus.send(AskForStationLogs(station_id=name), LEAD)
    one = fleet_pb2.LogLine(at="now", level="ERROR", logger="x", message="y\0z" + "m" * 900)
    async with world.channel(device) as channel:
        stub = FleetServiceStub(channel)
        request = fleet_pb2.SendLogsRequest(log_request_id="log_none", lines=[one])
        await stub.SendLogs(request, timeout=10)
        assert (await found(world, name)).answered_at is None
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.SendLogs(fleet_pb2.SendLogsRequest(lines=[one] * 201), timeout=10)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        request.log_request_id = asked.log_request_id
        await stub.SendLogs(request, timeout=10)
        request.lines[0].message = "a second answer"
        await stub.SendLogs(request, timeout=10)
    (kept,) = (await found(world, name)).lines
    assert (len(kept.message), kept.message[:3]) == (500, "y\N{REPLACEMENT CHARACTER}z")
    station_context = context_of(f"station:{name}")
    record = RecordStationLogs(
        station_id=other.station_id, log_request_id="log_1", lines=(), left_out_count=0
    )
    with pytest.raises(ForbiddenError):
        await world.core.bus.send(record, station_context)
    long = LogLine(at="", level="", logger="", message="m" * 501)
    with pytest.raises(StationInvalidError):
        await world.core.bus.send(
            RecordStationLogs(
                station_id=name, log_request_id="log_1", lines=(long,), left_out_count=0
            ),
            station_context,
        )
    stranger = context_of("lead@other.example", organization_id=OTHER)
    for act in (AskForStationLogs(station_id=name),):
        with pytest.raises(StationUnknownError):
            await world.core.bus.send(act, stranger)
    with pytest.raises(StationUnknownError):
        await world.core.bus.ask(FindStationLogs(station_id=name), stranger)


async def test_a_question_whose_answer_is_refused_ends_with_a_reason_and_lets_the_next_be_asked(
    world: IntakeWorld,
) -> None:
    station, device = await world.enrolled()
    name = station.station_id
    # 200 lines of 500 control characters: few enough, and six times as long as JSON.
    long = fleet_pb2.LogLine(at="now", level="ERROR", logger="x", message="\x01" * 500)
    async with world.channel(device) as channel:
        stub = FleetServiceStub(channel)
        for lines in ([long] * 201, [long] * 200):
            asked = await world.core.bus.send(AskForStationLogs(station_id=name), LEAD)
            request = fleet_pb2.SendLogsRequest(log_request_id=asked.log_request_id, lines=lines)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stub.SendLogs(request, timeout=10)
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            view = await found(world, name)
            assert view.log_request_id == asked.log_request_id
            assert view.answered_at is not None
            assert (view.refusal, view.lines) == (StationInvalidError.code, ())
        asked = await world.core.bus.send(AskForStationLogs(station_id=name), LEAD)
        good = fleet_pb2.LogLine(at="now", level="ERROR", logger="x", message="y")
        await stub.SendLogs(
            fleet_pb2.SendLogsRequest(log_request_id=asked.log_request_id, lines=[good]), timeout=10
        )
    view = await found(world, name)
    assert (view.refusal, len(view.lines)) == ("", 1)


async def test_a_station_that_never_answers_may_be_asked_anew(world: IntakeWorld) -> None:
    station, _ = await world.enrolled()
    name = station.station_id
    first = await world.core.bus.send(AskForStationLogs(station_id=name), LEAD)
    joined = await world.core.bus.send(AskForStationLogs(station_id=name), LEAD)
    assert joined.log_request_id == first.log_request_id
    await world.rows(
        "UPDATE station_logs SET asked_at = asked_at - interval '11 minutes' RETURNING station_id"
    )
    again = await world.core.bus.send(AskForStationLogs(station_id=name), LEAD)
    assert again.log_request_id != first.log_request_id
    await world.core.bus.send(
        RecordStationLogs(
            station_id=name, log_request_id=first.log_request_id, lines=(), left_out_count=0
        ),
        context_of(f"station:{name}"),
    )
    assert (await found(world, name)).answered_at is None, "a late answer is another question's"
