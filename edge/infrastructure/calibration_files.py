"""What calibration and gauge check leave behind, as JSON, and boards as YAML."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.infrastructure.durable_files import write_durably
from edge.inspection.board import TagBoard
from edge.inspection.calibration import (
    CalibrationBoard,
    Dropped,
    DroppedView,
    LensCalibration,
    LensFit,
    Pattern,
)
from edge.inspection.errors import CalibrationFileError, TagBoardError
from edge.inspection.gauge import GaugeBar, GaugeCheck
from edge.inspection.lens import Lens
from edge.inspection.table import StationCalibration

Positive = Annotated[float, Field(gt=0)]
Place = tuple[float, float]
Degrees = float
Spec = TypeVar("Spec", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class BoardSpec(_Strict):
    """A calibration board, as ``firmware-config/boards/NAME.yml`` has it."""

    name: str
    pattern: Pattern
    columns_count: int
    rows_count: int
    square_mm: Positive
    marker_mm: float = 0.0
    dictionary: str = ""


class GaugeBarSpec(_Strict):
    """A gauge bar, as ``firmware-config/boards/NAME.yml`` has it."""

    name: str
    pattern: Literal["gauge_bar"]
    dictionary: str
    ids: tuple[int, int]
    side_mm: Positive
    length_mm: Positive
    thickness_mm: Annotated[float, Field(ge=0)]


class TableSpec(_Strict):
    """The table's tags; in a calibration also where they are seen and what was learned."""

    name: str
    dictionary: str
    side_mm: Positive
    tags: dict[int, Place]
    camera_height_mm: Positive = 1160.0
    camera_height_tolerance_mm: Positive = 30.0
    side_tolerance_mm: Positive = 0.02
    place_tolerance_mm: Positive = 0.05


class LensRecord(_Strict):
    """The lens: pinhole and k1 k2 p1 p2 k3."""

    focal_x_px: Positive
    focal_y_px: Positive
    centre_x_px: float
    centre_y_px: float
    coefficients: tuple[float, float, float, float, float]
    width_px: int
    height_px: int


class ViewRecord(_Strict):
    """One picture that counted."""

    picture: str
    rms_px: float
    tilt_deg: Degrees


class DroppedRecord(_Strict):
    """One picture that did not count."""

    picture: str
    reason: Dropped
    rms_px: float | None = None


class CalibrationRecord(_Strict):
    """A station's calibration."""

    version: Literal[1] = 1
    calibration_id: Annotated[str, Field(pattern="^cal_[0-9A-HJKMNP-TV-Z]{26}$")]
    made_at: str
    board: BoardSpec
    lens: LensRecord
    rms_px: float
    coverage_ratio: float
    views: list[ViewRecord]
    dropped: list[DroppedRecord]
    table: TableSpec
    residual_px: float
    check_mm: float | None = None
    reference_px: dict[int, list[Place]]
    thickness_mm: dict[str, Positive] = {}


class GaugeRecord(_Strict):
    """The newest check with the gauge bar."""

    version: Literal[1] = 1
    checked_at: str
    bar: str
    length_mm: Positive
    measured_mm: float
    passed: bool
    calibration_id: str


def read_spec(path: Path, kind: type[Spec]) -> Spec:
    """Read a board's file.

    Raises:
        TagBoardError: missing, not YAML, or not of that kind.
    """
    try:
        return kind.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as problem:
        raise TagBoardError(f"{path}: {problem.strerror}") from problem
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise TagBoardError(f"{path}: {problem}") from problem
    except ValidationError as problem:
        raise TagBoardError(f"{path}: {_first(problem)}") from problem


def read_calibration_board(path: Path) -> CalibrationBoard:
    """Read a board for calibrating the lens.

    Raises:
        TagBoardError: its file cannot be used.
    """
    return CalibrationBoard(**read_spec(path, BoardSpec).model_dump())


def read_gauge_bar(path: Path) -> GaugeBar:
    """Read a gauge bar.

    Raises:
        TagBoardError: its file cannot be used.
    """
    return GaugeBar(**read_spec(path, GaugeBarSpec).model_dump(exclude={"pattern"}))


def pattern_of(path: Path) -> str | None:
    """Return which kind of board a file describes, None for the table's tags.

    Raises:
        TagBoardError: missing, or not YAML.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise TagBoardError(f"{path}: {problem.strerror}") from problem
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise TagBoardError(f"{path}: {problem}") from problem
    return str(data["pattern"]) if isinstance(data, dict) and "pattern" in data else None


def write_calibration(path: Path, made: StationCalibration) -> Path:
    """Store a calibration so that a reader sees the old one or the new one; keep all by number."""
    content = (_record(made).model_dump_json(indent=1) + "\n").encode()
    write_durably(path.with_name(f"{made.calibration_id}.json"), content)
    write_durably(path, content)
    return path


def read_calibration(path: Path) -> StationCalibration | None:
    """Read the station's calibration, None where none was made.

    Raises:
        CalibrationFileError: damaged, or of another version.
    """
    return _read(path, lambda text: _calibration(CalibrationRecord.model_validate_json(text)))


def write_gauge(path: Path, check: GaugeCheck) -> Path:
    """Store a check with the gauge bar."""
    record = GaugeRecord(
        checked_at=check.checked_at,
        bar=check.bar,
        length_mm=check.length_mm,
        measured_mm=check.measured_mm,
        passed=check.passed,
        calibration_id=check.calibration_id,
    )
    write_durably(path, (record.model_dump_json(indent=1) + "\n").encode())
    return path


def read_gauge(path: Path) -> GaugeCheck | None:
    """Read the newest check, None where none was made.

    Raises:
        CalibrationFileError: damaged, or of another version.
    """

    def parsed(text: str) -> GaugeCheck:
        record = GaugeRecord.model_validate_json(text)
        return GaugeCheck(**record.model_dump(exclude={"version"}))

    return _read(path, parsed)


Read = TypeVar("Read")


def _read(path: Path, parse: Callable[[str], Read]) -> Read | None:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as problem:
        raise CalibrationFileError(f"{path}: {problem}") from problem
    try:
        return parse(text)
    except ValidationError as problem:
        raise CalibrationFileError(f"{path}: {_first(problem)}") from problem
    except TagBoardError as problem:
        raise CalibrationFileError(str(problem)) from problem


def _first(problem: ValidationError) -> str:
    error = problem.errors(include_url=False)[0]
    place = ".".join(str(part) for part in error["loc"])
    return f"{place}: {error['msg']}" if place else str(error["msg"])


def _record(made: StationCalibration) -> CalibrationRecord:
    lens, table = made.lens.fit.lens, made.table
    fit = zip(made.lens.pictures, made.lens.fit.view_rms_px, made.lens.fit.tilts_deg, strict=True)
    return CalibrationRecord(
        calibration_id=made.calibration_id,
        made_at=made.made_at,
        board=BoardSpec.model_validate(made.spec, from_attributes=True),
        lens=LensRecord.model_validate(lens, from_attributes=True),
        rms_px=round(made.lens.fit.rms_px, 5),
        coverage_ratio=round(made.lens.coverage_ratio, 3),
        views=[
            ViewRecord(picture=name, rms_px=round(rms, 5), tilt_deg=round(tilt, 2))
            for name, rms, tilt in fit
        ],
        dropped=[
            DroppedRecord.model_validate(drop, from_attributes=True) for drop in made.lens.dropped
        ],
        table=TableSpec(
            name=table.name,
            dictionary=table.dictionary,
            side_mm=table.side_mm,
            tags=dict(table.tags),
            camera_height_mm=table.camera_height_mm,
            camera_height_tolerance_mm=table.camera_height_tolerance_mm,
            side_tolerance_mm=table.side_tolerance_mm,
            place_tolerance_mm=table.place_tolerance_mm,
        ),
        residual_px=round(made.residual_px, 5),
        check_mm=made.check_mm,
        reference_px={
            tag: [(float(x), float(y)) for x, y in np.round(px, 4)]
            for tag, px in (table.reference_px or {}).items()
        },
        thickness_mm=dict(table.thickness_mm),
    )


def _calibration(record: CalibrationRecord) -> StationCalibration:
    lens = Lens(**record.lens.model_dump())
    fit = LensFit(
        lens=lens,
        rms_px=record.rms_px,
        view_rms_px=tuple(view.rms_px for view in record.views),
        tilts_deg=tuple(view.tilt_deg for view in record.views),
    )
    reference = {tag: np.array(px, dtype=np.float64) for tag, px in record.reference_px.items()}
    if set(reference) != set(record.table.tags) or any(
        p.shape != (4, 2) for p in reference.values()
    ):
        raise CalibrationFileError("reference_px: four corners of each tag of the table")
    return StationCalibration(
        calibration_id=record.calibration_id,
        made_at=record.made_at,
        spec=CalibrationBoard(**record.board.model_dump()),
        lens=LensCalibration(
            fit=fit,
            pictures=tuple(view.picture for view in record.views),
            dropped=tuple(DroppedView(**drop.model_dump()) for drop in record.dropped),
            coverage_ratio=record.coverage_ratio,
        ),
        table=TagBoard(
            **record.table.model_dump(),
            reference_px=reference,
            lens=lens,
            calibration_id=record.calibration_id,
            thickness_mm=record.thickness_mm,
        ),
        residual_px=record.residual_px,
        check_mm=record.check_mm,
    )
