"""What one look at a piece gave, in the words of the floor."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.station.work_package import LearnedKinds, Standard

PointPx = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One frame: ``pixels`` is (H, W, 3) uint8 RGB, ``encoded`` the same as a JPEG or PNG."""

    pixels: NDArray[np.uint8]
    encoded: bytes
    content_type: str
    sequence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionTask:
    """What is asked of the pipeline; ``more_banks`` are the style's for other bundles."""

    style: str
    spec_version: str
    standard: Standard
    style_bank: bytes | None
    more_banks: tuple[bytes, ...] = ()
    withdrawn_banks: frozenset[str] = frozenset()
    template: bytes | None = None
    prototypes: bytes = b""
    learned_kinds: LearnedKinds = field(default_factory=LearnedKinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A place that differs from a good piece; areas in px² and mm².

    ``description`` is what it is like, little-endian float32, in the words of the bundle.
    """

    defect_class: str
    defect_score: float
    polygon_px: tuple[PointPx, ...]
    area_px: float
    area_mm2: float | None
    severity: str
    confidence_ratio: float | None = None
    description: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One point of measure; U is expanded, k = 2."""

    name: str
    nominal_mm: float
    lower_mm: float
    upper_mm: float
    value_mm: float | None
    uncertainty_mm: float | None
    outcome: str
    reason: str
    from_px: PointPx | None
    to_px: PointPx | None
    severity: str
    title_ko: str = ""
    title_en: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StitchReading:
    """One seam."""

    seam: str
    nominal_mm: float
    lower_mm: float
    upper_mm: float
    pitch_mm: float | None
    uncertainty_mm: float | None
    cv_ratio: float | None
    skipped_count: int | None
    outcome: str
    reason: str
    seam_px: tuple[PointPx, ...]
    severity: str
    max_cv_ratio: float
    title_ko: str = ""
    title_en: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyMap:
    """How unusual each place is: ``height * width`` bytes, row by row."""

    width: int
    height: int
    values: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionRecord:
    """The pipeline's whole answer."""

    verdict: str
    findings: tuple[Finding, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    stitches: tuple[StitchReading, ...] = ()
    anomaly_score: float = 0.0
    threshold_score: float = 0.0
    anomaly_map: AnomalyMap | None = None
    bundle: str = ""
    bundle_digest: str = ""
    style: str = ""
    calibration_id: str = ""
    frame_width_px: int = 0
    frame_height_px: int = 0
    reasons: tuple[str, ...] = ()
    elapsed_ms: float = 0.0
    stages_ms: dict[str, float] = field(default_factory=dict)
