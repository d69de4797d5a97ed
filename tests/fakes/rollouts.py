"""A signed bundle, and a company that rolls it out over a real database."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import edge.model_bundles
from cloud.commands.command import Command, CommandContext, Query, Source
from cloud.composition.rollouts import compose_watch
from cloud.infrastructure.object_storage.bundle_vault import ObjectBundleVault
from cloud.infrastructure.object_storage.picture_vault import open_store
from cloud.infrastructure.signing.bundle_keys import FolderBundleKeys
from cloud.infrastructure.signing.bundle_signing import (
    ManifestWish,
    PackedBundle,
    complete_manifest,
    keep_golden,
    pack_folder,
    sign_folder,
)
from cloud.rollouts.bundle import BundleFile
from cloud.rollouts.commands import (
    ApproveRollout,
    CreateRollout,
    PublishTrust,
    RecordModelReport,
    ReleaseBundle,
    StartRollout,
)
from cloud.rollouts.queries import FindRollout, ModelBundleView, RolloutView
from cloud.stations.commands import RecordStationPresence
from tests.fakes.core import DEMO, context_of
from tests.fakes.intake import IntakeWorld

BASE = Path(edge.model_bundles.__file__).parent / "base"
LEAD = context_of("lead@demo.example")
OWNER = context_of("owner@demo.example")
SYSTEM = CommandContext(organization_id=DEMO, user="system", source=Source.SYSTEM)
SIGNER = "worker@demo.example"


def bundle_folder(place: Path, keys: FolderBundleKeys, counter: int = 1) -> Path:
    """Copy the base bundle under another name, prepared and signed; each counter is another one."""
    folder = place / f"cotton-{counter}"
    shutil.copytree(BASE, folder)
    (folder / "card.md").write_text(f"# cotton {counter}\n", encoding="utf-8")
    keep_golden(folder, b"looked at by stations only")
    keys.make()
    complete_manifest(
        folder,
        ManifestWish(
            release_counter=counter,
            expires_at=keys.trust().expires_at,
            latency_ms=2000.0,
            memory_mb=2048,
            name="cotton",
            version=f"1.{counter}.0",
        ),
    )
    sign_folder(folder, keys.signing_key()[1])
    return folder


def small_bundle(counter: int, keys: FolderBundleKeys) -> ReleaseBundle:
    """A bundle of one small file, which nobody could open: only its release is looked at."""
    model = f"model {counter}".encode()
    manifest = json.dumps(
        {
            "name": "cotton",
            "version": f"1.{counter}.0",
            "files": {"model.onnx": hashlib.sha256(model).hexdigest()},
            "release_counter": counter,
            "expires_at": keys.trust().expires_at.isoformat(),
            "limits": {"latency_ms": 100, "memory_mb": 100},
            "compat": {},
        }
    )
    contents = {"manifest.json": manifest.encode(), "model.onnx": model, "model.sig": b"signed"}
    whole = b"".join(contents.values())
    return ReleaseBundle(
        manifest=manifest,
        files=tuple(
            BundleFile(name=name, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
            for name, data in contents.items()
        ),
        chunk_sha256=(hashlib.sha256(whole).hexdigest(),),
        signed_by=SIGNER,
        key_id=keys.signing_key()[0],
    )


@dataclass
class Company:
    """Stations, keys and a bus; what stations say goes through the commands of their border."""

    world: IntakeWorld
    keys: FolderBundleKeys
    stations: dict[str, str] = field(default_factory=dict)

    async def ready(self, count: int) -> "Company":
        """Register so many stations that are there, and publish the keys."""
        self.keys.make()
        await self.send(PublishTrust(versions=self.keys.versions()), SYSTEM)
        await self.more(count)
        return self

    async def more(self, count: int) -> None:
        """Register more stations that are there."""
        for number in range(len(self.stations), len(self.stations) + count):
            name = f"ST-{number:02}"
            self.stations[name] = (await self.world.register(name)).station_id
        await self.here(*self.stations)

    async def send(self, command: Command, context: CommandContext = LEAD) -> object:
        return await self.world.core.bus.send(command, context)

    async def ask(self, query: Query, context: CommandContext = LEAD) -> object:
        return await self.world.core.bus.ask(query, context)

    async def here(self, *names: str) -> None:
        """Let stations be heard now."""
        for name in names:
            station = self.stations[name]
            context = context_of(f"station:{station}", source=Source.STATION)
            await self.send(RecordStationPresence(station_id=station, online=True), context)

    async def released(self, counter: int = 1) -> ModelBundleView:
        view = await self.send(small_bundle(counter, self.keys), SYSTEM)
        assert isinstance(view, ModelBundleView)
        return view

    async def created(self, model_digest: str, **more: object) -> RolloutView:
        stations = tuple(self.stations.values())
        values: dict[str, object] = {
            "station_ids": stations,
            "canary_station_id": stations[0],
            "baseline_ratio": 0.05,
            **more,
        }
        command = CreateRollout(model_digest=model_digest, **values)  # type: ignore[arg-type]
        view = await self.send(command)
        assert isinstance(view, RolloutView)
        return view

    async def begun(self, model_digest: str, **more: object) -> RolloutView:
        made = await self.created(model_digest, **more)
        approval = ApproveRollout(rollout_id=made.rollout_id, model_digest=model_digest)
        await self.send(approval, OWNER)
        await self.send(StartRollout(rollout_id=made.rollout_id))
        return await self.found(made)

    async def found(self, rollout: RolloutView) -> RolloutView:
        view = await self.ask(FindRollout(rollout_id=rollout.rollout_id))
        assert isinstance(view, RolloutView)
        return view

    async def look(self) -> int:
        """Let the watch look once."""
        return await compose_watch(self.world.core.bus, self.world.core.pool).look()

    async def says(
        self, name: str, rollout: RolloutView, state: str, *, generation: int = 9, **more: object
    ) -> None:
        """Let a station report; a deciding state runs the new bundle."""
        station = self.stations[name]
        deciding = state in {"TRIAL", "COMMITTED"}
        values: dict[str, object] = {
            "code": "", "running_digest": rollout.model_digest if deciding else "0" * 64,
            "garments": 0, "rejects": 0, "errors": 0, "overrides": 0, **more,
        }  # fmt: skip
        report = RecordModelReport(
            station_id=station,
            assigned_digest=rollout.model_digest,
            rollout_id=rollout.rollout_id,
            state=state,
            observed_generation=generation,
            **values,  # type: ignore[arg-type]
        )
        await self.send(report, context_of(f"station:{station}", source=Source.STATION))

    async def states(self, rollout: RolloutView) -> dict[str, str]:
        view = await self.found(rollout)
        return {one.station_name: one.state for one in view.stations}

    async def wished(self, names: Sequence[str]) -> list[str]:
        rows = await self.world.rows("SELECT station_id, model_digest FROM station_wishes")
        by_id = {row["station_id"]: row["model_digest"] for row in rows}
        return [by_id.get(self.stations[name], "") for name in names]


async def release(world: IntakeWorld, folder: Path, keys: FolderBundleKeys) -> PackedBundle:
    """Do what `kyndof bundle release` does, for the demo organization."""
    packed = pack_folder(folder, keys.trust(), world.core.clock.now())
    vault = ObjectBundleVault(open_store(str(world.folder / "objects")))
    for content in packed.contents.values():
        await vault.keep(DEMO, content)
    await world.core.bus.send(PublishTrust(versions=keys.versions()), SYSTEM)
    command = ReleaseBundle(
        manifest=packed.manifest,
        files=packed.files,
        chunk_sha256=packed.chunk_sha256,
        signed_by=SIGNER,
        key_id=packed.key_id,
    )
    await world.core.bus.send(command, SYSTEM)
    return packed
