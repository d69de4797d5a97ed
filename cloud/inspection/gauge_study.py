"""Gauge repeatability and reproducibility by analysis of variance, parts crossed with people.

Every person measures every part equally often. The variance of all readings is taken apart into
the gauge itself (repeatability, EV), the people (reproducibility, AV), people who differ from part
to part (interaction) and the parts (PV). Both models are told, with and without the interaction:
when its F test is not significant at ``pool_alpha``, its sum of squares is pooled into the gauge's
own and the second model counts, otherwise the first. A variance that comes out negative is zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from cloud.inspection.errors import StudyIncompleteError, StudyInvalidError

POOL_ALPHA = 0.25
SIGMAS_IN_A_SPREAD = 6.0
CATEGORIES_FACTOR = 1.41
GOOD_BELOW_RATIO = 0.10
USABLE_BELOW_RATIO = 0.30
FEWEST_CATEGORIES = 5

SquareMillimetres: TypeAlias = float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One reading: which part, who, what. ``line`` says where it stood, for complaints."""

    part: str
    person: str
    value_mm: float
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceLine:
    """One line of the analysis of variance; the last ones have nothing to be compared with."""

    source: str
    degrees_count: int
    squares_mm2: SquareMillimetres
    mean_square_mm2: SquareMillimetres
    f_ratio: float | None
    p_ratio: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """One part of the variation: its standard deviation and its shares.

    ``contribution_ratio`` is the share of variance, ``study_ratio`` that of the total standard
    deviation, ``tolerance_ratio`` six standard deviations over the tolerance, where one is given.
    """

    sigma_mm: float
    contribution_ratio: float
    study_ratio: float
    tolerance_ratio: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GaugeModel:
    """One model's table and spreads. ``categories_ratio`` is 1.41 PV / GRR, before it is cut.

    It is None when the gauge shows no variation at all.
    """

    pooled: bool
    table: tuple[VarianceLine, ...]
    repeatability: Spread
    person: Spread
    interaction: Spread
    reproducibility: Spread
    gauge: Spread
    part: Spread
    total: Spread
    categories_ratio: float | None

    @property
    def categories_count(self) -> int | None:
        """How many kinds of parts the gauge can tell apart (ndc), at least one."""
        if self.categories_ratio is None:
            return None
        return max(1, int(self.categories_ratio))


@dataclass(frozen=True, slots=True, kw_only=True)
class GaugeStudy:
    """A study with both models; ``chosen`` is the one that counts."""

    part_count: int
    person_count: int
    trial_count: int
    tolerance_mm: float | None
    pool_alpha_ratio: float
    interaction_p_ratio: float
    full: GaugeModel
    pooled: GaugeModel

    @property
    def chosen(self) -> GaugeModel:
        """The pooled model unless the interaction is significant."""
        return self.pooled if self.interaction_p_ratio > self.pool_alpha_ratio else self.full

    @property
    def grade(self) -> str:
        """``good`` below 10 %, ``usable`` below 30 %, else ``unfit``: of tolerance, else study."""
        gauge = self.chosen.gauge
        share = gauge.study_ratio if gauge.tolerance_ratio is None else gauge.tolerance_ratio
        if share < GOOD_BELOW_RATIO:
            return "good"
        return "usable" if share < USABLE_BELOW_RATIO else "unfit"


def crossed(readings: Sequence[Reading]) -> NDArray[np.float64]:
    """Return the readings as (P, O, T) float64 in mm: part, person, trial, in order of appearance.

    Raises:
        StudyIncompleteError: somebody measured some part less or more often than the others.
        StudyInvalidError: a reading is no number, or there are too few parts, people or trials.
    """
    cells: dict[tuple[str, str], list[float]] = {}
    for reading in readings:
        if not isfinite(reading.value_mm):
            raise StudyInvalidError("a reading is a number", field="value_mm", line=reading.line)
        cells.setdefault((reading.part, reading.person), []).append(reading.value_mm)
    parts = list(dict.fromkeys(reading.part for reading in readings))
    people = list(dict.fromkeys(reading.person for reading in readings))
    trials = max((len(cell) for cell in cells.values()), default=0)
    for part in parts:
        for person in people:
            found = len(cells.get((part, person), ()))
            if found != trials:
                raise StudyIncompleteError(
                    f"part {part}, person {person}: {found} readings of {trials}",
                    part=part,
                    person=person,
                    found=found,
                    expected=trials,
                )
    for name, count in (("parts", len(parts)), ("people", len(people)), ("trials", trials)):
        if count < 2:
            raise StudyInvalidError(f"a study needs two {name}", field=name, value=count)
    return np.array([[cells[part, person] for person in people] for part in parts])


def study_gauge(
    values: NDArray[np.float64],
    tolerance_mm: float | None = None,
    pool_alpha: float = POOL_ALPHA,
) -> GaugeStudy:
    """Return the study of (P, O, T) float64 readings in mm; ``tolerance_mm`` is its whole width.

    Raises:
        StudyInvalidError: too few readings, no variation at all, or a tolerance that is none.
    """
    if values.ndim != 3 or min(values.shape) < 2 or not bool(np.isfinite(values).all()):
        raise StudyInvalidError(
            "two parts, two people and two trials are the least", field="values"
        )
    if tolerance_mm is not None and not (isfinite(tolerance_mm) and tolerance_mm > 0):
        raise StudyInvalidError("a tolerance is above zero", field="tolerance_mm")
    if not 0 < pool_alpha < 1:
        raise StudyInvalidError("alpha lies between 0 and 1", field="alpha")
    if float(np.ptp(values)) == 0:
        raise StudyInvalidError("all readings are the same", field="values")
    full = _table(values, pooled=False)
    shape = (values.shape[0], values.shape[1], values.shape[2])
    interaction_p = full[2].p_ratio
    return GaugeStudy(
        part_count=shape[0],
        person_count=shape[1],
        trial_count=shape[2],
        tolerance_mm=tolerance_mm,
        pool_alpha_ratio=pool_alpha,
        interaction_p_ratio=1.0 if interaction_p is None else interaction_p,
        full=_model(full, shape, tolerance_mm),
        pooled=_model(_table(values, pooled=True), shape, tolerance_mm),
    )


def _table(values: NDArray[np.float64], *, pooled: bool) -> tuple[VarianceLine, ...]:
    """Return the analysis of (P, O, T) float64 readings: part, person, (interaction,) gauge."""
    parts, people, trials = values.shape
    grand = values.mean()
    by_part, by_person = values.mean(axis=(1, 2)), values.mean(axis=(0, 2))
    by_cell = values.mean(axis=2)
    part = people * trials * float(((by_part - grand) ** 2).sum())
    person = parts * trials * float(((by_person - grand) ** 2).sum())
    left = by_cell - by_part[:, None] - by_person[None, :] + grand
    crossing = trials * float((left**2).sum())
    gauge = float(((values - by_cell[:, :, None]) ** 2).sum())
    crossing_degrees, gauge_degrees = (parts - 1) * (people - 1), parts * people * (trials - 1)
    if pooled:
        gauge, gauge_degrees = gauge + crossing, gauge_degrees + crossing_degrees
    against = (gauge, gauge_degrees) if pooled else (crossing, crossing_degrees)
    lines = [
        _line("part", part, parts - 1, against),
        _line("person", person, people - 1, against),
    ]
    if not pooled:
        lines.append(_line("interaction", crossing, crossing_degrees, (gauge, gauge_degrees)))
    lines.append(_line("gauge", gauge, gauge_degrees, None))
    return tuple(lines)


def _line(
    source: str, squares: float, degrees: int, against: tuple[float, int] | None
) -> VarianceLine:
    mean = squares / degrees
    f_ratio, p_ratio = None, None
    if against is not None and against[0] > 0:
        f_ratio = mean / (against[0] / against[1])
        p_ratio = float(fdtrc(degrees, against[1], f_ratio))
    elif against is not None and squares > 0:
        p_ratio = 0.0  # anything at all stands out against nothing
    return VarianceLine(
        source=source,
        degrees_count=degrees,
        squares_mm2=squares,
        mean_square_mm2=mean,
        f_ratio=f_ratio,
        p_ratio=p_ratio,
    )


def _model(
    table: tuple[VarianceLine, ...], shape: tuple[int, int, int], tolerance_mm: float | None
) -> GaugeModel:
    parts, people, trials = shape
    mean = {line.source: line.mean_square_mm2 for line in table}
    pooled = "interaction" not in mean
    noise = mean["gauge"] if pooled else mean["interaction"]
    gauge = mean["gauge"]
    crossing = max(0.0, (noise - gauge) / trials)
    person = max(0.0, (mean["person"] - noise) / (parts * trials))
    part = max(0.0, (mean["part"] - noise) / (people * trials))
    reproducible = person + crossing
    total = gauge + reproducible + part

    def spread(variance: float) -> Spread:
        sigma = sqrt(variance)
        return Spread(
            sigma_mm=sigma,
            contribution_ratio=variance / total,
            study_ratio=sqrt(variance / total),
            tolerance_ratio=None
            if tolerance_mm is None
            else SIGMAS_IN_A_SPREAD * sigma / tolerance_mm,
        )

    whole = gauge + reproducible
    return GaugeModel(
        pooled=pooled,
        table=table,
        repeatability=spread(gauge),
        person=spread(person),
        interaction=spread(crossing),
        reproducibility=spread(reproducible),
        gauge=spread(whole),
        part=spread(part),
        total=spread(total),
        categories_ratio=None if whole == 0 else CATEGORIES_FACTOR * sqrt(part / whole),
    )
