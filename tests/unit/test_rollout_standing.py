"""What the reports of a rollout ask for next."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf

import numpy as np
import pytest

from cloud.rollouts.bundle import read_manifest
from cloud.rollouts.errors import ModelBundleInvalidError, RolloutInvalidError
from cloud.rollouts.rollout import RolloutRules, RolloutStage, TrialState, canary_lines
from cloud.rollouts.shift_test import ShiftVerdict
from cloud.rollouts.standing import (
    ONE_MACHINE,
    PRODUCTION,
    Participant,
    Rollout,
    RolloutTerms,
    TrialNumbers,
    is_due,
    planned,
)

pytestmark = pytest.mark.requirement("ROL")
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DIGEST = "d" * 64


def rollout(stage: RolloutStage, **more: object) -> Rollout:
    terms = RolloutTerms(
        trial=ONE_MACHINE.trial,
        rules=RolloutRules(most_canary_garments=20),
        baseline_ratio=0.05,
        deadline_s=3600.0,
        soak_s=0.0,
        roll_back_halted=True,
    )
    made = Rollout(
        rollout_id="rol", model_digest=DIGEST, name="cotton", version="1", stage=stage,
        canary_station_id="a", terms=terms, created_by="lead", created_at=NOW, stage_at=NOW,
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def station(name: str, wave: RolloutStage, state: TrialState | None, **more: object) -> Participant:
    made = Participant(
        station_id=name, station_name=name, wave=wave, online=True, state=state,
        running_digest=DIGEST if state is TrialState.COMMITTED else "0" * 64,
        assigned_at=NOW, deadline_at=NOW + timedelta(hours=1), garments=20,
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def test_empty_waves_are_passed_over_and_the_last_one_ends_it() -> None:
    canary = station("a", RolloutStage.CANARY, TrialState.COMMITTED)
    last = station("b", RolloutStage.WAVE_100, None, assigned_at=None)
    assert planned(rollout(RolloutStage.CANARY), [canary, last], NOW).next_stage is (
        RolloutStage.WAVE_100
    )
    assert planned(rollout(RolloutStage.CANARY), [canary], NOW).next_stage is RolloutStage.DONE


def test_what_is_not_on_its_way_asks_for_nothing() -> None:
    for stage in (RolloutStage.DRAFT, RolloutStage.SIGNED, RolloutStage.DONE, RolloutStage.HALTED):
        one = rollout(stage)
        assert not is_due(one, planned(one, [], NOW))


def test_a_rollout_goes_back_until_everybody_who_is_there_has() -> None:
    one = rollout(RolloutStage.ROLLING_BACK, code="CANARY_FAILED")
    still = station("a", RolloutStage.CANARY, TrialState.COMMITTED)
    away = replace(still, station_id="b", online=False)
    back = replace(still, station_id="c", running_digest="0" * 64)
    assert not is_due(one, planned(one, [still, back], NOW))
    done = planned(one, [away, back], NOW)
    assert (done.next_stage, done.code) == (RolloutStage.HALTED, "CANARY_FAILED")


def test_a_pause_stops_the_clock_and_hides_no_failure() -> None:
    paused = rollout(
        RolloutStage.PAUSED, paused_stage=RolloutStage.CANARY, paused_at=NOW + timedelta(minutes=5)
    )
    silent = station("a", RolloutStage.CANARY, TrialState.SHADOW, garments=0)
    later = NOW + timedelta(days=2)
    assert not is_due(paused, planned(paused, [silent], later))
    failed = replace(silent, state=TrialState.FAILED)
    assert planned(paused, [failed], later).next_stage is RolloutStage.HALTED


def test_the_first_verdict_holds_whatever_comes_after_it() -> None:
    kept = rollout(RolloutStage.CANARY, shift=ShiftVerdict.SAME)
    bad = station("a", RolloutStage.CANARY, TrialState.TRIAL, garments=30, rejects=30)
    plan = planned(kept, [bad], NOW)
    assert (plan.shift, is_due(kept, plan)) == (ShiftVerdict.SAME, False)


@pytest.mark.parametrize(
    "wrong",
    [
        TrialNumbers(shadow_s=inf),
        TrialNumbers(trial_garments=-1),
        TrialNumbers(error_ratio=1.5),
        TrialNumbers(failing_restarts=0),
        TrialNumbers(failing_restarts=2**40),
    ],
)
def test_numbers_that_no_station_could_keep_to_are_refused(wrong: TrialNumbers) -> None:
    with pytest.raises(RolloutInvalidError):
        wrong.check()


def test_the_shipped_numbers_are_usable_and_say_where_they_prove_little() -> None:
    for shipped in (PRODUCTION, ONE_MACHINE):
        shipped.trial.check()
    assert (PRODUCTION.trial.shadow_garments, PRODUCTION.trial.trial_s) == (200, 3600.0)
    assert (ONE_MACHINE.few, PRODUCTION.few) == (True, False)


def test_of_two_hundred_equal_bundles_few_are_halted() -> None:
    random = np.random.default_rng(7)
    lines = canary_lines(RolloutRules(), 0.05)
    counts = np.cumsum(random.random((200, lines.most_count)) < 0.05, axis=1)
    halted = 0
    for rejects in counts.tolist():
        verdicts = (lines.judge(count, number) for number, count in enumerate(rejects, 1))
        first = next(one for one in verdicts if one is not ShiftVerdict.UNDECIDED)
        halted += first is ShiftVerdict.RISEN
    assert halted <= 4


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("[]", "manifest.json"),
        ("{", "manifest.json"),
        ('{"limits": {}, "compat": {}, "name": "../x"}', "name"),
        ('{"limits": {}, "compat": {}, "name": "x", "version": "1", "release_counter": true}',
         "release_counter"),
        ('{"limits": {}, "compat": {}, "name": "x", "version": "1", "release_counter": 1,'
         ' "expires_at": "2027-01-01T00:00:00"}', "expires_at"),
    ],
)  # fmt: skip
def test_a_manifest_that_no_station_would_take_is_refused(text: str, field: str) -> None:
    with pytest.raises(ModelBundleInvalidError) as caught:
        read_manifest(text)
    assert caught.value.details["field"] == field
