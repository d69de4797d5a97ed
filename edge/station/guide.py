"""The worker's way through a piece: badge, scan, guide, start, finish, verdict, next.

Pure: each function takes the state and what is known around it and returns a decision. The
caller commits the decision's facts first and shows its state after; a failed commit shows
nothing as done.
"""

from collections.abc import Callable
from dataclasses import replace

from edge.station.errors import (
    BadgeMissingError,
    BadgeNotForStageError,
    BadgeUnknownError,
    ChoiceUnknownError,
    CodeForeignError,
    CodeNotForWorkError,
    CodeOtherOrganizationError,
    NoPieceWaitingError,
    NotEnrolledError,
    NothingToFinishError,
    NothingToRetakeError,
    NothingToStartError,
    OrderUnknownError,
    PackageMissingError,
    PieceUnknownError,
    RefusalError,
    ShortCodeUnknownError,
    StandardMissingError,
    StationBusyError,
    StepCardMismatchError,
)
from edge.station.events import (
    BadgeEnded,
    BadgeScanned,
    Fact,
    InspectionRecorded,
    ScanRefused,
    StepFinished,
    StepStarted,
)
from edge.station.floor_code import FloorCode, parse_code, same_organization, short_code
from edge.station.guide_state import (
    Choice,
    Decision,
    Floor,
    GuideState,
    Phase,
    Refusal,
    Shown,
    Work,
)
from edge.station.inspection_record import InspectionRecord
from edge.station.order_of_steps import admit
from edge.station.work_package import PieceOfOrder, WorkIndex, WorkOrder
from edge.station.worker import Worker, badge_end

BUSY_PHASES = frozenset({"capturing", "inspecting"})


def scan(state: GuideState, floor: Floor, text: str, reader: str) -> Decision:
    """Decide what a read or typed code means now; a refusal is a decision too."""
    try:
        return _scan(state, floor, text, reader)
    except RefusalError as error:
        return refuse(state, error, text=text, reader=reader)


def refuse(
    state: GuideState, error: RefusalError, *, text: str = "", reader: str = "kiosk"
) -> Decision:
    """Show a refusal and keep everything else; without a worker nothing is recorded."""
    facts: tuple[Fact, ...] = ()
    if text and state.worker is not None:
        facts = (ScanRefused(text=text[:200], code=error.code, reader=reader),)
    refusal = Refusal(code=error.code, text=text[:200], details=dict(error.details))
    if state.phase in BUSY_PHASES:
        return Decision(state=state, facts=facts)
    return Decision(state=replace(state, phase="refused", refusal=refusal), facts=facts)


def _scan(state: GuideState, floor: Floor, text: str, reader: str) -> Decision:
    if state.phase in BUSY_PHASES:
        raise StationBusyError
    index = _index(floor)
    if (code := parse_code(text)) is None:
        if (six := short_code(text)) is None:
            raise CodeForeignError
        return _short(state, floor, index, six, reader)
    if not same_organization(code, floor.organization_id or ""):
        raise CodeOtherOrganizationError
    return _CODES[code.kind](state, floor, code, reader)


def _index(floor: Floor) -> WorkIndex:
    if floor.organization_id is None:
        raise NotEnrolledError
    if floor.index is None:
        raise PackageMissingError
    return floor.index


def _badge(state: GuideState, floor: Floor, code: FloorCode, reader: str) -> Decision:
    person = _index(floor).person_of_badge(code.ulid)
    if person is None:
        raise BadgeUnknownError
    if not person.stages & floor.stages:
        raise BadgeNotForStageError(stage=", ".join(sorted(floor.stages)))
    facts: list[Fact] = []
    if state.worker is not None and state.worker.login != person.login:
        facts.append(BadgeEnded(login=state.worker.login, reason="other_badge"))
    facts.append(BadgeScanned(login=person.login, reader=reader))
    worker = Worker(login=person.login, since=floor.now, last_act=floor.now)
    same = state.worker is not None and state.worker.login == person.login
    kept = replace(state, worker=worker) if same else GuideState(worker=worker)
    phase: Phase = "guide" if kept.work is not None and kept.shown is None else "idle"
    return Decision(state=replace(kept, phase=phase, refusal=None, choices=()), facts=tuple(facts))


def _piece(state: GuideState, floor: Floor, code: FloorCode, reader: str) -> Decision:
    return _take(state, floor, code.id, reader)


def _take(state: GuideState, floor: Floor, piece_id: str, reader: str) -> Decision:
    """Show the guide of a piece; the same piece again means start, then finish."""
    worker = _worker(state)
    index = _index(floor)
    found = index.piece(piece_id)
    if found is None:
        raise PieceUnknownError
    if _on_table(state, piece_id):
        return _go_on(state, floor, reader)
    person = index.person(worker.login)
    work = admit(found, floor, person.stages if person else frozenset())
    return Decision(state=GuideState(phase="guide", worker=_act(worker, floor), work=work))


def _on_table(state: GuideState, piece_id: str) -> bool:
    return state.work is not None and state.work.piece.piece_id == piece_id and state.shown is None


def _go_on(state: GuideState, floor: Floor, reader: str) -> Decision:
    if state.work is not None and state.work.started:
        return _finish(state, floor)
    return _start(state, floor, reader)


def _step_card(state: GuideState, floor: Floor, code: FloorCode, reader: str) -> Decision:
    """With a piece on the table a step card starts or finishes; else it lists the pieces."""
    _worker(state)
    order = _index(floor).order_of_step(code.id)
    if order is None:
        raise OrderUnknownError
    if state.work is not None and state.shown is None:
        if state.work.step.step_id != code.id:
            raise StepCardMismatchError(
                step_ko=state.work.step.title_ko, step_en=state.work.step.title_en
            )
        return _go_on(state, floor, reader)
    return _offer(state, floor, order, step_id=code.id)


def _work_order(state: GuideState, floor: Floor, code: FloorCode, _reader: str) -> Decision:
    _worker(state)
    order = _index(floor).order(code.id)
    if order is None:
        raise OrderUnknownError
    return _offer(state, floor, order)


def _offer(
    state: GuideState, floor: Floor, order: WorkOrder, step_id: str | None = None
) -> Decision:
    """List the pieces of an order that wait for this station."""
    waiting = []
    for piece in order.pieces:
        standing = floor.progress.standing(order, piece)
        step = standing.step
        if step is None or step.stage not in floor.stages or step_id not in {None, step.step_id}:
            continue
        if standing.state in {"OPEN", "STARTED"}:
            waiting.append(PieceOfOrder(order=order, piece=piece))
    if not waiting:
        raise NoPieceWaitingError(order=order.number)
    return _list(state, floor, waiting)


def _list(state: GuideState, floor: Floor, found: list[PieceOfOrder]) -> Decision:
    choices = tuple(
        Choice(
            id=one.piece.piece_id,
            number=one.piece.number,
            label=f"{one.order.number} · {one.piece.number} · {one.piece.size}",
        )
        for one in found
    )
    worker = _act(_worker(state), floor)
    return Decision(state=GuideState(phase="choose", worker=worker, choices=choices))


def _not_for_work(_state: GuideState, _floor: Floor, _code: FloorCode, _reader: str) -> Decision:
    raise CodeNotForWorkError


def _short(state: GuideState, floor: Floor, index: WorkIndex, six: str, reader: str) -> Decision:
    """Look six typed characters up: pieces, and badges where nobody is here or none fits."""
    pieces = index.pieces_ending_with(six)
    people = index.badges_ending_with(six)
    if people and (state.worker is None or not pieces):
        if len(people) > 1:
            raise ShortCodeUnknownError
        organization = (floor.organization_id or "").removeprefix("org_")
        badge = FloorCode(kind="B", organization=organization, ulid=people[0].badge)
        return _badge(state, floor, badge, reader)
    if not pieces:
        if state.worker is None:
            raise BadgeMissingError
        raise ShortCodeUnknownError
    if len(pieces) == 1:
        return _take(state, floor, pieces[0].piece.piece_id, reader)
    return _list(state, floor, pieces)


_CODES: dict[str, Callable[[GuideState, Floor, FloorCode, str], Decision]] = {
    "B": _badge,
    "P": _piece,
    "S": _step_card,
    "W": _work_order,
    "T": _not_for_work,
    "C": _not_for_work,
}


def choose(state: GuideState, floor: Floor, piece_id: str) -> Decision:
    """Take one piece of the list.

    Raises:
        RefusalError: it is not on the list or may not be worked on.
    """
    if piece_id not in {choice.id for choice in state.choices}:
        raise ChoiceUnknownError
    return _take(state, floor, piece_id, "kiosk")


def start(state: GuideState, floor: Floor) -> Decision:
    """Begin the step of the piece on the table.

    Raises:
        RefusalError: there is nothing to start.
    """
    return _start(state, floor, "kiosk")


def _start(state: GuideState, floor: Floor, reader: str) -> Decision:
    worker, work = _worker(state), state.work
    if work is None or work.started or state.shown is not None or state.phase in BUSY_PHASES:
        raise NothingToStartError
    fact = StepStarted(
        piece_id=work.piece.piece_id,
        step_id=work.step.step_id,
        stage=work.step.stage,
        spec_version=work.spec_version,
        attempt=work.attempt,
        reader=reader,
        order_unconfirmed=work.order_unconfirmed,
    )
    begun = replace(work, started=True)
    state = GuideState(phase="guide", worker=_act(worker, floor), work=begun)
    return Decision(state=state, facts=(fact,))


def finish(state: GuideState, floor: Floor) -> Decision:
    """End the step: at once, or by a look of the camera.

    Raises:
        RefusalError: nothing was started, or the step has no standard to be judged by.
    """
    return _finish(state, floor)


def _finish(state: GuideState, floor: Floor) -> Decision:
    worker, work = _worker(state), state.work
    if state.phase in BUSY_PHASES:
        raise StationBusyError
    if work is None or not work.started or state.shown is not None:
        raise NothingToFinishError
    acting = GuideState(phase="guide", worker=_act(worker, floor), work=work)
    if work.step.requires_quality_check:
        if work.standard is None:
            raise StandardMissingError
        return Decision(state=replace(acting, phase="capturing"), inspect=True)
    shown = Shown(verdict="NONE", record=None)
    return Decision(
        state=replace(acting, phase="verdict", work=_after(work, "NONE"), shown=shown),
        facts=(_finished(work, "", "NONE"),),
    )


def retake(state: GuideState, floor: Floor) -> Decision:
    """Look again at the same attempt after a verdict that a person would have to give.

    Raises:
        RefusalError: the last verdict was a plain pass or fail.
    """
    worker = _worker(state)
    if state.work is None or state.shown is None or state.shown.verdict != "REVIEW":
        raise NothingToRetakeError
    again = GuideState(phase="capturing", worker=_act(worker, floor), work=state.work)
    return Decision(state=again, inspect=True)


def judged(
    state: GuideState, record: InspectionRecord, inspection_id: str, picture_sha256: str
) -> Decision:
    """Turn the pipeline's answer into the two facts that are committed together."""
    work = state.work
    if work is None:
        raise NothingToFinishError
    inspection = InspectionRecorded(
        inspection_id=inspection_id,
        piece_id=work.piece.piece_id,
        step_id=work.step.step_id,
        stage=work.step.stage,
        spec_version=work.spec_version,
        attempt=work.attempt,
        record=record,
        picture_sha256=picture_sha256,
    )
    shown = Shown(
        verdict=record.verdict,
        record=record,
        inspection_id=inspection_id,
        picture_sha256=picture_sha256,
    )
    return Decision(
        state=replace(
            state, phase="verdict", work=_after(work, record.verdict), shown=shown, refusal=None
        ),
        facts=(inspection, _finished(work, inspection_id, record.verdict)),
    )


def _after(work: Work, verdict: str) -> Work:
    """Return the work once a verdict stands: a rework is over unless a person must still judge."""
    return work if verdict == "REVIEW" else replace(work, rework=False)


def _finished(work: Work, inspection_id: str, verdict: str) -> StepFinished:
    return StepFinished(
        piece_id=work.piece.piece_id,
        step_id=work.step.step_id,
        stage=work.step.stage,
        spec_version=work.spec_version,
        attempt=work.attempt,
        inspection_id=inspection_id,
        verdict=verdict,
        order_unconfirmed=work.order_unconfirmed,
    )


def cancel(state: GuideState) -> Decision:
    """Take a refusal, a list, a verdict or a piece off the screen; nothing is undone."""
    if state.phase in BUSY_PHASES:
        raise StationBusyError
    if state.phase == "refused" and state.work is not None:
        phase: Phase = "guide" if state.shown is None else "verdict"
        return Decision(state=replace(state, phase=phase, refusal=None))
    return Decision(state=GuideState(worker=state.worker))


def sign_out(state: GuideState) -> Decision:
    """End the badge by the worker's own wish; recorded like another badge's arrival."""
    if state.phase in BUSY_PHASES:
        raise StationBusyError
    if state.worker is None:
        return Decision(state=GuideState())
    fact = BadgeEnded(login=state.worker.login, reason="other_badge")
    return Decision(state=GuideState(), facts=(fact,))


def tick(state: GuideState, floor: Floor) -> Decision | None:
    """End the badge after silence or at the shift's end; None while nothing changes."""
    if state.worker is None or state.phase in BUSY_PHASES:
        return None
    reason = badge_end(state.worker, floor.rules, floor.now)
    if reason is None:
        return None
    fact = BadgeEnded(login=state.worker.login, reason=reason)
    return Decision(state=GuideState(), facts=(fact,))


def refreshed(state: GuideState, floor: Floor) -> GuideState:
    """Follow a new package: instruction, standard or state of the piece on the table."""
    work = state.work
    if work is None or floor.index is None or state.phase in BUSY_PHASES:
        return state
    found = floor.index.piece(work.piece.piece_id)
    step = found.order.step(work.step.step_id) if found else None
    if found is None or step is None:
        return state if work.started or state.shown else GuideState(worker=state.worker)
    fresh = replace(work, order=found.order, piece=found.piece, step=step)
    return replace(state, work=fresh)


def _worker(state: GuideState) -> Worker:
    if state.worker is None:
        raise BadgeMissingError
    return state.worker


def _act(worker: Worker, floor: Floor) -> Worker:
    return replace(worker, last_act=floor.now)
