"""Where each piece stands: the package, moved on by what happened on the floor since."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from edge.station.events import Fact, StepFinished, StepStarted
from edge.station.work_package import Piece, PieceState, Step, WorkOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """One start or finish, by this station or heard from a neighbour."""

    piece_id: str
    step_id: str
    kind: Literal["started", "finished"]
    attempt: int
    verdict: str = ""
    station: str = ""
    order_unconfirmed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The open step of a piece; no step when all are done."""

    step: Step | None
    attempt: int
    state: PieceState


class Progress:
    """Starts and finishes in the order in which they became known."""

    def __init__(self, records: Iterable[StepRecord] = ()) -> None:
        self._records: dict[str, list[StepRecord]] = {}
        for record in records:
            self.note(record)

    def note(self, record: StepRecord) -> None:
        """Add one record."""
        self._records.setdefault(record.piece_id, []).append(record)

    def forget_all_but(self, piece_ids: frozenset[str]) -> None:
        """Drop the pieces that no package names any more."""
        for piece_id in [p for p in self._records if p not in piece_ids]:
            del self._records[piece_id]

    def started_here(self, piece_id: str, step_id: str, attempt: int) -> bool:
        """Say whether the step's attempt was begun and is not finished."""
        mine = [
            r
            for r in self._records.get(piece_id, [])
            if r.step_id == step_id and r.attempt == attempt
        ]
        return bool(mine) and mine[-1].kind == "started"

    def standing(self, order: WorkOrder, piece: Piece) -> Standing:
        """Replay the records onto the package's word.

        The package names step and attempt. A finish of just that attempt is newer than the
        package; anything else was already in it.
        """
        records = self._records.get(piece.piece_id, [])
        step = order.step(piece.open_step_id)
        attempt, state, position = max(1, piece.attempt), piece.state, 0
        if state == "REWORK":
            # The attempt failed; its rework, once ordered, is an open step of a later attempt.
            state = "WAITING"
        if step is None or state not in {"OPEN", "STARTED", "REVIEW", "WAITING"}:
            return Standing(step=step, attempt=attempt, state=state)
        while True:
            finish = _last_finish(records, step, attempt, position)
            if finish is None:
                begun = self.started_here(piece.piece_id, step.step_id, attempt)
                open_ = state in {"OPEN", "STARTED"}
                return Standing(
                    step=step, attempt=attempt, state="STARTED" if begun and open_ else state
                )
            verdict = records[finish].verdict
            if verdict not in {"PASS", "NONE"}:
                judged: PieceState = "REVIEW" if verdict == "REVIEW" else "WAITING"
                return Standing(step=step, attempt=attempt, state=judged)
            following = order.step_after(step)
            if following is None:
                return Standing(step=None, attempt=attempt, state="DONE")
            attempt = _attempt_of_next(records, following, finish, attempt)
            step, state, position = following, "OPEN", finish


def _last_finish(records: list[StepRecord], step: Step, attempt: int, position: int) -> int | None:
    """Return the index of the newest finish of that attempt from ``position`` on."""
    for index in range(len(records) - 1, position - 1, -1):
        record = records[index]
        if (record.kind, record.step_id, record.attempt) == ("finished", step.step_id, attempt):
            return index
    return None


def _attempt_of_next(records: list[StepRecord], step: Step, after: int, attempt: int) -> int:
    """Return the attempt that comes next at a step; ``attempt`` is that of the step before.

    A rework opens every later step again too, so attempts never fall along the order. A record
    later than ``after`` belongs to this round; an earlier finish was an earlier round.
    """
    mine = [(i, r) for i, r in enumerate(records) if r.step_id == step.step_id]
    later = [r.attempt for i, r in mine if i > after and r.attempt >= attempt]
    if later:
        return later[0]
    earlier = [r.attempt for _, r in mine if r.kind == "finished"]
    return max(attempt, 1 + max(earlier, default=0))


def record_of(fact: Fact, station: str) -> StepRecord | None:
    """Return what a fact of this station means for a piece's standing."""
    if isinstance(fact, StepStarted):
        return StepRecord(
            piece_id=fact.piece_id,
            step_id=fact.step_id,
            kind="started",
            attempt=fact.attempt,
            station=station,
            order_unconfirmed=fact.order_unconfirmed,
        )
    if isinstance(fact, StepFinished):
        return StepRecord(
            piece_id=fact.piece_id,
            step_id=fact.step_id,
            kind="finished",
            attempt=fact.attempt,
            verdict=fact.verdict,
            station=station,
            order_unconfirmed=fact.order_unconfirmed,
        )
    return None
