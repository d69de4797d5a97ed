"""A versioned spec: what every stage of a garment is judged by, and how designers change it."""

from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal, TypeAlias, TypeVar

from cloud.inspection.standard import PointOfMeasure, StageStandard, StitchStandard, judge_standard
from cloud.production.errors import SpecChangeInvalidError

Judged = TypeVar("Judged", PointOfMeasure, StitchStandard)
SpecField: TypeAlias = Literal[
    "nominal_mm",
    "pitch_mm",
    "lower_mm",
    "upper_mm",
    "thickness_mm",
    "inset_mm",
    "max_cv_ratio",
    "max_skipped_count",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecDraft:
    """A spec as wished for a new work order: one standard for each stage that is checked."""

    stages: tuple[StageStandard, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One version; it never changes. ``spec_version`` is the work order's id, a dot, a number."""

    spec_version: str
    work_order_id: str
    version_number: int
    stages: tuple[StageStandard, ...]

    def standard(self, stage: str) -> StageStandard:
        """Return the stage's standard; a stage that nobody checks has an empty one."""
        found = (standard for standard in self.stages if standard.stage == stage)
        return next(found, StageStandard(stage=stage))


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecChange:
    """One value that a designer changes: of a seam or a point of measure (of one size).

    ``value`` is in the unit that the field's name ends in.
    """

    stage: str
    kind: Literal["stitch", "point"]
    name: str
    size: str = ""
    field: SpecField
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Digital spec against physical result, and what the designer made of it.

    ``physical_mm`` is what was measured at the piece, None where nothing was.
    """

    stage: str
    kind: str
    name: str
    size: str
    field: str
    digital_mm: float | None
    physical_mm: float | None
    corrected_mm: float | None


def version_name(work_order_id: str, version_number: int) -> str:
    """Return the name of a work order's spec version."""
    return f"{work_order_id}.{version_number}"


def correct(
    spec: Spec, changes: tuple[SpecChange, ...], measured: dict[str, float]
) -> tuple[Spec, tuple[Gap, ...]]:
    """Return the next version of ``spec`` and the gaps that it answers.

    ``measured`` holds millimetres by the name of the seam or point.

    Raises:
        SpecChangeInvalidError: a change names nothing, or nothing changes.
        ToleranceMissingError, StandardInvalidError: the new standard cannot be.
    """
    if not changes:
        raise SpecChangeInvalidError("a correction changes something", field="changes")
    stages = {standard.stage: standard for standard in spec.stages}
    gaps = []
    for index, change in enumerate(changes):
        standard = stages.get(change.stage)
        if standard is None:
            raise SpecChangeInvalidError(
                f"the spec checks nothing at {change.stage}", field=f"changes[{index}].stage"
            )
        stages[change.stage], digital = _changed(standard, change, f"changes[{index}]")
        gaps.append(
            Gap(
                stage=change.stage,
                kind=change.kind,
                name=change.name,
                size=change.size,
                field=change.field,
                digital_mm=digital,
                physical_mm=measured.get(change.name),
                corrected_mm=change.value,
            )
        )
    number = spec.version_number + 1
    after = Spec(
        spec_version=version_name(spec.work_order_id, number),
        work_order_id=spec.work_order_id,
        version_number=number,
        stages=tuple(stages[standard.stage] for standard in spec.stages),
    )
    if after.stages == spec.stages:
        raise SpecChangeInvalidError("the correction changes nothing", field="changes")
    for standard in after.stages:
        judge_standard(standard, frozenset())
    return after, tuple(gaps)


def _changed(
    standard: StageStandard, change: SpecChange, where: str
) -> tuple[StageStandard, float | None]:
    """Return the standard with one value changed, and the value before."""
    if change.value is not None and not isfinite(change.value):
        raise SpecChangeInvalidError("a value is a number", field=f"{where}.value")
    if change.kind == "stitch":
        for seam in standard.stitches:
            if seam.seam == change.name:
                new, before = _with_value(seam, change, where)
                seams = tuple(new if one is seam else one for one in standard.stitches)
                return replace(standard, stitches=seams), before
    else:
        for point in standard.points:
            if (point.name, point.size) == (change.name, change.size):
                new_point, before = _with_value(point, change, where)
                points = tuple(new_point if one is point else one for one in standard.points)
                return replace(standard, points=points), before
    raise SpecChangeInvalidError(
        f"the spec of {change.stage} holds no {change.kind} {change.name}", field=f"{where}.name"
    )


def _with_value(thing: Judged, change: SpecChange, where: str) -> tuple[Judged, float | None]:
    if not hasattr(thing, change.field):
        raise SpecChangeInvalidError(
            f"a {change.kind} has no {change.field}", field=f"{where}.field"
        )
    before: float | None = getattr(thing, change.field)
    value: float | int | None = change.value
    if change.field == "max_skipped_count" and value is not None:
        value = int(value)
    if value is None and change.field != "thickness_mm":
        raise SpecChangeInvalidError("a value is a number", field=f"{where}.value")
    return replace(thing, **{change.field: value}), before  # type: ignore[arg-type]
