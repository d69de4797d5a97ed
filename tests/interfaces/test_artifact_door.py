"""A signed bundle is released, wished of a station, and served to it alone of all the world."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from kyndof_wire.artifacts.v1 import artifacts_pb2
from kyndof_wire.artifacts.v1.artifacts_pb2_grpc import ArtifactServiceStub
from kyndof_wire.fleet.v1 import fleet_pb2
from kyndof_wire.fleet.v1.fleet_pb2_grpc import FleetServiceStub

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.object_storage.bundle_vault import ObjectBundleVault
from cloud.infrastructure.postgres.outbox_relay import OutboxRelay
from cloud.infrastructure.signing.bundle_keys import FolderBundleKeys
from cloud.infrastructure.signing.bundle_signing import PackedBundle
from cloud.rollouts.commands import ApproveRollout, CreateRollout, StartRollout
from cloud.rollouts.queries import FindRollout, RolloutView
from cloud.stations.commands import RevokeStation
from edge.infrastructure.onnx_bundle_folder import OnnxBundleFolders
from tests.fakes.core import OTHER
from tests.fakes.intake import Device, IntakeWorld, intake_over
from tests.fakes.rollouts import LEAD, OWNER, bundle_folder, release

pytestmark = [pytest.mark.requirement("ROL", "FLT"), pytest.mark.timeout(60)]


@pytest.fixture
async def world(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[IntakeWorld]:
    (tmp_path / "styles").mkdir()
    async with (
        intake_over(database, tmp_path) as opened,
        OutboxRelay(opened.core.pool, database.app, [opened.desired]),
    ):
        yield opened


def keys_of(world: IntakeWorld) -> FolderBundleKeys:
    return FolderBundleKeys(world.folder / "keys", world.core.clock)


async def released(world: IntakeWorld, counter: int = 1) -> PackedBundle:
    keys = keys_of(world)
    return await release(world, bundle_folder(world.folder, keys, counter), keys)


def digest_of(packed: PackedBundle) -> str:
    return hashlib.sha256(packed.manifest.encode()).hexdigest()


async def begun(world: IntakeWorld, digest: str, station_id: str) -> RolloutView:
    create = CreateRollout(
        model_digest=digest, station_ids=(station_id,), canary_station_id=station_id
    )
    rollout: RolloutView = await world.core.bus.send(create, LEAD)
    name = rollout.rollout_id
    await world.core.bus.send(ApproveRollout(rollout_id=name, model_digest=digest), OWNER)
    await world.core.bus.send(StartRollout(rollout_id=name), LEAD)
    return rollout


async def test_a_released_bundle_is_wished_fetched_and_opened_by_the_station(
    world: IntakeWorld, tmp_path: Path
) -> None:
    station, device = await world.enrolled()
    packed = await released(world)
    digest = digest_of(packed)
    async with world.channel(device) as channel:
        fleet, artifacts = FleetServiceStub(channel), ArtifactServiceStub(channel)
        watch = fleet.WatchDesiredState(fleet_pb2.WatchDesiredStateRequest(), timeout=30)
        first = await watch.read()
        assert (first.model_digest, first.HasField("trial_rules")) == ("", False)
        rollout = await begun(world, digest, station.station_id)
        wish = await asyncio.wait_for(watch.read(), 20)
        assert wish.generation > first.generation
        assert (wish.model_digest, wish.rollout_id) == (digest, rollout.rollout_id)
        assert (wish.trial_rules.shadow_garments, wish.trial_rules.trial_s) == (20, 0.0)
        assert wish.trial_rules.upper_count > 0
        manifest = await artifacts.GetManifest(
            artifacts_pb2.GetManifestRequest(model_digest=digest), timeout=10
        )
        chunks = [bytearray() for _ in manifest.chunk_sha256]
        request = artifacts_pb2.ReadChunksRequest(model_digest=digest)
        async for part in artifacts.ReadChunks(request, timeout=30):
            assert part.offset_bytes == len(chunks[part.chunk])
            chunks[part.chunk] += part.data
        trust = await artifacts.GetTrust(artifacts_pb2.GetTrustRequest(), timeout=10)
        await fleet.ReportState(
            fleet_pb2.ReportStateRequest(
                observed_generation=wish.generation,
                model=fleet_pb2.ModelReport(
                    assigned_digest=digest,
                    rollout_id=rollout.rollout_id,
                    state=fleet_pb2.TRIAL_STATE_SHADOW,
                    running_digest="0" * 64,
                    garments=7,
                    observed_generation=wish.generation,
                ),
            ),
            timeout=10,
        )
        watch.cancel()
    found = [hashlib.sha256(chunk).hexdigest() for chunk in chunks]
    assert found == list(manifest.chunk_sha256)
    whole, begin = b"".join(chunks), 0
    folder = tmp_path / "fetched"
    folder.mkdir()
    for file in manifest.files:
        data = whole[begin : begin + file.size_bytes]
        assert hashlib.sha256(data).hexdigest() == file.sha256
        (folder / file.name).write_bytes(data)
        begin += file.size_bytes
    (version,) = trust.versions
    key = json.loads(version.trust_json)["release_keys"][0]["public_key_pem"]
    (tmp_path / "release.pem").write_text(key)
    opened = OnnxBundleFolders(str(tmp_path / "release.pem")).signed(str(folder))
    assert (opened.digest, opened.label) == (digest, "cotton@1.1.0")
    view: RolloutView = await world.core.bus.ask(FindRollout(rollout_id=rollout.rollout_id), LEAD)
    (place,) = view.stations
    assert (place.state, place.shadow_garments, place.garments) == ("SHADOW", 7, 0)
    assert place.previous_digest == "0" * 64


async def refused(call: object) -> grpc.StatusCode:
    answer = call.read() if hasattr(call, "read") else call
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await answer  # type: ignore[misc]
    return caught.value.code()


async def test_nobody_gets_a_bundle_that_is_not_wished_here(world: IntakeWorld) -> None:
    station, device = await world.enrolled()
    _, stranger = await world.enrolled("CUT-01", OTHER)
    first = digest_of(await released(world))
    second = digest_of(await released(world, 2))
    await begun(world, second, station.station_id)

    async def asked(who: Device, digest: str) -> grpc.StatusCode:
        async with world.channel(who) as channel:
            stub = ArtifactServiceStub(channel)
            chunks = artifacts_pb2.ReadChunksRequest(model_digest=digest)
            codes = {
                await refused(
                    stub.GetManifest(artifacts_pb2.GetManifestRequest(model_digest=digest))
                ),
                await refused(stub.ReadChunks(chunks, timeout=10)),
            }
        (code,) = codes
        return code

    assert await asked(device, first) is grpc.StatusCode.NOT_FOUND  # released, wished of nobody
    assert await asked(device, "f" * 64) is grpc.StatusCode.NOT_FOUND
    assert await asked(device, "../" + "f" * 61) is grpc.StatusCode.INVALID_ARGUMENT
    assert await asked(stranger, second) is grpc.StatusCode.NOT_FOUND  # another organization's
    async with world.channel(device) as channel:
        late = artifacts_pb2.ReadChunksRequest(model_digest=second, first_chunk=99)
        stub = ArtifactServiceStub(channel)
        assert await refused(stub.ReadChunks(late)) is grpc.StatusCode.OUT_OF_RANGE
    await world.core.bus.send(RevokeStation(station_id=station.station_id, reason="stolen"), LEAD)
    assert await asked(device, second) is grpc.StatusCode.PERMISSION_DENIED


async def test_a_certificate_of_a_stranger_does_not_open_the_door(world: IntakeWorld) -> None:
    async with world.channel(None) as channel:
        call = ArtifactServiceStub(channel).GetTrust(artifacts_pb2.GetTrustRequest(), timeout=5)
        assert await refused(call) is grpc.StatusCode.UNAVAILABLE


async def test_a_chunk_may_be_read_alone_and_few_reads_at_a_time(
    world: IntakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    station, device = await world.enrolled()
    digest = digest_of(await released(world))
    await begun(world, digest, station.station_id)
    read, gate = ObjectBundleVault.read, asyncio.Event()

    async def held(self: ObjectBundleVault, *place: object) -> bytes:
        await gate.wait()
        return await read(self, *place)  # type: ignore[arg-type]

    monkeypatch.setattr(ObjectBundleVault, "read", held)
    async with world.channel(device) as channel:
        stub = ArtifactServiceStub(channel)
        request = artifacts_pb2.ReadChunksRequest(model_digest=digest, chunk_count=1)
        calls = [stub.ReadChunks(request, timeout=30) for _ in range(3)]
        waiting = [asyncio.ensure_future(call.read()) for call in calls]
        done, _ = await asyncio.wait(waiting, timeout=20, return_when="FIRST_COMPLETED")
        (over,) = done
        error = over.exception()
        assert isinstance(error, grpc.aio.AioRpcError)
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        gate.set()
        first, second = [await one for one in waiting if one is not over]
        assert (first.chunk, first.offset_bytes) == (second.chunk, second.offset_bytes) == (0, 0)
        for call in calls:
            call.cancel()
        parts = [part async for part in stub.ReadChunks(request, timeout=30)]
    assert {part.chunk for part in parts} == {0}
    assert max(len(part.data) for part in parts) <= 1024 * 1024
