"""The whole pipeline on rendered tables with known truth, and on tables that deceive."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from cloud.infrastructure.training.rendering.camera import Camera, Placement
from cloud.infrastructure.training.rendering.defects import Defect
from cloud.infrastructure.training.rendering.seam import Seam
from cloud.infrastructure.training.rendering.seam_threads import StitchClass
from edge.composition import compose_board, compose_inspection
from edge.infrastructure.opencv_tags import read_board
from edge.inspection.board import TagBoard
from edge.inspection.errors import (
    StyleBankMismatchError,
    TagBoardError,
    TeachingError,
    TooFewPiecesError,
)
from edge.inspection.pipeline import InspectionPipeline
from edge.inspection.style_bank import StyleBank
from edge.inspection.teaching import Lesson
from edge.settings import EdgeSettings
from tests.fakes.inspection_scenes import Table, draw, hem, standard_of

ROOT = Path(__file__).parents[2]
TILTED = Camera(k1_ratio=-0.12, tilt_x_deg=2.0, tilt_y_deg=-1.5)


@pytest.fixture(scope="module")
def pipeline() -> InspectionPipeline:
    return compose_inspection(EdgeSettings())


@pytest.fixture(scope="module")
def board() -> TagBoard:
    return compose_board(EdgeSettings(firmware_config=ROOT / "firmware-config"))


@pytest.mark.requirement("MEA")
def test_lengths_and_stitches_agree_with_what_was_drawn(
    pipeline: InspectionPipeline, board: TagBoard
) -> None:
    table = Table(camera=TILTED, seam=Seam(contrast_ratio=0.22, skipped=(30, 31)))
    frame, truth = draw(table, seed=3)
    result = pipeline.inspect(frame, standard_of(table, truth), None, board)
    assert len(result.measurements) == 6
    for measured in result.measurements:
        assert measured.outcome == "PASS"
        assert measured.deviation_mm is not None
        assert measured.uncertainty_mm is not None
        assert abs(measured.deviation_mm) < 0.15
        assert abs(measured.deviation_mm) <= measured.uncertainty_mm < 0.6
        parts = dict(measured.budget_mm)
        total = 2 * np.sqrt(sum(part**2 for part in parts.values()))
        assert measured.uncertainty_mm == pytest.approx(total, abs=0.002)
    seam = result.stitches[0]
    assert seam.pitch_mm == pytest.approx(truth.seams[0].pitch_mm, abs=0.01)
    assert seam.skipped_count == 2
    assert seam.reason == "stitches_skipped"
    assert result.verdict == "FAIL"


@pytest.mark.requirement("MEA")
@pytest.mark.parametrize(("stitch", "inset_mm"), [("401", 11.0), ("504", 5.0)])
def test_chainstitches_and_overedges_are_read_too(
    pipeline: InspectionPipeline, board: TagBoard, stitch: StitchClass, inset_mm: float
) -> None:
    seam = Seam(
        stitch=stitch,
        inset_mm=inset_mm,
        pitch_mm=2.6,
        thread_width_mm=0.45,
        contrast_ratio=0.25,
        skipped=(20, 40, 41),
    )
    table = Table(camera=TILTED, seam=seam, fabric="rose-plain")
    frame, truth = draw(table, seed=3)
    result = pipeline.inspect(frame, standard_of(table, truth, ("stitches",)), None, board)
    reading, drawn = result.stitches[0], truth.seams[0]
    assert reading.pitch_mm == pytest.approx(drawn.pitch_mm, abs=0.01)
    assert reading.cv_ratio == pytest.approx(drawn.cv_ratio, abs=0.02)
    assert reading.skipped_count == 3


@pytest.mark.requirement("MEA")
def test_what_cannot_be_trusted_is_not_measured(
    pipeline: InspectionPipeline, board: TagBoard
) -> None:
    table = Table()
    frame, truth = draw(table)
    standard = standard_of(table, truth)
    unknown = dataclasses.replace(standard.points[0], thickness_mm=None)
    result = pipeline.inspect(frame, dataclasses.replace(standard, points=(unknown,)), None, board)
    assert result.measurements[0].reason == "thickness_unknown"
    without_board = pipeline.inspect(frame, standard, None, None)
    assert {m.reason for m in without_board.measurements} == {"calibration_missing"}
    assert without_board.verdict == "REVIEW"
    half = np.ascontiguousarray(frame[::2, ::2])
    coarse = pipeline.inspect(half, standard, None, board)
    assert coarse.stitches[0].reason == "resolution_low"
    seen = {tag: c + np.array([1.0, 0.0]) for tag, c in truth.tag_corners_px.items()}
    moved = dataclasses.replace(board, reference_px=seen)
    shifted = pipeline.inspect(frame, standard, None, moved)
    assert shifted.reasons == ("tags_moved",)
    assert {m.outcome for m in shifted.measurements} == {"CANNOT_MEASURE"}


@pytest.mark.requirement("MEA")
def test_a_tag_moved_by_a_millimetre_widens_the_uncertainty_enough(
    pipeline: InspectionPipeline, board: TagBoard
) -> None:
    table = Table(moved_tag_mm=1.0)
    frame, truth = draw(table)
    for measured in pipeline.inspect(
        frame, standard_of(table, truth, ("measure",)), None, board
    ).measurements:
        assert measured.deviation_mm is not None
        assert abs(measured.deviation_mm) <= measured.uncertainty_mm


@pytest.mark.requirement("CAP")
@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (Table(hidden_tag=2), "tags_hidden"),
        (Table(moved_tag_mm=2.0), "tags_moved"),
        (Table(blur_px=4.5), "frame_blurred"),
    ],
    ids=["hidden", "moved", "blurred"],
)
def test_a_table_that_deceives_is_never_a_pass(
    pipeline: InspectionPipeline, board: TagBoard, table: Table, reason: str
) -> None:
    frame, truth = draw(table)
    result = pipeline.inspect(frame, standard_of(table, truth), None, board)
    assert result.verdict == "REVIEW"
    assert reason in result.reasons
    assert {m.outcome for m in result.measurements} == {"CANNOT_MEASURE"}
    assert all(m.value_mm is None for m in result.measurements)


def test_an_empty_table_has_no_piece(pipeline: InspectionPipeline, board: TagBoard) -> None:
    table = Table()
    frame, truth = draw(table)
    frame = frame.copy()
    frame[300:2750, 500:3600] = np.median(frame[300:2750, 450:500], axis=(0, 1)).astype(np.uint8)
    result = pipeline.inspect(frame, standard_of(table, truth), None, board)
    assert result.reasons == ("garment_not_found",)
    assert result.verdict == "REVIEW"


@pytest.mark.requirement("DEF")
def test_a_taught_style_passes_good_pieces_and_finds_flaws(
    pipeline: InspectionPipeline, board: TagBoard
) -> None:
    def lay(seed: int, *defects: Defect) -> Table:
        lot = np.random.default_rng(seed)
        pose = Placement(x_mm=550 + lot.uniform(-20, 20), y_mm=412, turn_deg=lot.uniform(-4, 4))
        on_cloth = Placement(x_mm=pose.x_mm + 60, y_mm=300, turn_deg=5)
        label = {"label_at": on_cloth} if seed % 2 else {}
        return Table(pose=pose, defects=defects, **label)

    frames = [draw(lay(seed), seed)[0] for seed in range(6)]
    taught = pipeline.learn(Lesson(style="demo", few=True), frames, board, (hem(Table()),))
    data = taught.to_bytes()
    assert len(data) <= 10 * 1024
    bank = StyleBank.from_bytes(data)
    table = lay(7)
    frame, truth = draw(table, 7)
    standard = standard_of(table, truth, ("defects", "measure", "stitches"))
    good = pipeline.inspect(frame, standard, bank, board)
    assert (good.verdict, good.findings, good.reasons) == ("PASS", (), ())
    flawed = lay(7, Defect(kind="hole", x_mm=40, y_mm=-60, size_mm=6))
    frame, truth = draw(flawed, 7)
    bad = pipeline.inspect(frame, standard, bank, board)
    assert bad.verdict == "FAIL"
    assert bad.anomaly_map.shape[1] <= 128
    middle = np.mean(bad.findings[0].polygon_px, axis=0)
    expected = truth.defects[0].polygon_px.mean(axis=0)
    assert np.abs(middle - expected).max() < 30
    assert bad.findings[0].severity == "major"
    other = dataclasses.replace(bank, bundle_digest="0" * 64)
    with pytest.raises(StyleBankMismatchError):
        pipeline.inspect(frame, standard, other, board)


def test_an_untaught_style_asks_a_person(pipeline: InspectionPipeline) -> None:
    frame = np.random.default_rng(0).integers(90, 150, (256, 256, 3), dtype=np.uint8)
    table = Table()
    standard = dataclasses.replace(
        standard_of(table, draw(table)[1], ("defects",)), points=(), stitches=()
    )
    result = pipeline.inspect(frame, standard)
    assert result.verdict == "REVIEW"
    assert "style_not_taught" in result.reasons
    assert result.threshold_score is None


def test_too_few_good_pieces_teach_nothing(pipeline: InspectionPipeline) -> None:
    frame = np.random.default_rng(0).integers(90, 150, (256, 256, 3), dtype=np.uint8)
    with pytest.raises(TooFewPiecesError, match="14 good pieces are needed, 13 can"):
        pipeline.learn(Lesson(style="x"), [frame] * 13)
    with pytest.raises(TooFewPiecesError, match="5 good pieces are needed, 4 can"):
        pipeline.learn(Lesson(style="x", few=True), [frame] * 4)
    with pytest.raises(TeachingError):
        pipeline.learn(Lesson(style="x"), [np.zeros_like(frame)] * 14)


@pytest.mark.parametrize(
    "text",
    ["", "name: x", "- 1", "{", "name: t\ndictionary: D\nside_mm: 50\ntags: {0: [1, 2]}"],
)
def test_a_board_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    place = tmp_path / "board.yml"
    place.write_text(text)
    with pytest.raises(TagBoardError):
        read_board(place)
    with pytest.raises(TagBoardError):
        read_board(tmp_path / "missing.yml")
