"""Specs without default tolerances, their corrections, and drafts of work orders."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from cloud.inspection.errors import StandardInvalidError, ToleranceMissingError
from cloud.inspection.standard import DefectStandard, StageStandard, judge_standard
from cloud.production.errors import (
    SpecChangeInvalidError,
    StageUnknownError,
    WorkOrderInvalidError,
)
from cloud.production.rework import rework_instruction
from cloud.production.spec import Gap, Spec, SpecChange, SpecDraft, correct
from cloud.production.work_order import PieceDraft, Stage, StepDraft, WorkOrderDraft, judge_draft
from tests.fakes.production import DEFECTS, HEM, LENGTH, wish
from tests.unit.production.test_piece import SEW

SPEC = Spec(
    spec_version="wo_1.1",
    work_order_id="wo_1",
    version_number=1,
    stages=(StageStandard(stage="QC", checks=("stitches",), stitches=(HEM,), points=(LENGTH,)),),
)
PITCH = SpecChange(stage="QC", kind="stitch", name="hem", field="pitch_mm", value=2.5)
STAGES = {code: Stage(code=code, title_ko=code, title_en=code) for code in ("CUT", "SEW", "QC")}
M = frozenset({"M"})


@pytest.mark.requirement("RWK")
def test_a_correction_makes_the_next_version_and_states_the_gap() -> None:
    after, gaps = correct(SPEC, (PITCH,), {"hem": 3.4})
    assert (after.spec_version, after.version_number) == ("wo_1.2", 2)
    assert after.standard("QC").stitches[0].pitch_mm == 2.5
    assert SPEC.standard("QC").stitches[0].pitch_mm == 3.0
    (gap,) = gaps
    assert (gap.digital_mm, gap.physical_mm, gap.corrected_mm) == (3.0, 3.4, 2.5)


@pytest.mark.requirement("RWK")
def test_a_correction_changes_a_point_of_measure_of_one_size() -> None:
    change = SpecChange(stage="QC", kind="point", name="length", field="upper_mm", value=7.0)
    after, _ = correct(SPEC, (change,), {})
    assert after.standard("QC").points[0].upper_mm == 7.0
    with pytest.raises(SpecChangeInvalidError):
        correct(SPEC, (replace(change, size="XL"),), {})


@pytest.mark.requirement("RWK")
@pytest.mark.parametrize(
    "changes",
    [
        (),
        (replace(PITCH, stage="CUT"),),
        (replace(PITCH, name="collar"),),
        (replace(PITCH, value=3.0),),
        (replace(PITCH, value=None),),
        (replace(PITCH, value=float("nan")),),
        (replace(PITCH, field="nominal_mm"),),
    ],
)
def test_a_correction_that_says_nothing_is_refused(changes: tuple[SpecChange, ...]) -> None:
    with pytest.raises(SpecChangeInvalidError):
        correct(SPEC, changes, {})


@pytest.mark.requirement("RWK")
def test_a_correction_to_an_impossible_value_is_refused() -> None:
    with pytest.raises(StandardInvalidError):
        correct(SPEC, (replace(PITCH, value=-1.0),), {})


@pytest.mark.requirement("RWK")
def test_the_worker_reads_what_is_done_anew() -> None:
    _, gaps = correct(SPEC, (PITCH,), {})
    assert rework_instruction(SEW, gaps) == (
        "스티치 재작업 필요 (2.5 mm 간격)",
        "Redo the stitching (pitch 2.5 mm)",
    )
    assert rework_instruction(SEW, ()) == ("SEW 재작업 필요", "Redo: SEW")
    longer = Gap(
        stage="QC",
        kind="point",
        name="length",
        size="M",
        field="nominal_mm",
        digital_mm=500.0,
        physical_mm=None,
        corrected_mm=505.0,
    )
    assert rework_instruction(SEW, (longer,))[0] == "length 재작업 필요 (505 mm)"


@pytest.mark.requirement("VER")
@pytest.mark.parametrize("absent", ["lower_mm", "upper_mm", "severity"])
def test_a_missing_tolerance_is_an_error_not_a_default(absent: str) -> None:
    for standard in (
        StageStandard(stage="QC", points=(replace(LENGTH, **{absent: None}),)),
        StageStandard(stage="QC", stitches=(replace(HEM, **{absent: None}),)),
    ):
        with pytest.raises(ToleranceMissingError) as refusal:
            judge_standard(standard, M)
        assert refusal.value.details["field"].endswith(absent)


@pytest.mark.requirement("VER")
def test_every_size_has_its_own_tolerance() -> None:
    medium = StageStandard(stage="QC", points=(replace(LENGTH, size="M"),))
    judge_standard(medium, M)
    with pytest.raises(ToleranceMissingError) as refusal:
        judge_standard(medium, frozenset({"M", "L"}))
    assert refusal.value.details["size"] == "L"
    large = replace(LENGTH, size="L", nominal_mm=520.0)
    both = replace(medium, points=(*medium.points, large))
    judge_standard(both, frozenset({"M", "L"}))
    assert [point.nominal_mm for point in both.for_size("L").points] == [520.0]


@pytest.mark.requirement("VER")
@pytest.mark.parametrize(
    "standard",
    [
        StageStandard(stage="QC", points=(replace(LENGTH, lower_mm=1.0),)),
        StageStandard(stage="QC", points=(replace(LENGTH, lower_mm=0.0, upper_mm=0.0),)),
        StageStandard(stage="QC", points=(replace(LENGTH, nominal_mm=0.0),)),
        StageStandard(stage="QC", points=(replace(LENGTH, nominal_mm=float("inf")),)),
        StageStandard(stage="QC", points=(replace(LENGTH, at_ratio=1.2),)),
        StageStandard(stage="QC", points=(replace(LENGTH, thickness_mm=-0.1),)),
        StageStandard(stage="QC", points=(LENGTH, LENGTH)),
        StageStandard(stage="QC", stitches=(HEM, HEM)),
        StageStandard(stage="QC", stitches=(replace(HEM, inset_mm=-1.0),)),
        StageStandard(stage="QC", stitches=(replace(HEM, max_cv_ratio=0.0),)),
        StageStandard(stage="QC", defects=DefectStandard(minor_below_mm2=5, major_from_mm2=4)),
    ],
)
def test_a_standard_that_contradicts_itself_is_refused(standard: StageStandard) -> None:
    with pytest.raises(StandardInvalidError):
        judge_standard(standard, M)


@pytest.mark.requirement("VER")
@pytest.mark.parametrize("check", ["measure", "stitches", "defects"])
def test_a_check_needs_something_to_judge_by(check: Any) -> None:
    with pytest.raises(ToleranceMissingError):
        judge_standard(StageStandard(stage="QC", checks=(check,)), M)


def draft(**changes: Any) -> WorkOrderDraft:
    command = wish()
    names = ("number", "title_ko", "title_en", "style", "spec", "steps", "pieces", "due_at")
    values = {name: getattr(command, name) for name in names}
    return WorkOrderDraft(**{**values, **changes})


@pytest.mark.requirement("WOR")
def test_a_whole_draft_is_accepted() -> None:
    judge_draft(draft(), STAGES)


@pytest.mark.requirement("WOR")
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"number": " "}, "number"),
        ({"number": "x" * 65}, "number"),
        ({"title_ko": ""}, "title_ko"),
        ({"steps": ()}, "steps"),
        ({"pieces": ()}, "pieces"),
        ({"pieces": (PieceDraft(number=0, size="M"),)}, "pieces[0].number"),
        (
            {"pieces": (PieceDraft(number=1, size="M"), PieceDraft(number=1, size="M"))},
            "pieces[1].number",
        ),
        ({"pieces": (PieceDraft(number=1, size=" "),)}, "pieces[0].size"),
        ({"rework_limit": -1}, "rework_limit"),
        ({"due_at": datetime(2026, 3, 2)}, "due_at"),  # noqa: DTZ001  without a zone on purpose
        ({"spec": SpecDraft()}, "steps[0].requires_quality_check"),
        (
            {"spec": SpecDraft(stages=(StageStandard(stage="PACK"),))},
            "spec.stages[PACK]",
        ),
        (
            {
                "spec": SpecDraft(
                    stages=(
                        StageStandard(stage="CUT", checks=("defects",), defects=DEFECTS),
                        StageStandard(stage="CUT", checks=("defects",), defects=DEFECTS),
                    )
                )
            },
            "spec.stages",
        ),
    ],
)
def test_a_draft_that_leaves_something_open_is_refused(changes: Any, field: str) -> None:
    with pytest.raises(WorkOrderInvalidError) as refusal:
        judge_draft(draft(**changes), STAGES)
    assert refusal.value.details["field"] == field


@pytest.mark.requirement("WOR")
def test_an_unknown_stage_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(StageUnknownError) as refusal:
        judge_draft(draft(steps=(StepDraft(stage="DYE"),)), STAGES)
    assert refusal.value.details["known"] == ["CUT", "QC", "SEW"]
