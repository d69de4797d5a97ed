"""Events of a station over real TLS into a real database."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import grpc
import pytest
from kyndof_wire.sync.v1 import sync_pb2

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.signing.certificate_authority import FolderCertificateAuthority
from cloud.stations.commands import RevokeStation
from tests.fakes.core import OTHER, context_of
from tests.fakes.intake import (
    FAST,
    Device,
    IntakeWorld,
    Talk,
    badge_event,
    digest_of,
    intake_over,
)

pytestmark = [pytest.mark.requirement("SYN"), pytest.mark.timeout(180)]


@pytest.fixture
async def world(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[IntakeWorld]:
    async with intake_over(database, tmp_path) as opened:
        yield opened


async def committed(world: IntakeWorld) -> list[tuple[int, int, str]]:
    rows = await world.rows(
        "SELECT epoch, seq, standing FROM station_events WHERE stream = 'events'"
        " ORDER BY epoch, seq"
    )
    return [tuple(row) for row in rows]


async def test_events_lie_in_the_database_when_they_are_acknowledged(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    events = [badge_event(n) for n in range(1, 11)]
    async with world.talk(device) as talk:
        await talk.hello()
        assert talk.welcome.epoch == 1
        assert [(p.stream, p.seq, p.digest) for p in talk.welcome.resume_after] == [
            ("events", 0, 0),
            ("state", 0, 0),
        ]
        ack = await talk.batch(1, events[:7])
        assert ack.committed_seq == 7
        assert (await talk.batch(8, events[7:], digest_of(events[:7]))).committed_seq == 10
    assert await committed(world) == [(1, n, "accepted") for n in range(1, 11)]


@pytest.mark.requirement("BUF")
async def test_nothing_is_acknowledged_while_its_commit_waits(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    waiting = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND database IS NOT NULL)"
    keeper = await asyncpg.connect(world.database.owner.replace("kyndof_owner@", "postgres@"))
    try:
        async with world.talk(device) as talk:
            await talk.hello()
            held = keeper.transaction()
            await held.start()
            await keeper.execute("LOCK TABLE station_cursors, station_events IN EXCLUSIVE MODE")
            batch = sync_pb2.EventBatch(stream="events", first_seq=1, events=[badge_event(1)])
            await talk.send(batch=batch)
            answer = asyncio.create_task(talk.hear())
            async with asyncio.timeout(30):
                while not await keeper.fetchval(waiting):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            done, _ = await asyncio.wait([answer], timeout=0.3)
            assert not done
            assert await committed(world) == []
            await held.rollback()
            assert (await answer).ack.committed_seq == 1
            assert await committed(world) == [(1, 1, "accepted")]
    finally:
        await keeper.close()


async def test_a_station_resumes_after_the_committed_events(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    events = [badge_event(n) for n in range(1, 6)]
    async with world.talk(device) as talk:
        await (await talk.hello()).batch(1, events)
    async with world.talk(device) as talk:
        await talk.hello(epoch=1)
        assert talk.welcome.epoch == 1
        position = next(p for p in talk.welcome.resume_after if p.stream == "events")
        assert (position.seq, position.digest) == (5, digest_of(events))


async def test_a_replayed_batch_changes_nothing_and_is_counted(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    events = [badge_event(n) for n in range(1, 9)]
    async with world.talk(device) as talk:
        await talk.hello()
        await talk.batch(1, events[:5])
        assert (await talk.batch(1, events[:5])).committed_seq == 5
        # An acknowledgement was lost and the next batch is a longer one.
        assert (await talk.batch(3, events[2:], digest_of(events[:2]))).committed_seq == 8
    assert [seq for _, seq, _ in await committed(world)] == list(range(1, 9))
    rows = await world.rows("SELECT duplicates FROM station_cursors WHERE stream = 'events'")
    assert rows[0]["duplicates"] == 8


async def test_bytes_that_are_no_frame_end_the_stream_with_a_code(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    hello = sync_pb2.StreamEventsRequest(hello=sync_pb2.Hello(outbox_id="o", protocol=1))
    path = "/kyndof_wire.sync.v1.EventSyncService/StreamEvents"
    async with world.channel(device) as channel:
        call = channel.stream_stream(path)(timeout=60)
        await call.write(hello.SerializeToString())
        await call.read()
        await call.write(b"\xff\xff")
        assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert dict(await call.trailing_metadata())["kyndof-error-code"] == "PAYLOAD_INVALID"
    async with world.talk(device) as talk:
        await (await talk.hello()).batch(1, [badge_event(1)])


async def test_a_clock_a_day_ahead_changes_no_order(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    events = [badge_event(n) for n in range(1, 7)]
    day = 86_400_000 << 16
    for event, ahead in zip(events, (0, 0, day, day, 0, -day), strict=True):
        event.hlc = max(0, (1_772_000_000_000 << 16) + ahead)
    async with world.talk(device) as talk:
        await talk.hello()
        assert (await talk.batch(1, events)).committed_seq == 6
    assert await committed(world) == [(1, n, "accepted") for n in range(1, 7)]
    rows = await world.rows("SELECT hlc FROM station_events WHERE stream = 'events' ORDER BY seq")
    assert [row["hlc"] for row in rows] == [event.hlc for event in events]


async def test_what_a_later_station_says_more_is_passed_over(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    more = b"\xa2\x06\x03new"  # field 100, which nobody knows yet
    hello = sync_pb2.StreamEventsRequest(hello=sync_pb2.Hello(outbox_id="o", protocol=1))
    event = badge_event(1).SerializeToString() + more
    batch = sync_pb2.EventBatch(stream="events", first_seq=1)
    batch.events.add().MergeFromString(event)
    path = "/kyndof_wire.sync.v1.EventSyncService/StreamEvents"
    async with world.channel(device) as channel:
        call = channel.stream_stream(path)(timeout=60)
        await call.write(hello.SerializeToString() + more)
        await call.read()
        await call.write(more)
        frame = sync_pb2.StreamEventsRequest(batch=batch).SerializeToString()
        await call.write(frame + more)
        while (answer := sync_pb2.StreamEventsResponse.FromString(await call.read())) and (
            answer.WhichOneof("payload") == "heartbeat"
        ):
            pass
        assert answer.ack.committed_seq == 1
        assert not answer.ack.rejected
        call.cancel()
    assert await committed(world) == [(1, 1, "accepted")]


async def test_missing_events_are_asked_for(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    async with world.talk(device) as talk:
        await talk.hello()
        await talk.batch(1, [badge_event(1)])
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await talk.batch(4, [badge_event(4)])
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    trailing = dict(caught.value.trailing_metadata())
    assert trailing["kyndof-expected-seq"] == "2"
    assert trailing["kyndof-error-code"] == "SEQUENCE_GAP"


async def test_a_history_that_differs_is_refused_and_on_record(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    async with world.talk(device) as talk:
        await talk.hello()
        await talk.batch(1, [badge_event(1)])
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await talk.batch(2, [badge_event(2)], prev_digest=4711)
    assert caught.value.code() is grpc.StatusCode.DATA_LOSS
    events = await world.rows("SELECT payload FROM events WHERE type = 'station_fault_reported'")
    assert "history_diverged" in events[0]["payload"]


async def test_numbers_that_never_come_are_kept_as_a_gap(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    events = [badge_event(n) for n in range(1, 12)]
    async with world.talk(device) as talk:
        await talk.hello()
        await talk.batch(1, events[:2])
        await talk.send(
            gap=sync_pb2.GapRecord(
                stream="events", first_seq=3, last_seq=8, reason=sync_pb2.GAP_REASON_OPERATOR
            )
        )
        assert (await talk.hear()).ack.committed_seq == 8
        assert (await talk.batch(9, events[8:9])).committed_seq == 9
        # From here on the station knows its digest again.
        assert (await talk.batch(10, events[9:10], 99)).committed_seq == 10
        with pytest.raises(grpc.aio.AioRpcError):
            await talk.batch(11, events[10:], 98)
    rows = await world.rows("SELECT first_seq, last_seq, reason FROM station_gaps")
    assert [tuple(row) for row in rows] == [(3, 8, "GAP_REASON_OPERATOR")]
    faults = await world.rows("SELECT payload FROM events WHERE type = 'station_fault_reported'")
    (lost,) = [row["payload"] for row in faults if "events_lost" in row["payload"]]
    assert "events 3-8: GAP_REASON_OPERATOR" in lost


async def test_a_snapshot_that_a_newer_one_replaced_is_no_fault(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    async with world.talk(device) as talk:
        await talk.hello()
        for _ in range(2):
            await talk.send(
                gap=sync_pb2.GapRecord(
                    stream="state", first_seq=1, last_seq=4, reason=sync_pb2.GAP_REASON_SUPERSEDED
                )
            )
            assert (await talk.hear()).ack.committed_seq == 4
        for _ in range(2):
            await talk.send(
                gap=sync_pb2.GapRecord(
                    stream="events", first_seq=1, last_seq=1, reason=sync_pb2.GAP_REASON_CORRUPTION
                )
            )
            assert (await talk.hear()).ack.committed_seq == 1
    (fault,) = await world.rows("SELECT payload FROM events WHERE type = 'station_fault_reported'")
    assert "events 1-1: GAP_REASON_CORRUPTION" in fault["payload"]


async def test_an_event_that_nobody_can_read_stops_nothing(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    events = [badge_event(n) for n in range(1, 9)]
    events[1].type = "never_heard_of"
    events[2].payload = b"\xff\xff\xff"
    events[3].event_id = b"short"
    events[4].payload = bytes(2 * 1024 * 1024)
    events[5].worker = "zero\0byte"
    events[6].schema = 7
    async with world.talk(device) as talk:
        await talk.hello()
        ack = await talk.batch(1, events)
        assert ack.committed_seq == 8
        assert [(r.seq, r.code) for r in ack.rejected] == [
            (2, "TYPE_UNKNOWN"),
            (3, "PAYLOAD_UNREADABLE"),
            (4, "EVENT_ID_INVALID"),
            (5, "PAYLOAD_TOO_LARGE"),
            (6, "TEXT_INVALID"),
            (7, "SCHEMA_UNKNOWN"),
        ]
        after = badge_event(9)
        assert (await talk.batch(9, [after], digest_of(events))).committed_seq == 9
    standings = [standing for _, _, standing in await committed(world)]
    assert standings == ["accepted", *["dead"] * 6, "accepted", "accepted"]
    letters = await world.rows("SELECT seq FROM station_dead_letters ORDER BY seq")
    assert [row["seq"] for row in letters] == [2, 3, 4, 5, 6, 7]


async def test_an_event_that_comes_again_under_a_new_epoch_counts_once(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    events = [badge_event(n) for n in range(1, 4)]
    async with world.talk(device) as talk:
        await (await talk.hello("outbox-1")).batch(1, events)
    async with world.talk(device) as talk:
        await talk.hello("outbox-2")
        assert talk.welcome.epoch == 2
        await talk.batch(1, [events[2], badge_event(4)])
    assert await committed(world) == [
        (1, 1, "accepted"),
        (1, 2, "accepted"),
        (1, 3, "accepted"),
        (2, 1, "repeated"),
        (2, 2, "accepted"),
    ]


async def test_of_two_outboxes_with_one_certificate_the_newer_stays(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    async with world.talk(device) as first, world.talk(device) as second:
        await first.hello("outbox-1")
        await second.hello("outbox-2")
        end = await first.ended()
        assert (end.code(), end.details()) == (grpc.StatusCode.ABORTED, "fenced")
        async with world.talk(device) as again:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await again.hello("outbox-1", epoch=1)
            assert caught.value.details() == "fenced"
        assert (await second.batch(1, [badge_event()])).committed_seq == 1
    events = await world.rows("SELECT payload FROM events WHERE type = 'station_fault_reported'")
    assert "outbox_fenced" in events[0]["payload"]


async def test_a_reconnection_replaces_the_broken_half_of_the_old_one(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    async with world.talk(device) as first, world.talk(device) as second:
        await first.hello()
        await second.hello(epoch=1)
        assert (await first.ended()).details() == "replaced"
        assert (await second.batch(1, [badge_event()])).committed_seq == 1


async def test_nobody_comes_in_without_a_certificate_of_this_authority(
    world: IntakeWorld, tmp_path: Path
) -> None:
    station, device = await world.enrolled()
    stranger = FolderCertificateAuthority(tmp_path / "stranger", world.core.clock)
    forged = Device()
    issued = stranger.issue(forged.csr_der, "org_01K0DEM0000000000000000000", station.station_id)
    forged.certificate_pem = issued.certificate_pem.encode()
    for nobody in (None, forged):
        async with world.talk(nobody) as talk:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await talk.hello()
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    async with world.talk(device) as talk:
        await talk.hello()


async def test_the_server_certificate_of_another_authority_is_not_believed(
    world: IntakeWorld, tmp_path: Path
) -> None:
    _, device = await world.enrolled()
    stranger = FolderCertificateAuthority(tmp_path / "stranger", world.core.clock)
    credentials = grpc.ssl_channel_credentials(
        stranger.ca_pem.encode(), device.key_pem, device.certificate_pem
    )
    options = [("grpc.ssl_target_name_override", "localhost")]
    address = f"127.0.0.1:{world.servers.port}"
    async with grpc.aio.secure_channel(address, credentials, options) as channel:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(channel.channel_ready(), 1)


async def test_whose_events_they_are_is_said_by_the_certificate_alone(world: IntakeWorld) -> None:
    _, ours = await world.enrolled()
    _, theirs = await world.enrolled("CUT-01", OTHER)
    async with world.talk(theirs) as talk:
        await talk.hello("outbox-1")
        lie = badge_event(1)
        lie.worker = "lead@demo.example"
        await talk.batch(1, [lie])
    assert await committed(world) == []
    async with world.talk(ours) as talk:
        await talk.hello("outbox-1")
        await talk.batch(1, [badge_event(1)])
    assert len(await committed(world)) == 1


async def test_a_revoked_station_is_sent_away_and_stays_out(world: IntakeWorld) -> None:
    station, device = await world.enrolled()
    async with world.talk(device) as talk:
        await talk.hello()
        await world.core.bus.send(
            RevokeStation(station_id=station.station_id, reason="stolen"),
            context_of("lead@demo.example"),
        )
        end = await asyncio.wait_for(talk.ended(), 10)
        assert end.code() is grpc.StatusCode.PERMISSION_DENIED
        assert "revoked" in (end.details() or "")
    async with world.talk(device) as talk:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await talk.hello()
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_the_first_word_is_hello(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    async with world.talk(device) as talk:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await talk.batch(1, [badge_event()])
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_a_silent_station_is_given_up(database: DatabaseUrls, tmp_path: Path) -> None:
    patience = replace(FAST, silence_s=5)
    async with intake_over(database, tmp_path, patience) as world:
        _, device = await world.enrolled()
        async with world.talk(device) as talk:
            await talk.hello()
            end = await asyncio.wait_for(talk.ended(), 60)
            assert dict(end.trailing_metadata())["kyndof-error-code"] == "STATION_SILENT"


async def test_coming_and_going_is_told_once_each(world: IntakeWorld) -> None:
    station, device = await world.enrolled()
    async with world.talk(device) as talk:
        await talk.hello()
    for _ in range(1200):
        rows = await world.rows(
            "SELECT payload->>'online' AS online FROM events"
            " WHERE type = 'station_state_changed' ORDER BY sequence"
        )
        if len(rows) == 2:
            break
        await asyncio.sleep(0.05)
    assert [row["online"] for row in rows] == ["true", "false"]
    assert station.online is False


async def test_a_taken_port_is_named_with_its_setting(world: IntakeWorld) -> None:

    from cloud.interfaces.edge_intake.servers import PortTakenError  # noqa: PLC0415

    second = replace(world.servers, intake=replace(world.servers.intake, port=world.servers.port))
    with pytest.raises(PortTakenError, match="set KYNDOF_GRPC__PORT"):
        await second.start()


async def test_a_restarting_cloud_says_so(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    async with world.talk(device) as talk:
        await talk.hello()
        stopping = asyncio.create_task(world.servers.stop())
        frame = await talk.hear()
        assert frame.go_away.reason == "restarting"
        await stopping


async def test_ten_thousand_events_come_in_whole(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    async with world.talk(device) as talk:
        await talk.hello()
        digest, seq = 0, 1
        for _ in range(20):
            events = [badge_event(seq + n) for n in range(500)]
            await talk.send(
                batch=sync_pb2.EventBatch(
                    stream="events", first_seq=seq, events=events, prev_digest=digest
                )
            )
            digest = digest_of(events, digest)
            seq += 500
        beating = asyncio.create_task(beat(talk))
        while (await talk.hear()).ack.committed_seq < 10_000:
            pass
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
    rows = await world.rows(
        "SELECT count(*) AS n, count(DISTINCT event_id) AS once, max(seq) AS last"
        " FROM station_events"
    )
    assert tuple(rows[0]) == (10_000, 10_000, 10_000)


async def test_a_log_that_is_locked_shrinks_the_credit_before_anything_is_acknowledged(
    world: IntakeWorld,
) -> None:
    _, device = await world.enrolled()
    connection = await asyncpg.connect(world.database.owner)
    try:
        async with world.talk(device) as talk:
            await talk.hello()
            assert talk.welcome.credit_events == 8000
            async with connection.transaction():
                await connection.execute("LOCK TABLE station_events IN EXCLUSIVE MODE")
                events = [badge_event(n) for n in range(5)]
                batch = sync_pb2.EventBatch(stream="events", first_seq=1, events=events)
                await talk.send(batch=batch)
                beating = asyncio.create_task(beat(talk))
                heard = await talk.hear()
                assert heard.WhichOneof("payload") == "throttle"
                assert heard.throttle.credit_events == 50
            while (heard := await talk.hear()).WhichOneof("payload") != "ack":
                pass
            assert (heard.ack.committed_seq, heard.ack.credit_events) == (5, 50)
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
    finally:
        await connection.close()


async def beat(talk: Talk) -> None:
    while True:
        await asyncio.sleep(0.3)
        await talk.send(heartbeat=sync_pb2.Heartbeat())
