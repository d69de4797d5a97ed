"""Thousands of frames that no station should send: a coded refusal each, nothing written."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest
from kyndof_wire.enrolment.v1 import enrolment_pb2
from kyndof_wire.sync.v1 import sync_pb2

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from tests.fakes.core import OTHER
from tests.fakes.fuzz import NASTY_TEXTS
from tests.fakes.intake import IntakeWorld, badge_event, intake_over

pytestmark = pytest.mark.requirement("SYN", "API")
SEED = 20260303
COUNT = 10_000
TEXTS = [text for text in NASTY_TEXTS if "\ud800" not in text]
#: Calls of one answer, each with the least that its message may hold.
CALLS = (
    "/kyndof_wire.fleet.v1.FleetService/GetWorkPackage",
    "/kyndof_wire.fleet.v1.FleetService/ReportState",
    "/kyndof_wire.media.v1.MediaService/OfferMedia",
    "/kyndof_wire.media.v1.MediaService/CompleteMedia",
    "/kyndof_wire.sync.v1.EventSyncService/StreamEvents",
    "/kyndof_wire.fleet.v1.FleetService/Nothing",
)
#: What a frame may write that was refused: when a station was seen, and what the audit tells.
SEEN = {"audit_log", "organization_heads", "station_streams", "station_cursors"}
OURS = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS}


@pytest.fixture
async def world(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[IntakeWorld]:
    async with intake_over(database, tmp_path) as opened:
        yield opened


async def rows(world: IntakeWorld) -> Counter[str]:
    url = world.database.owner.replace("kyndof_owner@", "postgres@")
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p')"
            " AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace"
        )
        found = Counter[str]()
        for name in sorted({row["relname"] for row in tables} - SEEN):
            found[name] = await connection.fetchval(f'SELECT count(*) FROM "{name}"')  # noqa: S608
        return found
    finally:
        await connection.close()


def frame(chance: random.Random) -> bytes:
    """Return the bytes of a frame with at least one thing wrong with it."""
    text = chance.choice(TEXTS)
    event = badge_event(1)
    event.event_id = chance.randbytes(chance.choice([0, 3, 17, 400]))
    wrong = chance.choice(
        [
            chance.randbytes(chance.randrange(1, 200)),
            sync_pb2.StreamEventsRequest().SerializeToString(),
            sync_pb2.StreamEventsRequest(
                batch=sync_pb2.EventBatch(stream=text, first_seq=1, events=[event])
            ).SerializeToString(),
            sync_pb2.StreamEventsRequest(
                hello=sync_pb2.Hello(outbox_id=text or "\x00", epoch=2**30, protocol=99)
            ).SerializeToString(),
            sync_pb2.StreamEventsRequest(
                gap=sync_pb2.GapRecord(stream=text, first_seq=9, last_seq=3)
            ).SerializeToString(),
        ]
    )
    return bytes(wrong)


async def refusal(call: Any) -> grpc.aio.AioRpcError | None:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error
    return None


async def fuzz(world: IntakeWorld, count: int) -> Counter[str]:
    chance = random.Random(SEED)  # noqa: S311  repeatable on purpose
    _, own = await world.enrolled()
    _, other = await world.enrolled("CUT-09", OTHER)
    before, codes = await rows(world), Counter[str]()
    async with world.channel(own) as first, world.channel(other) as second:
        for _ in range(count):
            channel, path = chance.choice([first, second]), chance.choice(CALLS)
            if path.endswith("StreamEvents"):
                open_call = channel.stream_unary(path)
                error = await refusal(open_call(iter([frame(chance)]), timeout=30))
            else:
                error = await refusal(channel.unary_unary(path)(frame(chance), timeout=30))
            codes[_code(error)] += 1
    async with world.channel(None) as nobody:
        error = await refusal(nobody.unary_unary(CALLS[0])(b"", timeout=30))
        assert error is not None
    assert await rows(world) == before
    return codes


def _code(error: grpc.aio.AioRpcError | None) -> str:
    if error is None:
        return "answered"
    shown = f"{error.code()} {error.details()}"
    assert error.code() not in OURS, shown
    trailing = dict(error.trailing_metadata() or ())
    return str(trailing.get("kyndof-error-code") or error.code().name)


@pytest.mark.timeout(900)
async def test_ten_thousand_wrong_frames_are_refused_with_a_code_and_write_nothing(
    world: IntakeWorld,
) -> None:
    codes = await fuzz(world, COUNT)
    assert sum(codes.values()) == COUNT
    assert len(codes) >= 5, codes


async def test_wrong_knocks_are_refused_with_a_code(world: IntakeWorld) -> None:
    chance = random.Random(SEED)  # noqa: S311  repeatable on purpose
    before = await rows(world)
    credentials = grpc.ssl_channel_credentials(world.authority.ca_pem.encode())
    options = (("grpc.ssl_target_name_override", "localhost"),)
    address = f"127.0.0.1:{world.servers.enrolment_port}"
    path, codes = "/kyndof_wire.enrolment.v1.EnrolmentService/Enrol", Counter[str]()
    async with grpc.aio.secure_channel(address, credentials, options) as channel:
        for _ in range(100):
            asked = enrolment_pb2.EnrolRequest(
                join_token=chance.choice(TEXTS),
                csr_der=chance.randbytes(chance.randrange(300)),
                serial=chance.choice(TEXTS),
            )
            error = await refusal(channel.unary_unary(path)(asked.SerializeToString(), timeout=30))
            assert error is not None
            codes[_code(error)] += 1
    assert await rows(world) == before
    assert "RESOURCE_EXHAUSTED" in codes or len(codes) >= 2, codes
