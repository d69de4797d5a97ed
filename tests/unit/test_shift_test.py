"""The sequential test of rejects, against a walk over every possible count."""

import numpy as np
import pytest

from cloud.rollouts.errors import ShiftTestInvalidError
from cloud.rollouts.rollout import RolloutRules, canary_lines
from cloud.rollouts.shift_test import ShiftLines, ShiftVerdict, shift_lines

pytestmark = pytest.mark.requirement("ROL")
LINES = canary_lines(RolloutRules(), 0.05)


def risen_probability(lines: ShiftLines, share: float, every: int = 10) -> tuple[float, float]:
    """Return how likely RISEN is, and how many garments are needed on average; exact."""
    alive = np.zeros(lines.most_count + 2)
    alive[0] = 1.0
    risen = mean = 0.0
    for garments in range(1, lines.most_count + 1):
        alive = alive * (1 - share) + np.concatenate([[0.0], alive[:-1]]) * share
        if garments % every and garments < lines.most_count:
            continue
        for rejects in np.flatnonzero(alive > 1e-15):
            if rejects > garments:
                continue
            verdict = lines.judge(int(rejects), garments)
            if verdict is not ShiftVerdict.UNDECIDED:
                risen += alive[rejects] * (verdict is ShiftVerdict.RISEN)
                mean += alive[rejects] * garments
                alive[rejects] = 0.0
    assert alive[: lines.most_count].sum() < 1e-9
    return risen, mean


def test_it_errs_no_more_than_it_was_drawn_for() -> None:
    quick = shift_lines(
        baseline_ratio=0.1, shift_ratio=0.1, false_ratio=0.01, missed_ratio=0.02, most_count=400
    )
    false, needed = risen_probability(quick, 0.1)
    caught, _ = risen_probability(quick, 0.2)
    # Wald's bounds hold without an end; the end after 400 garments adds little.
    assert false < 0.013
    assert caught > 0.975
    assert needed < 200


def test_a_rise_of_three_points_is_caught_before_fifteen_hundred_garments() -> None:
    false, _ = risen_probability(LINES, 0.05, every=50)
    caught, _ = risen_probability(LINES, 0.08, every=50)
    assert false < 0.01
    assert caught > 0.96


def test_the_lines_are_walds() -> None:
    # ln 2 and ln(9/8) by hand: shares 0.1 and 0.2, bounds 0.05 and 0.1.
    lines = shift_lines(
        baseline_ratio=0.1, shift_ratio=0.1, false_ratio=0.05, missed_ratio=0.1, most_count=100
    )
    width = np.log(2) + np.log(9 / 8)
    assert lines.slope_ratio == pytest.approx(np.log(9 / 8) / width)
    assert lines.upper_count == pytest.approx(np.log(0.9 / 0.05) / width)
    assert lines.lower_count == pytest.approx(np.log(0.95 / 0.1) / width)


def test_no_garment_says_nothing_and_the_last_one_says_something() -> None:
    assert LINES.judge(0, 0) is ShiftVerdict.UNDECIDED
    verdicts = {LINES.judge(rejects, 1_500) for rejects in range(1_501)}
    assert verdicts == {ShiftVerdict.SAME, ShiftVerdict.RISEN}
    assert LINES.judge(1_500, 1_500) is ShiftVerdict.RISEN


@pytest.mark.parametrize(("rejects", "garments"), [(2, 1), (-1, 5), (0, -1), (-2, -3)])
def test_counts_that_cannot_be_are_refused(rejects: int, garments: int) -> None:
    with pytest.raises(ShiftTestInvalidError):
        LINES.judge(rejects, garments)


@pytest.mark.parametrize(
    "wrong",
    [
        {"baseline_ratio": 0.0},
        {"baseline_ratio": float("nan")},
        {"shift_ratio": 0.0},
        {"shift_ratio": -0.01},
        {"shift_ratio": 0.96},
        {"false_ratio": 0.5},
        {"missed_ratio": 0.0},
        {"most_count": 0},
    ],
)
def test_shares_and_bounds_that_decide_nothing_are_refused(wrong: dict[str, float]) -> None:
    asked: dict[str, float] = {
        "baseline_ratio": 0.05, "shift_ratio": 0.03, "false_ratio": 0.01, "missed_ratio": 0.02,
        "most_count": 1_500,
    } | wrong  # fmt: skip
    with pytest.raises(ShiftTestInvalidError):
        shift_lines(**asked)  # type: ignore[arg-type]
