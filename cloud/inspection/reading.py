"""What a machine saw and measured, as it said it."""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

Outcome: TypeAlias = Literal["PASS", "FAIL", "REVIEW", "CANNOT_MEASURE"]
Verdict: TypeAlias = Literal["PASS", "FAIL", "REVIEW"]
Score: TypeAlias = float
_KIND = re.compile(r"[^\W_](?:[\w \-]{0,38}[^\W_])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A pixel position; the centre of the top left pixel is (0, 0)."""

    x_px: float
    y_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A place that differs from a good piece; ``area_mm2`` is absent without calibration.

    ``description`` is what it is like in the words of the bundle: base64 of float32, or empty.
    """

    defect_class: str
    score: Score
    polygon_px: tuple[Point, ...] = ()
    area_px: float = 0.0
    area_mm2: float | None = None
    severity: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One point of measure with its expanded uncertainty (k = 2)."""

    name: str
    nominal_mm: float
    lower_mm: float
    upper_mm: float
    value_mm: float | None = None
    uncertainty_mm: float | None = None
    outcome: Outcome
    reason: str = ""
    from_px: Point | None = None
    to_px: Point | None = None
    severity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StitchReading:
    """One seam: mean pitch, its variation, skipped stitches."""

    seam: str
    nominal_mm: float
    lower_mm: float
    upper_mm: float
    pitch_mm: float | None = None
    uncertainty_mm: float | None = None
    cv_ratio: float | None = None
    skipped_count: int | None = None
    outcome: Outcome
    reason: str = ""
    seam_px: tuple[Point, ...] = ()
    severity: str = ""
    max_cv_ratio: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyMap:
    """How unusual each place is: ``height`` rows of ``width`` bytes, 0 usual to 255."""

    width: int = 0
    height: int = 0
    values: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionChange:
    """One thing that a person saw differently.

    ``name`` is a defect class, a point of measure or a seam; ``value_mm`` what the person measured.
    ``finding_index`` is which finding was renamed, from 0.
    """

    kind: Literal[
        "finding_added",
        "finding_rejected",
        "finding_renamed",
        "measurement_corrected",
        "stitch_corrected",
    ]
    name: str
    finding_index: int | None = None
    value_mm: float | None = None
    polygon_px: tuple[Point, ...] = ()


def is_kind_name(word: str) -> bool:
    """Say whether a word can name a kind of flaw."""
    return bool(_KIND.fullmatch(word)) and word != "unknown_anomaly"


def is_critical(
    verdict: Verdict,
    findings: tuple[Finding, ...],
    measurements: tuple[Measurement, ...],
    stitches: tuple[StitchReading, ...],
) -> bool:
    """Say whether an inspection holds something critical, of which none is allowed.

    Where a person still decides, a critical reading counts that is not certain to be good: if the
    person says FAIL, the piece goes into quarantine.
    """
    if verdict == "PASS":
        return False
    bad = {"FAIL"} if verdict == "FAIL" else {"FAIL", "REVIEW", "CANNOT_MEASURE"}
    readings: tuple[Measurement | StitchReading, ...] = (*measurements, *stitches)
    return any(finding.severity == "critical" for finding in findings) or any(
        reading.severity == "critical" and reading.outcome in bad for reading in readings
    )
