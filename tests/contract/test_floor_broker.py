"""What the protocol asks of a broker, shown on amqtt and on mosquitto."""

import asyncio
import contextlib
import socket

import aiomqtt
import pytest
from amqtt.contexts import BrokerConfig, ListenerConfig

from cloud.infrastructure.embedded.mqtt_broker import (
    MqttPortTakenError,
    _FloorBroker,
    run_broker,
)
from tests.fakes.floor import USERS, BrokerProcess, free_port, until

pytestmark = pytest.mark.requirement("MQT")


@pytest.fixture(params=["amqtt", "mosquitto"])
async def broker(request, tmp_path):
    with BrokerProcess(request.param, tmp_path) as process:
        yield await process.ready()


def client(broker, user="CUT-01", password=None):
    return aiomqtt.Client(
        "127.0.0.1",
        broker.port,
        username=user,
        password=USERS.get(user) if password is None else password,
        timeout=5,
        max_inflight_messages=500,
    )


async def heard(listener, count, within_s=5.0):
    """Return what comes within a bound, as (topic, payload)."""
    got = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            async for message in listener.messages:
                got.append((str(message.topic), message.payload))
                if len(got) == count:
                    break
    return got


@pytest.mark.parametrize(
    ("user", "password"), [("CUT-01", "wrong"), ("nobody", ""), ("CUT-01", ""), (None, "")]
)
async def test_a_stranger_is_not_let_in(broker, user, password) -> None:
    with pytest.raises(aiomqtt.MqttError):
        async with client(broker, user, password):
            pass


async def test_messages_of_one_producer_keep_their_order(broker) -> None:
    async with client(broker) as listener, client(broker) as producer:
        await listener.subscribe("v1/CUT-01/evt/+", qos=1)
        for number in range(500):
            await producer.publish("v1/CUT-01/evt/events", str(number), qos=1)
        got = await heard(listener, 500)
    assert [int(payload) for _, payload in got] == list(range(500))


async def test_what_is_retained_is_told_to_who_comes_later(broker) -> None:
    async with client(broker) as agent:
        for number in (1, 2):
            await agent.publish("v1/CUT-01/stored/run", str(number), qos=1, retain=True)
    async with client(broker) as producer:
        await producer.subscribe("v1/CUT-01/stored/run", qos=1)
        assert await heard(producer, 1) == [("v1/CUT-01/stored/run", b"2")]


async def test_who_connects_is_told_nothing_that_it_did_not_ask_for(broker) -> None:
    async with client(broker) as agent:
        await agent.subscribe("v1/CUT-01/stored/run", qos=1)
        await agent.publish("v1/CUT-01/stored/run", b"private", qos=1, retain=True)
        assert await heard(agent, 1)
        async with client(broker, "QC-01") as curious, client(broker) as own:
            assert await heard(curious, 1, within_s=0.5) == []
            assert await heard(own, 1, within_s=0.5) == []


async def test_a_station_hears_the_events_of_the_others(broker) -> None:
    async with client(broker, "QC-01") as neighbour, client(broker) as producer:
        await neighbour.subscribe("v1/+/evt/events", qos=1)
        await producer.publish("v1/CUT-01/evt/events", b"cut", qos=1)
        assert await heard(neighbour, 1) == [("v1/CUT-01/evt/events", b"cut")]


async def test_a_station_cannot_speak_for_another(broker) -> None:
    async with client(broker) as listener, client(broker, "QC-01") as impostor:
        await listener.subscribe("v1/CUT-01/#", qos=1)
        with contextlib.suppress(aiomqtt.MqttError):
            await impostor.publish("v1/CUT-01/evt/events", b"forged", qos=1)
        async with client(broker) as honest:
            await honest.publish("v1/CUT-01/light", b"green", qos=1)
        assert await heard(listener, 1) == [("v1/CUT-01/light", b"green")]


async def test_a_station_cannot_listen_to_what_is_anothers(broker) -> None:
    async with client(broker, "QC-01") as curious, client(broker) as producer:
        for topic in ("v1/CUT-01/#", "#", "v1/#", "v1/+/stored/run"):
            with contextlib.suppress(aiomqtt.MqttError):
                await curious.subscribe(topic, qos=1)
        await producer.publish("v1/CUT-01/stored/run", b"private", qos=1)
        await producer.publish("v1/CUT-01/light", b"private", qos=1)
        await curious.publish("v1/QC-01/light", b"own", qos=1)
        await curious.subscribe("v1/QC-01/light", qos=1)
        await curious.publish("v1/QC-01/light", b"own", qos=1)
        got = await heard(curious, 3, within_s=1.0)
    assert all(payload == b"own" for _, payload in got)
    assert got


async def test_nobody_loses_messages_while_others_come_and_go(broker) -> None:
    over = asyncio.Event()

    async def come_and_go():
        # Asked to end, not cancelled: a cancellation in the middle of connecting can get lost.
        while not over.is_set():
            async with client(broker, "QC-01") as visitor:
                await visitor.subscribe("v1/+/evt/events", qos=1)

    async with client(broker) as listener, client(broker) as producer:
        await listener.subscribe("v1/CUT-01/evt/+", qos=1)
        visitors = asyncio.create_task(come_and_go())
        for number in range(400):
            await producer.publish("v1/CUT-01/evt/events", str(number), qos=1)
        got = await heard(listener, 400)
        over.set()
        await visitors
    assert [int(payload) for _, payload in got] == list(range(400))


async def test_a_taken_port_is_one_sentence_that_names_the_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(MqttPortTakenError, match=r"KYNDOF_MQTT__PORT") as caught:
            await run_broker("127.0.0.1", port, USERS)
    assert "\n" not in str(caught.value)


async def test_the_broker_serves_until_it_is_cancelled() -> None:
    port, ready = free_port(), asyncio.Event()
    task = asyncio.create_task(run_broker("127.0.0.1", port, USERS, ready))
    async with asyncio.timeout(5):
        await ready.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


async def test_refused_clients_leave_nothing_behind() -> None:
    config = BrokerConfig(
        listeners={"default": ListenerConfig(bind=f"127.0.0.1:{free_port()}")}, plugins={}
    )
    broker = _FloorBroker(config, USERS)
    await broker.start()
    port = int(config.listeners["default"].bind.rpartition(":")[2])
    try:
        for _ in range(5):
            with pytest.raises(aiomqtt.MqttError):
                async with aiomqtt.Client("127.0.0.1", port, username="CUT-01"):
                    pass
        await until(lambda: not broker.sessions, 5)
    finally:
        await broker.shutdown()
