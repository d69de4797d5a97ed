"""From the spool to the agent over any broker: in order, nothing lost, trimmed on its word only."""

import asyncio
import contextlib
from datetime import timedelta

import aiomqtt
import pytest
from kyndof_wire.sync.v1.sync_pb2 import Event, Stored

from edge.infrastructure.ending_tasks import end_tasks
from edge.infrastructure.mqtt_connection import connected
from edge.infrastructure.mqtt_producer import BrokerAddress, MqttProducer
from edge.infrastructure.spool_journal import JournalOrigin, SpoolJournal
from edge.infrastructure.sqlite_spool import SqliteSpool
from edge.infrastructure.system_time import SystemClock, UlidFactory
from edge.outbox.spooling import FARTHEST_AHEAD_MS, SendWindow, SpoolPolicy, merged_hlc, next_hlc
from edge.station.errors import DiskFullError
from edge.station.events import ScanRefused, Stamp, StepFinished
from tests.fakes.floor import PASSWORD, STATION, USERS, BrokerProcess, until

pytestmark = pytest.mark.requirement("MQT", "BUF")
STAMP = Stamp(worker="worker@demo.example", basis="")


@pytest.fixture(params=["amqtt", "mosquitto"])
async def broker(request, tmp_path):
    process = BrokerProcess(request.param, tmp_path)
    with process:
        await process.ready()
        yield process


class CountingProducer(MqttProducer):
    """Counts how often it came to be connected."""

    connects = 0

    def __setattr__(self, name, value):
        if name == "connected" and value:
            self.connects += 1
        super().__setattr__(name, value)


class Floor:
    """A producer on a real spool, with what it heard."""

    def __init__(self, folder, port, station=STATION, producer_id="run_1", clock=None):
        origin = JournalOrigin(
            station=station, boot_id=b"b" * 16, clock=clock or SystemClock(), ids=UlidFactory()
        )
        policy = SpoolPolicy(max_bytes=16 << 20, ballast_bytes=0)
        self.spool = SqliteSpool(folder / f"{station}.db", policy, producer_id)
        self.journal = SpoolJournal(self.spool, origin)
        self.heard = []
        address = BrokerAddress(
            url=f"mqtt://127.0.0.1:{port}",
            username=station,
            password=USERS.get(station, PASSWORD),
            station=station,
        )
        self.producer = CountingProducer(
            address, self.journal, self._hear, origin.clock, origin.ids
        )

    @property
    def connects(self):
        return self.producer.connects

    async def _hear(self, event_id, record):
        self.heard.append((event_id, record))

    async def __aenter__(self):
        self._running = asyncio.create_task(self.producer.run())
        return self

    async def __aexit__(self, *_):
        await end_tasks([self._running])
        await self.journal.close()

    async def write(self, count):
        facts = [ScanRefused(text=f"{n}", code="CODE_FOREIGN", reader="hid") for n in range(count)]
        await asyncio.gather(*(self.journal.append([fact], STAMP) for fact in facts))


class LaterClock(SystemClock):
    """A clock that is so many seconds ahead."""

    def __init__(self, ahead_s):
        self._ahead = timedelta(seconds=ahead_s)

    def now(self):
        return super().now() + self._ahead


class Agent:
    """Confirms what it has got without a hole; `silent` it says nothing."""

    def __init__(self, port, *, silent=False):
        self._port, self.silent = port, silent
        self.got, self.seen = {}, []
        self._task = None

    async def __aenter__(self):
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_):
        await end_tasks([self._task])

    async def _run(self):
        while True:
            with contextlib.suppress(aiomqtt.MqttError):
                client = aiomqtt.Client(
                    "127.0.0.1", self._port, username=STATION, password=PASSWORD, timeout=5
                )
                async with connected(client):
                    await client.subscribe(f"v1/{STATION}/evt/+", qos=1)
                    async for message in client.messages:
                        await self._take(client, Event.FromString(message.payload))
            await asyncio.sleep(0.1)

    async def _take(self, client, event):
        self.seen.append(event.pseq)
        self.got[event.pseq] = event.event_id
        if not self.silent:
            stored = Stored(producer_id=event.producer_id, pseq=self.dense())
            topic = f"v1/{STATION}/stored/{event.producer_id}"
            await client.publish(topic, stored.SerializeToString(), qos=0, retain=True)

    def dense(self):
        last = 0
        while last + 1 in self.got:
            last += 1
        return last


async def test_events_leave_the_spool_in_order_and_on_the_agents_word(broker, tmp_path) -> None:
    async with Floor(tmp_path, broker.port) as floor, Agent(broker.port, silent=True) as agent:
        await floor.write(20)
        await until(lambda: len(agent.got) == 20)
        assert agent.seen[:20] == list(range(1, 21))
        assert floor.journal.unstored_count() == 20
        agent.silent = False
        await until(lambda: floor.journal.unstored_count() == 0)


async def test_a_broker_killed_in_the_middle_loses_nothing(broker, tmp_path) -> None:
    async with Floor(tmp_path, broker.port) as floor, Agent(broker.port) as agent:
        await floor.write(150)
        await until(lambda: len(agent.got) > 0)
        broker.kill()
        await floor.write(50)
        broker.start()
        await broker.ready()
        await until(lambda: floor.journal.unstored_count() == 0, 40)
        assert sorted(agent.got) == list(range(1, 201))


async def test_no_more_than_a_window_is_on_its_way(broker, tmp_path) -> None:
    async with Floor(tmp_path, broker.port) as floor, Agent(broker.port, silent=True) as agent:
        await floor.write(260)
        await until(lambda: len(agent.got) >= 200)
        await asyncio.sleep(0.3)
        assert max(agent.got) == 200


async def test_a_neighbours_finish_is_heard(broker, tmp_path) -> None:
    async with (
        Floor(tmp_path, broker.port) as here,
        Floor(tmp_path, broker.port, station="QC-01", producer_id="run_2") as there,
    ):
        await until(lambda: here.producer.connected and there.producer.connected)
        finish = StepFinished(
            piece_id="pc_1",
            step_id="stp_1",
            stage="QC",
            spec_version="1",
            attempt=1,
            inspection_id="ins_1",
            verdict="PASS",
            order_unconfirmed=False,
        )
        await there.journal.append([finish], STAMP)
        await until(lambda: here.heard)
        _, record = here.heard[0]
        assert (record.station, record.verdict) == ("QC-01", "PASS")
        assert there.heard == []


@pytest.mark.parametrize(("ahead_s", "followed"), [(200, True), (86_400, False)])
async def test_what_follows_on_a_neighbours_event_comes_after_it_by_the_hybrid_clock(
    broker, tmp_path, ahead_s, followed
) -> None:
    later = LaterClock(ahead_s)
    async with (
        Floor(tmp_path, broker.port) as here,
        Floor(tmp_path, broker.port, station="QC-01", producer_id="run_2", clock=later) as there,
    ):
        await until(lambda: here.producer.connected and there.producer.connected)
        finish = StepFinished(
            piece_id="pc_1",
            step_id="stp_1",
            stage="QC",
            spec_version="1",
            attempt=1,
            inspection_id="ins_1",
            verdict="PASS",
            order_unconfirmed=False,
        )
        await there.journal.append([finish], STAMP)
        await until(lambda: here.heard)
        await here.write(1)
        (cause,), (effect,) = await there.journal.page(0, 9), await here.journal.page(0, 9)
        clocks = [Event.FromString(one.body).hlc for one in (cause, effect)]
        assert (clocks[0] < clocks[1]) is followed


async def test_a_spool_set_back_goes_on_under_a_new_name(broker, tmp_path) -> None:
    async with aiomqtt.Client(
        "127.0.0.1", broker.port, username=STATION, password=PASSWORD
    ) as agent:
        stored = Stored(producer_id="run_1", pseq=500).SerializeToString()
        await agent.publish(f"v1/{STATION}/stored/run_1", stored, qos=1, retain=True)
    async with Floor(tmp_path, broker.port) as floor, Agent(broker.port) as agent:
        await floor.write(3)
        await until(lambda: floor.journal.unstored_count() == 0)
        assert floor.journal.producer_id != "run_1"
        assert len(agent.got) == 3


async def test_two_processes_of_one_station_do_not_throw_each_other_out(broker, tmp_path) -> None:
    (tmp_path / "twin").mkdir()
    async with (
        Agent(broker.port) as agent,
        Floor(tmp_path, broker.port) as one,
        Floor(tmp_path / "twin", broker.port, producer_id="run_2") as two,
    ):
        await until(lambda: one.producer.connected and two.producer.connected)
        for _ in range(3):
            await one.write(5)
            await two.write(5)
            await until(lambda: one.journal.unstored_count() == two.journal.unstored_count() == 0)
        assert agent.got.keys() == set(range(1, 16))
        assert (one.connects, two.connects) == (1, 1)


async def test_messages_that_nobody_can_read_are_told_and_harm_nothing(
    broker, tmp_path, caplog
) -> None:
    async with Floor(tmp_path, broker.port) as floor, Agent(broker.port) as agent:
        await until(lambda: floor.producer.connected)
        async with aiomqtt.Client(
            "127.0.0.1", broker.port, username=STATION, password=PASSWORD
        ) as stranger:
            for body in (b"", b"\xff\xff"):
                await stranger.publish(f"v1/{STATION}/stored/run_1", body, qos=1)
        async with aiomqtt.Client(
            "127.0.0.1", broker.port, username="QC-01", password=USERS["QC-01"]
        ) as neighbour:
            await neighbour.publish("v1/QC-01/evt/events", b"\xff\xff", qos=1)
        await floor.write(3)
        await until(lambda: floor.journal.unstored_count() == 0)
        assert len(agent.got) == 3
        assert floor.connects == 1
        assert floor.heard == []
        told = [record for record in caplog.records if record.message == "unreadable message"]
        assert [record.topic for record in told] == [f"v1/{STATION}/stored/run_1"]


async def test_a_full_disk_at_the_moment_of_trimming_costs_no_more_than_a_reconnect(
    broker, tmp_path, monkeypatch
) -> None:
    refused = []

    def full(_pseq):
        refused.append(True)
        raise DiskFullError("no room")

    async with Floor(tmp_path, broker.port) as floor, Agent(broker.port):
        with monkeypatch.context() as patch:
            patch.setattr(floor.spool, "trim", full)
            await floor.write(3)
            await until(lambda: refused)
        await until(lambda: floor.journal.unstored_count() == 0)


def test_a_window_counts_room_and_notices_silence() -> None:
    window = SendWindow(stored=10, sent=10, size=3)
    for pseq in (11, 12, 13):
        window.published(pseq, now_ns=0)
    assert window.room() == 0
    assert not window.overdue(2_999_999_999)
    assert window.overdue(3_000_000_000)
    assert window.confirmed(12, now_ns=3_000_000_000)
    assert not window.confirmed(12, now_ns=3_000_000_000)
    assert window.room() == 2
    window.start_over()
    assert window.sent == 12


def test_the_hybrid_clock_never_goes_back() -> None:
    first = next_hlc(0, 1_000)
    assert first == 1_000 << 16
    assert next_hlc(first, 1_000) == first + 1
    assert next_hlc(first, 500) == first + 1
    assert next_hlc(first, 2_000) == 2_000 << 16


def test_the_hybrid_clock_follows_a_neighbour_up_to_five_minutes_ahead() -> None:
    own = next_hlc(0, 1_000)
    assert merged_hlc(own, own - 5, 1_000) == own
    near = (1_000 + FARTHEST_AHEAD_MS) << 16 | 7
    assert merged_hlc(own, near, 1_000) == near
    assert next_hlc(near, 1_000) == near + 1
    assert merged_hlc(own, (1_001 + FARTHEST_AHEAD_MS) << 16, 1_000) is None
    assert merged_hlc(own, (1 << 64) - 1, 1_000) is None
