"""A bundle's way at a station, on real files and networks; the fault matrix's rows 36, 40, 41."""

import io
import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from cloud.infrastructure.training.golden_pictures import golden_tiles
from edge.composition import compose_inspection
from edge.infrastructure import slots_file
from edge.infrastructure.bundle_golden import golden_file
from edge.infrastructure.bundle_self_test import BundleSelfTest
from edge.infrastructure.system_time import SystemClock
from edge.inspection.standard import DefectStandard, InspectionStandard
from edge.inspection.style_bank import StyleBank
from edge.inspection.teaching import Lesson
from edge.model_bundles.errors import SelfTestError
from edge.model_bundles.release_counters import BY_NAME
from edge.settings import EdgeSettings
from tests.fakes import broken_networks
from tests.fakes.desk import Cloths
from tests.fakes.floor import environment
from tests.fakes.releases import BASE, BASE_DIGEST, digest_of, make_bundle
from tests.fakes.trial_stand import RULES, STYLE, TrialStand

pytestmark = [pytest.mark.requirement("ROL"), pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def cloths() -> Cloths:
    return Cloths()


@pytest.fixture(scope="module")
def bank(cloths) -> bytes:
    pipeline = compose_inspection(EdgeSettings())
    lesson = Lesson(style=STYLE, few=True)
    return pipeline.learn(lesson, [cloths.good() for _ in range(5)]).to_bytes()


@pytest.fixture(scope="module")
def calm(cloths, bank):
    """A garment that the base bundle passes."""
    pipeline = compose_inspection(EdgeSettings())
    stand_in = [cloths.good() for _ in range(6)]
    standard = InspectionStandard(
        style=STYLE,
        spec_version="1",
        points=(),
        stitches=(),
        defects=DefectStandard(minor_below_mm2=4.0, major_from_mm2=25.0),
        checks=frozenset({"defects"}),
    )
    known = StyleBank.from_bytes(bank)
    return next(f for f in stand_in if not pipeline.inspect(f, standard, known).findings)


@pytest.fixture
def stand(tmp_path: Path, bank):
    made = TrialStand(tmp_path / "home", bank)
    yield made
    made.close()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "good", version="3.0.0", release_counter=3)


def broken(folder: Path, network: bytes, **terms) -> Path:
    return make_bundle(folder / "bad", files={"judges.onnx": network}, version="6.6.6", **terms)


async def test_a_good_bundle_is_tested_looks_on_decides_and_stays(stand, bundle, calm) -> None:
    digest = stand.offered(bundle)
    assert (stand.state, stand.deciding, stand.self_test.count) == ("SHADOW", BASE_DIGEST, 1)
    for _ in range(2):
        assert (await stand.judge(calm)).bundle_digest == BASE_DIGEST
    assert (stand.state, stand.deciding) == ("TRIAL", digest)
    for _ in range(3):
        assert (await stand.judge(calm)).bundle_digest == digest
    assert (stand.state, stand.deciding) == ("COMMITTED", digest)
    told = stand.files.standing()
    assert (told.state, told.running_digest, told.assigned_digest) == ("COMMITTED", digest, digest)
    assert (told.garments, told.rejects, told.errors) == (3, 0, 0)
    assert set(stand.bench._loaded) == {digest}
    after = stand.again()
    assert (after.deciding, after.trouble) == (digest, None)
    after.close()


async def test_the_agents_refusal_fails_it_and_what_decides_is_untouched(stand, bundle) -> None:
    stand.wish(digest_of(bundle))
    stand.settle()
    assert stand.state == "DOWNLOADING"
    stand.note(digest_of(bundle), "FAILED", reason="BUNDLE_SIGNER_RETIRED")
    stand.settle()
    assert (stand.state, stand.reason) == ("FAILED", "BUNDLE_SIGNER_RETIRED")
    assert (stand.deciding, stand.files.standing().reason) == (BASE_DIGEST, stand.reason)


async def test_a_folder_changed_after_its_check_is_not_loaded_and_is_taken_away(
    stand, bundle
) -> None:
    stand.wish(digest_of(bundle))
    digest = stand.arrive(bundle)
    (stand.files.place(digest) / "judges.onnx").write_bytes(b"planted")
    stand.settle()
    assert (stand.state, stand.reason) == ("FAILED", "BUNDLE_CORRUPT")
    assert not stand.files.has(digest)


@pytest.mark.faults
async def test_an_older_release_is_refused_unless_the_newer_one_allows_it_by_name(
    stand, bundle, tmp_path, calm
) -> None:
    older = make_bundle(tmp_path / "older", version="2.9.0", release_counter=2)
    stranger = make_bundle(tmp_path / "stranger", version="2.8.0", release_counter=1)
    newer = make_bundle(
        tmp_path / "newer",
        version="3.1.0",
        release_counter=4,
        allow_rollback_to=[digest_of(older), digest_of(bundle)],
    )
    for generation, one in enumerate((bundle, newer), start=1):
        stand.offered(one, generation)
        for _ in range(5):
            await stand.judge(calm)
        assert stand.state == "COMMITTED"
    stand.offered(stranger, 3)
    assert (stand.state, stand.reason) == ("FAILED", "RELEASE_OLDER")
    stand.offered(older, 4)
    assert stand.state == "SHADOW"
    # The bundle before is wished back without numbers: it decides at once, nothing is fetched.
    stand.wish(digest_of(bundle), 5, None, "")
    stand.settle()
    assert (stand.state, stand.deciding) == ("", digest_of(bundle))
    assert stand.files.standing().state == "COMMITTED"
    # And the way back up was never allowed by the older one, nor is it needed.
    stand.wish(BASE_DIGEST, 6, None, "")
    stand.settle()
    assert stand.deciding == digest_of(bundle)


@pytest.mark.faults
async def test_an_all_rejecting_bundle_decides_no_garment(stand, tmp_path, calm) -> None:
    digest = stand.offered(
        broken(tmp_path, broken_networks.shifted(1e4)), rules=replace(RULES, shadow_garments=20)
    )
    decided = [(await stand.judge(calm)).bundle_digest for _ in range(4)]
    assert set(decided) == {BASE_DIGEST}
    assert (stand.state, stand.reason, stand.deciding) == (
        "FAILED", "REJECTS_RISEN", BASE_DIGEST,
    )  # fmt: skip
    stand.settle()
    assert not stand.files.has(digest)


async def test_an_all_rejecting_bundle_that_skipped_the_shadow_is_taken_back(
    stand, tmp_path, calm, caplog
) -> None:
    digest = stand.offered(
        broken(tmp_path, broken_networks.shifted(1e4)), rules=replace(RULES, shadow_garments=0)
    )
    assert (stand.state, stand.deciding) == ("TRIAL", digest)
    records = [await stand.judge(calm) for _ in range(4)]
    assert [one.bundle_digest for one in records].count(digest) == 3
    assert records[-1].bundle_digest == stand.deciding == BASE_DIGEST
    assert (stand.state, stand.reason) == ("ROLLED_BACK", "REJECTS_RISEN")
    took = [one.took_ms for one in caplog.records if one.getMessage() == "rolled back"]
    assert len(took) == 1
    assert took[0] <= 2_000
    assert set(stand.bench.slots.quarantined) == {digest, BY_NAME}
    stand.settle()
    assert not stand.files.has(digest)
    stand.wish(digest, 2)
    stand.settle()
    assert (stand.state, stand.reason) == ("REJECTED", "QUARANTINED")


async def test_an_all_passing_bundle_is_found_by_what_the_old_one_rejects(
    stand, tmp_path, cloths
) -> None:
    stand.offered(
        broken(tmp_path, broken_networks.shifted(-1e4)), rules=replace(RULES, shadow_garments=20)
    )
    for _ in range(15):
        await stand.judge(cloths.flawed("hole"))
        if stand.state != "SHADOW":
            break
    assert (stand.state, stand.reason, stand.deciding) == (
        "FAILED", "REJECTS_MISSED", BASE_DIGEST,
    )  # fmt: skip


async def test_an_all_passing_bundle_on_trial_is_taken_back_when_people_overrule_it(
    stand, tmp_path, cloths
) -> None:
    stand.offered(
        broken(tmp_path, broken_networks.shifted(-1e4)), rules=replace(RULES, shadow_garments=0)
    )
    for _ in range(2):
        await stand.judge(cloths.flawed("hole"))
        stand.inspector.overruled()
    stand.inspector._aside.submit(lambda: None).result(60)
    assert (stand.state, stand.reason, stand.deciding) == (
        "ROLLED_BACK", "OVERRIDES_RISEN", BASE_DIGEST,
    )  # fmt: skip


async def test_a_network_that_fails_on_trial_loses_no_garment(stand, tmp_path, calm) -> None:
    bad = broken(tmp_path, broken_networks.not_a_number())
    digest = stand.offered(bad, rules=replace(RULES, shadow_garments=0))
    assert (stand.state, stand.deciding) == ("TRIAL", digest)
    records = [await stand.judge(calm) for _ in range(2)]
    assert {one.bundle_digest for one in records} == {BASE_DIGEST}
    assert (stand.state, stand.reason) == ("ROLLED_BACK", "INFERENCE_ERRORS")


async def test_a_bundle_that_taught_styles_do_not_fit_never_decides(stand, tmp_path, calm) -> None:
    stand.offered(make_bundle(tmp_path / "foreign", compat={}))
    await stand.judge(calm)
    assert (stand.state, stand.reason, stand.deciding) == (
        "FAILED", "INFERENCE_ERRORS", BASE_DIGEST,
    )  # fmt: skip


async def test_what_the_camera_spoilt_counts_neither_for_nor_against(stand, bundle, calm) -> None:
    stand.offered(bundle)
    black = calm * 0
    for _ in range(3):
        assert (await stand.judge(black)).reasons == ("frame_black",)
    assert stand.bench.slots.trial.tally.garments == 0


async def test_another_wish_during_a_trial_goes_back_first(stand, bundle, tmp_path, calm) -> None:
    digest = stand.offered(bundle, rules=replace(RULES, shadow_garments=0))
    assert stand.deciding == digest
    stand.wish(BASE_DIGEST, 2, None, "")
    stand.settle()
    assert (stand.state, stand.deciding) == ("", BASE_DIGEST)
    assert stand.bench.slots.quarantined == (BY_NAME,)
    assert stand.files.standing().state == "COMMITTED"


# Row 40: power cycles outside a rollout; row 41: going back on a full disk


@pytest.mark.faults
async def test_power_cycles_outside_a_rollout_change_nothing(stand, bundle, calm) -> None:
    digest = stand.offered(bundle)
    for _ in range(5):
        await stand.judge(calm)
    for _ in range(3):
        stand = stand.again()
        assert (stand.state, stand.deciding) == ("COMMITTED", digest)
        assert (await stand.judge(calm)).bundle_digest == digest
    stand.close()


async def test_going_back_needs_no_room(stand, tmp_path, calm, monkeypatch) -> None:
    stand.offered(
        broken(tmp_path, broken_networks.shifted(1e4)), rules=replace(RULES, shadow_garments=0)
    )
    reserve = stand.files.folder / "slots.reserve"
    assert reserve.stat().st_blocks * 512 >= 256 << 10
    write, refused = slots_file.write_durably, []

    def full(path, content, mode=0o644):
        if reserve.exists():
            refused.append(path)
            raise OSError(28, "No space left on device")
        write(path, content, mode)

    monkeypatch.setattr(slots_file, "write_durably", full)
    monkeypatch.setattr(os, "posix_fallocate", lambda *_: (_ for _ in ()).throw(OSError(28, "")))
    for _ in range(3):
        await stand.judge(calm)
    assert refused
    assert (stand.state, stand.deciding) == ("ROLLED_BACK", BASE_DIGEST)
    monkeypatch.undo()
    again = stand.again()
    assert (again.state, again.deciding) == ("ROLLED_BACK", BASE_DIGEST)
    again.close()


@pytest.mark.faults
async def test_going_back_does_not_wait_for_a_disk_that_takes_nothing(
    stand, tmp_path, calm, monkeypatch
) -> None:
    digest = stand.offered(
        broken(tmp_path, broken_networks.shifted(1e4)),
        rules=replace(RULES, shadow_garments=0, upper_count=1.0),
    )

    def full(path, content, mode=0o644):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(slots_file, "write_durably", full)
    await stand.judge(calm)
    await stand.judge(calm)
    assert (await stand.judge(calm)).bundle_digest == stand.deciding == BASE_DIGEST
    monkeypatch.undo()
    # The record still says TRIAL; a start goes on from there and ends it a second time.
    again = stand.again()
    assert (again.state, again.deciding) == ("TRIAL", digest)
    for _ in range(3):
        await again.judge(calm)
    assert (again.state, again.deciding) == ("ROLLED_BACK", BASE_DIGEST)
    again.close()


@pytest.mark.faults
async def test_a_damaged_record_lets_the_base_bundle_decide_and_says_so(
    stand, bundle, calm
) -> None:
    stand.offered(bundle)
    for _ in range(5):
        await stand.judge(calm)
    (stand.files.folder / "slots").write_bytes(b"torn")
    again = stand.again()
    assert (again.deciding, again.trouble.code) == (BASE_DIGEST, "BUNDLE_SLOTS_DAMAGED")
    again.close()


@pytest.mark.faults
async def test_a_damaged_deciding_bundle_gives_way_to_the_one_before(stand, bundle, calm) -> None:
    digest = stand.offered(bundle)
    for _ in range(5):
        await stand.judge(calm)
    (stand.files.place(digest) / "judges.onnx").write_bytes(b"torn")
    again = stand.again()
    assert (again.deciding, again.trouble.code) == (BASE_DIGEST, "BUNDLE_CORRUPT")
    assert (await again.judge(calm)).bundle_digest == BASE_DIGEST
    again.close()


def test_time_is_asked_too(stand, bundle) -> None:
    stand.offered(bundle, rules=replace(RULES, shadow_garments=0, shadow_s=3600))
    assert stand.state == "SHADOW"
    assert SystemClock().now() - stand.bench.slots.trial.tally.since < timedelta(minutes=5)


# The child process


def self_test(**more) -> BundleSelfTest:
    return BundleSelfTest(environment(), 1, **more)


def outcome(test: BundleSelfTest, folder: Path) -> str:
    try:
        test.run(folder, digest_of(folder))
    except SelfTestError as error:
        return error.code
    return "passed"


def test_a_good_bundle_passes_its_self_test(bundle) -> None:
    assert outcome(self_test(), bundle) == "passed"


@pytest.mark.faults
@pytest.mark.parametrize(
    ("network", "terms", "code"),
    [
        (b"no network", {}, "SELF_TEST_LOAD"),
        ("not_a_number", {}, "SELF_TEST_NAN"),
        ("slow", {"limits": {"latency_ms": 20, "memory_mb": 1024}}, "SELF_TEST_SLOW"),
        ("greedy", {}, "SELF_TEST_MEMORY"),
    ],
)
def test_a_bad_network_fails_in_its_own_process(tmp_path, network, terms, code) -> None:
    made = network if isinstance(network, bytes) else getattr(broken_networks, network)()
    assert outcome(self_test(), broken(tmp_path, made, **terms)) == code


OTHER_RUNTIME = """
import sys
from edge.infrastructure import bundle_child, onnx_defect_detector
true = onnx_defect_detector.OnnxDefectDetector.judge
def judge(self, *given):
    distances, logits = true(self, *given)
    return distances, logits * 1.01
onnx_defect_detector.OnnxDefectDetector.judge = judge
sys.exit(bundle_child.main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def golden() -> bytes:
    return golden_file(BASE, golden_tiles())


def with_golden(folder: Path, golden: bytes, **changed) -> Path:
    """A bundle with golden pictures, some of their arrays changed before it got its manifest."""
    with np.load(io.BytesIO(golden)) as kept:
        arrays = dict(kept)
    file = io.BytesIO()
    np.savez(file, **{name: changed.get(name, lambda own: own)(arrays[name]) for name in arrays})
    return make_bundle(folder / "golden", files={"golden.npz": file.getvalue()})


@pytest.mark.faults
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, "passed"),
        ({"distances": lambda own: own + 9.0}, "SELF_TEST_GOLDEN"),
        ({"logits": lambda own: own * np.nan}, "SELF_TEST_GOLDEN"),
        ({"kinds": lambda own: own[::-1]}, "SELF_TEST_GOLDEN"),
        ({"tiles": lambda own: own[:, ::-1]}, "SELF_TEST_GOLDEN"),
        ({"tolerance": lambda own: own * np.nan}, "SELF_TEST_GOLDEN"),
    ],
    ids=["untouched", "distances", "logits", "kinds", "tiles", "tolerance"],
)
def test_answers_that_came_along_must_be_matched(tmp_path, golden, changed, code) -> None:
    assert outcome(self_test(), with_golden(tmp_path, golden, **changed)) == code


@pytest.mark.faults
def test_a_runtime_that_answers_otherwise_fails_the_bundle(tmp_path, golden) -> None:
    other = self_test(command=[sys.executable, "-c", OTHER_RUNTIME])
    assert outcome(other, with_golden(tmp_path, golden)) == "SELF_TEST_GOLDEN"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("import os; os.abort()", "SELF_TEST_CRASHED"),
        ("import os; os.kill(os.getpid(), 9)", "SELF_TEST_CRASHED"),
        ("import time; time.sleep(60)", "SELF_TEST_TIMEOUT"),
        ("print('nothing of use')", "SELF_TEST_CRASHED"),
        ("print('{\"code\": null}')", "None"),
    ],
)
def test_whatever_ends_the_child_fails_the_bundle(bundle, command, code) -> None:
    test = self_test(longest_s=2.0, command=[sys.executable, "-c", command])
    assert outcome(test, bundle) == code


CONFINED = """
import signal, socket, sys
from edge.infrastructure.confined_process import confine
confine(64 << 20)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
write = lambda: open(sys.argv[1], "w", buffering=1).write("x" * 99 + chr(10))
for attempt in (socket.socket, lambda: bytearray(1 << 30), write):
    try:
        attempt()
    except (OSError, MemoryError) as error:
        print(type(error).__name__)
"""


def test_the_child_reaches_no_network_no_file_and_no_more_memory(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CONFINED, str(tmp_path / "x")],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["PermissionError", "MemoryError", "OSError"]


def test_a_station_lives_through_a_bundle_that_kills_its_child(tmp_path, bank, bundle) -> None:
    killer = self_test(command=[sys.executable, "-c", "import os; os.abort()"])
    stand = TrialStand(tmp_path / "home", bank, killer)
    begun_s = time.monotonic()
    stand.offered(bundle)
    assert (stand.state, stand.reason, stand.deciding) == (
        "FAILED", "SELF_TEST_CRASHED", BASE_DIGEST,
    )  # fmt: skip
    assert time.monotonic() - begun_s < 60
    stand.close()
