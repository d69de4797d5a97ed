"""Wishes about inspections."""

from dataclasses import dataclass
from datetime import datetime

from cloud.commands.command import Command
from cloud.inspection.reading import (
    AnomalyMap,
    CorrectionChange,
    Finding,
    Measurement,
    StitchReading,
    Verdict,
)

# With the types of their fields, for the doors that build them.
__all__ = [
    "AnomalyMap",
    "CorrectInspection",
    "CorrectionChange",
    "Finding",
    "Measurement",
    "RecordInspection",
    "StitchReading",
    "Verdict",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordInspection(Command):
    """Keep what a station's machine saw. The same identifier again changes nothing."""

    domain = "inspection"

    inspection_id: str
    piece_id: str
    step_id: str
    stage: str
    spec_version: str
    attempt: int
    station_id: str
    worker: str
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    stitches: tuple[StitchReading, ...] = ()
    anomaly_score: float
    threshold_score: float
    anomaly_map: AnomalyMap
    bundle: str
    bundle_digest: str
    style: str
    calibration_id: str
    frame_width_px: int
    frame_height_px: int
    reasons: tuple[str, ...] = ()
    elapsed_ms: float
    picture_sha256: str
    inspected_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectInspection(Command):
    """A person's word on an inspection; it also decides one that waits for review.

    The machine's record stays as it was.
    """

    domain = "inspection"

    inspection_id: str
    verdict: Verdict
    reason: str
    changes: tuple[CorrectionChange, ...] = ()
