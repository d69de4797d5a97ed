"""Whether a piece may be worked on here and now, and where it belongs instead."""

from edge.station.errors import (
    BadgeNotForStageError,
    PieceDoneError,
    PieceEscalatedError,
    PieceInReviewError,
    PieceInReworkError,
    PieceQuarantinedError,
    PieceScrappedError,
    PieceWaitingError,
    StepAlreadyDoneError,
    WrongStationError,
    WrongStepError,
)
from edge.station.guide_state import Floor, Work
from edge.station.progress import Standing
from edge.station.work_package import PieceOfOrder, Step

_CLOSED = {
    "DONE": PieceDoneError,
    "QUARANTINE": PieceQuarantinedError,
    "ESCALATED": PieceEscalatedError,
    "SCRAPPED": PieceScrappedError,
    "REVIEW": PieceInReviewError,
    "WAITING": PieceWaitingError,
}


def admit(found: PieceOfOrder, floor: Floor, worker_stages: frozenset[str]) -> Work:
    """Return the work to be done on a piece here.

    Raises:
        RefusalError: the piece may not be worked on here now; the details name the step that
            comes instead.
    """
    standing = floor.progress.standing(found.order, found.piece)
    if standing.step is None or standing.state in _CLOSED:
        raise _CLOSED.get(standing.state, PieceDoneError)(**_details(found, standing.step))
    if standing.step.stage in floor.stages:
        return _work(found, standing, worker_stages)
    return _elsewhere(found, standing.step, standing, floor, worker_stages)


def _elsewhere(
    found: PieceOfOrder,
    open_step: Step,
    standing: Standing,
    floor: Floor,
    worker_stages: frozenset[str],
) -> Work:
    """Refuse a piece whose open step is another station's, unless we cannot know that."""
    details = _details(found, open_step)
    mine = [step for step in found.order.steps if step.stage in floor.stages]
    if not mine:
        raise WrongStationError(**details)
    ahead = next((step for step in mine if step.position > open_step.position), None)
    if ahead is None:
        raise StepAlreadyDoneError(**details)
    if floor.order_known:
        if standing.attempt > 1:
            raise PieceInReworkError(**details)
        raise WrongStepError(**details)
    unconfirmed = Standing(step=ahead, attempt=standing.attempt, state="OPEN")
    return _work(found, unconfirmed, worker_stages, order_unconfirmed=True)


def _work(
    found: PieceOfOrder,
    standing: Standing,
    worker_stages: frozenset[str],
    *,
    order_unconfirmed: bool = False,
) -> Work:
    step = standing.step
    assert step is not None  # noqa: S101 - admit() has looked
    if step.stage not in worker_stages:
        raise BadgeNotForStageError(**_details(found, step))
    ordered = bool(found.piece.instruction_ko or found.piece.instruction_en)
    same_round = (found.piece.open_step_id, found.piece.attempt) == (
        step.step_id,
        standing.attempt,
    )
    return Work(
        order=found.order,
        piece=found.piece,
        step=step,
        attempt=standing.attempt,
        started=standing.state == "STARTED",
        rework=ordered and same_round,
        order_unconfirmed=order_unconfirmed,
    )


def _details(found: PieceOfOrder, step: Step | None) -> dict[str, str]:
    """Fill the placeholders of the shown sentence."""
    details = {"piece": str(found.piece.number), "order": found.order.number}
    if step is not None:
        details |= {"stage": step.stage, "step_ko": step.title_ko, "step_en": step.title_en}
        stations = ", ".join(step.stations)
        details["where_ko"] = stations or f"{step.title_ko}({step.stage})"
        details["where_en"] = stations or f"{step.title_en} ({step.stage})"
    return details
