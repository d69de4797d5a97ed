"""What a step is judged by. There is no default tolerance: a missing one is an error."""

from dataclasses import dataclass
from math import isfinite
from typing import Literal, TypeAlias

from cloud.inspection.errors import StandardInvalidError, ToleranceMissingError

Severity: TypeAlias = Literal["critical", "major", "minor"]
Axis: TypeAlias = Literal["length", "width"]
Side: TypeAlias = Literal["top", "right", "bottom", "left"]
Check: TypeAlias = Literal["defects", "measure", "stitches"]
SquareMillimetres: TypeAlias = float


@dataclass(frozen=True, slots=True, kw_only=True)
class PointOfMeasure:
    """A straight distance between two opposite sides, with its own tolerance for one size.

    ``lower_mm`` and ``upper_mm`` are the allowed deviations, lower ≤ 0 ≤ upper. ``at_ratio`` is the
    place along the crossing axis, 0.5 the middle. ``thickness_mm`` is the cloth's height above the
    table; None means unknown, and then nothing can be measured by camera. An empty ``size`` means
    that the garment has one size.
    """

    name: str
    title_ko: str
    title_en: str
    size: str = ""
    axis: Axis
    at_ratio: float
    nominal_mm: float
    lower_mm: float | None = None
    upper_mm: float | None = None
    severity: Severity | None = None
    method: str = "camera"
    thickness_mm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StitchStandard:
    """A seam's pitch and evenness, ``inset_mm`` inside one side of the panel."""

    seam: str
    title_ko: str
    title_en: str
    side: Side
    inset_mm: float
    pitch_mm: float
    lower_mm: float | None = None
    upper_mm: float | None = None
    max_cv_ratio: float
    max_skipped_count: int
    severity: Severity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DefectStandard:
    """Areas that decide how severe a defect is: below the first minor, from the second major."""

    minor_below_mm2: SquareMillimetres
    major_from_mm2: SquareMillimetres


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStandard:
    """Everything that one stage of a garment is judged by."""

    stage: str
    checks: tuple[Check, ...] = ()
    points: tuple[PointOfMeasure, ...] = ()
    stitches: tuple[StitchStandard, ...] = ()
    defects: DefectStandard | None = None

    def for_size(self, size: str) -> "StageStandard":
        """Return the standard of one size: its points, and those of garments of one size."""
        points = tuple(point for point in self.points if point.size in {"", size})
        return StageStandard(
            stage=self.stage,
            checks=self.checks,
            points=points,
            stitches=self.stitches,
            defects=self.defects,
        )


def judge_standard(standard: StageStandard, sizes: frozenset[str]) -> None:
    """Refuse a standard that leaves something open.

    Raises:
        ToleranceMissingError: a tolerance or severity is absent, or a size has no value.
        StandardInvalidError: a number is out of range or a check has nothing to check.
    """
    where = f"spec.stages[{standard.stage}]"
    for point in standard.points:
        _judge_point(point, f"{where}.points[{point.name}]")
    for seam in standard.stitches:
        _judge_seam(seam, f"{where}.stitches[{seam.seam}]")
    _judge_uniqueness(standard, where)
    _judge_checks(standard, where)
    for name in {point.name for point in standard.points}:
        covered = {point.size for point in standard.points if point.name == name}
        missing = sorted(sizes - covered)
        if "" not in covered and missing:
            raise ToleranceMissingError(
                f"point {name} has no tolerance for size {missing[0]}",
                field=f"{where}.points[{name}]",
                name=name,
                size=missing[0],
            )


def _judge_point(point: PointOfMeasure, field: str) -> None:
    _judge_tolerance(point.name, field, point.lower_mm, point.upper_mm, point.severity)
    numbers = (point.nominal_mm, point.at_ratio, point.thickness_mm or 0.0)
    if not all(map(isfinite, numbers)) or point.nominal_mm <= 0:
        raise StandardInvalidError("a nominal length is above zero", field=f"{field}.nominal_mm")
    if not 0 <= point.at_ratio <= 1:
        raise StandardInvalidError("at_ratio lies between 0 and 1", field=f"{field}.at_ratio")
    if point.thickness_mm is not None and point.thickness_mm < 0:
        raise StandardInvalidError("a thickness is zero or more", field=f"{field}.thickness_mm")


def _judge_seam(seam: StitchStandard, field: str) -> None:
    _judge_tolerance(seam.seam, field, seam.lower_mm, seam.upper_mm, seam.severity)
    if not isfinite(seam.pitch_mm) or seam.pitch_mm <= 0:
        raise StandardInvalidError("a stitch pitch is above zero", field=f"{field}.pitch_mm")
    if not isfinite(seam.inset_mm) or seam.inset_mm < 0:
        raise StandardInvalidError("an inset is zero or more", field=f"{field}.inset_mm")
    if not isfinite(seam.max_cv_ratio) or seam.max_cv_ratio <= 0 or seam.max_skipped_count < 0:
        raise StandardInvalidError("evenness limits are above zero", field=f"{field}.max_cv_ratio")


def _judge_tolerance(
    name: str, field: str, lower_mm: float | None, upper_mm: float | None, severity: str | None
) -> None:
    absent = [
        part
        for part, value in (("lower_mm", lower_mm), ("upper_mm", upper_mm), ("severity", severity))
        if value is None
    ]
    if absent:
        raise ToleranceMissingError(
            f"{name} has no {absent[0]}; there is no default tolerance",
            field=f"{field}.{absent[0]}",
            name=name,
            size="",
        )
    lower, upper = lower_mm or 0.0, upper_mm or 0.0
    if not (isfinite(lower) and isfinite(upper) and lower <= 0 <= upper and lower < upper):
        raise StandardInvalidError(
            "a tolerance runs from zero or less to zero or more", field=f"{field}.lower_mm"
        )


def _judge_uniqueness(standard: StageStandard, where: str) -> None:
    keys = [(point.name, point.size) for point in standard.points]
    if len(set(keys)) != len(keys):
        raise StandardInvalidError("a point of measure stands twice", field=f"{where}.points")
    seams = [seam.seam for seam in standard.stitches]
    if len(set(seams)) != len(seams):
        raise StandardInvalidError("a seam stands twice", field=f"{where}.stitches")


def _judge_checks(standard: StageStandard, where: str) -> None:
    needs = {
        "measure": bool(standard.points),
        "stitches": bool(standard.stitches),
        "defects": standard.defects is not None,
    }
    for check in standard.checks:
        if not needs[check]:
            raise ToleranceMissingError(
                f"the check {check} has nothing to judge by",
                field=f"{where}.{check}",
                name=check,
                size="",
            )
    limits = standard.defects
    if limits is not None and not 0 <= limits.minor_below_mm2 <= limits.major_from_mm2:
        raise StandardInvalidError(
            "minor areas are smaller than major ones", field=f"{where}.defects"
        )
