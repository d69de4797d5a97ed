"""When a wave goes on, waits or stops."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

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
    station_lines,
    wave_lines,
    waves_of,
    weigh,
)
from cloud.rollouts.shift_test import ShiftVerdict

pytestmark = pytest.mark.requirement("ROL")
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
NEW = "d" * 64
RULES = RolloutRules()
CALM = StationTrial(
    station_id="sta_1",
    state=TrialState.COMMITTED,
    running_digest=NEW,
    online=True,
    garments=1_000,
    rejects=50,
    deadline_at=NOW + timedelta(hours=1),
)
BUSY = replace(CALM, state=TrialState.TRIAL, garments=100, rejects=5)


OVERRULED = override_lines(RULES, 0.01)
CANARY_TESTS = StageTests(rejects=canary_lines(RULES, 0.05), overrides=OVERRULED)
WAVE_TESTS = StageTests(rejects=wave_lines(RULES, 0.05), overrides=OVERRULED)


def canary(*trials: StationTrial) -> Weighing:
    return weigh(RolloutStage.CANARY, trials, NEW, CANARY_TESTS, RULES, NOW)


def wave(*trials: StationTrial, stage: RolloutStage = RolloutStage.WAVE_25) -> Weighing:
    return weigh(stage, trials, NEW, WAVE_TESTS, RULES, NOW)


def test_a_canary_is_left_when_it_has_committed_and_the_test_has_decided() -> None:
    assert canary(CALM).weight is Weight.PROMOTE
    early = canary(replace(CALM, garments=100, rejects=5))
    assert (early.weight, early.shift) == (Weight.WAIT, ShiftVerdict.UNDECIDED)
    assert canary(replace(CALM, state=TrialState.TRIAL)).weight is Weight.WAIT


def test_more_rejects_halt_a_canary_that_has_committed() -> None:
    found = canary(replace(CALM, rejects=90))
    assert (found.weight, found.code) == (Weight.HALT, "REJECTS_RISEN")


@pytest.mark.parametrize("state", ["FAILED", "REJECTED", "ROLLING_BACK", "ROLLED_BACK"])
def test_any_failure_halts_a_canary(state: str) -> None:
    found = canary(replace(BUSY, state=TrialState(state)))
    assert (found.weight, found.code) == (Weight.HALT, "CANARY_FAILED")


def test_committed_with_another_bundle_in_memory_is_not_committed() -> None:
    assert canary(replace(CALM, running_digest="e" * 64)).weight is Weight.WAIT
    late = replace(CALM, running_digest="", deadline_at=NOW)
    assert canary(late).code == "CANARY_FAILED"


def test_who_is_there_and_silent_past_the_deadline_has_failed_and_who_is_away_has_not() -> None:
    late = replace(BUSY, deadline_at=NOW)
    assert canary(late).code == "CANARY_FAILED"
    away = canary(replace(late, online=False))
    assert (away.weight, away.away, away.failed, away.evaluated) == (Weight.WAIT, 1, 0, 0)


def test_a_wave_whose_stations_are_all_away_waits() -> None:
    found = wave(*[replace(BUSY, station_id=f"sta_{n}", online=False) for n in range(9)])
    assert (found.weight, found.away) == (Weight.WAIT, 9)


def test_a_wave_is_left_at_95_percent_of_those_that_are_there() -> None:
    nineteen = [replace(CALM, station_id=f"sta_{n}") for n in range(19)]
    assert wave(*nineteen, replace(BUSY, station_id="sta_x")).weight is Weight.PROMOTE
    two = [replace(BUSY, station_id=f"sta_x{n}") for n in range(2)]
    assert wave(*nineteen[:18], *two).weight is Weight.WAIT
    assert wave(*nineteen[:18], replace(two[0], online=False)).weight is Weight.PROMOTE


def test_a_wave_halts_at_one_failure_of_few_and_at_five_percent_of_many() -> None:
    lost = replace(BUSY, state=TrialState.ROLLED_BACK)
    few = [replace(CALM, station_id=f"sta_{n}") for n in range(9)]
    assert wave(*few, lost).code == "STATIONS_FAILED"
    many = [replace(CALM, station_id=f"sta_{n}") for n in range(59)]
    assert wave(*many, lost).weight is Weight.PROMOTE
    three = [replace(lost, station_id=f"sta_l{n}") for n in range(3)]
    assert wave(*many[:57], *three).code == "STATIONS_FAILED"


def test_a_committed_station_that_went_away_still_counts() -> None:
    found = wave(replace(CALM, online=False))
    assert (found.weight, found.committed, found.away) == (Weight.PROMOTE, 1, 0)


@pytest.mark.parametrize("count", [1, 2, 3, 19, 20, 21, 40, 100, 1000])
def test_every_station_has_one_wave_and_shares_are_of_all(count: int) -> None:
    stations = [f"sta_{n}" for n in range(count)]
    waves = waves_of(stations, "sta_0")
    assert tuple(waves) == WAVES
    assert sorted(sum(waves.values(), ())) == sorted(stations)
    reached, ends = 0, {"CANARY": 1, "WAVE_5": count / 20, "WAVE_25": count / 4, "WAVE_100": count}
    for stage in WAVES:
        reached += len(waves[stage])
        assert reached >= min(count, ends[stage.value])
        assert reached <= max(1.0, ends[stage.value] + 1)


def test_empty_waves_are_passed_over() -> None:
    waves = waves_of(["sta_1", "sta_2", "sta_3"], "sta_2")
    assert waves[RolloutStage.WAVE_5] == waves[RolloutStage.WAVE_25] == ()
    assert stage_after(RolloutStage.CANARY, waves) is RolloutStage.WAVE_100
    assert stage_after(RolloutStage.WAVE_100, waves) is RolloutStage.DONE
    alone = waves_of(["sta_1"], "sta_1")
    assert stage_after(RolloutStage.CANARY, alone) is RolloutStage.DONE


def test_a_canary_that_is_no_station_and_a_station_named_twice_are_refused() -> None:
    for stations in (["sta_1"], ["sta_2", "sta_2"], []):
        with pytest.raises(RolloutInvalidError):
            waves_of(stations, "sta_2" if len(stations) == 2 else "sta_9")
    with pytest.raises(RolloutInvalidError):
        weigh(RolloutStage.DONE, [CALM], NEW, CANARY_TESTS, RULES, NOW)
    with pytest.raises(RolloutInvalidError):
        canary()


def test_a_station_by_itself_is_the_more_careful_the_more_there_are() -> None:
    few, many = station_lines(RULES, 0.05, 2), station_lines(RULES, 0.05, 200)
    assert many.upper_count > few.upper_count
    assert many.slope_ratio == few.slope_ratio


def late(*trials: StationTrial, stage: RolloutStage = RolloutStage.WAVE_5) -> str:
    return lost_after({stage: trials}, NEW, RULES, NOW)


@pytest.mark.parametrize(
    "lost",
    [
        replace(CALM, state=TrialState.ROLLED_BACK, running_digest="0" * 64),
        replace(CALM, state=TrialState.FAILED),
        replace(CALM, running_digest="0" * 64),
        replace(CALM, running_digest="0" * 64, online=False),
        replace(BUSY, deadline_at=NOW),
    ],
    ids=["went back", "failed", "another decides", "another decided", "silent at its deadline"],
)
def test_a_stage_that_was_left_still_speaks_against_the_bundle(lost: StationTrial) -> None:
    assert late(CALM, lost) == "LATE_FAILURE"
    assert late(lost, stage=RolloutStage.CANARY) == "LATE_FAILURE"


def test_a_stage_that_was_left_allows_later_what_it_allowed_then() -> None:
    away = replace(BUSY, online=False, deadline_at=NOW)
    assert late(CALM, away, BUSY, replace(CALM, running_digest="")) == ""
    lost = replace(CALM, state=TrialState.ROLLED_BACK)
    assert late(*[CALM] * 59, lost, stage=RolloutStage.WAVE_25) == ""
    assert late(*[CALM] * 57, lost, lost, lost, stage=RolloutStage.WAVE_25) == "LATE_FAILURE"


def test_people_who_overrule_it_more_often_halt_a_stage_whatever_its_rejects_say() -> None:
    usual = replace(CALM, overrides=10)
    assert (wave(usual, usual).weight, wave(usual, usual).overrides) == (Weight.PROMOTE, 20)
    often = replace(CALM, overrides=50)
    found = wave(often, often)
    assert (found.weight, found.code) == (Weight.HALT, "OVERRIDES_RISEN")
    assert canary(often).code == "OVERRIDES_RISEN"
    # One station alone says little of a large wave: its own trial says it of itself.
    assert wave(*[replace(CALM, overrides=0)] * 20, often).weight is Weight.PROMOTE


def test_overruling_twice_as_often_is_found_and_a_usual_share_is_not() -> None:
    lines = override_lines(RULES, 0.05)
    chance = np.random.default_rng(7)

    def risen(share: float) -> float:
        overruled = np.cumsum(chance.random((2_000, 4_000)) < share, axis=1)
        garments = np.arange(1, 4_001)
        above = overruled - lines.slope_ratio * garments >= lines.upper_count
        return float(above.any(axis=1).mean())

    assert risen(0.05) <= 0.004  # bound 0.001: 8 of 2,000 have a chance of one in a thousand
    assert risen(0.10) >= 0.99
