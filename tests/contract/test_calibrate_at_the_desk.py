"""board, calibrate and gauge as a person types them, and what the station then measures by."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from cloud.infrastructure.training.rendering.camera import Camera
from cloud.infrastructure.training.rendering.markers import TableTags
from cloud.infrastructure.training.rendering.scene import SceneSpec, render_scene
from edge.__main__ import app
from edge.infrastructure.calibration_files import read_calibration, read_gauge
from edge.infrastructure.opencv_calibration import OpenCvBoardFinder, OpenCvLensFitter
from edge.infrastructure.opencv_tags import OpenCvTagFinder, read_board
from edge.infrastructure.station_ruler import CALIBRATION, GAUGE, RulerRules, StationRuler
from edge.inspection.board import TagBoard
from edge.inspection.calibration import CalibrationLimits, calibrate_lens
from edge.inspection.errors import CalibrationRefusedError
from edge.inspection.lens import Lens
from edge.inspection.table import calibrate_table
from tests.fakes.board_views import BOARD, TrueLens, any_views

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.requirement("CAP", "MEA")
CAMERA = Camera(width_px=1200, height_px=900, tilt_x_deg=0.8, tilt_y_deg=-0.6, k1_ratio=-0.1)
LENS = TrueLens(
    focal_px=CAMERA.focal_px,
    width_px=1200,
    height_px=900,
    coefficients=(-0.1, 0.0, 0.0, 0.0, 0.0),
    shift_px=(0.0, 0.0),
)


@pytest.fixture(scope="module")
def views(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("views")
    for number, picture in enumerate(any_views(LENS, 9, 11)):
        cv2.imwrite(str(folder / f"{number:02d}.png"), picture)
    (folder / "notes.txt").write_text("no picture")
    return folder


def table(tmp_path: Path, name: str, camera: Camera = CAMERA, bar_mm: float | None = None) -> Path:
    tags = TableTags()
    if bar_mm is not None:
        # The bar's tags are as large as the table's here; only their centres count.
        ends = {10: (300.0, 400.0), 11: (300.0 + bar_mm, 400.0)}
        tags = replace(tags, centres_mm={**tags.centres_mm, **ends})
    picture, _ = render_scene(SceneSpec(camera=camera, tags=tags), np.random.default_rng(2))
    path = tmp_path / f"{name}.png"
    cv2.imwrite(str(path), picture[..., ::-1])
    return path


def kyndof_edge(home: Path, *arguments: str | Path, language: str = "en") -> Result:
    environment = {
        "KYNDOF_LANGUAGE": language,
        "KYNDOF_HOME": str(home),
        "KYNDOF_FIRMWARE_CONFIG": str(home / "firmware-config"),
    }
    return CliRunner().invoke(app, [str(a) for a in arguments], env=environment)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    boards = tmp_path / "home" / "firmware-config" / "boards"
    boards.mkdir(parents=True)
    for path in (ROOT / "firmware-config" / "boards").glob("*.yml"):
        (boards / path.name).write_text(path.read_text("utf-8"), "utf-8")
    bar = boards / "gauge-bar-500.yml"
    flat = bar.read_text("utf-8").replace("thickness_mm: 3.0", "thickness_mm: 0.0")
    bar.write_text(flat, "utf-8")
    return tmp_path / "home"


def test_a_station_is_calibrated_checked_and_notices_when_it_is_knocked(
    tmp_path: Path, home: Path, views: Path
) -> None:
    words = ["calibrate", views, "--board", "charuco-10x7-25", "--thickness", "coat=1.4"]
    result = kyndof_edge(home, *words, "--table", table(tmp_path, "table"))
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["rms_px"] < 0.2
    assert said["thickness_mm"] == {"coat": 1.4}
    station = home / "stations" / "CUT-01"
    made = read_calibration(station / CALIBRATION)
    assert made is not None
    assert made.calibration_id == said["calibration_id"]
    assert made.table.camera_height_mm == pytest.approx(1160, rel=0.01)
    assert (station / "calibration" / f"{made.calibration_id}.json").is_file()
    ruler = StationRuler(station, None, RulerRules(), lambda: datetime(2026, 1, 1, tzinfo=UTC))
    assert ruler.board() == made.table

    result = kyndof_edge(home, "gauge", table(tmp_path, "bar", bar_mm=500.0))
    assert result.exit_code == 0, result.output
    assert abs(json.loads(result.stdout)["error_mm"]) < 0.1
    check = read_gauge(station / GAUGE)
    assert check is not None
    assert (check.passed, check.calibration_id) == (True, made.calibration_id)

    result = kyndof_edge(home, "gauge", table(tmp_path, "short", bar_mm=499.0))
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error_mm"] == pytest.approx(-1.0, abs=0.1)
    assert "calibrate again" in result.stderr

    knocked = replace(CAMERA, shift_x_mm=CAMERA.shift_x_mm + 1.0)
    result = kyndof_edge(home, "gauge", table(tmp_path, "knocked", knocked, bar_mm=500.0))
    assert result.exit_code == 1
    assert "have moved" in result.stderr
    result = kyndof_edge(home, "gauge", table(tmp_path, "no-bar"))
    assert result.exit_code == 1
    assert "both ends" in result.stderr


def test_a_table_that_cannot_be_used_is_refused_with_the_reason(tmp_path: Path) -> None:
    lens = Lens(
        focal_x_px=CAMERA.focal_px,
        focal_y_px=CAMERA.focal_px,
        centre_x_px=(CAMERA.width_px - 1) / 2,
        centre_y_px=(CAMERA.height_px - 1) / 2,
        coefficients=(-0.1, 0.0, 0.0, 0.0, 0.0),
        width_px=CAMERA.width_px,
        height_px=CAMERA.height_px,
    )
    board = read_board(ROOT / "firmware-config" / "boards" / "table-4-tags.yml")
    whole = cv2.imread(str(table(tmp_path, "whole")))

    def reason(frame: np.ndarray, seen_as: TagBoard = board) -> str:
        with pytest.raises(CalibrationRefusedError) as caught:
            calibrate_table(frame, OpenCvTagFinder(), seen_as, lens)
        return caught.value.reason

    learned, plane = calibrate_table(whole, OpenCvTagFinder(), board, lens)
    assert plane.residual_px < 0.1
    assert learned.camera_height_mm == pytest.approx(1160, rel=0.01)
    hidden = whole.copy()
    hidden[:150, :150] = 30
    assert reason(hidden) == "tags_hidden"
    assert reason(whole[:600, :800].copy()) == "frame_size_differs"
    assert reason(np.zeros_like(whole)) == "frame_black"
    assert reason(np.full_like(whole, 255)) == "frame_overexposed"
    smaller = replace(board, side_mm=47.0)
    assert reason(whole, smaller) == "tags_elsewhere"
    for tag, off in ((0, (3.0, 0.0)), (1, (0.0, -3.0)), (2, (-2.0, 2.0)), (3, (1.1, 1.1))):
        x_mm, y_mm = board.tags[tag]
        tags = {**board.tags, tag: (x_mm + off[0], y_mm + off[1])}
        with pytest.raises(CalibrationRefusedError, match=f"tag {tag} lies") as caught:
            calibrate_table(whole, OpenCvTagFinder(), replace(board, tags=tags), lens)
        assert caught.value.reason == "tag_misplaced"


def test_a_lying_board_that_is_not_seen_whole_enough_refuses_the_calibration(
    tmp_path: Path, home: Path, views: Path
) -> None:
    """Half a board has corners enough; an edge of one, or none, says nothing about the table."""
    board = any_views(LENS, 1, 3)[0]
    words = ["calibrate", views, "--board", "charuco-10x7-25", "--dry-run"]
    words += ["--table", table(tmp_path, "table"), "--flat"]
    for name, picture, sentence in (
        ("bare", np.zeros_like(board) + 90, "not in its picture"),
        ("edge", half_seen(board, 0.16), "too little of the board"),
        ("small", board[:600, :800].copy(), "another size"),
    ):
        path = tmp_path / f"{name}.png"
        cv2.imwrite(str(path), picture)
        result = kyndof_edge(home, *words, path)
        assert result.exit_code == 1, result.output
        assert sentence in result.stderr, result.stderr


def half_seen(picture: np.ndarray, share: float) -> np.ndarray:
    """Cover all but a ``share`` of the board in a picture (H, W, 3) uint8."""
    covered = picture.copy()
    seen = OpenCvBoardFinder().find(picture, BOARD)
    assert seen is not None
    covered[:, int(np.quantile(seen.px[:, 0], share)) + 12 :] = 70
    return covered


def test_views_of_half_a_board_count_with_the_corners_that_they_show() -> None:
    whole = any_views(LENS, 9, 11)
    finder, limits = OpenCvBoardFinder(), CalibrationLimits()
    pictures = {"half": half_seen(whole[0], 0.5), "edge": half_seen(whole[1], 0.16)}
    pictures |= {f"{n}": picture for n, picture in enumerate(whole)}
    seen = {name: finder.find(picture, BOARD, name) for name, picture in pictures.items()}
    half = seen["half"]
    assert half is not None
    assert 0.3 * BOARD.corners_count < len(half.px) < 0.7 * BOARD.corners_count
    made = calibrate_lens(seen, BOARD, OpenCvLensFitter(), limits)
    assert "half" in made.pictures
    assert [(drop.picture, drop.reason) for drop in made.dropped] in (
        [("edge", "corners_few")],
        [("edge", "board_not_found")],
    )


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_file_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, home: Path, language: str
) -> None:
    blocked = tmp_path / "a-file"
    blocked.write_text("no folder")
    sentence = {"ko": "쓸 수 없습니다", "en": "cannot be written"}[language]
    for pdf in (tmp_path / "missing" / "board.pdf", blocked / "board.pdf", tmp_path):
        result = kyndof_edge(home, "board", "charuco-10x7-25", "--pdf", pdf, language=language)
        assert result.exit_code == 1
        assert sentence in result.stderr
        assert str(pdf) in result.stderr


def test_too_few_pictures_or_none_at_all_store_nothing(tmp_path: Path, home: Path) -> None:
    blank = tmp_path / "blank.png"
    cv2.imwrite(str(blank), np.full((300, 400, 3), 128, np.uint8))
    result = kyndof_edge(home, "calibrate", blank, "--table", blank)
    assert result.exit_code == 1
    assert "left out: blank.png" in result.stderr or "too few views" in result.stderr
    result = kyndof_edge(home, "calibrate", tmp_path / "none.png", "--table", blank)
    assert result.exit_code == 2
    result = kyndof_edge(home, "calibrate", blank, "--board", "none", "--table", blank)
    assert result.exit_code == 1
    assert "TAG_BOARD_INVALID" in result.stderr
    assert not (home / "stations" / "CUT-01" / CALIBRATION).exists()
