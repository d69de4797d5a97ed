"""Wishes about what people teach the stations."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cloud.commands.command import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class NameFlaw(Command):
    """Keep what a person calls a finding; an empty ``kind`` takes the earlier name back.

    ``description`` is what the flaw is like, little-endian float32, in the words of the bundle of
    ``bundle_digest``. The same identifier again changes nothing.
    """

    domain = "learning"

    naming_id: str
    station_id: str
    inspection_id: str
    finding_index: int
    kind: str
    bundle_digest: str
    description: bytes
    named_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TeachStyle(Command):
    """Keep a bank that a person taught at a station; the newest of a style counts everywhere.

    The same identifier again changes nothing.
    """

    domain = "learning"

    bank_id: str
    station_id: str
    style: str
    bank: bytes
    taught_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawBank(Command):
    """Let a taught bank count nowhere any more, the station that taught it included."""

    domain = "learning"

    bank_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBoard:
    """A printed board of squares; markers are 0 and "" where it has none."""

    name: str
    pattern: Literal["charuco", "chessboard", "aruco_grid"]
    columns_count: int
    rows_count: int
    square_mm: float
    marker_mm: float = 0.0
    dictionary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCalibration(Command):
    """Keep how a station's camera and table were learned; the same number again changes nothing.

    ``check_mm`` is by how much a board lying on the table disagreed with its tags, if one was laid.
    """

    domain = "learning"

    calibration_id: str
    station_id: str
    calibrated_at: datetime
    rms_px: float
    board: CalibrationBoard
    table: str
    residual_px: float
    camera_height_mm: float
    check_mm: float | None = None
    views_count: int
    dropped_count: int
    coverage_ratio: float
