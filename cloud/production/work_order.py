"""A work order: what shall be made, by which steps, in how many pieces."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cloud.inspection.standard import judge_standard
from cloud.production.errors import StageUnknownError, WorkOrderInvalidError
from cloud.production.spec import SpecDraft
from cloud.production.step import GuideLine

REWORK_LIMIT = 2
MOST_PIECES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDraft:
    """A step as wished. Without titles or guide those of its stage are taken."""

    stage: str
    title_ko: str = ""
    title_en: str = ""
    requires_quality_check: bool = False
    guide: tuple[GuideLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceDraft:
    """A piece as wished; numbers are unique in the work order."""

    number: int
    size: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A kind of work from the registry, with the guide that steps take who have none."""

    code: str
    title_ko: str
    title_en: str
    guide: tuple[GuideLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderDraft:
    """A work order as wished."""

    number: str
    title_ko: str
    title_en: str
    style: str
    spec: SpecDraft
    steps: tuple[StepDraft, ...]
    pieces: tuple[PieceDraft, ...]
    due_at: datetime | None
    rework_limit: int = REWORK_LIMIT


def judge_draft(draft: WorkOrderDraft, stages: Mapping[str, Stage]) -> None:
    """Refuse a work order that leaves something open.

    Raises:
        WorkOrderInvalidError, StageUnknownError: with ``field``.
        ToleranceMissingError, StandardInvalidError: from its standards.
    """
    for name in ("number", "title_ko", "title_en", "style"):
        value: str = getattr(draft, name)
        if not value.strip() or len(value) > (64 if name == "number" else 200):
            raise WorkOrderInvalidError(f"{name} is missing or too long", field=name)
    if draft.due_at is not None and draft.due_at.tzinfo is None:
        raise WorkOrderInvalidError("due_at states its zone", field="due_at")
    if not 0 <= draft.rework_limit <= 20:
        raise WorkOrderInvalidError("rework_limit lies between 0 and 20", field="rework_limit")
    _judge_steps(draft, stages)
    _judge_pieces(draft)
    _judge_spec(draft)


def _judge_steps(draft: WorkOrderDraft, stages: Mapping[str, Stage]) -> None:
    if not draft.steps:
        raise WorkOrderInvalidError("a work order has at least one step", field="steps")
    for index, step in enumerate(draft.steps):
        if step.stage not in stages:
            raise StageUnknownError(
                f"no stage {step.stage}",
                field=f"steps[{index}].stage",
                stage=step.stage,
                known=sorted(stages),
            )


def _judge_pieces(draft: WorkOrderDraft) -> None:
    if not 1 <= len(draft.pieces) <= MOST_PIECES:
        raise WorkOrderInvalidError(f"a work order has 1 to {MOST_PIECES} pieces", field="pieces")
    seen: set[int] = set()
    for index, piece in enumerate(draft.pieces):
        if piece.number < 1 or piece.number in seen:
            raise WorkOrderInvalidError(
                "piece numbers count from 1 and are unique", field=f"pieces[{index}].number"
            )
        if not piece.size.strip():
            raise WorkOrderInvalidError("a piece states its size", field=f"pieces[{index}].size")
        seen.add(piece.number)


def _judge_spec(draft: WorkOrderDraft) -> None:
    sizes = frozenset(piece.size for piece in draft.pieces)
    checked = {standard.stage: standard for standard in draft.spec.stages}
    if len(checked) != len(draft.spec.stages):
        raise WorkOrderInvalidError("a stage has one standard", field="spec.stages")
    stages = {step.stage for step in draft.steps}
    for standard in draft.spec.stages:
        if standard.stage not in stages:
            raise WorkOrderInvalidError(
                f"no step is of stage {standard.stage}", field=f"spec.stages[{standard.stage}]"
            )
        judge_standard(standard, sizes)
    for index, step in enumerate(draft.steps):
        standard_of_step = checked.get(step.stage)
        if step.requires_quality_check and (
            standard_of_step is None or not standard_of_step.checks
        ):
            raise WorkOrderInvalidError(
                f"step {step.stage} asks for a quality check that nothing describes",
                field=f"steps[{index}].requires_quality_check",
            )
