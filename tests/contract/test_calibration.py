"""Calibration from rendered boards, stored, read again, and used by the pipeline."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from pypdf import PdfReader
from typer.testing import CliRunner

from edge.__main__ import app
from edge.infrastructure.calibration_files import (
    BoardSpec,
    CalibrationRecord,
    GaugeBarSpec,
    GaugeRecord,
    TableSpec,
    read_calibration,
    read_calibration_board,
    read_gauge_bar,
    write_gauge,
)
from edge.infrastructure.opencv_calibration import OpenCvBoardFinder, OpenCvLensFitter
from edge.infrastructure.station_ruler import CALIBRATION, GAUGE, RulerRules, StationRuler
from edge.inspection.calibration import (
    BoardView,
    CalibrationBoard,
    CalibrationLimits,
    calibrate_lens,
)
from edge.inspection.errors import (
    CalibrationFileError,
    CalibrationRefusedError,
    TagBoardError,
)
from edge.inspection.gauge import GaugeCheck
from tests.fakes.board_views import BOARD, TrueLens, any_views

ROOT = Path(__file__).parents[2]
BOARDS = ROOT / "firmware-config" / "boards"
LIMITS = CalibrationLimits()
pytestmark = pytest.mark.requirement("CAP", "MEA")
LENS = TrueLens(focal_px=940.0, width_px=900, height_px=675)


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return any_views(LENS, 12, 5)


@pytest.fixture(scope="module")
def seen(pictures: list[np.ndarray]) -> dict[str, BoardView | None]:
    finder = OpenCvBoardFinder()
    return {str(i): finder.find(p, BOARD, str(i)) for i, p in enumerate(pictures)}


def test_a_lens_is_learned_to_a_tenth_of_a_pixel(seen) -> None:
    made = calibrate_lens(seen, BOARD, OpenCvLensFitter(), LIMITS)
    assert made.fit.rms_px < 0.15
    assert made.fit.lens.focal_x_px == pytest.approx(LENS.focal_px, rel=2e-3)
    places = np.array([[80.0, 60.0], [820.0, 620.0], [450.0, 340.0]])
    assert made.fit.lens.bent(made.fit.lens.straight(places)) == pytest.approx(places, abs=1e-6)
    goal = cv2.undistortPoints(
        places, LENS.matrix, np.array(LENS.coefficients), criteria=(3, 50, 1e-10)
    ).reshape(-1, 2)
    lens = made.fit.lens
    flat = (lens.straight(places) - [lens.centre_x_px, lens.centre_y_px]) / lens.focal_x_px
    assert flat - flat[2] == pytest.approx(goal - goal[2], abs=4e-4)


def test_a_view_that_disagrees_with_all_others_is_left_out_with_the_reason(seen) -> None:
    spoiled = dict(seen)
    spoiled["3"] = replace(
        seen["3"], px=seen["3"].px + np.random.default_rng(1).normal(0, 2, seen["3"].px.shape)
    )
    made = calibrate_lens(spoiled, BOARD, OpenCvLensFitter(), LIMITS)
    assert (made.dropped[0].picture, made.dropped[0].reason) == ("3", "outlier")
    assert "3" not in made.pictures


def refusal(seen, limits: CalibrationLimits = LIMITS) -> str:
    with pytest.raises(CalibrationRefusedError) as caught:
        calibrate_lens(seen, BOARD, OpenCvLensFitter(), limits)
    return caught.value.reason


def test_views_that_do_not_teach_a_lens_are_refused(seen) -> None:
    few = {name: view for name, view in seen.items() if int(name) < 5}
    assert refusal(few) == "views_few"
    corner = {f"{n}": seen["0"] for n in range(9)}
    assert refusal(corner) in {"coverage_poor", "views_degenerate"}
    assert refusal(seen, CalibrationLimits(most_rms_px=0.001)) == "rms_large"
    assert refusal(seen, CalibrationLimits(least_tilt_deg=80)) == "tilt_small"
    assert refusal({"a": None}) == "views_few"


def test_boards_without_sense_are_refused() -> None:
    with pytest.raises(TagBoardError, match="odd number of rows"):
        replace(BOARD, rows_count=8)
    with pytest.raises(TagBoardError, match="marker_mm"):
        replace(BOARD, marker_mm=25.0)
    with pytest.raises(TagBoardError, match="unknown dictionary"):
        OpenCvBoardFinder().find(
            np.zeros((100, 100, 3), np.uint8), replace(BOARD, dictionary="DICT_NONE")
        )


def test_both_cameras_begin_a_chessboard_at_the_same_corner() -> None:
    board = CalibrationBoard(
        name="chess", pattern="chessboard", columns_count=9, rows_count=6, square_mm=20
    )
    down, across = np.indices((7, 10))
    drawn = np.kron(((down + across) % 2).astype(np.uint8) * 200 + 30, np.ones((30, 30), np.uint8))
    page = np.repeat(np.pad(drawn, 40, constant_values=230)[..., None], 3, axis=2)
    finder = OpenCvBoardFinder()
    upright, turned = finder.find(page, board), finder.find(page[::-1, ::-1].copy(), board)
    height, width = page.shape[:2]
    assert turned.px == pytest.approx(np.array([width - 1, height - 1]) - upright.px, abs=0.2)


def test_what_is_printed_is_what_is_looked_for(tmp_path: Path) -> None:
    shell = CliRunner()
    for path in sorted(BOARDS.glob("*.yml")):
        pdf = tmp_path / f"{path.stem}.pdf"
        environment = {"KYNDOF_FIRMWARE_CONFIG": str(ROOT / "firmware-config")}
        result = shell.invoke(app, ["board", path.stem, "--pdf", str(pdf)], env=environment)
        assert result.exit_code == 0, result.output
        page = PdfReader(pdf).pages[0]
        assert "100 mm" in page.extract_text()
        if path.stem == "charuco-10x7-25":
            width_mm = float(page.mediabox.width) * 25.4 / 72
            assert width_mm == pytest.approx(250 + 30, abs=0.01)
            picture = drawn_from(page.get_contents().get_data().decode(), page)
            view = OpenCvBoardFinder().find(picture, read_calibration_board(path))
            assert len(view.px) == read_calibration_board(path).corners_count
            apart = np.hypot(*(view.px[1] - view.px[0])) / 4
            assert apart == pytest.approx(25.0, abs=0.05)


def drawn_from(words: str, page) -> np.ndarray:
    """Paint the page's rectangles at four px per mm."""
    height_mm = float(page.mediabox.height) * 25.4 / 72
    width_mm = float(page.mediabox.width) * 25.4 / 72
    canvas = np.full((round(height_mm * 4), round(width_mm * 4), 3), 255, np.uint8)
    for line in words.splitlines():
        if line.endswith(" re"):
            x, y, w, h = (float(n) * 4 for n in line.split()[:4])
            canvas[round(y) : round(y + h), round(x) : round(x + w)] = 0
    return canvas


def test_every_board_file_keeps_its_schema_and_every_schema_is_fresh() -> None:
    kinds = {
        "calibration-board": BoardSpec,
        "gauge-bar": GaugeBarSpec,
        "table": TableSpec,
        "calibration": CalibrationRecord,
        "gauge-check": GaugeRecord,
    }
    for name, kind in kinds.items():
        stored = ROOT / "firmware-config" / "schemas" / f"{name}.schema.json"
        assert json.loads(stored.read_text("utf-8")) == kind.model_json_schema(), stored.name
    assert read_gauge_bar(BOARDS / "gauge-bar-500.yml").length_mm == 500
    with pytest.raises(TagBoardError, match="pattern"):
        read_calibration_board(BOARDS / "gauge-bar-500.yml")


def test_a_damaged_calibration_measures_nothing_until_it_is_replaced(tmp_path: Path) -> None:
    (tmp_path / CALIBRATION).parent.mkdir()
    (tmp_path / CALIBRATION).write_text('{"version": 1, "calibration_id": "x"')
    with pytest.raises(CalibrationFileError):
        read_calibration(tmp_path / CALIBRATION)
    ruler = StationRuler(tmp_path, None, RulerRules(), lambda: datetime(2026, 1, 2, tzinfo=UTC))
    assert ruler.board() is None
    assert ruler.problem() == "calibration_missing"


@pytest.mark.parametrize(
    ("hours", "passed", "doubt"),
    [(1, True, None), (30, True, "gauge_check_old"), (1, False, "gauge_off")],
)
def test_a_missing_old_or_failed_gauge_check_is_a_doubt(
    tmp_path: Path, table_board, hours: int, passed: bool, doubt: str | None
) -> None:
    now = datetime(2026, 1, 2, 12, tzinfo=UTC)
    rules = RulerRules(gauge_max_age=timedelta(hours=24))
    ruler = StationRuler(tmp_path, table_board, rules, lambda: now)
    assert ruler.problem() == "gauge_check_missing"
    check = GaugeCheck(
        checked_at=(now - timedelta(hours=hours)).isoformat(),
        bar="gauge-bar-500",
        length_mm=500,
        measured_mm=500.1 if passed else 501,
        passed=passed,
        calibration_id="",
    )
    write_gauge(tmp_path / GAUGE, check)
    assert ruler.problem() == doubt
    unasked = StationRuler(tmp_path, table_board, RulerRules(), lambda: now)
    assert unasked.problem() is None


@pytest.fixture
def table_board():
    from edge.infrastructure.opencv_tags import read_board  # noqa: PLC0415

    return read_board(BOARDS / "table-4-tags.yml")
