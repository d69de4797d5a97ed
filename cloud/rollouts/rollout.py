"""A new bundle goes to one station, then to some, then to all; or it stops and goes back.

DRAFT → SIGNED → CANARY (one station) → WAVE_5 → WAVE_25 → WAVE_100 → DONE. A stage is left when
enough of its stations say COMMITTED, read by the new network's process from its own memory, and
nothing speaks against them. Stations that are away are not judged; one that is there and says
nothing until its deadline has failed. Nothing here reads a clock or keeps anything: the same
reports give the same answer however often they are weighed.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from math import ceil, inf

from cloud.rollouts.errors import RolloutInvalidError
from cloud.rollouts.shift_test import ShiftLines, ShiftVerdict, shift_lines


class RolloutStage(StrEnum):
    """Where a rollout stands."""

    DRAFT = "DRAFT"
    SIGNED = "SIGNED"
    CANARY = "CANARY"
    WAVE_5 = "WAVE_5"
    WAVE_25 = "WAVE_25"
    WAVE_100 = "WAVE_100"
    DONE = "DONE"
    PAUSED = "PAUSED"
    HALTED = "HALTED"
    ROLLING_BACK = "ROLLING_BACK"


class TrialState(StrEnum):
    """Where a station stands with the bundle that it was assigned."""

    ASSIGNED = "ASSIGNED"
    DOWNLOADING = "DOWNLOADING"
    VERIFIED = "VERIFIED"
    STAGED = "STAGED"
    SELF_TEST = "SELF_TEST"
    SHADOW = "SHADOW"
    TRIAL = "TRIAL"
    COMMITTED = "COMMITTED"
    ROLLING_BACK = "ROLLING_BACK"
    ROLLED_BACK = "ROLLED_BACK"
    REJECTED = "REJECTED"
    FAILED = "FAILED"


#: The stages that hold stations, in their order.
WAVES = (
    RolloutStage.CANARY, RolloutStage.WAVE_5, RolloutStage.WAVE_25, RolloutStage.WAVE_100,
)  # fmt: skip
_SHARES = {
    RolloutStage.WAVE_5: 0.05,
    RolloutStage.WAVE_25: 0.25,
    RolloutStage.WAVE_100: 1.0,
}
_LOST = frozenset(
    {TrialState.ROLLING_BACK, TrialState.ROLLED_BACK, TrialState.REJECTED, TrialState.FAILED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutRules:
    """What a rollout needs and allows. Ratios are shares of garments or of stations.

    ``canary_false_ratio``, ``wave_false_ratio`` and ``station_false_ratio`` bound how often a
    network as good as the old one is halted: by the canary's test, by each wave's pooled test, and
    by all the stations' own tests together; ``override_false_ratio`` by each stage's test of how
    often people overrule it. That share has risen when it is twice the usual one, and by
    ``override_shift_ratio`` at least.
    """

    shift_ratio: float = 0.03
    canary_false_ratio: float = 0.006
    wave_false_ratio: float = 0.001
    station_false_ratio: float = 0.002
    missed_ratio: float = 0.02
    most_canary_garments: int = 1_500
    most_wave_garments: int = 20_000
    committed_ratio: float = 0.95
    failed_ratio: float = 0.05
    override_false_ratio: float = 0.001
    override_shift_ratio: float = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class StationTrial:
    """What is known of one station in a rollout.

    ``garments`` and ``rejects`` count what the new network decided there, ``overrides`` how often
    people decided otherwise. ``running_digest`` is the bundle that the deciding process read from
    its own memory.
    """

    station_id: str
    state: TrialState
    running_digest: str
    online: bool
    garments: int
    rejects: int
    deadline_at: datetime
    overrides: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTests:
    """What a stage's garments are asked: have rejects risen, has overruling?"""

    rejects: ShiftLines
    overrides: ShiftLines


class Weight(StrEnum):
    """What is to be done about a stage."""

    WAIT = "WAIT"
    PROMOTE = "PROMOTE"
    HALT = "HALT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing:
    """The answer with its numbers. ``code`` says why a stage is halted; empty otherwise."""

    weight: Weight
    code: str = ""
    evaluated: int = 0
    committed: int = 0
    failed: int = 0
    away: int = 0
    garments: int = 0
    rejects: int = 0
    overrides: int = 0
    shift: ShiftVerdict = ShiftVerdict.UNDECIDED


def waves_of(stations: Sequence[str], canary: str) -> dict[RolloutStage, tuple[str, ...]]:
    """Divide stations into the stages that they join in; shares are of all stations.

    A small floor has empty waves: they are passed over. The order of ``stations`` decides.

    Raises:
        RolloutInvalidError: a station named twice, or the canary is none of them.
    """
    if canary not in stations or len(set(stations)) != len(stations):
        raise RolloutInvalidError(
            "each station once, and the canary is one of them", field="canary", actual=canary
        )
    others = [station for station in stations if station != canary]
    found: dict[RolloutStage, tuple[str, ...]] = {RolloutStage.CANARY: (canary,)}
    begun = 0
    for stage, share in _SHARES.items():
        # Everybody so far, the canary among them, makes up the stage's share of all.
        end = min(len(others), max(begun, ceil(share * len(stations)) - 1))
        found[stage] = tuple(others[begun:end])
        begun = end
    return found


def stage_after(stage: RolloutStage, waves: dict[RolloutStage, tuple[str, ...]]) -> RolloutStage:
    """Return the next stage that has stations, DONE after the last."""
    for later in WAVES[WAVES.index(stage) + 1 :]:
        if waves[later]:
            return later
    return RolloutStage.DONE


def canary_lines(rules: RolloutRules, baseline_ratio: float) -> ShiftLines:
    """Return the test that the canary's garments must pass before anybody follows."""
    return shift_lines(
        baseline_ratio=baseline_ratio,
        shift_ratio=rules.shift_ratio,
        false_ratio=rules.canary_false_ratio,
        missed_ratio=rules.missed_ratio,
        most_count=rules.most_canary_garments,
    )


def wave_lines(rules: RolloutRules, baseline_ratio: float) -> ShiftLines:
    """Return the test over all garments of a wave together."""
    return shift_lines(
        baseline_ratio=baseline_ratio,
        shift_ratio=rules.shift_ratio,
        false_ratio=rules.wave_false_ratio,
        missed_ratio=rules.missed_ratio,
        most_count=rules.most_wave_garments,
    )


def station_lines(rules: RolloutRules, baseline_ratio: float, stations_count: int) -> ShiftLines:
    """Return the test that each station of a wave makes by itself while the cloud is away.

    Its part of ``station_false_ratio`` shrinks with the number of stations: a single false alarm
    would stop a wave of twenty.
    """
    return shift_lines(
        baseline_ratio=baseline_ratio,
        shift_ratio=rules.shift_ratio,
        false_ratio=rules.station_false_ratio / max(1, stations_count),
        missed_ratio=rules.missed_ratio,
        most_count=rules.most_canary_garments,
    )


def override_lines(rules: RolloutRules, baseline_ratio: float) -> ShiftLines:
    """Return the test of how often people overrule a stage's verdicts.

    Only its upper line is asked, for as long as the stage lasts: nothing is promoted by it, so it
    needs no end. Staying below, a share that has not risen crosses it in ``override_false_ratio``
    of all rollouts at most, however long it is asked (Wald's bound).
    """
    drawn = shift_lines(
        baseline_ratio=baseline_ratio,
        shift_ratio=max(baseline_ratio, rules.override_shift_ratio),
        false_ratio=rules.override_false_ratio,
        missed_ratio=rules.missed_ratio,
        most_count=rules.most_wave_garments,
    )
    return replace(drawn, lower_count=inf, most_count=sys.maxsize)


def weigh(
    stage: RolloutStage, trials: Sequence[StationTrial], digest: str, tests: StageTests,
    rules: RolloutRules, now: datetime,
) -> Weighing:  # fmt: skip
    """Say whether ``stage`` waits, is left or is halted.

    Args:
        stage: one of ``WAVES``.
        trials: the stations of this stage alone.
        digest: the bundle that is rolled out.
        tests: the canary's or the wave's.
        rules: shares that decide.
        now: to know who is silent past the deadline.

    Raises:
        RolloutInvalidError: the stage holds no stations, or none were given.
    """
    if stage not in WAVES or not trials:
        raise RolloutInvalidError("only a stage with stations is weighed", field="stage")
    committed = sum(
        trial.state is TrialState.COMMITTED and trial.running_digest == digest for trial in trials
    )
    failed = sum(_has_failed(trial, digest, now) for trial in trials)
    away = sum(not trial.online and not _is_settled(trial, digest) for trial in trials)
    garments = sum(trial.garments for trial in trials)
    rejects = sum(trial.rejects for trial in trials)
    overrides = min(garments, sum(trial.overrides for trial in trials))
    shift = tests.rejects.judge(rejects, garments)
    evaluated = len(trials) - away
    seen = Weighing(
        weight=Weight.WAIT, evaluated=evaluated, committed=committed, failed=failed, away=away,
        garments=garments, rejects=rejects, overrides=overrides, shift=shift,
    )  # fmt: skip
    code = _objection(stage, seen, rules)
    if not code and tests.overrides.judge(overrides, garments) is ShiftVerdict.RISEN:
        code = "OVERRIDES_RISEN"
    if code:
        return replace(seen, weight=Weight.HALT, code=code)
    enough = evaluated > 0 and committed >= rules.committed_ratio * evaluated
    decided = stage is not RolloutStage.CANARY or shift is ShiftVerdict.SAME
    return replace(seen, weight=Weight.PROMOTE) if enough and decided else seen


def lost_after(
    passed: Mapping[RolloutStage, Sequence[StationTrial]], digest: str, rules: RolloutRules,
    now: datetime,
) -> str:  # fmt: skip
    """Return why stages that were left speak against the bundle after all; empty: they do not.

    A station that had committed has failed once something else decides there, and once it says
    that it went back; who was not done when its stage was left has its deadline as before. What a
    stage allowed when it was left is what it allows later.
    """
    for stage, trials in passed.items():
        failed = sum(_has_failed(one, digest, now) or _has_left(one, digest) for one in trials)
        away = sum(not one.online and not _is_settled(one, digest) for one in trials)
        if stage is RolloutStage.CANARY:
            allowed = 1.0
        else:
            allowed = max(1.0, rules.failed_ratio * (len(trials) - away))
        if failed >= allowed:
            return "LATE_FAILURE"
    return ""


def _has_left(trial: StationTrial, digest: str) -> bool:
    return trial.state is TrialState.COMMITTED and trial.running_digest not in {"", digest}


def _objection(stage: RolloutStage, seen: Weighing, rules: RolloutRules) -> str:
    if seen.shift is ShiftVerdict.RISEN:
        return "REJECTS_RISEN"
    if stage is RolloutStage.CANARY:
        return "CANARY_FAILED" if seen.failed else ""
    allowed = max(1.0, rules.failed_ratio * seen.evaluated)
    return "STATIONS_FAILED" if seen.failed >= allowed else ""


def _is_settled(trial: StationTrial, digest: str) -> bool:
    return trial.state in _LOST or (
        trial.state is TrialState.COMMITTED and trial.running_digest == digest
    )


def _has_failed(trial: StationTrial, digest: str, now: datetime) -> bool:
    if trial.state in _LOST:
        return True
    return trial.online and not _is_settled(trial, digest) and now >= trial.deadline_at
