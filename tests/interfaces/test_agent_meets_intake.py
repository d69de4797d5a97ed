"""The station's real agent, a process, against the cloud's real doors and database."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from kyndof_wire.fleet.v1.fleet_pb2 import WorkPackage
from kyndof_wire.floor.v1.floor_pb2 import BadgeScanned

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.postgres.outbox_relay import OutboxRelay
from cloud.interfaces.edge_intake.conversation import Patience
from tests.fakes.core import DEMO, context_of
from tests.fakes.floor import AgentProcess, BrokerProcess, Producer
from tests.fakes.intake import SERIAL, IntakeWorld, intake_over
from tests.fakes.production import wish

pytestmark = [pytest.mark.requirement("SYN", "FLT", "MQT"), pytest.mark.timeout(120)]
LEAD = context_of("lead@demo.example")
BADGE = BadgeScanned(login="worker@demo.example", reader="hid").SerializeToString()


class Doors:
    def __init__(self, world: IntakeWorld) -> None:
        self.address = f"127.0.0.1:{world.servers.port}"
        self.enrolment_address = f"127.0.0.1:{world.servers.enrolment_port}"


@pytest.fixture
async def world(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[IntakeWorld]:
    patience = Patience(heartbeat_s=1, silence_s=15, offline_after_s=0.1)
    async with (
        intake_over(database, tmp_path / "cloud", patience) as opened,
        OutboxRelay(opened.core.pool, database.app, [opened.desired]),
    ):
        yield opened


async def eventually(condition: Callable[[], Any], within_s: float = 40.0) -> None:
    deadline = asyncio.get_running_loop().time() + within_s
    while not await condition():
        assert asyncio.get_running_loop().time() < deadline, "it did not come"
        await asyncio.sleep(0.1)


def lay_picture(home: Path) -> tuple[bytes, str]:
    noise = np.random.default_rng(5).integers(0, 255, (400, 600, 3), dtype=np.uint8)
    picture = cv2.imencode(".jpg", noise)[1].tobytes()
    name = hashlib.sha256(picture).hexdigest()
    (home / "media" / name[:2]).mkdir(parents=True)
    (home / "media" / name[:2] / name[2:]).write_bytes(picture)
    return picture, name


def deliver(home: Path, join_token: str, world: IntakeWorld) -> None:
    token = {
        "join_token": join_token,
        "serial": SERIAL,
        "ca_fingerprint": world.authority.fingerprint,
    }
    (home / "join-token.json").write_text(json.dumps(token))


async def test_an_agent_enrols_and_everything_arrives_once_whatever_dies(
    world: IntakeWorld, tmp_path: Path
) -> None:
    station = await world.register()
    await world.core.bus.send(wish(), LEAD)
    issued = await world.token(station.station_id)
    broker = BrokerProcess("amqtt", tmp_path)
    agent = AgentProcess(tmp_path / "floor", broker.port, Doors(world))
    picture, name = lay_picture(agent.home)
    deliver(agent.home, issued.join_token, world)

    async def arrived() -> set[bytes]:
        rows = await world.rows(
            "SELECT event_id FROM station_events WHERE stream = 'events' AND standing = 'accepted'"
        )
        return {row["event_id"] for row in rows}

    async def all_arrived() -> bool:
        return len(await arrived()) == len(producer.made)

    async def has_package() -> bool:
        digest = agent.home / "packages" / "current.digest"
        if not digest.exists():
            return False
        package = WorkPackage.FromString(digest.with_name(digest.read_text()).read_bytes())
        return len(package.work_orders) == 1

    async def has_picture() -> bool:
        return len(await world.rows("SELECT 1 FROM media WHERE sha256 = $1", name)) == 1

    with broker, agent:
        await broker.ready()
        async with Producer(broker.port) as producer:
            producer.make(300, kind="badge_scanned", payload=BADGE)
            producer.inspection(picture)
            await eventually(all_arrived)
            await eventually(has_package)
            await eventually(has_picture)
            agent.kill()
            producer.make(300, kind="badge_scanned", payload=BADGE)
            agent.start()
            await eventually(lambda: _some(arrived, 310))
            # The cloud goes away in the middle and comes back at the same address.
            port = world.servers.port
            await world.servers.stop()
            producer.make(300, kind="badge_scanned", payload=BADGE)
            world.servers.intake = replace(world.servers.intake, port=port)
            await world.servers.start()
            await eventually(all_arrived)
    seqs = await world.rows(
        "SELECT epoch, seq, standing FROM station_events WHERE stream = 'events'"
        " ORDER BY epoch, seq"
    )
    assert [(row["epoch"], row["seq"]) for row in seqs] == [(1, n) for n in range(1, 902)]
    assert {row["standing"] for row in seqs} == {"accepted"}
    assert await world.vault.read(DEMO, name, None) == picture


async def _some(arrived: Callable[[], Any], count: int) -> bool:
    return len(await arrived()) >= count
