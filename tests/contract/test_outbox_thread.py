"""From the broker through the agent's process to a cloud, with real MQTT, SQLite, gRPC and TLS."""

import json

import pytest

from tests.fakes.cloud_server import ORGANIZATION, STATION, CloudServer
from tests.fakes.floor import AgentProcess, BrokerProcess, Producer, give_identity, until


@pytest.fixture(params=["amqtt", "mosquitto"])
async def broker(request, tmp_path):
    with BrokerProcess(request.param, tmp_path) as process:
        yield await process.ready()


@pytest.fixture
async def cloud():
    async with CloudServer() as server:
        yield server


@pytest.mark.requirement("SYN")
async def test_events_reach_the_cloud_once_and_in_order(broker, cloud, tmp_path):
    give_identity(tmp_path, cloud.authority, ORGANIZATION, STATION)
    with AgentProcess(tmp_path, broker.port, cloud) as agent:
        async with Producer(broker.port) as producer:
            producer.make(200)
            await producer.settled()
            await until(lambda: len(cloud.ledger.all_events()) >= 200)
            assert [e.event_id for e in cloud.ledger.all_events()] == producer.made
        link = agent.home / "link.json"
        await until(lambda: json.loads(link.read_text())["cloud"])
        await until(lambda: json.loads(link.read_text())["unsent"] == 0)
