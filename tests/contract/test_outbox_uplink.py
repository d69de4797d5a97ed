"""The way up, in process: real gRPC over TLS against a cloud that misbehaves."""

import asyncio
import contextlib
import sqlite3

import grpc
import pytest
from kyndof_wire.sync.v1.sync_pb2 import GAP_REASON_SUPERSEDED, DiskReport, Event

from edge.infrastructure.boot_clocks import BootClocks
from edge.infrastructure.child_process import boot_id
from edge.infrastructure.grpc_channel import Credentials, open_channel
from edge.infrastructure.grpc_uplink import EventUplink, LinkLostError, UplinkSettings
from edge.infrastructure.sqlite_outbox import OutboxBounds, SqliteOutbox
from edge.infrastructure.sqlite_outbox_schema import migrate_outbox
from edge.infrastructure.sqlite_outbox_thread import OutboxThread
from edge.infrastructure.system_time import SystemClock, UlidFactory
from edge.outbox.delivery import DeliveryLimits, DeliveryTiming
from edge.outbox.record import DAMAGED, IncomingEvent
from tests.fakes.cloud_server import ORGANIZATION, STATION, CloudServer
from tests.fakes.floor import until

pytestmark = pytest.mark.requirement("SYN")
IDS = UlidFactory()


class Site:
    """An outbox and its uplink to one cloud."""

    def __init__(self, folder, cloud, retention_ms=86_400_000, silence_s=60.0, **limits):
        self.path = folder / "outbox.db"
        self.cloud = cloud
        clock = SystemClock()
        bounds = OutboxBounds(max_bytes=64 << 20, ballast_bytes=0, retention_ms=retention_ms)
        self.outbox = OutboxThread(
            lambda: SqliteOutbox(self.path, bounds, clock, IDS, migrate_outbox)
        )
        timing = DeliveryTiming(heartbeat_s=0.1, silence_s=silence_s, write_s=silence_s)
        settings = UplinkSettings(
            limits=DeliveryLimits(**limits),
            timing=timing,
            agent_version="test",
            disk=DiskReport,
            clocks=BootClocks(file=folder / "boot_clocks.json", boot_id=boot_id()),
        )
        self.uplink = EventUplink(self.outbox, clock, settings, lambda: None)
        self.made = []

    async def __aenter__(self):
        await self.outbox.open()
        return self

    async def __aexit__(self, *_):
        await self.outbox.close()

    async def make(self, count, stream="events", kind="t", payload=b"x"):
        events = []
        for _ in range(count):
            event_id = IDS.event_id()
            envelope = Event(
                event_id=event_id, type=kind, producer_id="p", payload=payload, stream=stream
            )
            events.append(
                IncomingEvent(
                    event_id=event_id,
                    stream=stream,
                    producer_id="p",
                    pseq=0,
                    payload=payload,
                    body=envelope.SerializeToString(),
                )
            )
        await self.outbox.append(events)
        self.uplink.wake()
        if stream == "events":
            self.made += [e.event_id for e in events]

    async def connect(self):
        """One connection; returns how it ended."""
        issued = self.cloud.authority.station(ORGANIZATION, STATION)
        credentials = Credentials(
            key_pem=issued.key_pem,
            certificate_pem=issued.certificate_pem,
            ca_pem=self.cloud.authority.pem,
        )
        async with open_channel(self.cloud.address, credentials) as channel:
            try:
                await self.uplink.run(channel)
            except LinkLostError as error:
                return error

    @contextlib.asynccontextmanager
    async def connected(self):
        task = asyncio.create_task(self.connect())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def arrived(self):
        return [e.event_id for e in self.cloud.ledger.all_events()]

    async def all_arrived(self):
        await until(lambda: len(self.arrived()) >= len(self.made))
        assert self.arrived() == self.made

    async def all_acknowledged(self):
        """Also wait for the word back: the cloud holds an event before the station hears so."""
        await self.all_arrived()
        deadline = asyncio.get_running_loop().time() + 20
        while await self.outbox.unsent():
            assert asyncio.get_running_loop().time() < deadline, "not acknowledged within 20 s"
            await asyncio.sleep(0.02)


@pytest.fixture
async def cloud():
    async with CloudServer() as server:
        yield server


@pytest.fixture
async def site(tmp_path, cloud):
    async with Site(tmp_path, cloud) as made:
        yield made


async def test_a_backlog_and_what_comes_later_arrive_in_order(site) -> None:
    await site.make(1200)
    async with site.connected():
        await site.make(30)
        await site.all_acknowledged()


async def test_a_lost_acknowledgement_leads_to_no_second_copy(site) -> None:
    await site.make(20)
    site.cloud.mischief.lose_acks = 1
    error = await site.connect()
    assert error.code == "UNAVAILABLE"
    assert len(site.arrived()) == 20
    async with site.connected():
        await site.make(5)
        await site.all_arrived()
    assert site.cloud.ledger.duplicates == 0, "the cloud's cursor says where to go on"


async def test_a_cloud_that_falls_silent_is_left(tmp_path, cloud) -> None:
    async with Site(tmp_path, cloud, silence_s=2.0) as site, site.connected() as connection:
        await site.make(5)
        await site.all_arrived()
        cloud.mischief.silent = True
        error = await asyncio.wait_for(connection, 60)
    assert error.code == "LINK_SILENT"


async def test_a_cloud_that_never_welcomes_is_left(tmp_path, cloud) -> None:
    cloud.mischief.silent = True
    async with Site(tmp_path, cloud, silence_s=0.6) as site:
        error = await asyncio.wait_for(site.connect(), 60)
    assert error.code == "LINK_SILENT"


async def test_the_present_overtakes_a_backlog(tmp_path, cloud) -> None:
    async with Site(tmp_path, cloud, batch_events=10, window_events=20) as site:
        await site.make(500)
        await site.make(1, stream="state")
        async with site.connected():
            await until(lambda: cloud.ledger.all_events("state"))
            assert len(site.arrived()) < 500
            await site.all_arrived()


async def test_rejected_events_are_kept_and_do_not_stop_the_stream(site) -> None:
    site.cloud.mischief.reject_types = {"poison"}
    await site.make(3)
    await site.make(1, kind="poison")
    await site.make(3)
    async with site.connected():
        await site.all_arrived()
        await until(lambda: rows(site, "SELECT seq, code FROM rejections"))
    assert rows(site, "SELECT seq, code FROM rejections") == [(4, "UNKNOWN_TYPE")]


def rows(site, query):
    with contextlib.closing(sqlite3.connect(site.path)) as db:
        return db.execute(query).fetchall()


async def test_a_cloud_set_back_is_fed_again_from_what_is_kept(site) -> None:
    await site.make(10)
    async with site.connected():
        await site.all_acknowledged()
    for content in site.cloud.ledger.streams.values():
        del content.events[4:]
        content.seq = 4
        content.digest = await site.outbox.digest_at("events", 4)
    async with site.connected():
        await site.all_arrived()


async def test_a_cloud_set_back_too_far_gets_a_gap_and_what_is_left(tmp_path, cloud) -> None:
    async with Site(tmp_path, cloud, retention_ms=-1) as site:
        await site.make(10)
        async with site.connected():
            await site.all_acknowledged()
        await site.outbox.trim()
        cloud.ledger.streams.clear()
        await site.make(3)
        async with site.connected():
            await until(lambda: len(site.arrived()) == 3)
        assert [(g.first_seq, g.last_seq) for g in cloud.ledger.gaps] == [(1, 10)]
        assert site.arrived() == site.made[10:]


async def test_an_outbox_restored_from_an_old_copy_becomes_a_new_one(site) -> None:
    await site.make(5)
    async with site.connected():
        await site.all_acknowledged()
    stream = site.cloud.ledger.stream(1, "events")
    stream.seq = 50
    assert (await site.connect()).code == "OUTBOX_IS_OLDER"
    await site.make(2)
    async with site.connected():
        await until(lambda: len(site.arrived()) == 7)
    assert [h.outbox_id for h in site.cloud.ledger.hellos][-1] != (
        site.cloud.ledger.hellos[0].outbox_id
    )
    assert site.arrived() == site.made


async def test_a_cloud_with_another_history_is_noticed_by_the_digest(site) -> None:
    await site.make(5)
    async with site.connected():
        await site.all_acknowledged()
    site.cloud.ledger.stream(1, "events").digest ^= 1
    assert (await site.connect()).code == "DIGEST_DIVERGED"


async def test_an_event_changed_on_the_disk_is_skipped_with_a_gap(site) -> None:
    await site.make(5, payload=b"honest payload")
    with contextlib.closing(sqlite3.connect(site.path)) as db:
        body = db.execute("SELECT body FROM events WHERE seq = 3").fetchone()[0]
        forged = body.replace(b"honest", b"forged")
        db.execute("UPDATE events SET body = ? WHERE seq = 3", (forged,))
        db.commit()
    async with site.connected():
        await until(lambda: len(site.arrived()) == 4)
    assert [(g.first_seq, g.last_seq) for g in site.cloud.ledger.gaps] == [(3, 3)]
    assert site.arrived() == site.made[:2] + site.made[3:]


@pytest.mark.parametrize("column", ["body", "digest", "event_id"])
async def test_a_bit_flipped_anywhere_in_a_row_is_noticed_and_kept_for_whoever_looks(
    site, column
) -> None:
    await site.make(5, kind="step_started")
    with contextlib.closing(sqlite3.connect(site.path)) as db:
        db.create_function("flipped", 1, _flipped, deterministic=True)
        db.execute(f"UPDATE events SET {column} = flipped({column}) WHERE seq = 3")  # noqa: S608
        db.commit()
    async with site.connected():
        await until(lambda: len(site.arrived()) == 4)
    assert [(g.first_seq, g.last_seq) for g in site.cloud.ledger.gaps] == [(3, 3)]
    assert site.arrived() == site.made[:2] + site.made[3:]
    assert [e.type for e in site.cloud.ledger.all_events()] == ["step_started"] * 4
    assert rows(site, "SELECT topic, reason FROM refused") == [("outbox/events/3", DAMAGED)]


def _flipped(value):
    """One bit, and not where the payload or the id lies: the worker's name, the type."""
    if isinstance(value, int):
        return value ^ 1
    place = value.index(b"step_started") if b"step_started" in value else 0
    return value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :]


async def test_a_new_outbox_leaves_out_what_the_disk_has_changed(site) -> None:
    await site.make(3)
    with contextlib.closing(sqlite3.connect(site.path)) as db:
        db.execute("UPDATE events SET body = x'ffffff' WHERE seq = 2")
        db.commit()
    await site.outbox.start_over("a test")
    async with site.connected():
        await until(lambda: len(site.arrived()) == 2)
    assert site.arrived() == [site.made[0], site.made[2]]
    assert site.cloud.ledger.gaps == []
    assert rows(site, "SELECT topic FROM refused") == [("outbox/events/2",)]


async def test_never_more_is_under_way_than_the_cloud_allows(tmp_path, cloud) -> None:
    cloud.mischief.credit_events, cloud.mischief.hold_acks = 7, True
    async with Site(tmp_path, cloud, batch_events=3) as site:
        await site.make(40)
        async with site.connected():
            await until(lambda: len(site.arrived()) == 7)
            await asyncio.sleep(0.2)
            assert len(site.arrived()) == 7
            cloud.mischief.credit_events = 2
            cloud.mischief.hold_acks = False
            await site.all_acknowledged()
    assert cloud.ledger.most_unacknowledged == 7


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.FAILED_PRECONDITION]
)
async def test_a_refusal_ends_the_connection_with_its_code(site, code) -> None:
    site.cloud.mischief.refuse = code
    assert (await site.connect()).code == code.name


async def test_a_foreign_certificate_never_gets_a_welcome(tmp_path, cloud) -> None:
    stranger = CloudServer()
    async with Site(tmp_path, cloud) as site:
        real = cloud.authority
        forged = stranger.authority.station(ORGANIZATION, STATION)
        credentials = Credentials(
            key_pem=forged.key_pem, certificate_pem=forged.certificate_pem, ca_pem=real.pem
        )
        async with open_channel(cloud.address, credentials) as channel:
            with pytest.raises(LinkLostError):
                await site.uplink.run(channel)
    assert cloud.ledger.hellos == []


async def test_of_snapshots_made_without_a_cloud_only_the_newest_travels(tmp_path, cloud) -> None:
    async with Site(tmp_path, cloud) as site:
        await site.make(1, stream="state", payload=b"first")
        async with site.connected():
            await until(lambda: cloud.ledger.all_events("state"))
            await site.all_acknowledged()
        for _ in range(5):
            await site.make(40, stream="state", payload=b"older")
        await site.make(1, stream="state", payload=b"newest")
        await site.make(3)
        assert len(await site.outbox.read_after("state", 1, 500, 1 << 20)) == 1
        async with site.connected():
            await until(lambda: len(cloud.ledger.all_events()) == 3)
            await until(lambda: len(cloud.ledger.all_events("state")) == 2)
        assert [e.payload for e in cloud.ledger.all_events("state")] == [b"first", b"newest"]
        gaps = [(g.stream, g.first_seq, g.last_seq, g.reason) for g in cloud.ledger.gaps]
        assert gaps == [("state", 2, 201, GAP_REASON_SUPERSEDED)]
        assert (await site.outbox.state()).streams[0].last_seq == 202
