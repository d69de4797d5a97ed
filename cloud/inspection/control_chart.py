"""Control charts and process capability.

The constants of the range chart are integrals over the normal distribution and are computed, not
copied: d2 is the mean of the range of n standard normal values, d3 its standard deviation.

Nelson's eight rules look at standardized points ``z = (value - centre) / sigma`` and mark the
point that completes a pattern. ``FALSE_ALARM_RATIOS`` states how often each does so when nothing
is wrong, for independent normal values.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import comb, factorial, isfinite, pi, sqrt

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.special import chdtri, ndtr, ndtri

from cloud.inspection.errors import ChartInvalidError

LARGEST_SUBGROUP = 25
FEWEST_SUBGROUPS = 2
FEWEST_VALUES = 3

Values = NDArray[np.float64]
Marks = NDArray[np.bool_]

_REACH = 9.0  # standard deviations; beyond them nothing is left in double precision
_NODES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeConstants:
    """What turns a mean range of ``subgroup_count`` values into limits; all are pure numbers."""

    subgroup_count: int
    d2_ratio: float
    d3_ratio: float
    a2_ratio: float
    lower_d3_ratio: float
    upper_d4_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Centre line and limits, three standard deviations away."""

    centre_mm: float
    lower_mm: float
    upper_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlChart:
    """One pair of charts: places (means or single values) and spreads (ranges).

    ``sigma_mm`` is the standard deviation within subgroups, ``degrees_count`` how many degrees of
    freedom stand behind it. ``alarms`` tells per Nelson rule which points of the place chart,
    counted from zero, complete a pattern; ``spread_alarms`` at which points the range lies beyond
    its limits.
    """

    kind: str
    subgroup_count: int
    place: Limits
    spread: Limits
    sigma_mm: float
    degrees_count: float
    places_mm: tuple[float, ...]
    spreads_mm: tuple[float, ...]
    alarms: dict[int, tuple[int, ...]]
    spread_alarms: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A capability index with its confidence interval, all pure numbers."""

    value_ratio: float
    lower_ratio: float
    upper_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """How the spread fits between the limits; Cp and Pp need both limits.

    Cp and Cpk use the spread within subgroups, Pp and Ppk that of all values.
    """

    confidence_ratio: float
    cp: Index | None
    cpk: Index
    pp: Index | None
    ppk: Index


@cache
def range_constants(subgroup_count: int) -> RangeConstants:
    """Return the constants of subgroups of 2 to 25.

    Raises:
        ChartInvalidError: the subgroup is of another size.
    """
    if not FEWEST_SUBGROUPS <= subgroup_count <= LARGEST_SUBGROUP:
        raise ChartInvalidError(
            f"a subgroup has 2 to {LARGEST_SUBGROUP} values, not {subgroup_count}",
            field="subgroup",
            value=subgroup_count,
        )
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    x = nodes * _REACH
    below, above = ndtr(x), ndtr(-x)
    n = subgroup_count
    d2 = float(_REACH * np.sum(weights * (1 - below**n - above**n)))
    # E R² = 2 ∬ over x < y of P(some value ≤ x, some value > y); y runs from x to the end.
    half = (_REACH - x) / 2
    y = x[:, None] + half[:, None] * (nodes[None, :] + 1)
    upper = ndtr(y)
    inside = 1 - upper**n - above[:, None] ** n + np.maximum(upper - below[:, None], 0) ** n
    square = 2 * _REACH * float(np.sum(weights * half * (inside @ weights)))
    d3 = sqrt(square - d2 * d2)
    return RangeConstants(
        subgroup_count=n,
        d2_ratio=d2,
        d3_ratio=d3,
        a2_ratio=3 / (d2 * sqrt(n)),
        lower_d3_ratio=max(0.0, 1 - 3 * d3 / d2),
        upper_d4_ratio=1 + 3 * d3 / d2,
    )


def mean_and_range_chart(values: Values) -> ControlChart:
    """Return the X̄-R chart of (K, N) float64 values in mm, one row a subgroup.

    Raises:
        ChartInvalidError: too few subgroups, a subgroup of a wrong size, or no spread at all.
    """
    if values.ndim != 2 or values.shape[0] < FEWEST_SUBGROUPS:
        raise ChartInvalidError("an X̄-R chart needs two subgroups", field="subgroups")
    constants = range_constants(values.shape[1])
    _judge(values)
    means, ranges = values.mean(axis=1), np.ptp(values, axis=1)
    spread = float(ranges.mean())
    _judge_spread(spread)
    centre, reach = float(means.mean()), constants.a2_ratio * spread
    sigma = spread / constants.d2_ratio
    degrees = values.shape[0] * (constants.d2_ratio / constants.d3_ratio) ** 2 / 2
    z = (means - centre) / (sigma / sqrt(values.shape[1]))
    place = Limits(centre_mm=centre, lower_mm=centre - reach, upper_mm=centre + reach)
    return _chart("xbar-r", constants, place, (means, ranges), z, degrees)


def single_value_chart(values: Values) -> ControlChart:
    """Return the I-MR chart of (N,) float64 values in mm; ranges are of neighbours.

    Raises:
        ChartInvalidError: fewer than three values, or no spread at all.
    """
    if values.ndim != 1 or values.size < FEWEST_VALUES:
        raise ChartInvalidError("an I-MR chart needs three values", field="values")
    constants = range_constants(2)
    _judge(values)
    ranges = np.abs(np.diff(values))
    spread = float(ranges.mean())
    _judge_spread(spread)
    sigma = spread / constants.d2_ratio
    centre = float(values.mean())
    place = Limits(centre_mm=centre, lower_mm=centre - 3 * sigma, upper_mm=centre + 3 * sigma)
    degrees = _moving_range_degrees(ranges.size)
    return _chart("i-mr", constants, place, (values, ranges), (values - centre) / sigma, degrees)


def capability(
    values: Values,
    chart: ControlChart,
    lower_mm: float | None,
    upper_mm: float | None,
    confidence_ratio: float = 0.95,
) -> Capability:
    """Return the indices of values between limits, from (N,) or (K, N) float64 values in mm.

    The intervals of Cp and Pp come from χ², those of Cpk and Ppk from Bissell's approximation.

    Raises:
        ChartInvalidError: no limit, limits the wrong way round, or a confidence outside 0 and 1.
    """
    if lower_mm is None and upper_mm is None:
        raise ChartInvalidError("capability needs a limit", field="limits")
    if lower_mm is not None and upper_mm is not None and lower_mm >= upper_mm:
        raise ChartInvalidError("the lower limit is below the upper", field="limits")
    if not all(isfinite(limit) for limit in (lower_mm, upper_mm) if limit is not None):
        raise ChartInvalidError("a limit is a number", field="limits")
    if not 0 < confidence_ratio < 1:
        raise ChartInvalidError("confidence lies between 0 and 1", field="confidence")
    mean, count = float(values.mean()), values.size
    overall = float(values.std(ddof=1))
    within = _indices(mean, chart.sigma_mm, (lower_mm, upper_mm))
    total = _indices(mean, overall, (lower_mm, upper_mm))
    risk = 1 - confidence_ratio
    return Capability(
        confidence_ratio=confidence_ratio,
        cp=_both_sided(within[0], chart.degrees_count, risk),
        cpk=_nearest(within[1], chart.degrees_count, count, risk),
        pp=_both_sided(total[0], count - 1, risk),
        ppk=_nearest(total[1], count - 1, count, risk),
    )


def beyond_three_sigma(z: Values) -> Marks:
    """Rule 1: a point beyond three sigma. ``z`` is (N,) float64; marks are (N,) bool."""
    return np.abs(z) > 3


def nine_on_one_side(z: Values) -> Marks:
    """Rule 2: nine points in a row on one side of the centre. ``z`` is (N,) float64."""
    return _all_of_last(z > 0, 9) | _all_of_last(z < 0, 9)


def six_rising_or_falling(z: Values) -> Marks:
    """Rule 3: six points in a row, each above (or below) the one before. ``z`` is (N,) float64."""
    steps = np.diff(z, prepend=z[:1])
    return _all_of_last(steps > 0, 5) | _all_of_last(steps < 0, 5)


def fourteen_alternating(z: Values) -> Marks:
    """Rule 4: fourteen points in a row that go up and down by turns. ``z`` is (N,) float64."""
    steps = np.diff(z, prepend=z[:1])
    turns = steps * np.concatenate((steps[:1], steps[:-1])) < 0
    return _all_of_last(turns, 12)


def two_of_three_far(z: Values) -> Marks:
    """Rule 5: two of three points beyond two sigma on one side. ``z`` is (N,) float64."""
    return _some_of_last(z > 2, 2, 3) | _some_of_last(z < -2, 2, 3)


def four_of_five_off(z: Values) -> Marks:
    """Rule 6: four of five points beyond one sigma on one side. ``z`` is (N,) float64."""
    return _some_of_last(z > 1, 4, 5) | _some_of_last(z < -1, 4, 5)


def fifteen_close(z: Values) -> Marks:
    """Rule 7: fifteen points in a row within one sigma. ``z`` is (N,) float64."""
    return _all_of_last(np.abs(z) < 1, 15)


def eight_shunning_the_middle(z: Values) -> Marks:
    """Rule 8: eight points in a row beyond one sigma on either side. ``z`` is (N,) float64."""
    return _all_of_last(np.abs(z) > 1, 8)


NELSON_RULES: dict[int, Callable[[Values], Marks]] = {
    1: beyond_three_sigma,
    2: nine_on_one_side,
    3: six_rising_or_falling,
    4: fourteen_alternating,
    5: two_of_three_far,
    6: four_of_five_off,
    7: fifteen_close,
    8: eight_shunning_the_middle,
}


def _tail(sigmas: float) -> float:
    return float(ndtr(-sigmas))


def _false_alarm_ratios() -> dict[int, float]:
    one, two = _tail(1), _tail(2)
    three_of_four = comb(4, 3) * one**3 * (1 - one) + one**4
    alternating_14 = 199_360_981  # the Euler zigzag number of fourteen
    return {
        1: 2 * _tail(3),
        2: 2 * 0.5**9,
        3: 2 / factorial(6),
        4: 2 * alternating_14 / factorial(14),
        5: 2 * two * (1 - (1 - two) ** 2),
        6: 2 * one * three_of_four,
        7: (1 - 2 * one) ** 15,
        8: (2 * one) ** 8,
    }


FALSE_ALARM_RATIOS = _false_alarm_ratios()
"""Share of points that complete each rule's pattern although nothing is wrong."""


def _all_of_last(marks: Marks, count: int) -> Marks:
    """Tell where (N,) bool marks were all set over the last ``count`` points."""
    return _some_of_last(marks, count, count)


def _some_of_last(marks: Marks, least: int, count: int) -> Marks:
    """Tell where (N,) bool marks are set, as at least ``least`` of the last ``count`` were."""
    seen = np.concatenate((np.zeros(count - 1, dtype=np.bool_), marks))
    enough: Marks = sliding_window_view(seen, count).sum(axis=1) >= least
    return marks & enough


def _judge(values: Values) -> None:
    """Refuse (N,) or (K, N) float64 values that are not numbers."""
    if not bool(np.isfinite(values).all()):
        raise ChartInvalidError("every value is a number", field="values")


def _judge_spread(spread_mm: float) -> None:
    if spread_mm <= 0:
        raise ChartInvalidError("all values are the same: there is no spread", field="values")


def _chart(
    kind: str,
    constants: RangeConstants,
    place: Limits,
    drawn: tuple[Values, Values],
    z: Values,
    degrees: float,
) -> ControlChart:
    """Put a chart together from (K,) float64 places and spreads in mm and (K,) standardized z."""
    places, ranges = drawn
    mean = float(ranges.mean())
    spread = Limits(
        centre_mm=mean,
        lower_mm=constants.lower_d3_ratio * mean,
        upper_mm=constants.upper_d4_ratio * mean,
    )
    wide = (ranges > spread.upper_mm) | (ranges < spread.lower_mm)
    # A moving range belongs to the later of its two values.
    wide = np.concatenate((np.zeros(places.size - ranges.size, dtype=np.bool_), wide))
    return ControlChart(
        kind=kind,
        subgroup_count=constants.subgroup_count if kind == "xbar-r" else 1,
        place=place,
        spread=spread,
        sigma_mm=mean / constants.d2_ratio,
        degrees_count=degrees,
        places_mm=tuple(places.tolist()),
        spreads_mm=tuple(ranges.tolist()),
        alarms={number: _points(rule(z)) for number, rule in NELSON_RULES.items()},
        spread_alarms=_points(wide),
    )


def _points(marks: Marks) -> tuple[int, ...]:
    """Return the places of set (N,) bool marks."""
    return tuple(int(place) for place in np.flatnonzero(marks))


def _moving_range_degrees(range_count: int) -> float:
    """Return the degrees of freedom of a mean moving range; neighbours share a value."""
    own = 2 - 4 / pi
    shared = 4 / pi * (sqrt(3) / 2 + pi / 12) - 4 / pi
    variance = (range_count * own + 2 * (range_count - 1) * shared) / range_count**2
    return 4 / pi / (2 * variance)


def _indices(
    mean: float, sigma: float, limits: tuple[float | None, float | None]
) -> tuple[float | None, float]:
    lower, upper = limits
    gaps = [
        gap / (3 * sigma)
        for gap in (
            None if upper is None else upper - mean,
            None if lower is None else mean - lower,
        )
        if gap is not None
    ]
    both = None if lower is None or upper is None else (upper - lower) / (6 * sigma)
    return both, min(gaps)


def _both_sided(value: float | None, degrees: float, risk: float) -> Index | None:
    if value is None:
        return None
    # chdtri inverts the upper tail.
    return Index(
        value_ratio=value,
        lower_ratio=value * sqrt(chdtri(degrees, 1 - risk / 2) / degrees),
        upper_ratio=value * sqrt(chdtri(degrees, risk / 2) / degrees),
    )


def _nearest(value: float, degrees: float, count: int, risk: float) -> Index:
    reach = float(ndtri(1 - risk / 2)) * sqrt(1 / (9 * count) + value**2 / (2 * degrees))
    return Index(value_ratio=value, lower_ratio=value - reach, upper_ratio=value + reach)
