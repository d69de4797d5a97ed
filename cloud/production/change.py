"""Which facts follow when a piece has changed."""

from dataclasses import dataclass

from cloud.events.event import DomainEvent
from cloud.production.events import PieceCompleted, PieceQuarantined, StepOpened
from cloud.production.piece import Piece, PieceState
from cloud.production.queries import StepOutcome
from cloud.production.step import Step


def facts_between(before: Piece, after: Piece) -> tuple[DomainEvent, ...]:
    """Return what others hear of: a step opened, the piece complete or in quarantine."""
    was, now = before.progress(), after.progress()
    if was == now:
        return ()
    facts: list[DomainEvent] = []
    moved = (was.step, was.attempt) != (now.step, now.attempt)
    if now.step is not None and moved:
        facts.append(
            StepOpened(
                piece_id=after.piece_id,
                piece_number=after.number,
                work_order_id=after.work_order_id,
                work_order_number=after.work_order_number,
                step_id=now.step.step_id,
                stage=now.step.stage,
                next_stage=now.step.stage,
                title_ko=now.step.title_ko,
                title_en=now.step.title_en,
                attempt=now.attempt,
                instruction_ko=now.instruction_ko,
                instruction_en=now.instruction_en,
            )
        )
    if now.state is PieceState.DONE:
        facts.append(
            PieceCompleted(
                piece_id=after.piece_id,
                piece_number=after.number,
                work_order_id=after.work_order_id,
                work_order_number=after.work_order_number,
            )
        )
    if now.state is PieceState.QUARANTINE and now.step is not None:
        facts.append(_quarantine(after, now.step, now.attempt))
    return tuple(facts)


def _quarantine(piece: Piece, step: Step, attempt: int) -> PieceQuarantined:
    run = piece.runs[step.step_id, attempt]
    return PieceQuarantined(
        piece_id=piece.piece_id,
        piece_number=piece.number,
        work_order_id=piece.work_order_id,
        work_order_number=piece.work_order_number,
        step_id=step.step_id,
        stage=step.stage,
        attempt=attempt,
        inspection_id=run.finish.inspection_id if run.finish else "",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The step and attempt that a fact speaks about."""

    step: Step
    attempt: int


def outcome_of(before: Piece, after: Piece, place: Place) -> StepOutcome:
    """Say what a start or finish came to."""
    progress = after.progress()
    first = after.first_before(place.step)
    current = place.attempt == after.attempt_of(place.step)
    return StepOutcome(
        piece_id=after.piece_id,
        step_id=place.step.step_id,
        attempt=place.attempt,
        state=progress.state,
        verdict=after.verdict_of(after.runs.get((place.step.step_id, place.attempt))),
        accepted=not current or first is None,
        repeated=before == after,
        first_stage=first.stage if current and first is not None else "",
        next_step_id=progress.step.step_id if progress.step else "",
        next_stage=progress.step.stage if progress.step else "",
    )
