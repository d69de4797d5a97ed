"""Stations are told what they should have, at connect and after each change."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from kyndof_wire.fleet.v1 import fleet_pb2
from kyndof_wire.fleet.v1.fleet_pb2_grpc import FleetServiceStub

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.postgres.outbox_relay import OutboxRelay
from cloud.stations.commands import RevokeStation
from tests.fakes.core import context_of
from tests.fakes.intake import Device, IntakeWorld, intake_over
from tests.fakes.production import wish

pytestmark = [pytest.mark.requirement("FLT"), pytest.mark.timeout(60)]
LEAD = context_of("lead@demo.example")


@pytest.fixture
async def world(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[IntakeWorld]:
    styles = tmp_path / "styles"
    styles.mkdir()
    for name in ("demo-bodice", "demo-bodice-2", "../coat"):
        (styles / f"{Path(name).name}.bank").write_bytes(b"statistics")
    (styles / "demo-bodice.template.json").write_bytes(b"outline")
    (styles / "demo-bodice@L.template.json").write_bytes(b"larger outline")
    (styles / "demo-bodice-2.template.json").write_bytes(b"another style's")
    (styles / "demo-bodice@XL.template.json").write_bytes(bytes(300_000))
    (styles / "kinds.prototypes").write_bytes(b"kinds")
    async with (
        intake_over(database, tmp_path) as opened,
        OutboxRelay(opened.core.pool, database.app, [opened.desired]),
    ):
        yield opened


@asynccontextmanager
async def watching(
    world: IntakeWorld, device: Device
) -> AsyncIterator[tuple[FleetServiceStub, grpc.aio.UnaryStreamCall]]:
    async with world.channel(device) as channel:
        stub = FleetServiceStub(channel)
        call = stub.WatchDesiredState(fleet_pb2.WatchDesiredStateRequest(), timeout=30)
        try:
            yield stub, call
        finally:
            call.cancel()


async def package_of(
    stub: FleetServiceStub, wished: fleet_pb2.WatchDesiredStateResponse
) -> fleet_pb2.WorkPackage:
    answer = await stub.GetWorkPackage(
        fleet_pb2.GetWorkPackageRequest(work_digest=wished.work_digest)
    )
    assert hashlib.sha256(answer.work_package).hexdigest() == wished.work_digest
    return fleet_pb2.WorkPackage.FromString(answer.work_package)


async def test_a_station_gets_its_work_at_connect_and_after_each_change(
    world: IntakeWorld,
) -> None:
    station, device = await world.enrolled()
    async with watching(world, device) as (stub, call):
        first = await call.read()
        assert first.generation == 1
        empty = await package_of(stub, first)
        assert (empty.station_id, empty.station_name) == (station.station_id, "CUT-01")
        assert list(empty.stages) == ["CUT", "SEW"]
        assert not empty.work_orders
        order = await world.core.bus.send(wish(), LEAD)
        second = await asyncio.wait_for(call.read(), 10)
        assert second.generation == 2
        package = await package_of(stub, second)
    (sent,) = package.work_orders
    assert (sent.work_order_id, sent.spec_version) == (order.work_order_id, order.spec_version)
    assert [step.stage for step in sent.steps] == ["CUT", "SEW", "QC"]
    length = sent.steps[0].standard.points[0]
    assert (length.nominal_mm, length.lower_mm, length.upper_mm) == (500.0, -5.0, 5.0)
    assert sent.steps[2].standard.stitches[0].pitch_mm == 3.0
    assert [piece.open_step_id for piece in sent.pieces] == [sent.steps[0].step_id] * 2
    assert not sent.pieces[0].HasField("standard")
    assert {person.login for person in package.roster} >= {"worker@demo.example"}
    (style,) = package.styles
    assert (style.name, style.bank) == ("demo-bodice", b"statistics")
    outlines = {template.size: template.content for template in style.templates}
    assert outlines == {"": b"outline", "L": b"larger outline"}
    assert package.prototypes == b"kinds"


async def test_a_restarted_cloud_wishes_the_same(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    await world.core.bus.send(wish(), LEAD)
    async with watching(world, device) as (_, call):
        first = await call.read()
    world.desired.__init__(world.core.bus, world.border, world.desired._styles)
    async with watching(world, device) as (_, call):
        assert await call.read() == first


async def test_a_digest_that_is_not_wished_is_not_given(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    async with watching(world, device) as (stub, _):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetWorkPackage(fleet_pb2.GetWorkPackageRequest(work_digest="0" * 64))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_what_a_station_made_of_it_is_kept(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    async with watching(world, device) as (stub, call):
        wished = await call.read()
        await stub.ReportState(
            fleet_pb2.ReportStateRequest(
                observed_generation=wished.generation,
                work_digest=wished.work_digest,
                state="in_sync",
                detail="zero\0byte",
            )
        )
    (row,) = await world.rows("SELECT observed_generation, observed_state FROM station_wishes")
    assert tuple(row) == (1, "in_sync")


async def test_a_revoked_station_gets_no_work(world: IntakeWorld) -> None:
    station, device = await world.enrolled()
    await world.core.bus.send(RevokeStation(station_id=station.station_id, reason="stolen"), LEAD)
    async with watching(world, device) as (_, call):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
