"""How often does the gate let a worse network through, and a better one? Beside the plain ">".

Two networks score the same pictures, half of them flawed; their scores are normal and so much alike
that their verdicts differ on 8 % of the pictures (more where the gain alone is more). The one in
force is right on 85 %, the candidate on so many points more or fewer. Every pair is asked of the
product's own gate, and of its peer, which promotes whatever was right more often.
``worse_released_ratio`` and ``better_released_ratio`` are the shares that the gate lets through of
networks a point worse and four points better, on 300 pictures and on 1,000, the less favourable.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import multivariate_normal, norm

from cloud.learning.promotion import Answers, Truth, Weighed, weigh_candidate
from tests.benchmarks.report import Report, arguments, wilson

SEED = 9120
ACCURACY, DISAGREEMENT, KIND_ACCURACY = 0.85, 0.08, 0.6
NEW_SHARE, CORRECTED_SHARE = 0.1, 0.3
COUNTS = (300, 1_000)


@dataclass(frozen=True, slots=True)
class Pair:
    """How far flawed pictures score above good ones, in scatters, and how alike both score."""

    before: float
    after: float
    alike: float


def pair_of(gain: float) -> Pair:
    """Find the pair of networks with this gain whose verdicts differ so often."""
    before, after = (2 * float(norm.ppf(share)) for share in (ACCURACY, ACCURACY + gain))

    def off(alike: float) -> float:
        joint = multivariate_normal([0, 0], [[1, alike], [alike, 1]])
        both = float(joint.cdf([before / 2, after / 2]))
        return 2 * ACCURACY + gain - 2 * both - DISAGREEMENT

    return Pair(before, after, brentq(off, 0.0, 0.9999))


def weighed(pair: Pair, count: int, chance: np.random.Generator) -> Weighed:
    flawed = np.arange(count) < count // 2
    noise = chance.standard_normal((2, count))
    noise[1] = pair.alike * noise[0] + np.sqrt(1 - pair.alike**2) * noise[1]
    new = flawed & (chance.random(count) < NEW_SHARE)
    truth = Truth(
        flawed=flawed,
        corrected=chance.random(count) < CORRECTED_SHARE,
        kind_known=flawed & ~new,
        new_kind=new,
    )
    right = named(count, chance)
    before, after = (
        Answers(
            scores=flawed * above + own,
            alarmed=flawed * above + own > above / 2,
            kind_right=kinds,
        )
        for above, own, kinds in zip((pair.before, pair.after), noise, right, strict=True)
    )
    return weigh_candidate(truth, before, after)


def named(count: int, chance: np.random.Generator) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Names of both, right equally often, that differ as often as the verdicts do."""
    before = chance.random(count) < KIND_ACCURACY
    lose = DISAGREEMENT / 2 / KIND_ACCURACY
    win = DISAGREEMENT / 2 / (1 - KIND_ACCURACY)
    return before, np.where(before, chance.random(count) >= lose, chance.random(count) < win)


def _of(report: Report, name: str) -> list[float]:
    return [report.figures[f"{name}_promoted_{count}"] for count in COUNTS]


def main() -> int:
    options = arguments(__doc__ or "")
    draws = 1_000 if options.quick else 10_000
    report = Report("release_gate", seed=SEED)
    report.targets = {
        "worse_released_ratio": ("<=", 0.06),
        "better_released_ratio": (">=", 0.90),
    }
    for name, gain in (
        ("worse_1pt", -0.01),
        ("equal", 0.0),
        ("better_2pt", 0.02),
        ("better_4pt", 0.04),
    ):
        pair = pair_of(gain)
        for count in COUNTS:
            chance = np.random.default_rng([SEED, count, round(1000 + 1000 * gain)])
            found = [weighed(pair, count, chance) for _ in range(draws)]
            promoted = sum(one.promoted for one in found)
            naive = sum(one.won_count > one.lost_count for one in found)
            report.figures |= {
                f"{name}_promoted_{count}": promoted / draws,
                f"{name}_promoted_{count}_95": list(wilson(promoted, draws)),
                f"{name}_naive_{count}": naive / draws,
            }
            print(f"{name} n={count}: {promoted / draws:.3f}, by > {naive / draws:.3f}", flush=True)
    report.figures |= {
        "worse_released_ratio": max(_of(report, "worse_1pt")),
        "better_released_ratio": min(_of(report, "better_4pt")),
        "draws": draws,
    }
    return report.print()


if __name__ == "__main__":
    raise SystemExit(main())
