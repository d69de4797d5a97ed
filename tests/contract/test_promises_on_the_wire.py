"""The agent confirms nothing, neither to the broker nor to a producer, before it is stored."""

import asyncio
from datetime import UTC, datetime

import pytest
from kyndof_wire.sync.v1.sync_pb2 import Stored

from edge.infrastructure.ending_tasks import end_tasks
from edge.infrastructure.mqtt_agent import BrokerAddress, MqttAgent
from edge.infrastructure.system_time import SystemClock
from edge.outbox.record import AppendOutcome
from tests.fakes.floor import PASSWORD, STATION, until
from tests.fakes.tiny_broker import TinyBroker
from tests.simulators.sample_events import sample_event

pytestmark = pytest.mark.requirement("MQT", "BUF")


class GatedOutbox:
    """Stores nothing until the gate is open."""

    def __init__(self) -> None:
        self.asked = 0
        self.gate = asyncio.Event()

    async def producers(self):
        return {}

    async def append(self, events):
        self.asked += len(events)
        await self.gate.wait()
        last = max(event.pseq for event in events)
        return AppendOutcome(
            appended_count=len(events),
            duplicate_count=0,
            waiting_count=0,
            stored={"p": last},
            touched=frozenset({"p"}),
            holes=(),
        )


async def test_nothing_is_confirmed_before_it_is_stored() -> None:
    async with TinyBroker() as broker:
        outbox = GatedOutbox()
        address = BrokerAddress(
            host="127.0.0.1", port=broker.port, username=STATION, password=PASSWORD
        )
        agent = MqttAgent(STATION, address, outbox, SystemClock(), lambda: None)
        running = asyncio.create_task(agent.run())
        try:
            await asyncio.wait_for(broker.subscribed.wait(), 30)
            await until(lambda: agent.connected, 30)
            for number in range(1, 6):
                body = sample_event(number, "p", datetime.now(UTC)).SerializeToString()
                broker.hand(f"v1/{STATION}/evt/events", body, number)
            await until(lambda: outbox.asked, 30)
            # What was confirmed too early would be here by now.
            await asyncio.sleep(0.3)
            assert broker.acknowledged == [], "the broker was told that it may forget"
            assert broker.said == [], "a producer was told that it may forget"
            outbox.gate.set()
            await until(lambda: len(broker.acknowledged) == 5, 30)
            assert broker.acknowledged == [1, 2, 3, 4, 5]
            await until(lambda: any(_stored(said) == 5 for said in broker.said), 30)
        finally:
            await end_tasks([running])


def _stored(said: tuple[str, bytes]) -> int:
    assert said[0] == f"v1/{STATION}/stored/p"
    return Stored.FromString(said[1]).pseq
