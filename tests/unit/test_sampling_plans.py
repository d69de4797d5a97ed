"""Sampling plans of ISO 2859-1:1999 and how a series of lots moves between them."""

import pytest

from cloud.inspection.errors import (
    SamplingRefusedError,
    SamplingStoppedError,
)
from cloud.inspection.sampling import (
    AQLS_PER_HUNDRED,
    LETTERS,
    acceptance_probability,
    accepts,
    code_letter,
    plan_for,
    table_plan,
)
from cloud.inspection.switching import LotResult, Switching, after_lot, resumed, with_conditions
from tests.unit import published_sampling_tables as published

pytestmark = pytest.mark.requirement("VER")
ROWS = LETTERS[:-1]


@pytest.mark.parametrize(
    ("letter", "aql", "strictness", "sample", "accept"),
    [
        ("J", 2.5, "normal", 80, 5),
        ("K", 2.5, "normal", 125, 7),
        ("L", 2.5, "normal", 200, 10),
        ("G", 2.5, "normal", 32, 2),
        ("F", 1.0, "normal", 13, 0),
        ("G", 1.0, "normal", 50, 1),
        ("J", 2.5, "tightened", 80, 3),
        ("K", 1.0, "tightened", 125, 2),
        ("Q", 0.025, "tightened", 3150, 1),
        ("J", 2.5, "reduced", 32, 3),
        ("K", 1.0, "reduced", 50, 2),
        ("M", 6.5, "reduced", 80, 10),
        ("G", 15.0, "reduced", 13, 6),
    ],
)
def test_a_known_plan_is_given(
    letter: str, aql: float, strictness: str, sample: int, accept: int
) -> None:
    assert table_plan(letter, aql, strictness)[1:] == (sample, accept)


@pytest.mark.parametrize(
    ("strictness", "columns"),
    [
        ("normal", published.NORMAL_ACCEPT_BY_AQL),
        ("tightened", published.TIGHTENED_ACCEPT_BY_AQL),
        ("reduced", list(zip(*published.REDUCED_ACCEPT_BY_LETTER, strict=True))),
    ],
)
def test_every_acceptance_number_is_the_published_one(strictness: str, columns) -> None:
    assert len(columns) == len(AQLS_PER_HUNDRED)
    for aql, column in zip(AQLS_PER_HUNDRED, columns, strict=True):
        for letter, accept in zip(ROWS, column, strict=True):
            assert table_plan(letter, aql, strictness)[2] == accept, (letter, aql)


@pytest.mark.parametrize(
    ("strictness", "rows"),
    [
        ("normal", published.NORMAL_SIZE_BY_LETTER),
        ("tightened", published.TIGHTENED_SIZE_BY_LETTER),
        ("reduced", published.REDUCED_SIZE_BY_LETTER),
    ],
)
def test_arrows_lead_to_the_published_sample_sizes(strictness: str, rows) -> None:
    for letter, sizes in rows.items():
        found = [table_plan(letter, aql, strictness)[1] for aql in AQLS_PER_HUNDRED]
        assert found == sizes, letter


def test_an_arrow_leads_to_the_next_plan_with_its_own_sample_size() -> None:
    assert table_plan("A", 10.0, "tightened") == ("D", 8, 1)
    tight = plan_for(50, 10.0, "S-1", "tightened")
    assert (tight.letter, tight.plan_letter) == ("A", "D")
    assert (tight.sample_count, tight.accept_count, tight.reject_count) == (8, 1, 2)
    assert table_plan("J", 0.10, "normal") == ("K", 125, 0)
    assert table_plan("J", 0.25, "normal") == ("H", 50, 0)


@pytest.mark.parametrize(
    ("lot", "level", "letter"),
    [
        (8, "II", "A"), (9, "II", "B"), (1200, "II", "J"), (1201, "II", "K"), (280, "I", "E"),
        (500, "III", "J"), (1000, "S-3", "E"), (35_000, "S-4", "H"), (500_001, "III", "R"),
        (16, "S-4", "B"), (3200, "S-1", "C"), (150_000, "S-2", "E"),
    ],
)  # fmt: skip
def test_a_lot_has_its_code_letter(lot: int, level: str, letter: str) -> None:
    assert code_letter(lot, level) == letter


def test_small_lots_and_lots_below_their_sample_are_inspected_whole() -> None:
    for lot, aql in [(1, 2.5), (15, 2.5), (16, 0.65), (20, 0.65)]:
        plan = plan_for(lot, aql)
        assert plan.every_piece, lot
        assert (plan.sample_count, plan.accept_count) == (lot, None)
    sampled = plan_for(16, 2.5)
    assert (sampled.sample_count, sampled.accept_count, sampled.reject_count) == (5, 0, 1)


def test_one_critical_piece_refuses_any_lot() -> None:
    plan = plan_for(1000, 2.5)
    assert accepts(plan, 5)
    assert not accepts(plan, 6)
    assert not accepts(plan, 1, critical_count=1)
    whole = plan_for(10, 2.5)
    assert accepts(whole, 3)
    assert not accepts(whole, 1, critical_count=1)


@pytest.mark.parametrize(
    "call",
    [
        lambda: plan_for(0, 2.5),
        lambda: plan_for(100, 3.0),
        lambda: plan_for(10, 3.0),
        lambda: plan_for(100, 2.5, "IV"),  # type: ignore[arg-type]
        lambda: table_plan("I", 2.5),
        lambda: table_plan("S", 2.5),
        lambda: accepts(plan_for(1000, 2.5), -1),
        lambda: accepts(plan_for(1000, 2.5), 81),
        lambda: accepts(plan_for(1000, 2.5), 1, critical_count=2),
    ],
)
def test_what_is_in_no_table_is_refused(call) -> None:
    with pytest.raises(SamplingRefusedError):
        call()


def cells(strictness: str):
    for letter in ROWS:
        for aql in AQLS_PER_HUNDRED:
            _, sample, accept = table_plan(letter, aql, strictness)
            yield letter, aql, sample, accept


@pytest.mark.parametrize(
    ("strictness", "least", "most"),
    [("normal", 0.87, 0.995), ("tightened", 0.79, 0.98), ("reduced", 0.87, 0.9995)],
)
def test_quality_at_the_aql_is_mostly_accepted(strictness: str, least: float, most: float) -> None:
    for letter, aql, sample, accept in cells(strictness):
        chance = acceptance_probability(sample, accept, aql, by_piece=aql <= 10)
        assert least <= chance <= most, (letter, aql, chance)


def test_tightened_inspection_is_stricter_than_normal_for_every_lot() -> None:
    normal = {cell[:2]: cell[2:] for cell in cells("normal")}
    for letter, aql, sample, accept in cells("tightened"):
        for quality in (aql, 3 * aql):
            if (letter, aql) in normal:
                strict = acceptance_probability(sample, accept, quality, by_piece=False)
                usual = acceptance_probability(*normal[letter, aql], quality, by_piece=False)
                assert strict < usual, (letter, aql)


PLAN = plan_for(2000, 1.0)  # K: 125, 3 / 4; one AQL tighter 2 / 3
TIGHT = plan_for(2000, 1.0, strictness="tightened")
LOOSE = plan_for(2000, 1.0, strictness="reduced")


def run(series: Switching, plan, *bad: int) -> Switching:
    for count in bad:
        series = after_lot(series, LotResult(plan=plan, bad_count=count))
    return series


def test_two_of_five_refused_lots_tighten_and_five_accepted_ones_end_it() -> None:
    assert run(Switching(), PLAN, 4, 0, 0, 0, 4).strictness == "tightened"
    assert run(Switching(), PLAN, 4, 0, 0, 0, 0, 4).strictness == "normal"
    tight = run(Switching(), PLAN, 4, 4)
    assert run(tight, TIGHT, 0, 0, 0, 0).strictness == "tightened"
    assert run(tight, TIGHT, 0, 0, 3, 0, 0, 0, 0).strictness == "tightened"
    assert run(tight, TIGHT, 0, 0, 3, 0, 0, 0, 0, 0) == Switching()


def test_five_refused_lots_under_tightened_inspection_stop_it_until_resumed() -> None:
    tight = run(Switching(), PLAN, 4, 4)
    stopped = run(tight, TIGHT, 3, 0, 3, 3, 0, 3, 3)
    assert stopped.stopped
    with pytest.raises(SamplingStoppedError):
        run(stopped, TIGHT, 0)
    again = resumed(stopped)
    assert (again.strictness, again.stopped, again.rejected_count) == ("tightened", False, 0)
    assert resumed(again) == again


def test_the_switching_score_rises_by_three_falls_to_zero_and_earns_reduction() -> None:
    assert run(Switching(), PLAN, 0, 2).score == 6
    assert run(Switching(), PLAN, 0, 2, 3).score == 0  # accepted, but not one AQL tighter
    assert run(Switching(), PLAN, 0, 4).score == 0
    small = plan_for(200, 1.0)  # 50, 1 / 2
    assert run(Switching(), small, 0, 1).score == 4
    willing = with_conditions(Switching(), production_steady=True, reduced_wanted=True)
    assert run(willing, PLAN, *[0] * 9).strictness == "normal"
    assert run(willing, PLAN, *[0] * 10).strictness == "reduced"
    earned = run(Switching(), PLAN, *[0] * 12)
    assert (earned.strictness, earned.score) == ("normal", 36)
    told = with_conditions(earned, production_steady=True, reduced_wanted=True)
    assert told.strictness == "reduced"


def test_a_refused_lot_or_unsteady_production_ends_reduced_inspection() -> None:
    loose = with_conditions(
        Switching(strictness="reduced"), production_steady=True, reduced_wanted=True
    )
    assert run(loose, LOOSE, 0, 2).strictness == "reduced"
    assert run(loose, LOOSE, 3).strictness == "normal"
    unsteady = with_conditions(loose, production_steady=False, reduced_wanted=True)
    assert unsteady.strictness == "normal"


def test_lots_that_come_again_or_were_inspected_whole_move_nothing() -> None:
    again = LotResult(plan=PLAN, bad_count=9, original=False)
    whole = LotResult(plan=plan_for(10, 1.0), bad_count=9)
    assert after_lot(Switching(), again) == Switching()
    assert after_lot(Switching(), whole) == Switching()
    with pytest.raises(SamplingRefusedError, match="under normal inspection"):
        after_lot(Switching(), LotResult(plan=TIGHT, bad_count=0))
