"""A station's way from an assigned bundle to one that decides, and back.

::

    ASSIGNED → DOWNLOADING → VERIFIED → STAGED → SELF_TEST → SHADOW → TRIAL → COMMITTED
        └ REJECTED    any failure before TRIAL → FAILED; the deciding bundle was never touched
                      a failure in TRIAL → ROLLING_BACK → ROLLED_BACK; quarantined here

`after` gives the next `Slots`; it reads no clock and keeps nothing. Whoever calls it writes the
answer down durably **before** acting on it, so a power cut at any point finds a state from which
to go on: what was begun before TRIAL is begun again, a TRIAL remembers that it was begun anew.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import isfinite


class TrialState(StrEnum):
    """Where the candidate stands."""

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


ENDED = frozenset(
    {TrialState.COMMITTED, TrialState.ROLLED_BACK, TrialState.REJECTED, TrialState.FAILED}
)
_PREPARING = (
    TrialState.ASSIGNED, TrialState.DOWNLOADING, TrialState.VERIFIED, TrialState.STAGED,
    TrialState.SELF_TEST, TrialState.SHADOW,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRules:
    """What a rollout asks of a station; numbers of garments, seconds and shares.

    ``slope_ratio`` and ``upper_count`` draw the line that rejects must not cross: so many rejects
    more than ``slope_ratio`` times the garments, and the share has risen. Whoever rolls out draws
    it from the style's own share of rejects, so it has no default.
    """

    shadow_garments: int = 200
    shadow_s: float = 1_800.0
    trial_garments: int = 300
    trial_s: float = 3_600.0
    failing_restarts: int = 2
    error_ratio: float = 0.01
    slow_ratio: float = 0.01
    override_ratio: float = 0.1
    slope_ratio: float
    upper_count: float


OWN_RULES = TrialRules(
    shadow_garments=20,
    shadow_s=0.0,
    trial_garments=20,
    trial_s=0.0,
    slope_ratio=0.1,
    upper_count=6.0,
)
"""By which a wish is tried that brings no numbers."""
TELLING_COUNT = 3
"""So many garments in a row say something of a bundle."""
MISSED_COUNT = 3
"""So many garments that only the old one rejects, and more than half of those, end a candidate."""
RESTARTS_BEFORE = 10
"""So many starts while a candidate is tested or judges beside end it: it may be what ends them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What was counted over live garments; ``since`` is when counting began."""

    since: datetime
    garments: int = 0
    rejects: int = 0
    errors: int = 0
    slow: int = 0
    overrides: int = 0
    old_rejects: int = 0
    missed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A candidate. ``restarts`` counts how often its deciding process began anew in TRIAL."""

    digest: str
    release_counter: int
    generation: int
    rollout_id: str
    state: TrialState
    rules: TrialRules
    tally: Tally
    reason: str = ""
    restarts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """The bundles of a station: the one that decides, the one before, and a candidate.

    ``release_counter`` is the highest that was ever verified here, whatever the bundle's name; a
    lower one than that of its name is refused, whatever is asked, unless the signed manifest of the
    newer bundle allows it by name. Both it and generations were counted as ``station_id``.
    """

    current: str
    previous: str = ""
    release_counter: int = 0
    generation: int = 0
    trial: Trial | None = None
    quarantined: tuple[str, ...] = field(default=())
    station_id: str = ""

    @property
    def deciding(self) -> str:
        """Return the digest of the bundle whose verdict counts now."""
        if self.trial is not None and self.trial.state is TrialState.TRIAL:
            return self.trial.digest
        return self.current


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """The cloud wishes this bundle."""

    digest: str
    generation: int
    rollout_id: str
    rules: TrialRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """The cloud wishes the bundle back that decided here before; it is not tried again.

    That installs nothing: it was verified, tried and committed at this station. ``opens`` says
    that it still does.
    """

    digest: str
    generation: int
    opens: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The station is known to the cloud as ``station_id`` now, in whichever organization."""

    station_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A preparing step is done: DOWNLOADING, VERIFIED, STAGED, SELF_TEST or SHADOW begins.

    ``lowest_counter`` is the lowest ``release_counter`` that a bundle of this name may have; where
    nobody says so, the highest of all names.
    """

    state: TrialState
    release_counter: int = 0
    lowest_counter: int | None = None
    allowed_rollbacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Something went wrong with the candidate; ``reason`` is a code."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The candidate judged a live garment: beside the old one in SHADOW, alone in TRIAL.

    ``old_rejected`` says what the old one made of it, where it looked too. A garment that the
    camera spoilt is not told: it says nothing about the network.
    """

    rejected: bool
    failed: bool = False
    slow: bool = False
    old_rejected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Overridden:
    """A person overruled the candidate's verdict in TRIAL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The deciding process began, after whatever ended the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WentBack:
    """The old bundle decides again: its session answers."""


Happening = (
    Assigned | Recalled | Moved | Reached | Failed | Judged | Overridden | Started | WentBack
)


def after(slots: Slots, happening: Happening, now: datetime) -> Slots:
    """Return the slots after ``happening``; what does not belong to the state changes nothing."""
    if isinstance(happening, Moved | Assigned | Recalled):
        return _wished(slots, happening, now)
    if slots.trial is None or slots.trial.state in ENDED:
        return slots
    match happening:
        case Reached():
            return _reached(slots, slots.trial, happening, now)
        case Judged() | Overridden():
            return _counted(slots, slots.trial, happening, now)
        case _:
            return _interrupted(slots, slots.trial, happening, now)


def _wished(slots: Slots, wish: Moved | Assigned | Recalled, now: datetime) -> Slots:
    if isinstance(wish, Moved):
        return _moved(slots, wish)
    if isinstance(wish, Assigned):
        return _assigned(slots, wish, now)
    return _recalled(slots, wish, now)


def _moved(slots: Slots, move: Moved) -> Slots:
    """Count generations and releases anew; what decides goes on, what failed stays refused.

    A record from before it named a station is taken for this one's.
    """
    if not move.station_id or move.station_id == slots.station_id:
        return slots
    if not slots.station_id:
        return replace(slots, station_id=move.station_id)
    if slots.trial is not None and slots.trial.state in {TrialState.TRIAL, TrialState.ROLLING_BACK}:
        # Another organization's trial ends before anything of this one begins.
        return _failed(slots, slots.trial, "SUPERSEDED")
    return replace(slots, generation=0, release_counter=0, trial=None, station_id=move.station_id)


def _assigned(slots: Slots, wish: Assigned, now: datetime) -> Slots:
    """Take up a newer wish; the same or an older one changes nothing, however often it comes."""
    if wish.generation <= slots.generation:
        return slots
    if slots.trial is not None and slots.trial.state in {TrialState.TRIAL, TrialState.ROLLING_BACK}:
        # Whoever wishes something else while a trial runs ends it first, and is heard again.
        if wish.digest == slots.trial.digest:
            return replace(
                slots,
                generation=wish.generation,
                trial=replace(slots.trial, generation=wish.generation),
            )
        return _failed(slots, slots.trial, "SUPERSEDED")
    slots = replace(slots, generation=wish.generation)
    if wish.digest == slots.current:
        return replace(slots, trial=None)
    trial = Trial(
        digest=wish.digest,
        release_counter=0,
        generation=wish.generation,
        rollout_id=wish.rollout_id,
        state=TrialState.ASSIGNED,
        rules=wish.rules,
        tally=Tally(since=now),
    )
    if wish.digest in slots.quarantined:
        trial = replace(trial, state=TrialState.REJECTED, reason="QUARANTINED")
    elif objection := _objection(wish.rules):
        trial = replace(trial, state=TrialState.REJECTED, reason=objection)
    return replace(slots, trial=trial)


def _recalled(slots: Slots, wish: Recalled, now: datetime) -> Slots:
    """End whatever is tried, and let the bundle before decide where it is not the one that does."""
    if wish.generation <= slots.generation:
        return slots
    if slots.trial is not None and slots.trial.state in {TrialState.TRIAL, TrialState.ROLLING_BACK}:
        return _failed(slots, slots.trial, "SUPERSEDED")
    slots = replace(slots, generation=wish.generation)
    if wish.digest == slots.current:
        return replace(slots, trial=None)
    if wish.opens and wish.digest == slots.previous:
        return replace(slots, current=slots.previous, previous=slots.current, trial=None)
    refused = Trial(
        digest=wish.digest,
        release_counter=0,
        generation=wish.generation,
        rollout_id="",
        state=TrialState.REJECTED,
        rules=OWN_RULES,
        tally=Tally(since=now),
        reason="BUNDLE_ABSENT",
    )
    return replace(slots, trial=refused)


def _objection(rules: TrialRules) -> str:
    numbers = (
        rules.shadow_s, rules.trial_s, rules.error_ratio, rules.slow_ratio,
        rules.override_ratio, rules.slope_ratio, rules.upper_count,
    )  # fmt: skip
    if not all(isfinite(number) and number >= 0 for number in numbers):
        return "RULES_INVALID"
    counts = (rules.shadow_garments, rules.trial_garments, rules.failing_restarts - 1)
    return "RULES_INVALID" if min(counts) < 0 or rules.upper_count <= 0 else ""


def _reached(slots: Slots, trial: Trial, step: Reached, now: datetime) -> Slots:
    if trial.state not in _PREPARING or step.state not in _PREPARING:
        return slots
    here, there = _PREPARING.index(trial.state), _PREPARING.index(step.state)
    if there != here + 1:
        return slots
    if step.state is not TrialState.VERIFIED:
        state, rules = step.state, trial.rules
        if state is TrialState.SHADOW and rules.shadow_garments == 0 and rules.shadow_s == 0:
            state, trial = TrialState.TRIAL, replace(trial, restarts=0)
        return replace(slots, trial=replace(trial, state=state, tally=Tally(since=now)))
    allowed = trial.digest in step.allowed_rollbacks
    lowest = step.lowest_counter
    if lowest is None:
        lowest = slots.release_counter
    if step.release_counter < lowest and not allowed:
        return _failed(slots, trial, "RELEASE_OLDER")
    return replace(
        slots,
        release_counter=max(slots.release_counter, step.release_counter),
        trial=replace(trial, state=step.state, release_counter=step.release_counter),
    )


def _failed(slots: Slots, trial: Trial, reason: str) -> Slots:
    """End the candidate: at once before TRIAL, over ROLLING_BACK during it."""
    if trial.state is TrialState.ROLLING_BACK:
        return slots
    state = TrialState.ROLLING_BACK if trial.state is TrialState.TRIAL else TrialState.FAILED
    return replace(slots, trial=replace(trial, state=state, reason=reason))


def _interrupted(
    slots: Slots, trial: Trial, happening: Failed | Started | WentBack, now: datetime
) -> Slots:
    if isinstance(happening, Failed):
        return _failed(slots, trial, happening.reason)
    if isinstance(happening, Started):
        return _started(slots, trial, now)
    return _went_back(slots, trial)


def _counted(slots: Slots, trial: Trial, seen: Judged | Overridden, now: datetime) -> Slots:
    tally = trial.tally
    if isinstance(seen, Overridden):
        if trial.state is not TrialState.TRIAL:
            return slots
        tally = replace(tally, overrides=tally.overrides + 1)
    elif trial.state in {TrialState.SHADOW, TrialState.TRIAL}:
        tally = replace(
            tally,
            garments=tally.garments + 1,
            rejects=tally.rejects + seen.rejected,
            errors=tally.errors + seen.failed,
            slow=tally.slow + seen.slow,
            old_rejects=tally.old_rejects + seen.old_rejected,
            missed=tally.missed + (seen.old_rejected and not seen.rejected),
        )
    else:
        return slots
    return _weighed(slots, replace(trial, tally=tally), now)


def _weighed(slots: Slots, trial: Trial, now: datetime) -> Slots:
    slots = replace(slots, trial=trial)
    if reason := _complaint(trial):
        return _failed(slots, trial, reason)
    rules, tally = trial.rules, trial.tally
    lasted = now - tally.since
    shadow = trial.state is TrialState.SHADOW
    asked = rules.shadow_garments if shadow else rules.trial_garments
    asked_s = rules.shadow_s if shadow else rules.trial_s
    if tally.garments < asked or lasted < timedelta(seconds=asked_s):
        return slots
    if tally.rejects == tally.garments >= TELLING_COUNT:
        # A short trial may end before the line is crossed; nothing but rejects is no bundle.
        return _failed(slots, trial, "REJECTS_ALL")
    if shadow:
        fresh = replace(trial, state=TrialState.TRIAL, tally=Tally(since=now), restarts=0)
        return replace(slots, trial=fresh)
    return replace(
        slots,
        current=trial.digest,
        previous=slots.current,
        trial=replace(trial, state=TrialState.COMMITTED),
    )


def _complaint(trial: Trial) -> str:
    """Return why the counts so far speak against the candidate; empty when they do not."""
    rules, tally = trial.rules, trial.tally
    allowed = {
        "INFERENCE_ERRORS": (tally.errors, rules.error_ratio),
        "TOO_SLOW": (tally.slow, rules.slow_ratio),
        "OVERRIDES_RISEN": (tally.overrides, rules.override_ratio),
    }
    asked = rules.shadow_garments if trial.state is TrialState.SHADOW else rules.trial_garments
    for reason, (count, ratio) in allowed.items():
        # Against the garments that are asked for: one early error is not a hundred percent.
        if count > ratio * max(asked, tally.garments):
            return reason
    if tally.missed >= MISSED_COUNT and tally.missed > tally.old_rejects / 2:
        return "REJECTS_MISSED"
    over = tally.rejects - rules.slope_ratio * tally.garments
    return "REJECTS_RISEN" if over >= rules.upper_count else ""


def _started(slots: Slots, trial: Trial, now: datetime) -> Slots:
    """Go on after an end that nobody told: only a TRIAL pays for it with one of its starts."""
    if trial.state is TrialState.TRIAL:
        trial = replace(trial, restarts=trial.restarts + 1)
        slots = replace(slots, trial=trial)
        if trial.restarts >= trial.rules.failing_restarts:
            return _failed(slots, trial, "PROCESS_RESTARTED")
        return slots
    if trial.state in {TrialState.SELF_TEST, TrialState.SHADOW}:
        # Garments that were judged beside by a process that is gone prove nothing of this one.
        trial = replace(trial, restarts=trial.restarts + 1, tally=Tally(since=now))
        slots = replace(slots, trial=trial)
        if trial.restarts >= RESTARTS_BEFORE:
            return _failed(slots, trial, "PROCESS_RESTARTED")
    return slots


def _went_back(slots: Slots, trial: Trial) -> Slots:
    if trial.state is not TrialState.ROLLING_BACK:
        return slots
    quarantined = slots.quarantined
    if trial.reason != "SUPERSEDED":
        quarantined = tuple(sorted({*quarantined, trial.digest}))
    return replace(
        slots,
        quarantined=quarantined,
        trial=replace(trial, state=TrialState.ROLLED_BACK),
    )
