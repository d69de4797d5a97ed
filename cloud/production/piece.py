"""One piece on its way through the steps of its work order.

Where a piece stands is never written down as such: it is worked out from facts, the runs (what
happened at stations) and the decisions (what people said). Facts are a set, so that doubled, late
and reordered messages give the same piece.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from cloud.production.step import Step, StepFinish, StepRun, StepStart


class PieceState(StrEnum):
    """What a piece waits for."""

    OPEN = "OPEN"
    STARTED = "STARTED"
    REVIEW = "REVIEW"
    REWORK = "REWORK"
    DONE = "DONE"
    QUARANTINE = "QUARANTINE"
    ESCALATED = "ESCALATED"
    SCRAPPED = "SCRAPPED"


class DecisionKind(StrEnum):
    """What people may decide about a piece."""

    VERDICT = "VERDICT"
    REWORK = "REWORK"
    ESCALATION = "ESCALATION"
    OVERRIDE = "OVERRIDE"
    RELEASE = "RELEASE"
    SCRAP = "SCRAP"


WAITING = frozenset(
    {PieceState.REVIEW, PieceState.REWORK, PieceState.QUARANTINE, PieceState.ESCALATED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision of a person; ``position`` counts from 1 for each piece.

    VERDICT speaks about an inspected attempt, REWORK opens ``step_id`` again with the attempt
    ``attempt``, ESCALATION hands the failed attempt to the Accountable, RELEASE lets a failed
    attempt pass, SCRAP ends the piece, OVERRIDE passes over the
    unfinished steps before ``step_id``.
    """

    position: int
    kind: DecisionKind
    step_id: str
    attempt: int
    reason: str
    by: str
    at: datetime
    verdict: str = ""
    inspection_id: str = ""
    spec_version: str = ""
    instruction_ko: str = ""
    instruction_en: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a piece stands: its first unfinished step and what that step waits for."""

    state: PieceState
    step: Step | None
    attempt: int
    instruction_ko: str = ""
    instruction_en: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece with the steps of its work order and every fact about it."""

    piece_id: str
    work_order_id: str
    work_order_number: str
    number: int
    size: str
    spec_version: str
    known_versions: frozenset[str]
    rework_limit: int
    steps: tuple[Step, ...]
    runs: Mapping[tuple[str, int], StepRun] = field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()

    def step(self, step_id: str) -> Step | None:
        """Return the step of this identifier."""
        return next((step for step in self.steps if step.step_id == step_id), None)

    def attempt_of(self, step: Step) -> int:
        """Return the attempt that counts at ``step``: one more for each rework up to it."""
        reopened = 0
        for decision in self.decisions:
            origin = self.step(decision.step_id) if decision.kind is DecisionKind.REWORK else None
            if origin is not None and origin.position <= step.position:
                reopened += 1
        return 1 + reopened

    def run_of(self, step: Step) -> StepRun | None:
        """Return what is known of the attempt that counts at ``step``."""
        return self.runs.get((step.step_id, self.attempt_of(step)))

    def verdict_of(self, run: StepRun | None) -> str:
        """Return the verdict that stands: a person's last word, else the machine's, else ""."""
        if run is None or run.finish is None:
            return ""
        words = [
            "PASS" if decision.kind is DecisionKind.RELEASE else decision.verdict
            for decision in self.decisions
            if decision.kind in {DecisionKind.VERDICT, DecisionKind.RELEASE}
            and (decision.step_id, decision.attempt) == (run.step_id, run.attempt)
        ]
        return words[-1] if words else run.finish.verdict

    def is_passed(self, step: Step) -> bool:
        """Say whether nothing is left to do at ``step``."""
        verdict = self.verdict_of(self.run_of(step))
        return verdict in {"PASS", "NONE"} or (verdict == "" and self._is_passed_over(step))

    def _is_passed_over(self, step: Step) -> bool:
        """Say whether a supervisor let a later step begin; a rework of that one ends it."""
        for decision in self.decisions:
            target = self.step(decision.step_id)
            if (
                decision.kind is DecisionKind.OVERRIDE
                and target is not None
                and step.position < target.position
                and decision.attempt == self.attempt_of(target)
            ):
                return True
        return False

    def progress(self) -> Progress:
        """Work out where the piece stands."""
        if any(decision.kind is DecisionKind.SCRAP for decision in self.decisions):
            return Progress(state=PieceState.SCRAPPED, step=None, attempt=0)
        step = next((step for step in self.steps if not self.is_passed(step)), None)
        if step is None:
            return Progress(state=PieceState.DONE, step=None, attempt=0)
        attempt = self.attempt_of(step)
        rework = self._rework_behind(step, attempt)
        return Progress(
            state=self._state_at(step, attempt),
            step=step,
            attempt=attempt,
            instruction_ko=rework.instruction_ko if rework else "",
            instruction_en=rework.instruction_en if rework else "",
        )

    def _state_at(self, step: Step, attempt: int) -> PieceState:
        run = self.runs.get((step.step_id, attempt))
        if run is None:
            return PieceState.OPEN
        verdict = self.verdict_of(run)
        if verdict == "":
            return PieceState.STARTED
        if verdict == "REVIEW":
            return PieceState.REVIEW
        if any(
            decision.kind is DecisionKind.ESCALATION
            and (decision.step_id, decision.attempt) == (step.step_id, attempt)
            for decision in self.decisions
        ):
            return PieceState.ESCALATED
        critical = run.finish is not None and run.finish.critical
        return PieceState.QUARANTINE if critical else PieceState.REWORK

    def _rework_behind(self, step: Step, attempt: int) -> Decision | None:
        """Return the order whose instruction belongs to the attempt at ``step``.

        The instruction is for the step that was opened again; the ones after it are done as ever.
        """
        for decision in reversed(self.decisions):
            if (
                decision.kind is DecisionKind.REWORK
                and decision.step_id == step.step_id
                and decision.attempt == attempt
            ):
                return decision
        return None

    def first_before(self, step: Step) -> Step | None:
        """Return the step that must come first, None when ``step`` may begin."""
        before = (one for one in self.steps if one.position < step.position)
        return next((one for one in before if not self.is_passed(one)), None)

    def with_start(self, start: StepStart) -> "Piece":
        """Return the piece that knows of ``start`` too."""
        return self._with_run(self._run(start.step_id, start.attempt).with_start(start))

    def with_finish(self, finish: StepFinish) -> "Piece":
        """Return the piece that knows of ``finish`` too."""
        return self._with_run(self._run(finish.step_id, finish.attempt).with_finish(finish))

    def with_criticality(self, inspection_id: str, critical: bool) -> "Piece":
        """Return the piece that knows whether ``inspection_id`` holds something critical."""
        piece = self
        for run in self.runs.values():
            finish = run.finish
            if finish is not None and finish.inspection_id == inspection_id:
                known = replace(run, finish=replace(finish, critical=critical))
                piece = piece._with_run(known)
        return piece

    def with_decision(self, decision: Decision) -> "Piece":
        """Return the piece that knows of ``decision`` too."""
        version = decision.spec_version or self.spec_version
        if decision.kind is not DecisionKind.REWORK:
            version = self.spec_version
        return replace(self, decisions=(*self.decisions, decision), spec_version=version)

    @property
    def next_decision(self) -> int:
        """Return the position of the next decision."""
        return len(self.decisions) + 1

    def reworks_of(self, step: Step) -> int:
        """Count the reworks that opened ``step`` again."""
        return sum(
            decision.kind is DecisionKind.REWORK and decision.step_id == step.step_id
            for decision in self.decisions
        )

    def _run(self, step_id: str, attempt: int) -> StepRun:
        known = self.runs.get((step_id, attempt))
        return known or StepRun(step_id=step_id, attempt=attempt)

    def _with_run(self, run: StepRun) -> "Piece":
        return replace(self, runs={**self.runs, (run.step_id, run.attempt): run})
