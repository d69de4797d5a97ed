"""A station killed at every state of a rollout: it converges; the fault matrix's row 35."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.composition import compose_inspection
from edge.inspection.teaching import Lesson
from edge.settings import EdgeSettings
from tests.fakes import broken_networks
from tests.fakes.desk import Cloths
from tests.fakes.floor import environment
from tests.fakes.releases import BASE_DIGEST, digest_of, make_bundle
from tests.fakes.trial_stand import STYLE

pytestmark = [
    pytest.mark.requirement("ROL"),
    pytest.mark.faults,
    pytest.mark.timeout(240),
]


@pytest.fixture(scope="module")
def floor(tmp_path_factory):
    """A bank and a garment of its style, as files."""
    folder, cloths = tmp_path_factory.mktemp("floor"), Cloths()
    lesson = Lesson(style=STYLE, few=True)
    bank = compose_inspection(EdgeSettings()).learn(lesson, [cloths.good() for _ in range(5)])
    (folder / "bank").write_bytes(bank.to_bytes())
    np.save(folder / "frame.npy", cloths.good())
    return folder


def lives(floor: Path, home: Path, bundle: Path, *, shadow: int, first: int) -> list[dict]:
    done = subprocess.run(
        [
            sys.executable, "-m", "tests.simulators.trial_kills",
            str(home), str(floor / "bank"), str(floor / "frame.npy"), str(bundle),
            str(shadow), str(first),
        ],
        env=environment(), capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_good_bundle_is_committed_whenever_the_station_is_killed(floor, tmp_path) -> None:
    bundle = make_bundle(tmp_path / "good", release_counter=3)
    told = lives(floor, tmp_path / "home", bundle, shadow=1, first=1)
    kills = [one for one in told if "killed" in one]
    after = [one for one in told if "state" in one]
    # Every state's write: wished, downloading, verified, staged, tested, beside, on trial, stays.
    assert len(kills) >= 16
    for one in after:
        assert (one["state"], one["told"]) == ("COMMITTED", "COMMITTED"), one
        assert one["deciding"] == digest_of(bundle)


def test_a_bad_bundle_is_taken_back_whenever_the_station_is_killed(floor, tmp_path) -> None:
    bundle = make_bundle(
        tmp_path / "bad", files={"judges.onnx": broken_networks.shifted(1e4)}, release_counter=3
    )
    told = lives(floor, tmp_path / "home", bundle, shadow=0, first=6)
    kills = [one for one in told if "killed" in one]
    after = [one for one in told if "state" in one]
    assert len(kills) >= 6
    for one in after:
        assert (one["state"], one["told"]) == ("ROLLED_BACK", "ROLLED_BACK"), one
        assert one["deciding"] == BASE_DIGEST
