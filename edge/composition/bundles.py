"""The bundles of a station: fetched and reported by the agent, tried by the process that judges."""

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge.composition.vision import configured_bundle, load_bundle
from edge.settings import EdgeSettings, child_environment

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from edge.composition.desk import Learned
    from edge.infrastructure.bundle_bench import BundleBench
    from edge.infrastructure.bundle_check import InstallCheck
    from edge.infrastructure.bundle_trial import BundleTrial
    from edge.infrastructure.grpc_models import ModelAgent
    from edge.model_bundles.errors import BundleError
    from edge.station.ports import Inspector
    from edge.station.workstation import Workstation


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """What judges, and what goes on around it; ``trouble`` is why a bundle was left aside."""

    inspector: "Inspector"
    trouble: "BundleError | None" = None
    bench: "BundleBench | None" = None
    trial: "BundleTrial | None" = field(default=None, repr=False)

    def loops(self, station: "Workstation") -> "dict[str, Coroutine[object, object, None]]":
        """Return what has to run beside the station."""
        from edge.infrastructure.bundle_notices import BundleNotices
        from edge.infrastructure.pipeline_inspector import PipelineInspector

        if self.bench is None or self.trial is None:
            return {}
        if isinstance(self.inspector, PipelineInspector):
            station.overrule = self.inspector.overruled
        return {
            "bundles": self.trial.run(),
            "bundle notices": BundleNotices(self.bench, station).run(),
        }


def compose_judging(settings: EdgeSettings, learned: "Learned") -> Judging:
    """Open the bundles where the last process left them, or what refuses to judge and says why."""
    from edge.infrastructure.bundle_bench import BenchParts, BundleBench
    from edge.infrastructure.bundle_self_test import BundleSelfTest
    from edge.infrastructure.bundle_trial import BundleTrial
    from edge.infrastructure.counters_file import CountersFile
    from edge.infrastructure.model_files import ModelFiles
    from edge.infrastructure.model_shelf import ModelShelf
    from edge.infrastructure.pipeline_inspector import PipelineInspector, RefusingInspector
    from edge.infrastructure.slots_keeper import SlotsKeeper
    from edge.infrastructure.system_time import SystemClock
    from edge.inspection.errors import InspectionError
    from edge.model_bundles.errors import BundleError

    files = ModelFiles(settings.station_home / "models")
    try:
        configured = configured_bundle(settings)
        shelf = ModelShelf(
            files,
            lambda: configured_bundle(settings, "base"),
            (configured, _configured_place(settings)),
        )
        bench = BundleBench(
            BenchParts(
                files=files,
                keeper=SlotsKeeper(files.folder / "slots"),
                counters=CountersFile(files.folder / "counters"),
                shelf=shelf,
                load=lambda bundle, watched: load_bundle(settings, bundle, watched=watched),
                configured=configured,
                clock=SystemClock(),
            )
        )
    except (BundleError, InspectionError) as error:
        return Judging(inspector=RefusingInspector(error.code, str(error)))
    self_test = BundleSelfTest(child_environment(), settings.inspection.threads)
    inspector = PipelineInspector(
        bench.deciding.pipeline, learned.ruler.board, learned.kinds, learned.banks, bench
    )
    return Judging(
        inspector=inspector,
        trouble=bench.trouble,
        bench=bench,
        trial=BundleTrial(bench, files, shelf, self_test),
    )


def _configured_place(settings: EdgeSettings) -> "Path":
    from pathlib import Path

    from edge.infrastructure.model_shelf import base_place

    chosen = settings.inspection.bundle
    return base_place() if chosen == "base" else Path(chosen)


def compose_model_agent(settings: EdgeSettings, agent_version: str) -> "ModelAgent":
    """Build what fetches bundles and tells how they fare."""
    from edge.infrastructure.grpc_artifacts import ArtifactFetcher
    from edge.infrastructure.grpc_models import ModelAgent
    from edge.infrastructure.model_files import ModelFiles
    from edge.infrastructure.slots_file import SlotsFile
    from edge.infrastructure.system_time import SystemClock
    from edge.infrastructure.trust_files import TrustFiles

    def holds(public_key_pem: str, content: bytes, signature: bytes) -> bool:
        # Signing libraries are large: only a rollout loads them.
        from edge.infrastructure import bundle_signatures

        return bundle_signatures.holds(public_key_pem, content, signature)

    files = ModelFiles(settings.station_home / "models")
    trust = TrustFiles(settings.station_home, holds)

    @functools.cache
    def check() -> "InstallCheck":
        from edge.infrastructure.bundle_check import InstallCheck
        from edge.infrastructure.bundle_signatures import signers_of

        return InstallCheck(trust, signers_of, SystemClock())

    return ModelAgent(
        files,
        SlotsFile(files.folder / "slots"),
        ArtifactFetcher(files.folder, trust, check),
        SystemClock(),
        agent_version,
    )
