"""What people decide about pieces and specs."""

from dataclasses import asdict

from cloud.commands.ports import UnitOfWork
from cloud.production.change import facts_between
from cloud.production.commands import CorrectDesign, DecidePiece, OrderRework, OverrideStepOrder
from cloud.production.errors import (
    DecisionNotPossibleError,
    InspectionMismatchError,
    PieceUnknownError,
    ReasonMissingError,
    ReworkNotPossibleError,
    SpecVersionOldError,
    SpecVersionUnknownError,
    StepUnknownError,
)
from cloud.production.events import (
    DesignCorrected,
    PieceScrapped,
    ReworkEscalated,
    ReworkOrdered,
    StepOrderOverridden,
)
from cloud.production.piece import WAITING, Decision, DecisionKind, Piece, PieceState
from cloud.production.ports import (
    InspectionReader,
    PieceStore,
    SpecOrigin,
    WorkOrderStore,
)
from cloud.production.queries import DecisionOutcome, DesignCorrection
from cloud.production.rework import is_beyond_limit, may_be_reworked, rework_instruction
from cloud.production.spec import correct
from cloud.production.step import Step


async def correct_design(command: CorrectDesign, unit: UnitOfWork) -> DesignCorrection:
    """Make the next spec version; keep digital spec against physical result."""
    _ask_reason(command.reason)
    store = unit.store(WorkOrderStore)
    spec = await store.spec(command.spec_version)
    head = await store.locked_head(spec.work_order_id) if spec else None
    if spec is None or head is None:
        raise SpecVersionUnknownError(
            f"no spec version {command.spec_version}", spec_version=command.spec_version
        )
    if head.spec_version != command.spec_version:
        raise SpecVersionOldError(
            f"the newest version is {head.spec_version}", newest=head.spec_version
        )
    measured = await _measured(command.inspection_id, head.work_order_id, unit)
    after, gaps = correct(spec, command.changes, measured)
    by, at = unit.context.user, unit.clock.now()
    await store.add_spec(
        after,
        SpecOrigin(
            based_on=spec.spec_version,
            reason=command.reason,
            inspection_id=command.inspection_id,
            gaps=gaps,
            by=by,
            at=at,
        ),
    )
    unit.record(
        DesignCorrected(
            work_order_id=head.work_order_id,
            work_order_number=head.number,
            spec_version=after.spec_version,
            based_on=spec.spec_version,
            inspection_id=command.inspection_id,
            reason=command.reason,
            changes=tuple(asdict(gap) for gap in gaps),
            corrected_by=by,
        )
    )
    ko, en = rework_instruction(_nobody(gaps[0].stage), gaps)
    return DesignCorrection(
        spec_version=after.spec_version,
        version_number=after.version_number,
        gaps=gaps,
        instruction_ko=ko,
        instruction_en=en,
    )


def _nobody(stage: str) -> Step:
    """Return a step that only lends its stage's code to an instruction."""
    return Step(
        step_id="",
        position=1,
        stage=stage,
        title_ko=stage,
        title_en=stage,
        requires_quality_check=False,
    )


async def _measured(inspection_id: str, work_order_id: str, unit: UnitOfWork) -> dict[str, float]:
    if not inspection_id:
        return {}
    seen = await unit.store(InspectionReader).attempt(inspection_id)
    piece = await unit.store(PieceStore).find(seen.piece_id) if seen else None
    if seen is None or piece is None or piece.work_order_id != work_order_id:
        raise InspectionMismatchError(
            f"no inspection {inspection_id} of this work order", inspection_id=inspection_id
        )
    return dict(seen.measured_mm)


async def order_rework(command: OrderRework, unit: UnitOfWork) -> DecisionOutcome:
    """Open an earlier step once more; beyond the limit the Accountable decides instead."""
    _ask_reason(command.reason)
    before = await _locked(command.piece_id, unit)
    step = _step(before, command.step_id)
    progress = before.progress()
    if progress.state is not PieceState.REWORK or not may_be_reworked(before, step):
        raise ReworkNotPossibleError(
            f"the piece is {progress.state}, {step.stage} cannot be reworked",
            state=progress.state,
            stage=step.stage,
        )
    if is_beyond_limit(before, step):
        return await _escalate(command, before, step, unit)
    return await _reopen(command, before, step, unit)


async def _escalate(
    command: OrderRework, before: Piece, step: Step, unit: UnitOfWork
) -> DecisionOutcome:
    failed = before.progress()
    failed_step = failed.step or step
    after = before.with_decision(
        Decision(
            position=before.next_decision,
            kind=DecisionKind.ESCALATION,
            step_id=failed_step.step_id,
            attempt=failed.attempt,
            reason=command.reason,
            by=unit.context.user,
            at=unit.clock.now(),
            inspection_id=command.inspection_id,
        )
    )
    unit.record(
        ReworkEscalated(
            piece_id=after.piece_id,
            piece_number=after.number,
            work_order_id=after.work_order_id,
            work_order_number=after.work_order_number,
            step_id=step.step_id,
            stage=step.stage,
            attempt=failed.attempt,
            reworks_count=before.reworks_of(step),
            rework_limit=before.rework_limit,
            reason=command.reason,
            asked_by=unit.context.user,
        )
    )
    return await _kept(before, after, unit, escalated=True)


async def _reopen(
    command: OrderRework, before: Piece, step: Step, unit: UnitOfWork
) -> DecisionOutcome:
    version = command.spec_version or before.spec_version
    if version not in before.known_versions:
        raise SpecVersionUnknownError(f"no spec version {version}", spec_version=version)
    failed = before.progress()
    run = before.run_of(failed.step) if failed.step else None
    inspection_id = command.inspection_id
    if not inspection_id and run is not None and run.finish is not None:
        inspection_id = run.finish.inspection_id
    gaps = await unit.store(WorkOrderStore).gaps(version) if version != before.spec_version else ()
    ko, en = rework_instruction(step, gaps)
    decision = Decision(
        position=before.next_decision,
        kind=DecisionKind.REWORK,
        step_id=step.step_id,
        attempt=before.attempt_of(step) + 1,
        reason=command.reason,
        by=unit.context.user,
        at=unit.clock.now(),
        inspection_id=inspection_id,
        spec_version=version,
        instruction_ko=command.instruction_ko or ko,
        instruction_en=command.instruction_en or command.instruction_ko or en,
    )
    after = before.with_decision(decision)
    unit.record(
        ReworkOrdered(
            piece_id=after.piece_id,
            piece_number=after.number,
            work_order_id=after.work_order_id,
            work_order_number=after.work_order_number,
            step_id=step.step_id,
            stage=step.stage,
            attempt=decision.attempt,
            spec_version=version,
            inspection_id=inspection_id,
            reason=command.reason,
            instruction_ko=decision.instruction_ko,
            instruction_en=decision.instruction_en,
            ordered_by=unit.context.user,
        )
    )
    return await _kept(before, after, unit)


async def decide_piece(command: DecidePiece, unit: UnitOfWork) -> DecisionOutcome:
    """Let the Accountable end a quarantine or an escalation."""
    _ask_reason(command.reason)
    before = await _locked(command.piece_id, unit)
    progress = before.progress()
    if progress.state not in {PieceState.QUARANTINE, PieceState.ESCALATED} or not progress.step:
        raise DecisionNotPossibleError(
            f"the piece is {progress.state} and waits for no such decision", state=progress.state
        )
    if command.decision == "REWORK":
        step = _step(before, command.step_id or progress.step.step_id)
        if not may_be_reworked(before, step):
            raise ReworkNotPossibleError(
                f"{step.stage} comes after the failed step", state=progress.state, stage=step.stage
            )
        wish = OrderRework(
            piece_id=command.piece_id,
            step_id=step.step_id,
            reason=command.reason,
            instruction_ko=command.instruction_ko,
            instruction_en=command.instruction_en,
            spec_version=command.spec_version,
        )
        return await _reopen(wish, before, step, unit)
    kind = DecisionKind(command.decision)
    after = before.with_decision(
        Decision(
            position=before.next_decision,
            kind=kind,
            step_id=progress.step.step_id,
            attempt=progress.attempt,
            reason=command.reason,
            by=unit.context.user,
            at=unit.clock.now(),
        )
    )
    if kind is DecisionKind.SCRAP:
        unit.record(
            PieceScrapped(
                piece_id=after.piece_id,
                piece_number=after.number,
                work_order_id=after.work_order_id,
                work_order_number=after.work_order_number,
                reason=command.reason,
                decided_by=unit.context.user,
            )
        )
    return await _kept(before, after, unit)


async def override_step_order(command: OverrideStepOrder, unit: UnitOfWork) -> DecisionOutcome:
    """Let a step begin before its turn; what waits for a decision is not passed over."""
    _ask_reason(command.reason)
    before = await _locked(command.piece_id, unit)
    step = _step(before, command.step_id)
    progress = before.progress()
    if progress.state in WAITING or progress.state is PieceState.SCRAPPED:
        raise DecisionNotPossibleError(
            f"the piece is {progress.state}; decide that first", state=progress.state
        )
    if before.first_before(step) is None:
        raise DecisionNotPossibleError(
            f"nothing comes before {step.stage}", state=progress.state, stage=step.stage
        )
    attempt = before.attempt_of(step)
    after = before.with_decision(
        Decision(
            position=before.next_decision,
            kind=DecisionKind.OVERRIDE,
            step_id=step.step_id,
            attempt=attempt,
            reason=command.reason,
            by=unit.context.user,
            at=unit.clock.now(),
        )
    )
    unit.record(
        StepOrderOverridden(
            piece_id=after.piece_id,
            piece_number=after.number,
            work_order_id=after.work_order_id,
            work_order_number=after.work_order_number,
            step_id=step.step_id,
            stage=step.stage,
            attempt=attempt,
            reason=command.reason,
            overridden_by=unit.context.user,
        )
    )
    return await _kept(before, after, unit)


async def _kept(
    before: Piece, after: Piece, unit: UnitOfWork, *, escalated: bool = False
) -> DecisionOutcome:
    await unit.store(PieceStore).save(before, after, unit.clock.now())
    for fact in facts_between(before, after):
        unit.record(fact)
    progress = after.progress()
    return DecisionOutcome(
        piece_id=after.piece_id,
        state=progress.state,
        open_step_id=progress.step.step_id if progress.step else "",
        open_stage=progress.step.stage if progress.step else "",
        attempt=progress.attempt,
        spec_version=after.spec_version,
        instruction_ko=progress.instruction_ko,
        instruction_en=progress.instruction_en,
        escalated=escalated,
    )


async def _locked(piece_id: str, unit: UnitOfWork) -> Piece:
    piece = await unit.store(PieceStore).locked(piece_id)
    if piece is None:
        raise PieceUnknownError(f"no piece {piece_id}", piece_id=piece_id)
    return piece


def _step(piece: Piece, step_id: str) -> Step:
    step = piece.step(step_id)
    if step is None:
        raise StepUnknownError(f"piece {piece.piece_id} has no step {step_id}", step_id=step_id)
    return step


def _ask_reason(reason: str) -> None:
    if not reason.strip():
        raise ReasonMissingError("the act states its reason", field="reason")
