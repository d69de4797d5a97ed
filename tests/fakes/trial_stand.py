"""A station's bundles on real files and networks; garments are small rendered cloths."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from edge.composition.bundles import compose_judging
from edge.composition.desk import compose_learned
from edge.composition.vision import compose_ruler
from edge.infrastructure.bundle_trial import BundleTrial
from edge.infrastructure.model_files import FetchNote, ModelFiles, ModelWish
from edge.model_bundles.trial import TrialRules
from edge.settings import EdgeSettings
from edge.station.inspection_record import InspectionTask, Shot
from edge.station.work_package import Standard
from tests.fakes.releases import digest_of

CHECKOUT = Path(__file__).parents[2]
STYLE = "JK-01"
RULES = TrialRules(
    shadow_garments=2,
    shadow_s=0.0,
    trial_garments=3,
    trial_s=0.0,
    error_ratio=0.2,
    slow_ratio=0.2,
    override_ratio=0.2,
    slope_ratio=0.1,
    upper_count=2.0,
)


@dataclass
class PassingSelfTest:
    """A self-test that finds nothing, and counts."""

    count: int = 0

    def run(self, folder: Path, digest: str) -> None:
        assert digest_of(folder) == digest
        self.count += 1


class TrialStand:
    """What `kyndof-edge run` is, as far as bundles go; `again` is the same home later."""

    def __init__(self, folder: Path, bank: bytes = b"", self_test=None) -> None:
        self.folder, self.bank = folder, bank
        self.settings = EdgeSettings(home=folder, firmware_config=CHECKOUT / "firmware-config")
        learned = compose_learned(self.settings, compose_ruler(self.settings))
        learned.ruler.board = lambda: None
        judging = compose_judging(self.settings, learned)
        self.inspector, self.bench, self.trial = judging.inspector, judging.bench, judging.trial
        self.trouble = judging.trouble
        self.files = ModelFiles(self.settings.station_home / "models")
        self.real_self_test = self_test == "real"
        if not self.real_self_test:
            self.self_test = self_test or PassingSelfTest()
            self.trial = BundleTrial(self.bench, self.files, self.trial._shelf, self.self_test)

    def again(self) -> "TrialStand":
        """Start anew after whatever ended the process before."""
        self.close()
        tests = "real" if self.real_self_test else self.self_test
        return TrialStand(self.folder, self.bank, tests)

    def close(self) -> None:
        self.inspector._thread.shutdown()
        self.inspector._aside.shutdown()

    def wish(self, digest: str, generation=1, rules=RULES, rollout="rol_1") -> None:
        """Wish as the agent writes it down."""
        self.files.keep_wish(
            ModelWish(generation=generation, digest=digest, rollout_id=rollout, rules=rules)
        )

    def arrive(self, bundle: Path, generation=1) -> str:
        """Put a bundle there whole, as the agent does after all its checks."""
        digest = digest_of(bundle)
        place = self.files.place(digest)
        if not place.exists():
            shutil.copytree(bundle, place)
        self.note(digest, "READY", generation)
        return digest

    def note(self, digest: str, state: str, generation=1, reason="") -> None:
        self.files.note_fetch(
            FetchNote(generation=generation, digest=digest, state=state, reason=reason)
        )

    def offered(self, bundle: Path, generation=1, rules=RULES) -> str:
        """Wish a bundle, let it arrive, and do every step until it waits for garments."""
        self.wish(digest_of(bundle), generation, rules)
        digest = self.arrive(bundle, generation)
        self.settle()
        return digest

    def settle(self) -> None:
        """Do step after step until nothing is left to do."""
        for _ in range(50):
            if not self.trial.step():
                return
        raise AssertionError("the steps do not end")

    async def judge(self, frame) -> object:
        """Lay one garment on the table; returns the record, when all that follows is done."""
        shot = Shot(pixels=frame, encoded=b"", content_type="image/png")
        task = InspectionTask(
            style=STYLE,
            spec_version="1",
            standard=Standard(
                points=(),
                stitches=(),
                minor_below_mm2=4.0,
                major_from_mm2=25.0,
                checks=frozenset({"defects"}),
            ),
            style_bank=self.bank or None,
        )
        record = await self.inspector.inspect(shot, task)
        self.inspector._aside.submit(lambda: None).result(60)
        return record

    @property
    def state(self) -> str:
        trial = self.bench.slots.trial
        return "" if trial is None else trial.state.value

    @property
    def reason(self) -> str:
        trial = self.bench.slots.trial
        return "" if trial is None else trial.reason

    @property
    def deciding(self) -> str:
        """The digest in the memory of who decides."""
        return self.bench.deciding.digest
