"""Clones, clocks, crashes and ends of certificates, against the real doors and database."""

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from kyndof_wire.floor.v1.floor_pb2 import BadgeScanned
from ulid import ULID

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.interfaces.edge_intake.conversation import Patience
from cloud.stations.commands import RevokeStation
from edge.infrastructure.identity_files import JoinToken, write_join_token
from edge.outbox.errors import EnrolmentRefusedError
from tests.fakes.core import context_of
from tests.fakes.enrolled import Station
from tests.fakes.floor import ROOT, AgentProcess, BrokerProcess, Producer, environment, until
from tests.fakes.intake import SERIAL, Device, IntakeWorld, intake_over
from tests.fakes.killed_rotation import POINTS

pytestmark = [
    pytest.mark.requirement("FLT", "SYN"),
    pytest.mark.timeout(180),
    pytest.mark.faults,
]
LEAD = context_of("lead@demo.example")
CODE = grpc.StatusCode
BADGE = BadgeScanned(login="worker@demo.example", reader="hid").SerializeToString()
LIBFAKETIME = ("/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/aarch64-linux-gnu/faketime")
WITHIN_S = 60
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
async def world(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[IntakeWorld]:
    patience = Patience(heartbeat_s=5, silence_s=15, offline_after_s=0.1)
    async with intake_over(database, tmp_path / "cloud", patience, knocks=300) as opened:
        yield opened


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[BrokerProcess]:
    with BrokerProcess("amqtt", tmp_path) as process:
        yield await process.ready()


class Doors:
    def __init__(self, world: IntakeWorld) -> None:
        self.address = f"127.0.0.1:{world.servers.port}"
        self.enrolment_address = f"127.0.0.1:{world.servers.enrolment_port}"


def agent_of(folder: Path, broker: BrokerProcess, world: IntakeWorld, **more: str) -> AgentProcess:
    return AgentProcess(
        folder, broker.port, Doors(world), KYNDOF_CLOUD__RENEW_CHECK_S="0.2", **more
    )


def link(agent: AgentProcess) -> dict[str, object]:
    try:
        found: dict[str, object] = json.loads((agent.home / "link.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found


def serial(agent: AgentProcess) -> int:
    try:
        pem = (agent.home / "identity" / "current" / "certificate.pem").read_bytes()
    except FileNotFoundError:
        return 0
    return x509.load_pem_x509_certificate(pem).serial_number


async def accepted(world: IntakeWorld) -> list[str]:
    rows = await world.rows(
        "SELECT event_id FROM station_events WHERE stream = 'events' AND standing = 'accepted'"
        " ORDER BY epoch, seq"
    )
    return [row["event_id"] for row in rows]


def named(events: list[bytes]) -> list[str]:
    return [f"evt_{ULID(event_id)}" for event_id in events]


async def dated_honestly(world: IntakeWorld, producer: Producer) -> None:
    """Hold the true moment of every event against what the cloud says of it and of its error."""
    rows = await world.rows(
        "SELECT event_time, event_time_err_ms, event_time_known_by FROM station_event_times"
        " WHERE stream = 'events' AND standing = 'accepted' ORDER BY epoch, seq"
    )
    for row, (earliest, latest) in zip(rows, producer.moments, strict=True):
        assert row["event_time_known_by"] == "round_trip"
        error = timedelta(milliseconds=row["event_time_err_ms"])
        assert row["event_time"] - error <= latest
        assert row["event_time"] + error >= earliest


async def arrive(world: IntakeWorld, count: int) -> None:
    deadline = time.monotonic() + WITHIN_S
    while len(await accepted(world)) < count:
        assert time.monotonic() < deadline, f"{len(await accepted(world))} of {count} came"
        await asyncio.sleep(0.1)


async def fault(world: IntakeWorld, code: str, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while True:
        rows = await world.rows(
            "SELECT payload::text FROM events WHERE type = 'station_fault_reported'"
        )
        if any(code in row["payload"] for row in rows):
            return
        assert time.monotonic() < deadline, f"no alarm {code} within {within_s} s"
        await asyncio.sleep(0.1)


async def test_a_rotation_killed_at_any_point_leaves_a_pair_that_opens_the_door(
    world: IntakeWorld, tmp_path: Path
) -> None:
    folders = [tmp_path / f"CUT-{n:02}" for n in range(len(POINTS))]
    before = {}
    for folder in folders:
        station = await Station(world, folder, folder.name).enrol(days_ago=16)
        before[folder] = station.serial()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.fakes.killed_rotation", station.addresses.intake,
        station.addresses.enrolment, *map(str, folders),
        cwd=ROOT, env=environment(), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    lines = [json.loads(line) for line in said.splitlines()]
    assert [line["point"] for line in lines] == list(POINTS)
    for line, folder in zip(lines, folders, strict=True):
        assert line["died"] == -9, line
        assert line["fits"], line
        # Promoted now, or it was before the kill.
        assert line["again"] in {10, 11}, line
        held = Station(world, folder, folder.name)
        assert held.serial() != before[folder], line
        async with world.talk(held.device()) as talk:
            await talk.hello(folder.name)
        assert not (folder / "identity" / "pending").exists()
        assert not (folder / "identity" / "retired").exists()


async def test_nothing_is_lost_while_the_agent_dies_and_its_certificate_is_renewed(
    world: IntakeWorld, broker: BrokerProcess, tmp_path: Path
) -> None:
    agent = agent_of(tmp_path / "floor", broker, world)
    await Station(world, agent.home).enrol(days_ago=16)
    before = serial(agent)
    with agent:
        async with Producer(broker.port) as producer:
            for pause_s in (0.9, 1.3, 1.7):
                producer.make(40, kind="badge_scanned", payload=BADGE)
                await asyncio.sleep(pause_s)
                await asyncio.to_thread(agent.kill)
                agent.start()
            producer.make(40, kind="badge_scanned", payload=BADGE)
            await arrive(world, 160)
            await until(lambda: serial(agent) != before, WITHIN_S)
            assert await accepted(world) == named(producer.made)


async def test_an_agent_off_for_45_days_comes_back_alone_and_after_100_by_a_token(
    world: IntakeWorld, broker: BrokerProcess, tmp_path: Path
) -> None:
    agent = agent_of(tmp_path / "floor", broker, world)
    station = await Station(world, agent.home).enrol(days_ago=30 + 45)
    with agent:
        await until(lambda: bool(link(agent).get("cloud")), WITHIN_S)
    await world.core.bus.send(RevokeStation(station_id=station.station_id, reason="test"), LEAD)
    gone = agent_of(tmp_path / "gone", broker, world)
    forgotten = await Station(world, gone.home).enrol(days_ago=30 + 100)
    with gone:
        await until(lambda: link(gone).get("detail") == "CERTIFICATE_TOO_OLD", WITHIN_S)
        issued = await world.token(forgotten.station_id)
        token = JoinToken(
            join_token=issued.join_token,
            serial=SERIAL,
            ca_fingerprint=world.authority.fingerprint,
        )
        write_join_token(gone.home / "join-token.json", token)
        await until(lambda: bool(link(gone).get("cloud")), WITHIN_S)


async def test_a_revoked_station_is_out_within_ten_seconds_and_is_given_nothing_more(
    world: IntakeWorld, tmp_path: Path
) -> None:
    station = await Station(world, tmp_path / "station").enrol(days_ago=16)
    async with world.talk(station.device()) as talk:
        await talk.hello()
        begun_s = time.monotonic()
        await world.core.bus.send(
            RevokeStation(station_id=station.station_id, reason="stolen"), LEAD
        )
        error = await talk.ended()
        assert time.monotonic() - begun_s < 10
    assert error.code() is CODE.PERMISSION_DENIED
    with pytest.raises(EnrolmentRefusedError):
        await station.rotation.step()


async def test_of_a_hundred_devices_with_one_token_one_gets_in(world: IntakeWorld) -> None:
    station = await world.register()
    issued = await world.token(station.station_id)
    answers = await asyncio.gather(
        *(world.knock(issued.join_token, Device()) for _ in range(100)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert len(refused) == 99
    assert {e.code() for e in refused} <= {CODE.ALREADY_EXISTS, CODE.RESOURCE_EXHAUSTED}
    assert len(await world.rows("SELECT 1 FROM station_certificates")) == 1
    audited = await world.rows("SELECT 1 FROM audit_log WHERE action = 'enrol_station'")
    assert len(audited) == 1 + sum(e.code() is CODE.ALREADY_EXISTS for e in refused)


async def test_an_outbox_that_was_deleted_or_set_back_loses_and_doubles_nothing(
    world: IntakeWorld, broker: BrokerProcess, tmp_path: Path
) -> None:
    agent = agent_of(tmp_path / "floor", broker, world)
    await Station(world, agent.home).enrol(days_ago=1)
    outbox, image = agent.home / "outbox.db", tmp_path / "image.db"
    async with Producer(broker.port) as producer:
        with agent:
            producer.make(30, kind="badge_scanned", payload=BADGE)
            await arrive(world, 30)
            await producer.settled(WITHIN_S)
        shutil.copy(outbox, image)
        with agent:
            producer.make(30, kind="badge_scanned", payload=BADGE)
            await arrive(world, 60)
            await producer.settled(WITHIN_S)
        shutil.copy(image, outbox)
        with agent:
            producer.make(30, kind="badge_scanned", payload=BADGE)
            await arrive(world, 90)
            await producer.settled(WITHIN_S)
        outbox.unlink()
        with agent:
            producer.make(30, kind="badge_scanned", payload=BADGE)
            await arrive(world, 120)
    assert sorted(await accepted(world)) == sorted(named(producer.made))
    epochs = await world.rows("SELECT epoch FROM station_outboxes ORDER BY epoch")
    assert [row["epoch"] for row in epochs] == [1, 2, 3]


async def test_of_two_copies_of_a_station_one_is_let_in_and_it_is_told_within_ten_seconds(
    world: IntakeWorld, broker: BrokerProcess, tmp_path: Path
) -> None:
    first = agent_of(tmp_path / "first", broker, world)
    await Station(world, first.home).enrol(days_ago=1)
    second = agent_of(tmp_path / "second", broker, world)
    second.home.mkdir(parents=True)
    shutil.copytree(first.home / "identity", second.home / "identity")
    with first:
        await until(lambda: bool(link(first).get("cloud")), WITHIN_S)
        with second:
            await until(lambda: bool(link(second).get("cloud")), WITHIN_S)
            await fault(world, "outbox_fenced", within_s=10)
            await until(lambda: link(first).get("detail") == "STATION_FENCED", WITHIN_S)
            assert link(second)["cloud"]
            assert not link(first)["cloud"]


async def test_two_copies_of_one_disk_are_found_out(world: IntakeWorld, tmp_path: Path) -> None:
    station = await Station(world, tmp_path / "station").enrol(days_ago=1)
    device = station.device()
    for _ in range(3):
        async with world.talk(device) as one, world.talk(device) as other:
            await one.hello("outbox-1")
            await other.hello("outbox-1")
            error = await one.ended()
            assert error.details() == "replaced"
            async with world.talk(device) as again:
                await again.hello("outbox-1")
    await fault(world, "outbox_shared", within_s=10)


async def test_whatever_the_clock_says_order_stays_and_the_cloud_is_reached(
    world: IntakeWorld, broker: BrokerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = next((p for f in LIBFAKETIME if (p := Path(f) / "libfaketimeMT.so.1").exists()), None)
    if library is None:
        sentence = "libfaketime is not installed (apt-get install faketime)"
        if os.environ.get("KYNDOF_REQUIRE_SERVERS") == "1":
            pytest.fail(sentence)
        pytest.skip(sentence)
    wish = tmp_path / "faketime"
    agent = agent_of(
        tmp_path / "floor",
        broker,
        world,
        LD_PRELOAD=str(library),
        FAKETIME_TIMESTAMP_FILE=str(wish),
        FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
    )
    await Station(world, agent.home).enrol(days_ago=1)
    # What is dated by the cloud's clock needs one that goes on.
    monkeypatch.setattr(world.core.clock, "now", lambda: datetime.now(UTC))
    known = world.core.clock.now() - timedelta(days=3)
    (agent.home / "clock.json").write_text(json.dumps({"at": known.isoformat()}))
    bundle = agent.home / "models" / "one" / "model.onnx"
    bundle.parent.mkdir(parents=True)
    bundle.write_bytes(b"stays")
    wish.write_text("@1970-01-02 00:00:00\n")
    async with Producer(broker.port) as producer:
        count = 0
        with agent:
            for moment, wrong_by in (
                ("@1970-01-02 00:00:00", timedelta(days=1) - (datetime.now(UTC) - EPOCH)),
                ("+2h", timedelta(hours=2)),
                ("-2h", timedelta(hours=-2)),
                ("+0", timedelta(0)),
            ):
                wish.write_text(f"{moment}\n")
                producer.wrong_by = wrong_by
                producer.make(30, kind="badge_scanned", payload=BADGE)
                count += 30
                await arrive(world, count)
        wish.write_text("-2h\n")
        with agent:
            producer.wrong_by = timedelta(hours=-2)
            producer.make(30, kind="badge_scanned", payload=BADGE)
            await arrive(world, count + 30)
    assert await accepted(world) == named(producer.made)
    await dated_honestly(world, producer)
    assert "CLOCK_BEHIND" in agent.log_text()
    assert bundle.read_bytes() == b"stays"
    assert json.loads((agent.home / "clock.json").read_text())["at"] > known.isoformat()
