"""Boards found, rms and baseline on real pictures, and lenses of rendered views with known truth.

A folder with ``left*`` and ``right*`` pictures is a pair of cameras that saw one chessboard at
once; any other folder of pictures shows a grid of ArUco markers. ``--pattern``, ``--square-mm`` and
``--grid`` describe other boards.
"""

import argparse
import re
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from edge.infrastructure.opencv_calibration import OpenCvBoardFinder, OpenCvLensFitter
from edge.infrastructure.opencv_pictures import OpenCvPictureFiles
from edge.inspection.calibration import (
    BoardView,
    CalibrationBoard,
    CalibrationLimits,
    LensCalibration,
    calibrate_lens,
)
from edge.inspection.errors import CalibrationRefusedError
from tests.benchmarks.report import Report, data_folder
from tests.fakes.board_views import BOARD, TrueLens, any_views

SEED = 3000
BASELINE_MM = 94.0
FINDER, FITTER, FILES = OpenCvBoardFinder(), OpenCvLensFitter(), OpenCvPictureFiles()
OPEN = CalibrationLimits(most_rms_px=float("inf"), least_coverage_ratio=0.0, least_tilt_deg=0.0)


def main() -> int:
    options = _options()
    report = Report(name="calibration", seed=SEED)
    figures: dict[str, object] = {}
    pictures = sorted(
        p for p in options.data.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png", ".bmp"}
    )
    folders = sorted({p.parent for p in pictures if _is_calibration(p, options.data)})
    found = total = 0
    pairs = []
    for folder in folders:
        inside = [p for p in pictures if p.parent == folder]
        if any(p.stem.startswith("left") for p in inside):
            seen, rms, baseline_mm = _stereo(inside, options)
            pairs.append((rms, baseline_mm))
            print(folder.name, "found", seen, "of", len(inside), f"rms {rms:.3f} px", end=" ")
            print(f"baseline {baseline_mm:.2f} mm")
        else:
            seen, words = _grid(inside, options)
            figures |= words
            print(folder.name, "found", seen, "of", len(inside), words)
        found, total = found + seen, total + len(inside)
    if pairs:
        figures["rms_px"] = round(max(rms for rms, _ in pairs), 4)
        widest = max((b for _, b in pairs), key=lambda b: abs(b - BASELINE_MM))
        figures["baseline_mm"] = round(widest, 3)
        report.targets |= {
            "rms_px": ("<=", 0.3),
            "baseline_off_ratio": ("<=", 0.01),
        }
        figures["baseline_off_ratio"] = round(abs(widest / options.baseline_mm - 1), 4)
    if total:
        figures["found_ratio"] = round(found / total, 4)
        figures["boards"] = total
        report.targets["found_ratio"] = (">=", 0.98)
    figures |= _rendered(1 if options.quick else 10)
    report.targets |= {
        "rendered_found_ratio": (">=", 0.98),
        "rendered_worst_px": ("<=", 0.3),
    }
    report.figures = figures
    return report.print()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--pattern", default="9x6", help="inner corners of the chessboard")
    parser.add_argument("--square-mm", type=float, default=24.23)
    parser.add_argument("--baseline-mm", type=float, default=BASELINE_MM)
    parser.add_argument("--grid", default="4x5", help="markers of the ArUco grid")
    parser.add_argument("--marker-mm", type=float, default=37.5)
    parser.add_argument("--gap-mm", type=float, default=5.0)
    parser.add_argument("--dictionary", default="DICT_6X6_1000")
    return parser.parse_args()


def _is_calibration(picture: Path, data: Path) -> bool:
    """Of a folder of many sets, only those named calib count."""
    inside = picture.relative_to(data).parts
    named = [p for p in data.iterdir() if p.is_dir() and p.name.startswith("calib_")]
    return not any(p.name != "calib_imgs" for p in named) or inside[0].startswith("calib_")


def _stereo(pictures: list[Path], options: argparse.Namespace) -> tuple[int, float, float]:
    """Boards found, rms and distance of two cameras."""
    columns, rows = (int(n) for n in options.pattern.split("x"))
    board = CalibrationBoard(
        name="chessboard",
        pattern="chessboard",
        columns_count=columns,
        rows_count=rows,
        square_mm=options.square_mm,
    )
    sides: dict[str, dict[str, BoardView]] = {"left": {}, "right": {}}
    for path in pictures:
        match = re.fullmatch(r"(left|right)(.*)", path.stem)
        view = FINDER.find(FILES.read(str(path)), board, path.name)
        if match and view is not None:
            sides[match[1]][match[2]] = view
    lenses = [_lens(views.values(), board) for views in sides.values()]
    both = sorted(sides["left"].keys() & sides["right"].keys())
    matrices = [_matrix(made) for made in lenses]
    bends = [np.array(made.fit.lens.coefficients) for made in lenses]
    first = sides["left"][both[0]]
    answer = cv2.stereoCalibrate(
        [np.pad(sides["left"][k].mm, ((0, 0), (0, 1))).astype(np.float32) for k in both],
        [sides["left"][k].px.astype(np.float32) for k in both],
        [sides["right"][k].px.astype(np.float32) for k in both],
        matrices[0],
        bends[0],
        matrices[1],
        bends[1],
        (first.width_px, first.height_px),
        flags=cv2.CALIB_FIX_INTRINSIC,
    )
    seen = sum(len(views) for views in sides.values())
    worst = max(float(answer[0]), *(made.fit.rms_px for made in lenses))
    return seen, worst, float(np.linalg.norm(answer[6]))


def _lens(views: Iterable[BoardView], board: CalibrationBoard) -> LensCalibration:
    return calibrate_lens({view.picture: view for view in views}, board, FITTER, OPEN)


def _matrix(made: LensCalibration) -> np.ndarray:
    lens = made.fit.lens
    return np.array(
        [
            [lens.focal_x_px, 0, lens.centre_x_px],
            [0, lens.focal_y_px, lens.centre_y_px],
            [0, 0, 1.0],
        ]
    )


def _grid(pictures: list[Path], options: argparse.Namespace) -> tuple[int, dict[str, object]]:
    """Boards found, rms as described, and with the markers' size as the pictures have it."""
    columns, rows = (int(n) for n in options.grid.split("x"))
    figures: dict[str, object] = {}
    seen = 0
    for key, marker_mm in (
        ("grid_rms_px", options.marker_mm),
        ("grid_rms_thinner_by_half_mm_px", options.marker_mm - 0.5),
    ):
        board = CalibrationBoard(
            name="grid",
            pattern="aruco_grid",
            columns_count=columns,
            rows_count=rows,
            square_mm=options.marker_mm + options.gap_mm,
            marker_mm=marker_mm,
            dictionary=options.dictionary,
        )
        views = {p.name: FINDER.find(FILES.read(str(p)), board, p.name) for p in pictures}
        seen = sum(v is not None for v in views.values())
        figures[key] = round(calibrate_lens(views, board, FITTER, OPEN).fit.rms_px, 4)
    return seen, figures


def _rendered(lenses: int) -> dict[str, object]:
    """Calibrate cameras of known numbers; the error is how far a straightened place is off."""
    found = total = 0
    worst, rms, focal = [], [], []
    for seed in range(SEED, SEED + lenses):
        lot = np.random.default_rng(seed)
        true = TrueLens(
            focal_px=lot.uniform(1100, 1500),
            coefficients=(
                lot.uniform(-0.2, 0.05),
                lot.uniform(-0.05, 0.05),
                *lot.uniform(-1e-3, 1e-3, 2),
                0,
            ),
            shift_px=tuple(lot.uniform(-15, 15, 2)),
        )
        pictures = any_views(true, 15, seed)
        views = {str(i): FINDER.find(p, BOARD, str(i)) for i, p in enumerate(pictures)}
        found += sum(v is not None for v in views.values())
        total += len(views)
        try:
            made = calibrate_lens(views, BOARD, FITTER, CalibrationLimits())
        except CalibrationRefusedError as error:
            print(seed, error)
            continue
        rms.append(made.fit.rms_px)
        worst.append(_off_px(true, made))
        focal.append(abs(made.fit.lens.focal_x_px / true.focal_px - 1))
    return {
        "rendered_found_ratio": round(found / total, 4),
        "rendered_rms_px": round(float(np.mean(rms)), 4),
        "rendered_worst_px": round(float(max(worst)), 4),
        "rendered_focal_off_ratio": round(float(max(focal)), 5),
        "rendered_refused": lenses - len(rms),
    }


def _off_px(true: TrueLens, made: LensCalibration) -> float:
    """Farthest, within nine tenths of the picture, that two lenses' straightening differs.

    A homography between the two is taken out, as the table's tags do at every frame.
    """
    across, down = np.meshgrid(
        np.linspace(0.05, 0.95, 15) * true.width_px, np.linspace(0.05, 0.95, 11) * true.height_px
    )
    places = np.stack([across.ravel(), down.ravel()], axis=1)
    straight = made.fit.lens.straight(places)
    goal = cv2.undistortPoints(
        places, true.matrix, np.array(true.coefficients), P=true.matrix, criteria=(3, 50, 1e-10)
    ).reshape(-1, 2)
    between, _ = cv2.findHomography(straight, goal)
    moved = cv2.perspectiveTransform(straight[None], between)[0]
    return float(np.hypot(*(moved - goal).T).max())


if __name__ == "__main__":
    raise SystemExit(main())
