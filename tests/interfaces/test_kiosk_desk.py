"""The supervisor's desk: names for flaws, styles taught and the camera calibrated at the kiosk.

On rendered pictures, the real bundle and real files; only the camera gives what it is told to.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cloud.infrastructure.training.rendering.camera import Camera
from cloud.infrastructure.training.rendering.markers import TableTags
from cloud.infrastructure.training.rendering.scene import SceneSpec, render_scene
from edge.composition import compose_inspection
from edge.infrastructure.learned_files import BankFiles, KindFiles
from edge.infrastructure.station_ruler import CALIBRATION, GAUGE
from edge.inspection.prototypes import Prototypes
from edge.inspection.style_bank import StyleBank
from edge.inspection.teaching import Lesson
from edge.interfaces.kiosk.view import state_json
from edge.settings import EdgeSettings
from edge.station.errors import (
    BadgeMissingError,
    BoardUnknownError,
    CameraUnpluggedError,
    DeskBusyError,
    DeskIdleError,
    DeskUnknownActError,
    FindingUnknownError,
    FlawNotDescribedError,
    KindInvalidError,
    PicturesFewError,
    StyleUnknownError,
    SupervisorNeededError,
)
from tests.fakes import station_home as home
from tests.fakes.board_views import TrueLens, any_views, board_view
from tests.fakes.desk import OURS, STYLE, Cloths, World, named_three_times

ACTS = (
    "name-finding",
    "unname-finding",
    "teach-begin",
    "teach-take",
    "teach-learn",
    "calibrate-begin",
    "calibrate-take",
    "calibrate-flat",
    "calibrate-finish",
    "gauge",
    "set-thickness",
    "close",
)
pytestmark = [pytest.mark.requirement("KSK", "DEF"), pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def pipeline():
    return compose_inspection(EdgeSettings())


@pytest.fixture(scope="module")
def bank(pipeline) -> bytes:
    cloths = Cloths()
    return pipeline.learn(Lesson(style=STYLE), [cloths.good() for _ in range(14)]).to_bytes()


@pytest.fixture
async def world(tmp_path: Path, pipeline) -> World:
    return await World(tmp_path, pipeline).ready()


async def test_nobody_but_a_supervisor_does_anything_at_the_desk(world: World) -> None:
    for act in ACTS:
        with pytest.raises(BadgeMissingError):
            await world.desk.act(act, {})
    await world.signed_in(home.BADGE_CUTTER)
    assert not world.desk.state()["supervises"]
    for act in ACTS:
        with pytest.raises(SupervisorNeededError):
            await world.desk.act(act, {"style": STYLE})
    await world.stand.station.act("sign-out")
    await world.signed_in()
    assert world.desk.state()["supervises"]
    with pytest.raises(DeskUnknownActError):
        await world.desk.act("melt", {})
    for act in ("teach-take", "teach-learn", "calibrate-take", "calibrate-finish"):
        with pytest.raises(DeskIdleError):
            await world.desk.act(act, {})


async def test_a_flaw_named_three_times_is_called_so_from_then_on_and_after_a_restart(
    tmp_path: Path, pipeline, bank: bytes
) -> None:
    world = await World(tmp_path, pipeline).ready(bank=bank)
    await world.signed_in()
    cloths = Cloths()
    piece = await named_three_times(world, cloths, OURS, 1)
    (kind,) = world.desk.state()["kinds"]
    assert (kind["kind"], kind["count"]) == (OURS, 3)
    assert {p.name for p in (world.folder / "kinds").glob("*.prototypes")} == {
        "000001.prototypes",
        "000002.prototypes",
        "000003.prototypes",
        "kinds.prototypes",
    }
    again = await world.again(bank=bank)
    assert piece <= 8
    called = [await again.judged(cloths.flawed("hole"), 8 + n) for n in range(3)]
    holes = [found[0] for found in called if found]
    # What is like none of the kinds named here, the bundle's own network may still name.
    assert OURS in {hole.defect_class for hole in holes}
    for hole in holes:
        assert hole.defect_class in {OURS, "hole", "unknown_anomaly"}
        assert (hole.confidence_ratio is None) == (hole.defect_class == "unknown_anomaly")
    shown = state_json(again.stand.station, language="ko", unsent=0)["verdict"]
    assert "confidence_ratio" in shown["findings"][0] if shown["findings"] else True


async def test_what_is_like_no_kind_named_here_is_not_called_by_one_and_keeps_its_place(
    tmp_path: Path, pipeline, bank: bytes
) -> None:
    world = await World(tmp_path, pipeline).ready(bank=bank)
    await world.signed_in()
    cloths = Cloths()
    piece = await named_three_times(world, cloths, OURS, 1)
    found = [await world.judged(cloths.flawed("broken_pick"), piece + n) for n in range(3)]
    others = [finding for of_one in found for finding in of_one]
    ours = [finding for finding in others if finding.defect_class == OURS]
    assert others
    assert len(ours) < len(others) / 2
    assert all(len(finding.polygon_px) >= 3 for finding in others)


async def test_kinds_that_came_with_the_work_name_flaws_too_unless_of_another_bundle(
    tmp_path: Path, pipeline, bank: bytes
) -> None:
    teacher = await World(tmp_path / "a", pipeline).ready(bank=bank)
    await teacher.signed_in()
    cloths = Cloths()
    await named_three_times(teacher, cloths, OURS, 1)
    content = (teacher.folder / "kinds" / "kinds.prototypes").read_bytes()
    kinds = Prototypes.from_bytes(content)
    foreign = Prototypes(
        kinds=kinds.kinds,
        means=kinds.means,
        whitening=kinds.whitening,
        far_score=9.0,
        bundle_digest="0" * 64,
    ).to_bytes()
    frames = [cloths.flawed("hole") for _ in range(4)]
    classes = []
    for number, came in enumerate((content, foreign, b"no prototypes")):
        other = await World(tmp_path / f"b{number}", pipeline).ready(bank=bank, prototypes=came)
        await other.signed_in()
        found = [await other.judged(frame, n) for n, frame in enumerate(frames, start=1)]
        classes.append({f.defect_class for of_one in found for f in of_one})
    assert [OURS in found for found in classes] == [True, False, False]


async def test_names_that_cannot_be_learned_are_refused(
    tmp_path: Path, pipeline, bank: bytes
) -> None:
    world = await World(tmp_path, pipeline).ready(bank=bank)
    await world.signed_in()
    with pytest.raises(FindingUnknownError):
        await world.desk.act("name-finding", {"index": "0", "kind": "hole"})
    cloths, piece = Cloths(), 1
    while not await world.judged(cloths.flawed("hole"), piece):
        piece += 1
    for index in ("99", "-1", "one", ""):
        with pytest.raises(FindingUnknownError):
            await world.desk.act("name-finding", {"index": index, "kind": "hole"})
    for kind in ("", "  ", "unknown_anomaly", "x" * 41, "<b>", "a/b", "a\nb\0"):
        with pytest.raises(KindInvalidError):
            await world.desk.act("name-finding", {"index": "0", "kind": kind})
    world.inspector._last = None
    with pytest.raises(FlawNotDescribedError):
        await world.desk.act("name-finding", {"index": "0", "kind": "hole"})
    assert not (world.folder / "kinds").exists()


def test_a_damaged_line_of_namings_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "named.jsonl").write_text('{"kind": "hole"\n[]\n')
    assert KindFiles(tmp_path).prototypes("digest").kinds == ()


async def test_a_style_is_taught_from_good_pieces_and_counts_at_once(world: World) -> None:
    await world.signed_in()
    with pytest.raises(StyleUnknownError):
        await world.desk.act("teach-begin", {"style": "COAT"})
    await world.desk.act("teach-begin", {"style": STYLE})
    with pytest.raises(CameraUnpluggedError):
        await world.desk.act("teach-take", {})
    cloths = Cloths()
    for number in range(14):
        world.camera.frame = cloths.good()
        await world.desk.act("teach-take", {})
        if number == 3:
            await world.desk.act("teach-take", {})
            world.camera.frame = np.zeros((384, 384, 3), np.uint8)
            await world.desk.act("teach-take", {})
            with pytest.raises(PicturesFewError):
                await world.desk.act("teach-learn", {})
    state = world.desk.state()["teaching"]
    assert (state["taken_count"], state["refused_count"]) == (14, 2)
    assert [one["code"] for one in state["refused"]] == ["frame_same", "frame_black"]
    world.stand.journal.full = True
    await world.desk.act("teach-learn", {})
    await world.until(lambda: world.desk.state()["teaching"]["phase"] != "learning")
    assert world.desk.state()["teaching"]["problem"]["code"] == "DISK_FULL"
    assert not (world.folder / "styles").exists()
    world.stand.journal.full = False
    await world.desk.act("teach-learn", {})
    assert world.desk.state()["teaching"]["phase"] == "learning"
    with pytest.raises(DeskBusyError):
        await world.desk.act("close", {})
    await world.until(lambda: world.desk.state()["teaching"]["phase"] != "learning")
    taught = world.desk.state()["teaching"]["taught"]
    assert (taught["piece_count"], taught["overkill_ratio"]) == (14, 0.02)
    assert taught["size_bytes"] <= 10 * 1024
    assert await world.judged(cloths.good(), 1) == ()
    assert world.stand.station.state.shown.record.threshold_score > 0
    kept = (world.folder / "styles" / f"{STYLE}.bank").read_bytes()
    (told,) = (fact for fact in world.stand.journal.facts if fact.type == "style_taught")
    assert (told.style, told.bank) == (STYLE, kept)
    own = StyleBank.from_bytes(kept)
    assert own.threshold_score == pytest.approx(taught["threshold_score"], abs=0.01)


async def test_a_bank_taught_for_another_bundle_gives_way_to_the_one_that_came(
    tmp_path: Path, pipeline, bank: bytes
) -> None:
    world = await World(tmp_path, pipeline).ready(bank=bank)
    old = replace(StyleBank.from_bytes(bank), bundle_digest="0" * 64, piece_count=99)
    world.learned.banks.keep(STYLE, old.to_bytes(), bank, "2026-05-04T09:00:00+00:00")
    await world.signed_in()
    assert await world.judged(Cloths().good(), 1) == ()
    assert "style_not_taught" not in world.stand.station.state.shown.record.reasons


async def test_the_bank_that_fits_is_found_behind_newer_ones_for_other_bundles(
    tmp_path: Path, pipeline, bank: bytes
) -> None:
    """Before a rollout and after it was taken back two bundles want a bank each."""
    newer = replace(StyleBank.from_bytes(bank), bundle_digest="0" * 64).to_bytes()
    came = await World(tmp_path / "a", pipeline).ready(bank=newer, more_banks=(newer, bank))
    own = await World(tmp_path / "b", pipeline).ready(bank=newer)
    own.learned.banks.keep(STYLE, bank, b"before", "2026-05-03T09:00:00+00:00")
    own.learned.banks.keep(STYLE, newer, newer, "2026-05-04T09:00:00+00:00")
    for world in (came, own):
        await world.signed_in()
        assert await world.judged(Cloths().good(), 1) == ()
        record = world.stand.station.state.shown.record
        assert (record.reasons, record.threshold_score > 0) == ((), True)
    alone = await World(tmp_path / "c", pipeline).ready(bank=newer)
    await alone.signed_in()
    alone.camera.frame = Cloths().good()
    await alone.finished(1)
    assert alone.stand.station.state.refusal.code == "INSPECTION_UNAVAILABLE"


def test_a_bank_taught_here_counts_until_another_one_comes(tmp_path: Path) -> None:
    banks = BankFiles(tmp_path)
    assert banks.bank(STYLE, b"came") == b"came"
    gone = {hashlib.sha256(b"own").hexdigest()}
    banks.keep(STYLE, b"own", b"came", "2026-05-04T09:00:00+00:00")
    again = BankFiles(tmp_path)
    assert (again.bank(STYLE, b"came"), again.bank(STYLE, b"newer")) == (b"own", b"newer")
    assert again.bank(STYLE, b"came", gone) == b"came"
    assert again.bank("COAT", None) is None
    banks.keep(STYLE, b"own again", b"newer", "2026-05-05T09:00:00+00:00")
    assert again.bank(STYLE, b"newer") == b"own again"
    assert list(again.earlier(STYLE)) == [b"own again", b"own"]
    assert list(again.earlier(STYLE, gone)) == [b"own again"]
    assert not list(again.earlier("../out"))
    assert len(list(tmp_path.glob(f"{STYLE}@*.bank"))) == 2
    (tmp_path / f"{STYLE}.bank").write_bytes(b"damaged")
    assert again.bank(STYLE, b"newer") == b"newer"
    (tmp_path / f"{STYLE}.json").write_text("no note")
    assert again.bank(STYLE, b"newer") == b"newer"
    for name in ("../out", "", "a/b"):
        with pytest.raises(ValueError, match="file's name"):
            banks.keep(name, b"own", None, "2026")
        assert banks.bank(name, b"came") == b"came"


async def test_too_little_to_learn_from_is_told_and_the_course_goes_on(
    world: World, monkeypatch
) -> None:
    await world.signed_in()
    await world.desk.act("teach-begin", {"style": STYLE})
    lot = np.random.default_rng(5)
    for _ in range(14):
        world.camera.frame = lot.integers(60, 200, (72, 72, 3)).astype(np.uint8)
        await world.desk.act("teach-take", {})
    await world.desk.act("teach-learn", {})
    await world.until(lambda: world.desk.state()["teaching"]["phase"] != "learning")
    state = world.desk.state()["teaching"]
    assert (state["phase"], state["problem"]["code"]) == ("failed", "TEACHING_IMPOSSIBLE")
    assert not (world.folder / "styles").exists()
    await world.desk.act("teach-take", {})
    assert world.desk.state()["teaching"]["phase"] == "taking"


CAMERA = Camera(width_px=1200, height_px=900, tilt_x_deg=0.8, tilt_y_deg=-0.6, k1_ratio=-0.1)
LENS = TrueLens(
    focal_px=CAMERA.focal_px,
    coefficients=(-0.1, 0.0, 0.0, 0.0, 0.0),
    shift_px=(0.0, 0.0),
)


async def finished(world: World, table: np.ndarray):
    """Let the desk compute with a picture of the table; return what it then shows."""
    world.camera.frame = table
    await world.desk.act("calibrate-finish", {})
    await world.until(lambda: world.desk.state()["calibration"]["phase"] != "working")
    return world.desk.state()["calibration"]


@pytest.mark.requirement("CAP", "MEA")
async def test_the_camera_is_calibrated_step_by_step_and_measured_by_at_once(world: World) -> None:
    await world.signed_in()
    with pytest.raises(BoardUnknownError):
        await world.desk.act("calibrate-begin", {"board": "table-4-tags"})
    assert world.desk.state()["boards"] == ["charuco-10x7-25", "charuco-15x11-25"]
    assert world.desk.pdf("charuco-10x7-25").startswith(b"%PDF")
    with pytest.raises(BoardUnknownError):
        world.desk.pdf("../secret")
    await world.desk.act("calibrate-begin", {"board": "charuco-10x7-25"})
    world.camera.frame = np.full((900, 1200, 3), 90, np.uint8)
    await world.desk.act("calibrate-take", {})
    state = world.desk.state()["calibration"]
    assert state["refusal"]["code"] == "board_not_found"
    assert (state["views_count"], state["dropped_count"]) == (0, 1)
    assert not np.any(state["fields"])
    for view in any_views(LENS, 9, 11):
        world.camera.frame = view
        await world.desk.act("calibrate-take", {})
    state = world.desk.state()["calibration"]
    assert (state["views_count"], state["refusal"]) == (9, None)
    assert np.mean(state["fields"]) > 0.7
    world.camera.frame = np.full((900, 1200, 3), 90, np.uint8)
    await world.desk.act("calibrate-flat", {})
    assert world.desk.state()["calibration"]["refusal"]["code"] == "flat_board_not_found"
    table, _ = render_scene(SceneSpec(camera=CAMERA, tags=TableTags()), np.random.default_rng(2))
    hidden = table.copy()
    hidden[:150, :150] = 30
    state = await finished(world, hidden)
    assert (state["phase"], state["refusal"]["code"]) == ("views", "tags_hidden")
    assert "가려졌습니다" in state["refusal"]["ko"]
    assert not (world.folder / CALIBRATION).exists()
    state = await finished(world, table)
    made = state["made"]
    (told,) = (fact for fact in world.stand.journal.facts if fact.type == "station_calibrated")
    assert (told.calibration_id, told.board.square_mm) == (made["calibration_id"], 25.0)
    assert made["rms_px"] < 0.2
    assert world.learned.ruler.board().calibration_id == made["calibration_id"]
    await world.desk.act("gauge", {})
    state = world.desk.state()["calibration"]
    assert (state["gauge"], state["refusal"]["code"]) == (None, "bar_not_found")
    assert not (world.folder / GAUGE).exists()


@pytest.mark.requirement("CAP")
async def test_views_of_one_place_alone_calibrate_nothing(world: World) -> None:
    await world.signed_in()
    await world.desk.act("calibrate-begin", {"board": "charuco-10x7-25"})
    lot = np.random.default_rng(3)
    view = board_view(LENS, np.zeros(3), np.array([0.0, 0.0, 900.0]), lot)
    for shift in range(8):
        world.camera.frame = np.roll(view, shift, axis=1)
        await world.desk.act("calibrate-take", {})
    await world.desk.act("calibrate-finish", {})
    await world.until(lambda: world.desk.state()["calibration"]["phase"] != "working")
    state = world.desk.state()["calibration"]
    assert state["refusal"]["code"] in {"coverage_poor", "tilt_small", "views_degenerate"}
    assert not (world.folder / CALIBRATION).exists()
