"""Too much and too large: the agent's memory stays bounded, what a station says gets through."""

import asyncio
import itertools
import time
from datetime import UTC, datetime

import psutil
import pytest

from tests.fakes.cloud_server import ORGANIZATION, STATION, CloudServer
from tests.fakes.floor import (
    PASSWORD,
    AgentProcess,
    BrokerProcess,
    Producer,
    give_identity,
    until,
)
from tests.fakes.floor import STATION as NAME
from tests.simulators.raw_mqtt import RawMqtt, publish_packet
from tests.simulators.sample_events import sample_event

pytestmark = [
    pytest.mark.requirement("MQT", "BUF"),
    pytest.mark.faults,
    pytest.mark.timeout(240),
]


@pytest.fixture
async def site(tmp_path):
    """An agent on mosquitto whose cloud takes everything."""
    with BrokerProcess("mosquitto", tmp_path) as broker:
        await broker.ready()
        async with CloudServer() as cloud:
            give_identity(tmp_path, cloud.authority, ORGANIZATION, STATION)
            with AgentProcess(tmp_path, broker.port, cloud) as agent:
                async with Producer(broker.port) as producer:
                    producer.make(20)
                    await until(lambda: len(cloud.ledger.all_events()) >= 20, 60)
                    yield broker, cloud, agent, producer


def of_ours(cloud):
    """What the honest producer made, as the cloud has it."""
    return [e.event_id for e in cloud.ledger.all_events() if e.producer_id == "run-1"]


async def test_ten_megabytes_are_refused_and_harm_nothing(site) -> None:
    broker, cloud, agent, producer = site
    flood = await RawMqtt.connect(broker.port, (NAME, PASSWORD))
    topic = f"v1/{NAME}/evt/events"
    large = sample_event(1, "large", datetime.now(UTC))
    large.payload = bytes(10 << 20)
    poison = [large.SerializeToString(), b"\xff" * 500, b"", bytes(2 << 20)]
    await flood.write([publish_packet(topic, body, n) for n, body in enumerate(poison, 1)])
    producer.make(30)
    await until(lambda: agent.log_text().count("EVENT_REFUSED") >= len(poison), 60)
    await until(lambda: len(of_ours(cloud)) == 50, 60)
    assert of_ours(cloud) == producer.made
    assert agent.child.poll() is None
    flood.close()


async def test_a_flood_neither_fills_the_memory_nor_drowns_events(site) -> None:
    """A client that publishes as fast as the broker takes it, without waiting for anything."""
    broker, cloud, agent, producer = site
    process = psutil.Process(agent.child.pid)
    before_mb = process.memory_info().rss / 1e6
    flood = await RawMqtt.connect(broker.port, (NAME, PASSWORD))
    body = sample_event(1, "flood", datetime.now(UTC)).SerializeToString()
    packets = [publish_packet(f"v1/{NAME}/evt/events", body)] * 500
    sent, most_mb, began_s = 0, before_mb, time.monotonic()
    for number in itertools.count():
        if time.monotonic() - began_s > 8 or flood.lost.is_set():
            break
        await flood.write(packets)
        sent += len(packets)
        if number % 20 == 0:
            producer.make(2)
            most_mb = max(most_mb, process.memory_info().rss / 1e6)
            await asyncio.sleep(0)
    print(f"{sent / 8:,.0f} messages a second; {most_mb - before_mb:.0f} MB more")
    flood.close()
    await until(lambda: len(of_ours(cloud)) == len(producer.made), 120)
    assert of_ours(cloud) == producer.made
    assert most_mb - before_mb < 100
    flooded = [e for e in cloud.ledger.all_events() if e.producer_id == "flood"]
    assert len(flooded) <= 1, "one event, however often it comes"
