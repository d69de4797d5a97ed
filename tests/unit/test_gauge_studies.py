"""Gauge studies against a published example and against sums of squares written out."""

import numpy as np
import pytest
from scipy.stats import f as f_distribution

from cloud.inspection.errors import StudyIncompleteError, StudyInvalidError
from cloud.inspection.gauge_study import Reading, crossed, study_gauge

pytestmark = pytest.mark.requirement("MEA")

# The worked example of the MSA reference manual, fourth edition: ten parts, three people, three
# trials each; one line a part, three readings a person.
EXAMPLE = np.array(
    [
        [0.29, 0.41, 0.64, 0.08, 0.25, 0.07, 0.04, -0.11, -0.15],
        [-0.56, -0.68, -0.58, -0.47, -1.22, -0.68, -1.38, -1.13, -0.96],
        [1.34, 1.17, 1.27, 1.19, 0.94, 1.34, 0.88, 1.09, 0.67],
        [0.47, 0.50, 0.64, 0.01, 1.03, 0.20, 0.14, 0.20, 0.11],
        [-0.80, -0.92, -0.84, -0.56, -1.20, -1.28, -1.46, -1.07, -1.45],
        [0.02, -0.11, -0.21, -0.20, 0.22, 0.06, -0.29, -0.67, -0.49],
        [0.59, 0.75, 0.66, 0.47, 0.55, 0.83, 0.02, 0.01, 0.21],
        [-0.31, -0.20, -0.17, -0.63, 0.08, -0.34, -0.46, -0.56, -0.49],
        [2.26, 1.99, 2.01, 1.80, 2.12, 2.19, 1.77, 1.45, 1.87],
        [-1.36, -1.25, -1.31, -1.68, -1.62, -1.50, -1.49, -1.77, -2.16],
    ]
).reshape(10, 3, 3)


def test_the_published_example_comes_out_to_its_printed_digits() -> None:
    study = study_gauge(EXAMPLE)
    assert [line.degrees_count for line in study.full.table] == [9, 2, 18, 60]
    squares = [line.squares_mm2 for line in study.full.table]
    assert squares == pytest.approx([88.3619, 3.1673, 0.3590, 2.7589], abs=5e-5)
    means = [line.mean_square_mm2 for line in study.full.table]
    assert means == pytest.approx([9.81799, 1.58363, 0.01994, 0.04598], abs=6e-6)
    assert study.full.table[0].f_ratio == pytest.approx(492.291, abs=1e-3)
    assert study.full.table[1].f_ratio == pytest.approx(79.406, abs=1e-3)
    assert study.full.table[2].f_ratio == pytest.approx(0.434, abs=5e-4)
    assert study.interaction_p_ratio == pytest.approx(0.974, abs=5e-4)

    pooled = study.chosen
    assert pooled is study.pooled
    assert pooled.table[-1].degrees_count == 78
    assert pooled.repeatability.sigma_mm == pytest.approx(0.199933, abs=1e-6)
    assert pooled.reproducibility.sigma_mm == pytest.approx(0.226838, abs=1e-6)
    assert pooled.gauge.sigma_mm == pytest.approx(0.302373, abs=2e-6)
    assert pooled.part.sigma_mm == pytest.approx(1.042327, abs=1e-6)
    assert pooled.total.sigma_mm == pytest.approx(1.085, abs=5e-4)
    shares = [pooled.gauge, pooled.repeatability, pooled.reproducibility, pooled.part]
    assert [100 * s.contribution_ratio for s in shares] == pytest.approx(
        [7.76, 3.39, 4.37, 92.24], abs=0.005
    )
    assert [100 * s.study_ratio for s in shares] == pytest.approx(
        [27.86, 18.42, 20.90, 96.04], abs=0.005
    )
    assert pooled.categories_ratio == pytest.approx(4.861, abs=5e-4)
    assert pooled.categories_count == 4
    assert study.full.repeatability.sigma_mm == pytest.approx(0.214435, abs=1e-6)


def written_out(values):
    parts, people, trials = values.shape
    count = parts * people * trials
    total = sum(values[p, o, t] for p in range(parts) for o in range(people) for t in range(trials))
    correction = total**2 / count
    part = sum(values[p].sum() ** 2 for p in range(parts)) / (people * trials) - correction
    person = sum(values[:, o].sum() ** 2 for o in range(people)) / (parts * trials) - correction
    cell = (
        sum(values[p, o].sum() ** 2 for p in range(parts) for o in range(people)) / trials
        - correction
    )
    everything = sum(float(v) ** 2 for v in values.ravel()) - correction
    return part, person, cell - part - person, everything - cell


@pytest.mark.parametrize("seed", range(5))
def test_sums_of_squares_and_tests_agree_with_a_second_computation(seed: int) -> None:
    draw = np.random.default_rng(seed)
    shape = (int(draw.integers(2, 12)), int(draw.integers(2, 5)), int(draw.integers(2, 5)))
    values = draw.normal(0, 1, shape) + draw.normal(0, 2, (shape[0], 1, 1))
    values += draw.normal(0, 1, (1, shape[1], 1)) + draw.normal(0, 1, (shape[0], shape[1], 1))
    part, person, crossing, gauge = written_out(values)
    study = study_gauge(values, tolerance_mm=10)
    lines = study.full.table
    assert [x.squares_mm2 for x in lines] == pytest.approx(
        [part, person, crossing, gauge], abs=1e-6
    )
    degrees = [x.degrees_count for x in lines]
    expected = f_distribution.sf(crossing / degrees[2] / (gauge / degrees[3]), *degrees[2:])
    assert study.interaction_p_ratio == pytest.approx(expected, abs=1e-6)
    noise, error = crossing / degrees[2], gauge / degrees[3]
    grr = error + max(0, (noise - error) / shape[2])
    grr += max(0, (person / degrees[1] - noise) / (shape[0] * shape[2]))
    assert study.full.gauge.sigma_mm == pytest.approx(grr**0.5, abs=1e-6)
    assert study.full.gauge.tolerance_ratio == pytest.approx(6 * grr**0.5 / 10, abs=1e-6)


def test_an_interaction_that_shows_is_kept() -> None:
    draw = np.random.default_rng(5)
    values = draw.normal(0, 0.1, (10, 3, 3)) + draw.normal(0, 1.5, (10, 3, 1))
    study = study_gauge(values)
    assert study.chosen is study.full
    assert study.chosen.interaction.sigma_mm > 1


def test_a_steady_gauge_takes_less_than_a_tenth_of_ten_millimetres() -> None:
    draw = np.random.default_rng(11)
    parts = 500 + draw.normal(0, 2, (10, 1, 1))
    values = parts + draw.normal(0, 0.05, (1, 3, 1)) + draw.normal(0, 0.1, (10, 3, 3))
    study = study_gauge(values, tolerance_mm=10)
    assert study.chosen.gauge.tolerance_ratio is not None
    assert 0.04 < study.chosen.gauge.tolerance_ratio < 0.10
    assert study.grade == "good"
    assert study_gauge(values, tolerance_mm=3).grade == "usable"
    assert study_gauge(values, tolerance_mm=1).grade == "unfit"


def readings(values):
    return [
        Reading(part=f"P{p}", person=f"O{o}", value_mm=float(values[p, o, t]), line=2 + t)
        for t in range(values.shape[2])
        for o in range(values.shape[1])
        for p in range(values.shape[0])
    ]


def test_readings_in_any_order_make_the_same_table() -> None:
    assert (crossed(readings(EXAMPLE)) == EXAMPLE).all()


def test_a_missing_cell_names_the_part_and_the_person() -> None:
    rows = [r for r in readings(EXAMPLE) if (r.part, r.person) != ("P3", "O1")]
    with pytest.raises(StudyIncompleteError, match="part P3, person O1: 0 readings of 3"):
        crossed(rows)
    with pytest.raises(StudyIncompleteError, match="2 readings of 3"):
        crossed(readings(EXAMPLE)[:-1])


@pytest.mark.parametrize(
    "call",
    [
        lambda: crossed([]),
        lambda: crossed([Reading(part="a", person="b", value_mm=float("nan"))]),
        lambda: crossed(readings(EXAMPLE[:1])),
        lambda: crossed(readings(EXAMPLE[:, :1])),
        lambda: crossed(readings(EXAMPLE[:, :, :1])),
        lambda: study_gauge(np.ones((3, 3, 3))),
        lambda: study_gauge(EXAMPLE, tolerance_mm=0),
        lambda: study_gauge(EXAMPLE, tolerance_mm=float("nan")),
        lambda: study_gauge(EXAMPLE, pool_alpha=1.5),
        lambda: study_gauge(EXAMPLE[0]),
    ],
)
def test_readings_that_make_no_study_are_refused(call) -> None:
    with pytest.raises(StudyInvalidError):
        call()
