"""Questions about inspections and their answers."""

from dataclasses import dataclass
from datetime import datetime

from cloud.commands.command import Query
from cloud.inspection.reading import CorrectionChange, Finding, Measurement, StitchReading


@dataclass(frozen=True, slots=True, kw_only=True)
class FindInspection(Query):
    """What did the machine see, and what did people say about it?"""

    inspection_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListInspections(Query):
    """Inspections of one piece, oldest first."""

    piece_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionsOfPieces(Query):
    """Inspections of some pieces, a hundred at most, oldest first."""

    piece_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionReceipt:
    """The answer to ``RecordInspection``: it is kept."""

    inspection_id: str
    verdict: str
    critical: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyMapView:
    """``height`` rows of ``width`` bytes, in base64."""

    width: int
    height: int
    base64: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionView:
    """A person's word."""

    verdict: str
    reason: str
    by: str
    at: datetime
    changes: tuple[CorrectionChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionView:
    """One inspection with every number and every correction.

    ``picture_available`` says whether the picture has arrived; it travels apart from the event.
    """

    inspection_id: str
    piece_id: str
    piece_number: int
    work_order_id: str
    work_order_number: str
    step_id: str
    stage: str
    spec_version: str
    attempt: int
    station_id: str
    station_name: str
    worker: str
    verdict: str
    final_verdict: str
    critical: bool
    findings: tuple[Finding, ...]
    measurements: tuple[Measurement, ...]
    stitches: tuple[StitchReading, ...]
    anomaly_score: float
    threshold_score: float
    anomaly_map: AnomalyMapView
    bundle: str
    bundle_digest: str
    style: str
    calibration_id: str
    frame_width_px: int
    frame_height_px: int
    reasons: tuple[str, ...]
    elapsed_ms: float
    picture_sha256: str
    picture_available: bool
    inspected_at: datetime
    corrections: tuple[CorrectionView, ...]
