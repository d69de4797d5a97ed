"""What board, calibrate and gauge do."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import typer
from numpy.typing import NDArray

from edge.inspection.board import TagBoard
from edge.inspection.calibration import (
    BoardFinder,
    BoardView,
    CalibrationBoard,
    CalibrationLimits,
    LensFitter,
    calibrate_lens,
    seen_enough,
)
from edge.inspection.errors import InspectionError, PictureUnreadableError
from edge.inspection.gauge import GaugeBar, GaugeCheck, check_gauge
from edge.inspection.ports import PictureFiles, TagFinder
from edge.inspection.table import Calibrating, StationCalibration, calibrate_station
from edge.interfaces.calibration import CalibrationOrder

if TYPE_CHECKING:
    from edge.inspection.lens import Lens

FAILED = 1
UNREADABLE = 2
_PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Boards:
    """Descriptions by name."""

    calibration: Callable[[str], CalibrationBoard]
    table: Callable[[], TagBoard]
    gauge: Callable[[str], GaugeBar]
    pdf: Callable[[str], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where results are kept."""

    ruler: Callable[[], TagBoard | None]
    keep: Callable[[StationCalibration], Path]
    keep_gauge: Callable[[GaugeCheck], Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationTools:
    """What the commands work with, made by the composition root.

    ``shots`` takes pictures with the station's camera, each another than the last.
    """

    boards: Boards
    shelf: Shelf
    finder: BoardFinder
    fitter: LensFitter
    tags: TagFinder
    pictures: PictureFiles
    shots: Callable[[], Iterator[Picture]]
    now: Callable[[], str]
    new_id: Callable[[], str]
    language: str


class CalibrationAtTheDesk:
    """Implements ``CalibrationWork``; every method writes what it found."""

    def __init__(self, tools: CalibrationTools) -> None:
        self._tools = tools

    def board(self, name: str, pdf: Path) -> int:
        """Draw a board to print."""
        return self._guarded(lambda: self._draw(name, pdf))

    def calibrate(self, order: CalibrationOrder) -> int:
        """Learn lens and table."""
        return self._guarded(lambda: self._calibrate(order))

    def gauge(self, picture: Path | None, bar: str) -> int:
        """Measure the gauge bar."""
        return self._guarded(lambda: self._gauge(picture, bar))

    def _guarded(self, act: Callable[[], int]) -> int:
        """Turn typed errors into one sentence and an exit code."""
        try:
            return act()
        except PictureUnreadableError as error:
            self._tell(
                "offline.picture_unreadable",
                err=True,
                picture=error.picture,
                problem=error.problem,
            )
            return UNREADABLE
        except OSError as error:
            self._tell(
                "calibration.cannot_write", err=True, file=error.filename, problem=error.strerror
            )
            return FAILED
        except InspectionError as error:
            reason = getattr(error, "reason", None)
            key = f"calibration.refused.{reason}"
            if reason is not None and key in self._texts():
                self._tell(key, err=True, problem=getattr(error, "problem", str(error)))
            else:
                self._tell("offline.failed", err=True, code=error.code, problem=error)
            return FAILED

    def _draw(self, name: str, pdf: Path) -> int:
        pdf.write_bytes(self._tools.boards.pdf(name))
        self._tell("calibration.drawn", file=pdf)
        return 0

    def _calibrate(self, order: CalibrationOrder) -> int:
        tools = self._tools
        spec, table = tools.boards.calibration(order.board), tools.boards.table()
        thickness_mm = _thickness(order.thickness)
        flat = None if order.flat is None else self._lying(order.flat, spec)
        seen = self._seen(order, spec)
        lens = calibrate_lens(seen, spec, tools.fitter, CalibrationLimits())
        for drop in lens.dropped:
            self._tell(
                "calibration.dropped",
                err=True,
                picture=drop.picture,
                reason=self._texts()[f"calibration.dropped.{drop.reason}"],
            )
        if order.table is None:
            self._tell("calibration.clear_table", err=True)
        made = calibrate_station(
            self._picture(order.table),
            tools.tags,
            table,
            Calibrating(
                calibration_id=tools.new_id(),
                made_at=tools.now(),
                spec=spec,
                lens=lens,
                flat=flat,
                thickness_mm=thickness_mm,
            ),
        )
        file = None if order.dry_run else tools.shelf.keep(made)
        typer.echo(json.dumps(_described(made, file), ensure_ascii=False))
        return 0

    def _lying(self, flat: Path, spec: CalibrationBoard) -> BoardView:
        """Find the board lying on the table.

        Raises:
            CalibrationRefusedError: it is not seen there, or too little of it.
        """
        view = self._tools.finder.find(self._tools.pictures.read(str(flat)), spec, str(flat))
        return seen_enough(view, spec, CalibrationLimits())

    def _seen(self, order: CalibrationOrder, spec: CalibrationBoard) -> dict[str, BoardView | None]:
        """Look for the board in files, or in live pictures until enough show it."""
        tools = self._tools
        seen: dict[str, BoardView | None] = {}
        if order.views:
            for path in _files(order.views):
                name = path.name if path.name not in seen else str(path)
                seen[name] = tools.finder.find(tools.pictures.read(str(path)), spec, name)
            return seen
        self._tell("calibration.show_board", err=True, count=order.live_count)
        found = 0
        for number, picture in enumerate(tools.shots(), start=1):
            name = f"live-{number:03d}"
            view = tools.finder.find(picture, spec, name)
            seen[name] = view
            found += view is not None
            self._tell("calibration.view", err=True, found=found, count=order.live_count)
            if found >= order.live_count or number >= 5 * order.live_count:
                break
        return seen

    def _picture(self, path: Path | None) -> Picture:
        if path is not None:
            return self._tools.pictures.read(str(path))
        return next(iter(self._tools.shots()))

    def _gauge(self, picture: Path | None, name: str) -> int:
        tools = self._tools
        bar = tools.boards.gauge(name)
        board = tools.shelf.ruler()
        check = check_gauge(
            self._picture(picture), tools.tags, board or tools.boards.table(), bar, tools.now()
        )
        file = tools.shelf.keep_gauge(check)
        line = {
            "bar": check.bar,
            "length_mm": check.length_mm,
            "measured_mm": check.measured_mm,
            "error_mm": round(check.error_mm, 3),
            "passed": check.passed,
            "calibration_id": check.calibration_id or None,
            "checked_at": check.checked_at,
            "file": str(file),
        }
        typer.echo(json.dumps(line, ensure_ascii=False))
        if not check.passed:
            self._tell("calibration.gauge_off", err=True, error_mm=round(check.error_mm, 2))
        return 0 if check.passed else FAILED

    def _texts(self) -> dict[str, str]:
        folder = resources.files("edge.interfaces") / "texts"
        name = f"{self._tools.language}.json"
        return dict(json.loads((folder / name).read_text(encoding="utf-8")))

    def _tell(self, key: str, *, err: bool = False, **values: object) -> None:
        typer.echo(self._texts()[key].format(**values), err=err)


def _files(places: tuple[Path, ...]) -> Iterator[Path]:
    """Yield pictures, those of folders in name order."""
    for place in places:
        if not place.is_dir():
            yield place
            continue
        for path in sorted(place.iterdir()):
            if path.suffix.lower() in _PICTURES and not path.name.startswith("."):
                yield path


def _thickness(words: tuple[str, ...]) -> dict[str, float]:
    """Read STYLE=MM.

    Raises:
        typer.BadParameter: not of that form, or not positive.
    """
    known = {}
    for word in words:
        style, _, number = word.rpartition("=")
        try:
            value_mm = float(number)
        except ValueError:
            value_mm = 0.0
        if not style or not 0 < value_mm < 100:
            raise typer.BadParameter(f"{word!r} is not STYLE=MM", param_hint="--thickness")
        known[style] = value_mm
    return known


def _described(made: StationCalibration, file: Path | None) -> dict[str, object]:
    lens: Lens = made.lens.fit.lens
    return {
        "calibration_id": made.calibration_id,
        "made_at": made.made_at,
        "board": made.spec.name,
        "rms_px": round(made.lens.fit.rms_px, 4),
        "views": len(made.lens.pictures),
        "dropped": {drop.picture: drop.reason for drop in made.lens.dropped},
        "coverage_ratio": round(made.lens.coverage_ratio, 2),
        "focal_px": [round(lens.focal_x_px, 2), round(lens.focal_y_px, 2)],
        "table": made.table.name,
        "residual_px": round(made.residual_px, 4),
        "camera_height_mm": made.table.camera_height_mm,
        "check_mm": made.check_mm,
        "thickness_mm": dict(made.table.thickness_mm),
        "file": None if file is None else str(file),
    }
