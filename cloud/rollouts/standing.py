"""A rollout as it stands, and what its reports ask for next."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import inf, isfinite

from cloud.rollouts.errors import RolloutInvalidError
from cloud.rollouts.rollout import (
    WAVES,
    RolloutRules,
    RolloutStage,
    StageTests,
    StationTrial,
    TrialState,
    Weighing,
    Weight,
    canary_lines,
    lost_after,
    override_lines,
    stage_after,
    wave_lines,
    weigh,
)
from cloud.rollouts.shift_test import ShiftLines, ShiftVerdict

#: What a station counts for: states in which the new bundle decided.
DECIDED = frozenset(
    {TrialState.TRIAL, TrialState.COMMITTED, TrialState.ROLLING_BACK, TrialState.ROLLED_BACK}
)
#: Stages at which a person may still end the rollout.
OPEN = frozenset({*WAVES, RolloutStage.PAUSED})
MOST_STATIONS = 2_000
#: How often people overrule verdicts where nobody has counted it.
USUAL_OVERRIDE_RATIO = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialNumbers:
    """What a station asks of the new bundle; garments, seconds and shares of garments."""

    shadow_garments: int = 200
    shadow_s: float = 1_800.0
    trial_garments: int = 300
    trial_s: float = 3_600.0
    failing_restarts: int = 2
    error_ratio: float = 0.01
    slow_ratio: float = 0.01
    override_ratio: float = 0.1

    def check(self) -> None:
        """Refuse what no station could keep to.

        Raises:
            RolloutInvalidError: a number is below zero or none.
        """
        seconds = (self.shadow_s, self.trial_s)
        ratios = (self.error_ratio, self.slow_ratio, self.override_ratio)
        counts = (self.shadow_garments, self.trial_garments, self.failing_restarts)
        if not all(isfinite(one) and 0 <= one <= 30 * 86_400 for one in seconds):
            raise RolloutInvalidError("times lie between 0 and 30 days", field="trial")
        if not all(0 <= one <= 1 for one in ratios):
            raise RolloutInvalidError("shares lie between 0 and 1", field="trial")
        if not all(0 <= one <= 1_000_000 for one in counts) or self.failing_restarts < 1:
            raise RolloutInvalidError("counts are whole numbers from 0", field="trial")


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutTerms:
    """What a rollout was made with; the baselines are shares of garments."""

    trial: TrialNumbers
    rules: RolloutRules
    baseline_ratio: float
    deadline_s: float
    soak_s: float
    roll_back_halted: bool
    override_baseline_ratio: float = USUAL_OVERRIDE_RATIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What a rollout is made with when nobody says otherwise; ``few`` marks one machine's."""

    trial: TrialNumbers
    deadline_s: float
    soak_s: float
    canary_garments: int
    few: bool


PRODUCTION = Defaults(
    trial=TrialNumbers(),
    deadline_s=86_400.0,
    soak_s=3_600.0,
    canary_garments=RolloutRules().most_canary_garments,
    few=False,
)
#: A floor on one machine sees few garments in a day: so few that they prove little.
ONE_MACHINE = Defaults(
    trial=TrialNumbers(shadow_garments=20, shadow_s=0.0, trial_garments=20, trial_s=0.0),
    deadline_s=28_800.0,
    soak_s=0.0,
    canary_garments=20,
    few=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A rollout. ``paused_stage`` is where it goes on; ``code`` says why it ended early."""

    rollout_id: str
    model_digest: str
    name: str
    version: str
    stage: RolloutStage
    canary_station_id: str
    terms: RolloutTerms
    created_by: str
    created_at: datetime
    stage_at: datetime
    approved_by: str = ""
    approved_at: datetime | None = None
    paused_stage: RolloutStage | None = None
    paused_at: datetime | None = None
    shift: ShiftVerdict = ShiftVerdict.UNDECIDED
    code: str = ""
    reason: str = ""

    @property
    def weighed_stage(self) -> RolloutStage | None:
        """Return the stage whose stations are looked at; ``None`` outside of the waves."""
        stage = self.paused_stage if self.stage is RolloutStage.PAUSED else self.stage
        return stage if stage in WAVES else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """A station in a rollout, with what it reported last.

    ``garments`` and ``rejects`` are those that the new bundle decided, ``overrides`` those on which
    people said otherwise. ``withdrawn`` says that it is wished the bundle of before again.
    """

    station_id: str
    station_name: str
    wave: RolloutStage
    online: bool
    state: TrialState | None = None
    code: str = ""
    running_digest: str = ""
    previous_digest: str = ""
    garments: int = 0
    rejects: int = 0
    errors: int = 0
    overrides: int = 0
    shadow_garments: int = 0
    assigned_at: datetime | None = None
    deadline_at: datetime | None = None
    reported_at: datetime | None = None
    withdrawn: bool = False

    def is_settled(self, digest: str) -> bool:
        """Say whether nothing more is to come of it."""
        lost = {
            TrialState.ROLLING_BACK, TrialState.ROLLED_BACK, TrialState.REJECTED, TrialState.FAILED,
        }  # fmt: skip
        return self.state in lost or self.has_committed(digest)

    def has_committed(self, digest: str) -> bool:
        """Say whether it works with the bundle, by the word of the process that decides."""
        return self.state is TrialState.COMMITTED and self.running_digest == digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done about a rollout now.

    ``extended`` are stations that were away when their time ended: it begins anew.
    """

    next_stage: RolloutStage
    code: str = ""
    shift: ShiftVerdict = ShiftVerdict.UNDECIDED
    weighing: Weighing | None = None
    extended: tuple[str, ...] = ()


def tests_of(rollout: Rollout, stage: RolloutStage) -> StageTests:
    """Return what a stage's garments are asked."""
    terms = rollout.terms
    return StageTests(
        rejects=lines_of(rollout, stage),
        overrides=override_lines(terms.rules, terms.override_baseline_ratio),
    )


def lines_of(rollout: Rollout, stage: RolloutStage) -> ShiftLines:
    """Return the test of a stage's garments."""
    terms = rollout.terms
    draw = canary_lines if stage is RolloutStage.CANARY else wave_lines
    return draw(terms.rules, terms.baseline_ratio)


def waves_in(participants: Sequence[Participant]) -> dict[RolloutStage, tuple[str, ...]]:
    """Return the stations of each stage."""
    return {
        wave: tuple(one.station_id for one in participants if one.wave is wave) for wave in WAVES
    }


def planned(rollout: Rollout, participants: Sequence[Participant], now: datetime) -> Plan:
    """Say what the reports ask for; the same reports give the same answer."""
    if rollout.stage is RolloutStage.ROLLING_BACK:
        return _going_back(rollout, participants)
    stage = rollout.weighed_stage
    if stage is None:
        return Plan(next_stage=rollout.stage, code=rollout.code, shift=rollout.shift)
    # A pause takes no station's time.
    moment = rollout.paused_at or now
    begun = [one for one in participants if one.assigned_at is not None]
    here = [one for one in begun if one.wave is stage]
    tests = tests_of(rollout, stage)
    if rollout.shift is ShiftVerdict.SAME:
        # The first verdict holds, whatever comes after it.
        same = replace(tests.rejects, upper_count=inf, lower_count=-inf)
        tests = replace(tests, rejects=same)
    digest, rules = rollout.model_digest, rollout.terms.rules
    weighing = weigh(stage, [_trial(one) for one in here], digest, tests, rules, moment)
    plan = Plan(
        next_stage=rollout.stage,
        shift=weighing.shift,
        weighing=weighing,
        extended=tuple(
            one.station_id
            for one in begun
            if not one.online
            and not one.is_settled(digest)
            and one.deadline_at is not None
            and one.deadline_at <= moment
        ),
    )
    passed = {
        wave: [_trial(one) for one in begun if one.wave is wave]
        for wave in WAVES[: WAVES.index(stage)]
    }
    if code := weighing.code or lost_after(passed, digest, rules, moment):
        return replace(plan, next_stage=RolloutStage.HALTED, code=code)
    if weighing.weight is not Weight.PROMOTE or rollout.stage is RolloutStage.PAUSED:
        return plan
    if now < rollout.stage_at + timedelta(seconds=rollout.terms.soak_s):
        return plan
    return replace(plan, next_stage=stage_after(stage, waves_in(participants)))


def is_due(rollout: Rollout, plan: Plan) -> bool:
    """Say whether there is anything to write down."""
    return bool(
        plan.next_stage is not rollout.stage or plan.extended or plan.shift is not rollout.shift
    )


def _going_back(rollout: Rollout, participants: Sequence[Participant]) -> Plan:
    waiting = [
        one
        for one in participants
        if one.assigned_at is not None and one.online and one.running_digest == rollout.model_digest
    ]
    stage = RolloutStage.ROLLING_BACK if waiting else RolloutStage.HALTED
    return Plan(next_stage=stage, code=rollout.code, shift=rollout.shift)


def _trial(one: Participant) -> StationTrial:
    if one.deadline_at is None:
        raise RolloutInvalidError("a station without a deadline", field="deadline_at")
    return StationTrial(
        station_id=one.station_id,
        state=one.state or TrialState.ASSIGNED,
        running_digest=one.running_digest,
        online=one.online,
        garments=one.garments,
        rejects=min(one.rejects, one.garments),
        overrides=min(one.overrides, one.garments),
        deadline_at=one.deadline_at,
    )
