"""Control charts, capability and Nelson's rules against closed forms and second computations."""

from dataclasses import replace
from math import asin, pi, sqrt

import numpy as np
import pytest
from scipy.stats import chi2, norm

from cloud.inspection.control_chart import (
    FALSE_ALARM_RATIOS,
    NELSON_RULES,
    capability,
    mean_and_range_chart,
    range_constants,
    single_value_chart,
)
from cloud.inspection.errors import ChartInvalidError

pytestmark = pytest.mark.requirement("MEA")


@pytest.mark.parametrize(
    ("count", "d2", "square"),
    [
        (2, 2 / sqrt(pi), 2.0),
        (3, 3 / sqrt(pi), 2 + 3 * sqrt(3) / pi),
        (4, 6 / sqrt(pi) * (1 / 2 + asin(1 / 3) / pi), None),
        (5, 10 / sqrt(pi) * (1 / 4 + 3 * asin(1 / 3) / (2 * pi)), None),
    ],
)
def test_the_constants_agree_with_their_closed_forms(count: int, d2: float, square) -> None:
    constants = range_constants(count)
    assert constants.d2_ratio == pytest.approx(d2, abs=1e-12)
    if square is not None:
        assert constants.d3_ratio == pytest.approx(sqrt(square - d2 * d2), abs=1e-11)


@pytest.mark.parametrize("count", [2, 4, 7, 10, 25])
def test_the_constants_agree_with_the_distribution_of_the_range_summed_apart(count: int) -> None:
    x = np.arange(-9, 9, 0.05)
    r = np.arange(0, 14, 0.02)
    inside = norm.cdf(x[:, None] + r) - norm.cdf(x)[:, None]
    below = 0.05 * count * (norm.pdf(x)[:, None] * inside ** (count - 1)).sum(axis=0)
    weights = np.where(np.arange(r.size) % 2, 4.0, 2.0) * 0.02 / 3
    weights[0] = 0.02 / 3
    mean = float((weights * (1 - below)).sum())
    square = float((weights * 2 * r * (1 - below)).sum())
    constants = range_constants(count)
    assert constants.d2_ratio == pytest.approx(mean, abs=1e-7)
    assert constants.d3_ratio == pytest.approx(sqrt(square - mean * mean), abs=1e-6)


@pytest.mark.parametrize(
    ("count", "a2", "lower", "upper"),
    [
        (2, 1.880, 0, 3.267),
        (5, 0.577, 0, 2.114),
        (7, 0.419, 0.076, 1.924),
        (10, 0.308, 0.223, 1.777),
        (25, 0.153, 0.459, 1.541),
    ],
)
def test_the_factors_agree_with_the_printed_tables(
    count: int, a2: float, lower: float, upper: float
) -> None:
    constants = range_constants(count)
    assert constants.a2_ratio == pytest.approx(a2, abs=6e-4)
    assert constants.lower_d3_ratio == pytest.approx(lower, abs=6e-4)
    assert constants.upper_d4_ratio == pytest.approx(upper, abs=6e-4)


def test_the_limits_of_a_mean_and_range_chart_are_those_written_out() -> None:
    values = np.array([[10.0, 10.4], [9.8, 10.0], [10.2, 10.2], [10.1, 9.5]])
    chart = mean_and_range_chart(values)
    ranges = [0.4, 0.2, 0.0, 0.6]
    sigma = (sum(ranges) / 4) * sqrt(pi) / 2
    mean = float(values.mean())
    assert chart.sigma_mm == pytest.approx(sigma, abs=1e-9)
    assert chart.place.upper_mm == pytest.approx(mean + 3 * sigma / sqrt(2), abs=1e-9)
    assert chart.place.lower_mm == pytest.approx(mean - 3 * sigma / sqrt(2), abs=1e-9)
    d3 = sqrt(2 - 4 / pi)
    assert chart.spread.upper_mm == pytest.approx(0.3 + 3 * d3 * sigma, abs=1e-9)
    assert chart.spread.lower_mm == 0
    assert chart.spreads_mm == pytest.approx(ranges)


def test_the_limits_of_a_single_value_chart_are_those_written_out() -> None:
    values = np.array([500.0, 500.4, 499.8, 500.1, 500.3])
    chart = single_value_chart(values)
    sigma = (0.4 + 0.6 + 0.3 + 0.2) / 4 * sqrt(pi) / 2
    assert chart.place.centre_mm == pytest.approx(500.12)
    assert chart.place.upper_mm == pytest.approx(500.12 + 3 * sigma, abs=1e-9)
    assert chart.spread.upper_mm == pytest.approx(0.375 + 3 * sqrt(2 - 4 / pi) * sigma, abs=1e-9)
    assert chart.subgroup_count == 1


def test_degrees_of_freedom_match_the_scatter_of_the_estimate() -> None:
    draw = np.random.default_rng(3).normal(0, 1, (4000, 30))
    ranges = np.abs(np.diff(draw, axis=1)).mean(axis=1) * sqrt(pi) / 2
    expected = 1 / (2 * ranges.var())
    assert single_value_chart(draw[0]).degrees_count == pytest.approx(expected, rel=0.1)


CRAFTED = {
    1: [0.2, -0.4, 3.2],
    2: [-0.1, *[0.4, 0.2, 0.9, 0.1, 0.5, 0.3, 0.8, 0.2, 0.6]],
    3: [0.5, -1.2, -0.7, -0.2, 0.3, 0.6, 0.9],
    4: [0.3, *[-0.4, 0.4] * 6, -0.4],
    5: [0.1, 2.3, 0.2, 2.1],
    6: [0.1, 1.2, 1.4, 0.3, 1.1, 1.5],
    7: [1.4, *[0.5, -0.5, 0.6, 0.1, -0.2] * 3],
    8: [0.1, *[1.4, -1.3, 1.2, -1.6] * 2],
}


@pytest.mark.parametrize("rule", list(NELSON_RULES))
def test_each_rule_marks_the_point_that_completes_its_pattern(rule: int) -> None:
    z = np.array(CRAFTED[rule])
    marks = NELSON_RULES[rule](z)
    assert marks[-1]
    assert NELSON_RULES[rule](-z)[-1], "the pattern upside down is one too"
    assert not NELSON_RULES[rule](z[:-1]).any(), "one point earlier there is nothing yet"
    assert not NELSON_RULES[rule](np.zeros(30))[:14].any()


def test_each_rule_cries_wolf_as_rarely_as_theory_says() -> None:
    z = np.random.default_rng(20_261_123).normal(0, 1, 100_000)
    for rule, marks in NELSON_RULES.items():
        ratio = float(marks(z).mean())
        assert ratio <= 0.01, rule
        assert ratio == pytest.approx(FALSE_ALARM_RATIOS[rule], abs=6e-4), rule


def test_a_chart_tells_which_points_break_which_rule() -> None:
    values = np.array([10.0, 10.1, 9.9, 10.0, 10.1, 9.9, 10.0, 11.5, 10.0])
    chart = single_value_chart(np.concatenate((np.tile(values[:7], 4), values)))
    assert 35 in chart.alarms[1]
    assert chart.spread_alarms == (35, 36)


def test_capability_is_the_handbooks() -> None:
    values = np.array([14.0, 18.0, 16.0, 15.0, 17.0])
    chart = replace(single_value_chart(values), sigma_mm=2.0, degrees_count=40.0)
    found = capability(values, chart, 8.0, 20.0)
    assert found.cp is not None
    assert found.cp.value_ratio == pytest.approx(1.0)
    assert found.cpk.value_ratio == pytest.approx(2 / 3)
    assert found.cp.lower_ratio == pytest.approx(sqrt(chi2.ppf(0.025, 40) / 40))
    assert found.cp.upper_ratio == pytest.approx(sqrt(chi2.ppf(0.975, 40) / 40))
    reach = norm.ppf(0.975) * sqrt(1 / 45 + (4 / 9) / 80)
    assert found.cpk.lower_ratio == pytest.approx(2 / 3 - reach)
    assert found.pp is not None
    assert found.pp.value_ratio == pytest.approx(12 / (6 * values.std(ddof=1)))
    one_sided = capability(values, chart, None, 20.0)
    assert one_sided.cp is None
    assert one_sided.cpk.value_ratio == pytest.approx(2 / 3)


def test_the_confidence_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    draw = np.random.default_rng(7).normal(0, 1, (400, 25, 5))
    held = [0, 0]
    for values in draw:
        found = capability(values, mean_and_range_chart(values), -4.0, 5.0)
        assert found.cp is not None
        held[0] += found.cp.lower_ratio <= 1.5 <= found.cp.upper_ratio
        held[1] += found.ppk.lower_ratio <= 4 / 3 <= found.ppk.upper_ratio
    assert all(0.91 <= count / 400 <= 0.985 for count in held)


@pytest.mark.parametrize(
    "call",
    [
        lambda: range_constants(1),
        lambda: range_constants(26),
        lambda: mean_and_range_chart(np.ones((1, 5))),
        lambda: mean_and_range_chart(np.ones((4, 5))),
        lambda: mean_and_range_chart(np.array([[1.0, np.nan], [1.0, 2.0]])),
        lambda: single_value_chart(np.array([1.0, 2.0])),
        lambda: single_value_chart(np.array([1.0, 1.0, 1.0])),
        lambda: single_value_chart(np.array([1.0, np.inf, 1.0])),
        lambda: capability(np.arange(5.0), single_value_chart(np.arange(5.0)), None, None),
        lambda: capability(np.arange(5.0), single_value_chart(np.arange(5.0)), 2.0, 1.0),
        lambda: capability(np.arange(5.0), single_value_chart(np.arange(5.0)), np.nan, 1.0),
        lambda: capability(np.arange(5.0), single_value_chart(np.arange(5.0)), 0.0, 1.0, 1.0),
    ],
)
def test_numbers_that_make_no_chart_are_refused(call) -> None:
    with pytest.raises(ChartInvalidError):
        call()
