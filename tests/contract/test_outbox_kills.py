"""Nothing lost, nothing doubled, order kept: agent, broker and cloud are killed under load."""

import asyncio
import json
import os

import pytest

from tests.fakes.cloud_server import ORGANIZATION, STATION, CloudServer
from tests.fakes.floor import AgentProcess, BrokerProcess, Producer, give_identity, until

pytestmark = [pytest.mark.requirement("SYN", "BUF", "MQT"), pytest.mark.timeout(400)]
BROKERS = ["amqtt", "mosquitto"]


@pytest.fixture(params=BROKERS)
async def broker(request, tmp_path):
    with BrokerProcess(request.param, tmp_path) as process:
        yield await process.ready()


@pytest.fixture
async def cloud():
    async with CloudServer() as server:
        yield server


def enrolled_agent(tmp_path, broker, cloud, **settings):
    give_identity(tmp_path, cloud.authority, ORGANIZATION, STATION)
    return AgentProcess(tmp_path, broker.port, cloud, **settings)


async def load(producers, bursts, pause_s, disturb):
    """Let every producer make events in bursts, and disturb after each burst."""
    for number in range(bursts):
        for producer in producers:
            producer.make(40)
        await asyncio.sleep(pause_s)
        await disturb(number)


async def all_arrived(cloud, producers, within_s=150):
    for producer in producers:
        await producer.settled(within_s)
    expected = sum(len(p.made) for p in producers)
    await until(lambda: len(cloud.ledger.all_events()) >= expected, within_s)
    arrived = cloud.ledger.all_events()
    for producer in producers:
        mine = [e.event_id for e in arrived if e.producer_id == producer.name]
        assert mine == producer.made, "lost, doubled or out of order"
    assert len(arrived) == expected


async def test_the_agent_is_killed_under_load(broker, cloud, tmp_path) -> None:
    with enrolled_agent(tmp_path, broker, cloud) as agent:
        async with Producer(broker.port, "a") as first, Producer(broker.port, "b") as second:

            async def disturb(number):
                if number % 2 == 0:
                    agent.kill()
                    agent.start()

            await load([first, second], 8, 0.4, disturb)
            await all_arrived(cloud, [first, second])


async def test_the_broker_is_killed_under_load(broker, cloud, tmp_path) -> None:
    with enrolled_agent(tmp_path, broker, cloud):
        async with Producer(broker.port, "a") as first, Producer(broker.port, "b") as second:

            async def disturb(number):
                if number % 2 == 0:
                    broker.kill()
                    broker.start()
                    await broker.ready()

            await load([first, second], 6, 0.5, disturb)
            await all_arrived(cloud, [first, second])


async def test_the_cloud_goes_away_and_comes_back_in_the_middle(broker, cloud, tmp_path) -> None:
    with enrolled_agent(tmp_path, broker, cloud):
        async with Producer(broker.port) as producer:

            async def disturb(number):
                await cloud.stop()
                await asyncio.sleep(0.2)
                await cloud.start()

            await load([producer], 5, 0.4, disturb)
            await all_arrived(cloud, [producer])


async def test_events_of_a_day_without_cloud_arrive_later(tmp_path) -> None:
    cloud = await CloudServer().start()
    await cloud.stop()
    with BrokerProcess("amqtt", tmp_path) as broker:
        await broker.ready()
        with enrolled_agent(tmp_path, broker, cloud) as agent:
            async with Producer(broker.port) as producer:
                producer.make(300)
                await producer.settled()
                link = agent.home / "link.json"
                await until(lambda: json.loads(link.read_text())["unsent"] == 300)
                assert json.loads(link.read_text())["cloud"] is False
                await cloud.start()
                await all_arrived(cloud, [producer])
    await cloud.stop()


async def test_a_replayed_event_is_stored_and_sent_once(broker, cloud, tmp_path) -> None:
    with enrolled_agent(tmp_path, broker, cloud):
        async with Producer(broker.port) as producer:
            producer.make(50)
            await producer.settled()
        async with Producer(broker.port) as replayer:
            replayer.make(60)
            for pseq, event_id in enumerate(producer.made, start=1):
                replayer.spool[pseq].event_id = event_id
            replayer.made[:50] = producer.made
            await replayer.settled()
            await until(lambda: len(cloud.ledger.all_events()) >= 60)
            assert [e.event_id for e in cloud.ledger.all_events()] == replayer.made


async def test_the_agent_ends_with_its_parent(tmp_path) -> None:
    cloud = CloudServer()
    read_end, write_end = os.pipe()
    with BrokerProcess("amqtt", tmp_path) as broker:
        await broker.ready()
        agent = AgentProcess(tmp_path, broker.port, cloud, KYNDOF_PARENT_PIPE=str(read_end))
        agent.inherited = (read_end,)
        with agent:
            os.close(read_end)
            await until(lambda: '"ready"' in agent.log_text())
            os.close(write_end)
            assert await asyncio.to_thread(agent.child.wait, 5) == 0


async def test_sigterm_ends_the_agent_within_five_seconds(broker, cloud, tmp_path) -> None:
    with enrolled_agent(tmp_path, broker, cloud) as agent:
        await until(lambda: "cloud connected" in agent.log_text())
        await asyncio.to_thread(agent.stop, 5)
        assert agent.child.returncode == 0


async def test_a_second_agent_of_a_station_refuses_to_start(tmp_path) -> None:
    cloud = CloudServer()
    with BrokerProcess("amqtt", tmp_path) as broker:
        await broker.ready()
        with AgentProcess(tmp_path, broker.port, cloud) as agent:
            await until(lambda: '"ready"' in agent.log_text())
            second = AgentProcess(tmp_path, broker.port, cloud)
            second.log = tmp_path / "second.log"
            with second:
                assert await asyncio.to_thread(second.child.wait, 10) == 2
            assert "STATION_TAKEN" in second.log_text()


async def test_every_log_line_of_the_agent_is_json(broker, cloud, tmp_path) -> None:
    with enrolled_agent(tmp_path, broker, cloud) as agent:
        await until(lambda: "cloud connected" in agent.log_text())
        broker.kill()
        await cloud.stop()
        await until(lambda: "cloud away" in agent.log_text())
        await asyncio.to_thread(agent.stop, 5)
    lines = [json.loads(line) for line in agent.log_text().splitlines()]
    assert {"at", "level", "logger", "message"} <= lines[0].keys()
