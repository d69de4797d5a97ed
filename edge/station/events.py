"""What happened at the station."""

from dataclasses import dataclass
from typing import ClassVar

from edge.station.inspection_record import InspectionRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Who did it and by which package it was judged."""

    worker: str
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BadgeScanned:
    """A worker is here from now on."""

    type: ClassVar[str] = "badge_scanned"
    login: str
    reader: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BadgeEnded:
    """Nobody is here any more."""

    type: ClassVar[str] = "badge_ended"
    login: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted:
    """A worker began a step of a piece."""

    type: ClassVar[str] = "step_started"
    piece_id: str
    step_id: str
    stage: str
    spec_version: str
    attempt: int
    reader: str
    order_unconfirmed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionRecorded:
    """What the machine saw; the picture lies in the store under its SHA-256 (hex)."""

    type: ClassVar[str] = "inspection_recorded"
    inspection_id: str
    piece_id: str
    step_id: str
    stage: str
    spec_version: str
    attempt: int
    record: InspectionRecord
    picture_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished:
    """The worker said the step is done."""

    type: ClassVar[str] = "step_finished"
    piece_id: str
    step_id: str
    stage: str
    spec_version: str
    attempt: int
    inspection_id: str
    verdict: str
    order_unconfirmed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRefused:
    """A code was read and nothing was done."""

    type: ClassVar[str] = "scan_refused"
    text: str
    code: str
    reader: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRaised:
    """Something here needs a person."""

    type: ClassVar[str] = "alarm_raised"
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmCleared:
    """It went away."""

    type: ClassVar[str] = "alarm_cleared"
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSnapshot:
    """The station's latest state; goes on stream ``state``."""

    type: ClassVar[str] = "station_snapshot"
    worker: str
    piece_id: str
    step_id: str
    phase: str
    alarms: tuple[str, ...]
    finished_count: int
    failed_count: int
    spool_count: int
    bundle: str
    package_digest: str
    camera: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlawNamed:
    """A supervisor named a finding; an empty ``kind`` takes the name back.

    ``description`` is little-endian float32, in the words of the bundle of that digest.
    """

    type: ClassVar[str] = "flaw_named"
    inspection_id: str
    finding_index: int
    kind: str
    bundle_digest: str
    description: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleTaught:
    """A supervisor taught a style; ``bank`` is the golden bank's file."""

    type: ClassVar[str] = "style_taught"
    style: str
    bank: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBoard:
    """The printed board of squares that was shown."""

    name: str
    pattern: str
    columns_count: int
    rows_count: int
    square_mm: float
    marker_mm: float
    dictionary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationCalibrated:
    """Camera and table were learned anew; ``check_mm`` is None where no board was laid."""

    type: ClassVar[str] = "station_calibrated"
    calibration_id: str
    rms_px: float
    board: CalibrationBoard
    table: str
    residual_px: float
    camera_height_mm: float
    check_mm: float | None
    views_count: int
    dropped_count: int
    coverage_ratio: float


Fact = (
    BadgeScanned
    | BadgeEnded
    | StepStarted
    | InspectionRecorded
    | StepFinished
    | ScanRefused
    | AlarmRaised
    | AlarmCleared
    | StationSnapshot
    | FlawNamed
    | StyleTaught
    | StationCalibrated
)
