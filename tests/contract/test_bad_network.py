"""A network that cuts, swallows, delays and crawls: noticed, survived, nothing lost or doubled."""

import asyncio
import random

import pytest

from edge.station.errors import DiskFullError
from tests.contract.test_mqtt_producer import Agent, Floor
from tests.fakes.cloud_server import ORGANIZATION, STATION, CloudServer
from tests.fakes.floor import AgentProcess, BrokerProcess, Producer, give_identity, until
from tests.simulators.network import NetworkProxy

pytestmark = [
    pytest.mark.requirement("SYN", "BUF", "MQT"),
    pytest.mark.faults,
    pytest.mark.timeout(150),
]


@pytest.fixture(params=["amqtt", "mosquitto"])
async def broker(request, tmp_path):
    with BrokerProcess(request.param, tmp_path) as process:
        yield await process.ready()


@pytest.fixture
async def embedded(tmp_path):
    with BrokerProcess("amqtt", tmp_path) as process:
        yield await process.ready()


@pytest.fixture
async def cloud():
    async with CloudServer() as server:
        yield server


@pytest.fixture
async def line(cloud):
    host, _, port = cloud.address.rpartition(":")
    async with NetworkProxy(host, int(port)) as proxy:
        yield proxy


class Uplinked:
    """An agent process whose way to the cloud is a bad line, and a producer beside it."""

    def __init__(self, tmp_path, broker, cloud, line):
        give_identity(tmp_path, cloud.authority, ORGANIZATION, STATION)
        self.agent = AgentProcess(
            tmp_path, broker.port, cloud, KYNDOF_CLOUD__ADDRESS=f"127.0.0.1:{line.port}"
        )
        self.producer = Producer(broker.port)
        self.cloud, self.line = cloud, line

    async def __aenter__(self):
        self.agent.start()
        await self.producer.__aenter__()
        self.producer.make(20)
        await self.arrived(20)
        return self

    async def __aexit__(self, *exception):
        await self.producer.__aexit__(*exception)
        self.agent.__exit__(*exception)

    async def arrived(self, count, within_s=90):
        await until(lambda: len(self.cloud.ledger.all_events()) >= count, within_s)

    async def whole(self):
        """Everything made has arrived, once, in order."""
        await self.producer.settled(60)
        await self.arrived(len(self.producer.made))
        assert [e.event_id for e in self.cloud.ledger.all_events()] == self.producer.made


async def test_a_line_that_is_cut_again_and_again_gets_everything_across(
    embedded, cloud, line, tmp_path
) -> None:
    async with Uplinked(tmp_path, embedded, cloud, line) as site:
        chance = random.Random(7)  # noqa: S311
        for _ in range(12):
            site.producer.make(40)
            await asyncio.sleep(chance.uniform(0.05, 0.6))
            await line.cut()
        line.faults.refuse = True
        site.producer.make(40)
        await asyncio.sleep(1)
        line.faults.refuse = False
        await site.whole()


async def test_a_half_open_line_to_the_broker_is_noticed_and_the_old_half_thrown_out(
    broker, tmp_path
) -> None:
    async with (
        NetworkProxy("127.0.0.1", broker.port) as network,
        Agent(broker.port) as agent,
        Floor(tmp_path, network.port) as floor,
    ):
        await floor.write(10)
        await until(lambda: floor.journal.unstored_count() == 0, 30)
        network.faults.swallow = True
        await until(lambda: not floor.producer.connected, 45)
        network.faults.swallow = False
        await floor.write(10)
        await until(lambda: floor.journal.unstored_count() == 0, 60)
        assert sorted(agent.got) == list(range(1, 21))


async def test_an_agent_killed_at_any_moment_stores_each_event_once(
    broker, cloud, tmp_path
) -> None:
    give_identity(tmp_path, cloud.authority, ORGANIZATION, STATION)
    chance = random.Random(11)  # noqa: S311
    with AgentProcess(tmp_path, broker.port, cloud) as agent:
        async with Producer(broker.port) as producer:
            for _ in range(8):
                producer.make(60)
                # Somewhere between the broker's hand and the outbox's commit.
                await asyncio.sleep(chance.uniform(0.4, 1.6))
                agent.kill()
                producer.make(20)
                agent.start()
            await producer.settled(90)
            await until(lambda: len(cloud.ledger.all_events()) >= len(producer.made), 60)
            assert [e.event_id for e in cloud.ledger.all_events()] == producer.made


async def until_refused(floor):
    for _ in range(200):
        try:
            await floor.write(20)
        except DiskFullError:
            return
    raise AssertionError("the spool took everything")


async def test_a_spool_that_is_full_refuses_and_drains_when_the_agent_is_back(
    broker, tmp_path
) -> None:
    async with Floor(tmp_path, broker.port) as floor:
        pages = floor.spool._connection.execute("PRAGMA page_count").fetchone()[0]
        floor.spool._connection.execute(f"PRAGMA max_page_count = {pages + 12}")
        await until_refused(floor)
        waiting = floor.journal.unstored_count()
        async with Agent(broker.port) as agent:
            await until(lambda: floor.journal.unstored_count() == 0, 60)
            await floor.write(5)
            await until(lambda: floor.journal.unstored_count() == 0, 30)
        assert len(agent.got) == waiting + 5
