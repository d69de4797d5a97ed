"""One authority follows another while a station works."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.signing.authority_folders import AuthorityFolders
from tests.fakes.enrolled import Station
from tests.fakes.floor import AgentProcess, BrokerProcess, Producer, until
from tests.fakes.intake import IntakeWorld, intake_over
from tests.interfaces.test_identity_faults import BADGE, WITHIN_S, agent_of, arrive, link

pytestmark = [pytest.mark.requirement("FLT"), pytest.mark.timeout(180)]


@pytest.fixture
async def world(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[IntakeWorld]:
    async with intake_over(database, tmp_path / "cloud") as opened:
        yield opened


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[BrokerProcess]:
    with BrokerProcess("amqtt", tmp_path) as process:
        yield await process.ready()


@pytest.mark.soak
async def test_a_new_authority_takes_over_and_no_station_is_away_for_five_seconds(
    world: IntakeWorld, broker: BrokerProcess, tmp_path: Path
) -> None:
    agent = agent_of(tmp_path / "floor", broker, world)
    await Station(world, agent.home).enrol(days_ago=1)
    folders, now = AuthorityFolders(tmp_path / "cloud" / "authority"), world.core.clock.now()
    ca = agent.home / "identity" / "current" / "ca.pem"

    def believed() -> int:
        return len(x509.load_pem_x509_certificates(ca.read_bytes()))

    with agent:
        await until(lambda: bool(link(agent).get("cloud")), WITHIN_S)
        watching = asyncio.create_task(longest_absence_s(agent))
        folders.announce(now)
        await until(lambda: believed() == 2, WITHIN_S)
        folders.switch(now, early=True)
        async with Producer(broker.port) as producer:
            producer.make(30, kind="badge_scanned", payload=BADGE)
            await arrive(world, 30)
        await asyncio.sleep(10)
        watching.cancel()
        assert await watching < 5


async def longest_absence_s(agent: AgentProcess) -> float:
    longest_s, since_s = 0.0, time.monotonic()
    try:
        while True:
            if link(agent).get("cloud"):
                since_s = time.monotonic()
            longest_s = max(longest_s, time.monotonic() - since_s)
            await asyncio.sleep(0.1)
    except asyncio.CancelledError:
        return longest_s
