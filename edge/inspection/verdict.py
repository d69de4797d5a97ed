"""Outcomes of readings and the verdict of a whole step."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.inspection.standard import Severity

Outcome = Literal["PASS", "FAIL", "REVIEW", "CANNOT_MEASURE"]
Verdict = Literal["PASS", "FAIL", "REVIEW"]
Point = tuple[float, float]
Score = float
"""A robust z value: no unit."""


def guarded(
    deviation_mm: float, uncertainty_mm: float, lower_mm: float, upper_mm: float
) -> Outcome:
    """Judge a deviation with a guard band on both sides of each limit.

    All in millimetres. PASS only where the whole interval deviation ± uncertainty lies inside
    the limits, FAIL only where it lies outside, REVIEW where the truth could be either.
    """
    if deviation_mm + uncertainty_mm < lower_mm or deviation_mm - uncertainty_mm > upper_mm:
        return "FAIL"
    if lower_mm <= deviation_mm - uncertainty_mm and deviation_mm + uncertainty_mm <= upper_mm:
        return "PASS"
    return "REVIEW"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One distance; ``uncertainty_mm`` is expanded with k = 2, and ``budget_mm`` lists its parts.

    The parts are standard uncertainties by name; their root sum of squares, doubled, is U.
    """

    name: str
    nominal_mm: float
    value_mm: float | None = None
    deviation_mm: float | None = None
    uncertainty_mm: float | None = None
    lower_mm: float
    upper_mm: float
    outcome: Outcome
    severity: Severity
    reason: str | None = None
    from_px: Point | None = None
    to_px: Point | None = None
    budget_mm: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StitchReading:
    """Pitch and evenness of one seam; ``uncertainty_mm`` is expanded with k = 2."""

    seam: str
    nominal_mm: float
    pitch_mm: float | None = None
    uncertainty_mm: float | None = None
    cv_ratio: float | None = None
    skipped_count: int | None = None
    stitches_per_inch: float | None = None
    lower_mm: float
    upper_mm: float
    outcome: Outcome
    severity: Severity
    reason: str | None = None
    seam_px: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A place that departs from the style's good pieces.

    ``score`` is a robust z value, ``area_mm2`` is None without a calibrated plane. ``description``
    is what it is like, little-endian float32, empty where it was not looked at alone.
    """

    defect_class: str
    score: Score
    polygon_px: tuple[Point, ...]
    area_px: float
    area_mm2: float | None = None
    severity: Severity | None = None
    confidence_ratio: float | None = None
    description: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionResult:
    """All that one frame told, and nothing painted on the picture.

    ``anomaly_map`` is (h, w) uint8, at most 128 wide; 128 stands for the threshold. Scores are
    robust z values, ``threshold_score`` is None where no style was taught.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]
    measurements: tuple[Measurement, ...]
    stitches: tuple[StitchReading, ...]
    anomaly_score: float | None
    threshold_score: float | None
    anomaly_map: NDArray[np.uint8]
    bundle: str
    bundle_digest: str
    style: str
    frame_height_px: int
    frame_width_px: int
    reasons: tuple[str, ...] = ()
    elapsed_ms: dict[str, float] = field(default_factory=dict)


_MEANINGLESS = frozenset({"garment_differs", "gauge_off"})


def step_verdict(
    measurements: Iterable[Measurement],
    stitches: Iterable[StitchReading],
    findings: Iterable[Finding],
    reasons: Iterable[str] = (),
) -> Verdict:
    """Join all readings: any failure fails, else any doubt asks a person, else pass.

    A reading outside its limits fails whatever its severity but ``minor``, which passes with a
    remark; a finding without a severity and every reason are doubts. Where another style lies on
    the table, or the gauge bar is off, no reading means anything: a person decides.
    """
    reasons = tuple(reasons)
    doubt = bool(reasons)
    failed = False
    readings: list[Measurement | StitchReading] = [*measurements, *stitches]
    for reading in readings:
        if reading.outcome == "FAIL":
            failed = failed or reading.severity != "minor"
        elif reading.outcome != "PASS":
            doubt = True
    for finding in findings:
        failed = failed or finding.severity in {"critical", "major"}
        doubt = doubt or finding.severity is None
    if failed and _MEANINGLESS.isdisjoint(reasons):
        return "FAIL"
    return "REVIEW" if doubt else "PASS"
