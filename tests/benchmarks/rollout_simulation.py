"""Simulated rollouts: how often is a worse network stopped at its canary, a good one by mistake?

Each rollout is a floor of stations whose garments are rejected by chance. The share of rejects of
the old network is known from that many garments of it, not exactly; ``known_*`` tells the same
with the exact share. A worse network rejects three points more. A rollout of a good one goes
through canary and waves, each station testing by itself as well, as the product does. Every verdict
is asked of the product's own rules.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from cloud.rollouts.rollout import (
    RolloutRules,
    RolloutStage,
    StageTests,
    StationTrial,
    TrialState,
    Weight,
    canary_lines,
    override_lines,
    stage_after,
    station_lines,
    wave_lines,
    waves_of,
    weigh,
)
from cloud.rollouts.shift_test import ShiftLines, ShiftVerdict
from cloud.rollouts.standing import USUAL_OVERRIDE_RATIO
from tests.benchmarks.report import Report, arguments, wilson

SEED = 20_261
BASELINE, SHIFT = 0.05, 0.03
STATIONS = 40
HISTORY_GARMENTS = 20_000
EACH_REPORT_GARMENTS = 10
TRIAL_GARMENTS = 300
DIGEST = "d" * 64
NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)


@dataclass(slots=True)
class Floor:
    """Stations that inspect at one true share of rejects, and what each counted."""

    chance: np.random.Generator
    share: float
    counted: dict[str, list[int]] = field(default_factory=dict)

    def work(self, station: str) -> None:
        rejects, garments = self.counted.setdefault(station, [0, 0])
        rejects += int(self.chance.binomial(EACH_REPORT_GARMENTS, self.share))
        self.counted[station] = [rejects, garments + EACH_REPORT_GARMENTS]


@dataclass(frozen=True, slots=True)
class Ending:
    """Where a rollout ended, why, and after how many garments of its canary."""

    stage: RolloutStage
    code: str
    canary_garments: int


def roll_out(chance: np.random.Generator, share: float, believed: float) -> Ending:
    """Run one rollout to its end."""
    rules = RolloutRules()
    stations = [f"sta_{number}" for number in range(STATIONS)]
    waves = waves_of(stations, stations[0])
    alone = station_lines(rules, believed, STATIONS)
    floor, states = Floor(chance, share), dict.fromkeys(stations, TrialState.TRIAL)
    stage, canary_garments = RolloutStage.CANARY, 0
    while stage is not RolloutStage.DONE:
        first = stage is RolloutStage.CANARY
        lines = canary_lines(rules, believed) if first else wave_lines(rules, believed)
        tests = StageTests(rejects=lines, overrides=override_lines(rules, USUAL_OVERRIDE_RATIO))
        while True:
            for station in waves[stage]:
                floor.work(station)
                _judge_itself(floor, states, station, alone)
            trials = _trials(floor, states, waves[stage])
            found = weigh(stage, trials, DIGEST, tests, rules, NOW)
            if found.weight is not Weight.WAIT:
                break
        if first:
            canary_garments = found.garments
        if found.weight is Weight.HALT:
            return Ending(stage, found.code, canary_garments)
        stage = stage_after(stage, waves)
    return Ending(stage, "", canary_garments)


def _judge_itself(
    floor: Floor, states: dict[str, TrialState], station: str, alone: ShiftLines
) -> None:
    if states[station] is not TrialState.TRIAL:
        return
    rejects, garments = floor.counted[station]
    if alone.judge(rejects, garments) is ShiftVerdict.RISEN:
        states[station] = TrialState.ROLLED_BACK
    elif garments >= TRIAL_GARMENTS:
        states[station] = TrialState.COMMITTED


def _trials(
    floor: Floor, states: dict[str, TrialState], stations: Sequence[str]
) -> list[StationTrial]:
    return [
        StationTrial(
            station_id=station,
            state=states[station],
            running_digest=DIGEST,
            online=True,
            garments=floor.counted[station][1],
            rejects=floor.counted[station][0],
            deadline_at=NOW + timedelta(days=1),
        )
        for station in stations
    ]


def simulate(count: int, share: float, *, known: bool, seed: int) -> list[Ending]:
    """Run ``count`` rollouts of a network with this true share of rejects."""
    endings = []
    for number in range(count):
        chance = np.random.default_rng([seed, number])
        seen = chance.binomial(HISTORY_GARMENTS, BASELINE) / HISTORY_GARMENTS
        endings.append(roll_out(chance, share, BASELINE if known else float(seen)))
    return endings


def main() -> int:
    options = arguments(__doc__ or "")
    count = 60 if options.quick else 1_000
    report = Report("rollout_simulation", seed=SEED)
    report.targets = {
        "caught_ratio": (">=", 0.95),
        "false_halt_ratio": ("<=", 0.02),
        "most_canary_garments": ("<=", 1_500),
    }
    figures: dict[str, object] = {"rollouts": count, "stations": STATIONS}
    longest = 0
    for prefix, known in (("", False), ("known_", True)):
        worse = simulate(count, BASELINE + SHIFT, known=known, seed=SEED)
        good = simulate(count, BASELINE, known=known, seed=SEED + 1)
        caught = sum(ending.stage is RolloutStage.CANARY for ending in worse)
        halted = [ending for ending in good if ending.stage is not RolloutStage.DONE]
        longest = max(longest, *(ending.canary_garments for ending in worse + good))
        figures |= {
            f"{prefix}caught_ratio": caught / count,
            f"{prefix}caught_interval": wilson(caught, count),
            f"{prefix}false_halt_ratio": len(halted) / count,
            f"{prefix}false_halt_interval": wilson(len(halted), count),
            f"{prefix}false_halts_at": dict(
                Counter(f"{one.stage.value} {one.code}" for one in halted)
            ),
            f"{prefix}median_canary_garments_worse": _median(worse),
            f"{prefix}median_canary_garments_good": _median(good),
        }
    report.figures = figures | {
        "most_canary_garments": longest,
        "history_garments": HISTORY_GARMENTS,
    }
    for name, value in report.figures.items():
        print(f"{name}: {value}")
    return report.print()


def _median(endings: Sequence[Ending]) -> float:
    return float(np.median([ending.canary_garments for ending in endings]))


if __name__ == "__main__":
    raise SystemExit(main())
