"""A candidate's way to deciding and back, step by step and by chance."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cloud.rollouts import rollout
from cloud.rollouts.rollout import RolloutRules, station_lines
from edge.model_bundles.trial import (
    ENDED,
    Assigned,
    Failed,
    Happening,
    Judged,
    Moved,
    Overridden,
    Reached,
    Recalled,
    Slots,
    Started,
    TrialRules,
    TrialState,
    WentBack,
    after,
)

pytestmark = pytest.mark.requirement("ROL")
OLD, NEW, OTHER = "a" * 64, "b" * 64, "c" * 64
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LINES = station_lines(RolloutRules(), 0.05, 40)
QUICK = TrialRules(
    shadow_garments=20,
    shadow_s=0,
    trial_garments=30,
    trial_s=0,
    slope_ratio=LINES.slope_ratio,
    upper_count=LINES.upper_count,
)
WISH = Assigned(digest=NEW, generation=1, rollout_id="rol_1", rules=QUICK)
GOOD, REJECTED = Judged(rejected=False), Judged(rejected=True)
STEPS = ("DOWNLOADING", "VERIFIED", "STAGED", "SELF_TEST", "SHADOW")


def at(slots: Slots, *happenings: Happening, now: datetime = NOW) -> Slots:
    for happening in happenings:
        slots = after(slots, happening, now)
    return slots


def step(name: str, counter: int = 7) -> Reached:
    return Reached(state=TrialState(name), release_counter=counter)


def prepared(until: str = "SHADOW", wish: Assigned = WISH) -> Slots:
    steps = STEPS[: STEPS.index(until) + 1]
    return at(Slots(current=OLD, release_counter=5), wish, *[step(name) for name in steps])


def in_trial() -> Slots:
    return at(prepared(), *[GOOD] * 20)


def state(slots: Slots) -> str:
    assert slots.trial is not None
    return slots.trial.state.value


def reason(slots: Slots) -> str:
    assert slots.trial is not None
    return slots.trial.reason


def test_cloud_and_station_call_the_states_alike() -> None:
    assert [one.value for one in rollout.TrialState] == [one.value for one in TrialState]


def test_a_good_bundle_decides_at_last_and_the_old_one_stays_beside_it() -> None:
    beside = prepared()
    assert (state(beside), beside.deciding) == ("SHADOW", OLD)
    trial = in_trial()
    assert (state(trial), trial.deciding, trial.current) == ("TRIAL", NEW, OLD)
    done = at(trial, *[GOOD] * 30)
    assert (state(done), done.deciding, done.current, done.previous) == (
        "COMMITTED", NEW, NEW, OLD,
    )  # fmt: skip
    assert done.release_counter == 7


def test_garments_alone_are_not_enough_while_time_is_asked() -> None:
    wish = replace(WISH, rules=replace(QUICK, shadow_s=1_800, trial_s=3_600))
    early = at(prepared(wish=wish), *[GOOD] * 500)
    assert state(early) == "SHADOW"
    later = at(early, GOOD, now=NOW + timedelta(minutes=30))
    assert state(later) == "TRIAL"
    assert state(at(later, *[GOOD] * 500, now=NOW + timedelta(minutes=89))) == "TRIAL"
    assert state(at(later, *[GOOD] * 30, now=NOW + timedelta(minutes=90))) == "COMMITTED"


@pytest.mark.parametrize("until", STEPS)
def test_a_failure_before_the_trial_leaves_the_deciding_bundle_alone(until: str) -> None:
    found = at(prepared(until), Failed(reason="SELF_TEST_NAN"))
    assert (state(found), reason(found), found.deciding) == ("FAILED", "SELF_TEST_NAN", OLD)
    assert found.quarantined == ()


def test_a_failed_bundle_is_installed_again_when_it_is_wished_again() -> None:
    failed = at(prepared("DOWNLOADING"), Failed(reason="DISK_FULL"))
    assert state(at(failed, WISH)) == "FAILED"
    assert state(at(failed, replace(WISH, generation=2))) == "ASSIGNED"


def test_a_failure_in_the_trial_goes_back_and_is_remembered() -> None:
    back = at(in_trial(), Failed(reason="CHILD_DIED"))
    assert (state(back), back.deciding) == ("ROLLING_BACK", OLD)
    done = at(back, WentBack())
    assert (state(done), done.deciding, done.quarantined) == ("ROLLED_BACK", OLD, (NEW,))
    again = at(done, replace(WISH, generation=2))
    assert (state(again), reason(again), again.deciding) == ("REJECTED", "QUARANTINED", OLD)


@pytest.mark.parametrize(
    ("garments", "code"),
    [
        ([REJECTED] * 30, "REJECTS_RISEN"),
        ([Judged(rejected=False, failed=True)] * 2, "INFERENCE_ERRORS"),
        ([Judged(rejected=False, slow=True)] * 2, "TOO_SLOW"),
        ([GOOD, Overridden()] * 4, "OVERRIDES_RISEN"),
    ],
)
def test_what_is_counted_in_a_trial_ends_it(garments: Sequence[Happening], code: str) -> None:
    found = at(in_trial(), *garments)
    assert (state(found), reason(found), found.deciding) == ("ROLLING_BACK", code, OLD)


def test_an_all_rejecting_bundle_never_decides_a_garment() -> None:
    wish = replace(WISH, rules=replace(QUICK, shadow_garments=40))
    found = at(prepared(wish=wish), *[REJECTED] * 39)
    assert (state(found), reason(found), found.deciding) == ("FAILED", "REJECTS_RISEN", OLD)


def test_the_second_restart_ends_a_trial_and_restarts_elsewhere_end_nothing() -> None:
    once = at(in_trial(), Started())
    assert (state(once), once.deciding) == ("TRIAL", NEW)
    twice = at(once, Started())
    assert (state(twice), reason(twice), twice.deciding) == (
        "ROLLING_BACK", "PROCESS_RESTARTED", OLD,
    )  # fmt: skip
    assert state(at(twice, Started(), Started())) == "ROLLING_BACK"
    for until in STEPS:
        assert state(at(prepared(until), *[Started()] * 9)) == until
    calm = Slots(current=OLD)
    assert at(calm, *[Started()] * 9) == calm
    committed = at(in_trial(), *[GOOD] * 30)
    assert at(committed, *[Started()] * 9) == committed


def test_a_shadow_counts_anew_after_a_restart() -> None:
    found = at(prepared(), *[GOOD] * 19, Started(), GOOD)
    assert found.trial is not None
    assert (state(found), found.trial.tally.garments) == ("SHADOW", 1)


def test_an_older_release_is_refused_unless_it_is_allowed_by_name() -> None:
    wished = at(Slots(current=OLD, release_counter=9), WISH, step("DOWNLOADING"))
    refused = at(wished, step("VERIFIED", 8))
    assert (state(refused), reason(refused)) == ("FAILED", "RELEASE_OLDER")
    allowed = Reached(state=TrialState.VERIFIED, release_counter=8, allowed_rollbacks=(OTHER, NEW))
    found = at(wished, allowed)
    assert (state(found), found.release_counter) == ("VERIFIED", 9)


def test_steps_come_one_after_another_or_not_at_all() -> None:
    for name in ("VERIFIED", "STAGED", "SELF_TEST", "SHADOW", "TRIAL", "COMMITTED", "ASSIGNED"):
        assert state(at(Slots(current=OLD), WISH, step(name))) == "ASSIGNED"
    assert at(in_trial(), step("COMMITTED")) == in_trial()


def test_an_older_or_equal_generation_changes_nothing() -> None:
    running = in_trial()
    assert at(running, WISH, replace(WISH, digest=OTHER, generation=0)) == running


def test_another_wish_ends_a_running_trial_first_and_is_taken_up_when_it_comes_again() -> None:
    other = Assigned(digest=OTHER, generation=2, rollout_id="rol_2", rules=QUICK)
    ending = at(in_trial(), other)
    assert (state(ending), reason(ending)) == ("ROLLING_BACK", "SUPERSEDED")
    back = at(ending, other, WentBack())
    assert back.quarantined == ()
    taken = at(back, other)
    assert taken.trial is not None
    assert (taken.trial.digest, state(taken), taken.deciding) == (OTHER, "ASSIGNED", OLD)


def test_the_same_wish_under_a_newer_number_lets_the_trial_run() -> None:
    found = at(in_trial(), replace(WISH, generation=4))
    assert (state(found), found.generation) == ("TRIAL", 4)


def test_wishing_what_decides_already_ends_the_way_without_a_trial() -> None:
    found = at(prepared("STAGED"), replace(WISH, digest=OLD, generation=2))
    assert (found.trial, found.deciding, found.generation) == (None, OLD, 2)


def test_the_bundle_before_comes_back_at_once_when_it_is_recalled() -> None:
    committed = at(in_trial(), *[GOOD] * 30)
    back = at(committed, Recalled(digest=OLD, generation=2))
    assert (back.current, back.previous, back.trial, back.release_counter) == (OLD, NEW, None, 7)
    assert at(back, Recalled(digest=NEW, generation=2)) == back
    gone = at(committed, Recalled(digest=OLD, generation=2, opens=False))
    assert (state(gone), reason(gone), gone.deciding) == ("REJECTED", "BUNDLE_ABSENT", NEW)
    strange = at(committed, Recalled(digest=OTHER, generation=2))
    assert (state(strange), strange.deciding) == ("REJECTED", NEW)


def test_a_recall_ends_a_running_trial_first_and_a_shadow_at_once() -> None:
    recall = Recalled(digest=OLD, generation=2)
    ending = at(in_trial(), recall)
    assert (state(ending), reason(ending)) == ("ROLLING_BACK", "SUPERSEDED")
    settled = at(ending, WentBack(), recall)
    assert (settled.trial, settled.deciding, settled.generation) == (None, OLD, 2)
    assert at(prepared(), recall).trial is None


def test_a_shadow_of_no_garments_and_no_time_is_none() -> None:
    wish = replace(WISH, rules=replace(QUICK, shadow_garments=0))
    found = at(prepared(wish=wish))
    assert (state(found), found.deciding) == ("TRIAL", NEW)
    timed = replace(WISH, rules=replace(QUICK, shadow_garments=0, shadow_s=60))
    assert state(prepared(wish=timed)) == "SHADOW"


def test_a_candidate_that_passes_what_the_old_one_rejects_never_decides() -> None:
    both, missed = (
        Judged(rejected=True, old_rejected=True),
        Judged(rejected=False, old_rejected=True),
    )
    found = at(prepared(), both, both, both, missed, missed, missed)
    assert state(found) == "SHADOW"
    found = at(found, missed)
    assert (state(found), reason(found)) == ("FAILED", "REJECTS_MISSED")


def test_a_trial_too_short_for_the_line_commits_nothing_that_only_rejects() -> None:
    short = replace(WISH, rules=replace(QUICK, shadow_garments=0, trial_garments=3))
    found = at(prepared(wish=short), *[REJECTED] * 3)
    assert (state(found), reason(found)) == ("ROLLING_BACK", "REJECTS_ALL")
    assert state(at(prepared(wish=short), REJECTED, REJECTED, GOOD)) == "COMMITTED"


def test_a_candidate_that_ends_its_process_again_and_again_is_given_up() -> None:
    for until in ("SELF_TEST", "SHADOW"):
        found = at(prepared(until), *[Started()] * 10)
        assert (state(found), reason(found), found.deciding) == (
            "FAILED", "PROCESS_RESTARTED", OLD,
        )  # fmt: skip
    fresh = at(prepared(), *[Started()] * 9, *[GOOD] * 20)
    assert fresh.trial is not None
    assert (state(fresh), fresh.trial.restarts) == ("TRIAL", 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"upper_count": 0.0},
        {"slope_ratio": float("nan")},
        {"trial_s": -1.0},
        {"trial_garments": -1},
        {"failing_restarts": 0},
        {"error_ratio": float("inf")},
    ],
)
def test_rules_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    rules = replace(QUICK, **wrong)  # type: ignore[arg-type]
    found = at(Slots(current=OLD), replace(WISH, rules=rules))
    assert (state(found), reason(found)) == ("REJECTED", "RULES_INVALID")


def test_whatever_happens_one_whole_bundle_decides_and_the_way_ends() -> None:
    """Three hundred floors with failures and power cuts at random; then nothing but garments."""
    ends = set()
    for seed in range(300):
        chance = random.Random(seed)  # noqa: S311  repeatable on purpose
        slots, seen = at(Slots(current=OLD, release_counter=5), WISH), {OLD}
        for _ in range(chance.randrange(120)):
            slots = at(slots, _anything(chance))
            assert slots.deciding in {OLD, NEW}
            assert slots.current in {OLD, NEW}
            if slots.deciding == NEW and NEW not in seen:
                assert state(slots) == "TRIAL"
                seen.add(NEW)
        slots = _left_alone(slots)
        assert slots.trial is not None
        assert slots.trial.state in ENDED
        decides = NEW if slots.trial.state is TrialState.COMMITTED else OLD
        assert slots.deciding == slots.current == decides
        ends.add(slots.trial.state)
    assert ends == {TrialState.COMMITTED, TrialState.ROLLED_BACK, TrialState.FAILED}


def _anything(chance: random.Random) -> Happening:
    steps = [step(name) for name in (*STEPS, *STEPS, *STEPS, *STEPS)]
    rare: list[Happening] = [Started(), Overridden(), REJECTED, WentBack(), Failed(reason="X")]
    return chance.choice([*steps, *[GOOD] * 30, *rare])


def _left_alone(slots: Slots) -> Slots:
    """Do what a station does next, until nothing is left to do."""
    for _ in range(200):
        assert slots.trial is not None
        if slots.trial.state in ENDED:
            break
        following = [*("ASSIGNED", *STEPS)]
        name = slots.trial.state.value
        if name in following[:-1]:
            slots = at(slots, step(following[following.index(name) + 1]))
        else:
            slots = at(slots, WentBack() if name == "ROLLING_BACK" else GOOD)
    return slots


def test_a_station_that_moved_counts_generations_and_releases_anew() -> None:
    here = at(Slots(current=OLD, release_counter=5), Moved(station_id="sta_1"))
    assert (here.station_id, here.release_counter) == ("sta_1", 5)  # an older record is ours
    failed = at(here, replace(WISH, generation=9), Failed(reason="SELF_TEST_NAN"))
    stays = at(failed, Moved(station_id="sta_1"), Moved(station_id=""))
    assert stays == failed
    moved = at(failed, Moved(station_id="sta_2"))
    assert (moved.generation, moved.release_counter, moved.trial) == (0, 0, None)
    assert state(at(moved, WISH, *[step(name, counter=1) for name in STEPS])) == "SHADOW"


def test_a_trial_of_before_ends_before_a_station_that_moved_begins_anew() -> None:
    trial = replace(in_trial(), station_id="sta_1")
    ending = at(trial, Moved(station_id="sta_2"))
    assert (state(ending), reason(ending), ending.deciding) == ("ROLLING_BACK", "SUPERSEDED", OLD)
    moved = at(ending, WentBack(), Moved(station_id="sta_2"))
    assert (moved.deciding, moved.trial, moved.quarantined) == (OLD, None, ())
