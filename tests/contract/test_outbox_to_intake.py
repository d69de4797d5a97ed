"""The agent's process against the cloud's own doors and PostgreSQL: enrolled, killed, complete."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from kyndof_wire.floor.v1.floor_pb2 import BadgeScanned

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from edge.infrastructure.identity_files import JoinToken, write_join_token
from tests.fakes.floor import AgentProcess, BrokerProcess, Producer, until
from tests.fakes.intake import SERIAL, IntakeWorld, intake_over

pytestmark = [pytest.mark.requirement("SYN", "FLT"), pytest.mark.timeout(120)]


class Addresses:
    def __init__(self, world: IntakeWorld) -> None:
        self.address = f"127.0.0.1:{world.servers.port}"
        self.enrolment_address = f"127.0.0.1:{world.servers.enrolment_port}"


@pytest.fixture
async def world(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[IntakeWorld]:
    async with intake_over(database, tmp_path / "cloud") as opened:
        yield opened


async def until_committed(world: IntakeWorld, count: int, within_s: float = 60) -> None:
    deadline = asyncio.get_running_loop().time() + within_s
    while len(await world.rows("SELECT 1 FROM station_events WHERE stream = 'events'")) < count:
        assert asyncio.get_running_loop().time() < deadline, f"not {count} within {within_s} s"
        await asyncio.sleep(0.05)


async def test_a_station_enrols_and_its_events_lie_in_the_database_once_and_in_order(
    world: IntakeWorld, tmp_path: Path
) -> None:
    station = await world.register()
    issued = await world.token(station.station_id)
    payload = BadgeScanned(login="worker@demo.example", reader="hid").SerializeToString()
    with BrokerProcess("amqtt", tmp_path) as broker:
        await broker.ready()
        heartbeat = {"KYNDOF_CLOUD__HEARTBEAT_S": "0.5"}
        with AgentProcess(tmp_path, broker.port, Addresses(world), **heartbeat) as agent:
            async with Producer(broker.port) as producer:
                producer.make(100, kind="badge_scanned", payload=payload)
                await producer.settled()
                token = JoinToken(
                    join_token=issued.join_token,
                    serial=SERIAL,
                    ca_fingerprint=world.authority.fingerprint,
                )
                write_join_token(agent.home / "join-token.json", token)
                link = agent.home / "link.json"
                await until(lambda: json.loads(link.read_text())["cloud"])
                agent.kill()
                producer.make(100, kind="badge_scanned", payload=payload)
                agent.start()
                await producer.settled()
                # The report on the disk may still be the killed agent's: the database is asked.
                await until_committed(world, 200)
                await until((agent.home / "packages" / "current.digest").exists)
    rows = await world.rows(
        "SELECT seq, standing FROM station_events WHERE stream = 'events' ORDER BY seq"
    )
    assert [row["seq"] for row in rows] == list(range(1, 201))
    assert {row["standing"] for row in rows} <= {"accepted", "projected", "disputed"}
    identity = json.loads((agent.home / "identity" / "current" / "station.json").read_text())
    assert identity["station_id"] == station.station_id
    assert identity["organization_code"] == "demo"
