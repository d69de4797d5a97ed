"""Single sampling by attributes, ISO 2859-1:1999: which plan a lot gets.

Along a diagonal of the master tables the product of sample size and AQL hardly changes, and with
it the acceptance number stays the same. So a table is one ladder of acceptance numbers, told by
the sum of the letter's and the AQL's place, and a few rows at the edge that leave it. An arrow
means: take the first plan below (or above) in the same column, with that plan's own sample size.

What confirmed the cells. Every plan of the three tables, after its arrows, was compared with a
public transcription of GB/T 2828.1-2012 (identical to ISO 2859-1:1999) that two people made apart.
A second source stands beside it for each part:

* code letters, normal and tightened tables, all 26 AQLs: the R package AQLSchemes and a third
  public program; AQL 0.65 to 15 of both also in a guide of US building administration;
* reduced table (this edition has no gap between Ac and Re, unlike MIL-STD-105E): columns 1.0 and
  2.5, which cross every diagonal of the ladder, in another transcription of GB/T 2828.1-2012 that
  was checked against an online calculator; sample sizes, plans with Ac 0, and the rows and columns
  that leave the ladder in AQLSchemes.

One cell is printed in two ways, tightened inspection, letter A, AQL 10: AQLSchemes takes two
pieces and accepts none bad, as the ladder would have it; the transcriptions of GB/T 2828.1-2012 and
the building guide have an arrow. The arrow leads to letter D, eight pieces, one bad accepted, and
is taken: it is the standard's own table. Both accept quality at the AQL equally often (0.81).

A plan whose arrows led to another letter is judged by that letter's own sample. Chances to accept
quality at the AQL, all cells whose own plan is printed: normal 0.87 to 0.995, tightened 0.79 to
0.98, reduced 0.87 to 0.9991; a share of 0.86 to 0.99 that is sometimes quoted is a rule of
thumb, not a property of each cell.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from scipy.special import bdtr, pdtr

from cloud.inspection.errors import SamplingRefusedError

Strictness: TypeAlias = Literal["normal", "tightened", "reduced"]
Level: TypeAlias = Literal["S-1", "S-2", "S-3", "S-4", "I", "II", "III"]

LETTERS = "ABCDEFGHJKLMNPQRS"
"""Code letters; S is met only through an arrow of the tightened table."""

AQLS_PER_HUNDRED = (
    0.010, 0.015, 0.025, 0.040, 0.065, 0.10, 0.15, 0.25, 0.40, 0.65, 1.0, 1.5, 2.5, 4.0, 6.5, 10.0,
    15.0, 25.0, 40.0, 65.0, 100.0, 150.0, 250.0, 400.0, 650.0, 1000.0,
)  # fmt: skip
"""Up to 10 they may mean nonconforming pieces in a hundred, above 10 nonconformities only."""

LARGEST_SHARE_PER_HUNDRED = 10.0
WHOLE_BELOW_COUNT = 16
"""Lots with fewer pieces than this are inspected whole: the house's rule, not the standard's."""

_LEVELS: tuple[Level, ...] = get_args(Level)
_LOTS: tuple[tuple[int, str], ...] = (
    (8, "AAAAAAB"),
    (15, "AAAAABC"),
    (25, "AABBBCD"),
    (50, "ABBCCDE"),
    (90, "BBCCCEF"),
    (150, "BBCDDFG"),
    (280, "BCDEEGH"),
    (500, "BCDEFHJ"),
    (1_200, "CCEFGJK"),
    (3_200, "CDEGHKL"),
    (10_000, "CDFGJLM"),
    (35_000, "CDFHKMN"),
    (150_000, "DEGJLNP"),
    (500_000, "DEGJMPQ"),
)
_LARGEST_LOTS = "DEHKNQR"

_SIZES = (2, 3, 5, 8, 13, 20, 32, 50, 80, 125, 200, 315, 500, 800, 1250, 2000, 3150)
_REDUCED_SIZES = (2, 2, 2, 3, 5, 8, 13, 20, 32, 50, 80, 125, 200, 315, 500, 800)

_UP, _DOWN = -1, -2
_Ladder: TypeAlias = dict[int, int]
_LADDERS: dict[Strictness, _Ladder] = {
    "normal": {14: 0, 15: _UP, 16: _DOWN}
    | dict(enumerate((1, 2, 3, 5, 7, 10, 14, 21, 30, 44), start=17)),
    "tightened": {15: 0, 16: _DOWN, 17: _DOWN}
    | dict(enumerate((1, 2, 3, 5, 8, 12, 18, 27, 41), start=18)),
    "reduced": {14: 0, 15: _UP, 16: _DOWN, 17: _DOWN}
    | dict(enumerate((1, 2, 3, 5, 6, 8, 10, 14, 21), start=18)),
}
# The two steps after these stand in the rows A to E only; further down an arrow points up.
_LAST_STEP_BELOW_E = 24
_LAST_SHORT_ROW = LETTERS.index("E")
# Reduced rows A and B have two pieces as the normal row A has, and from here on its numbers.
_SMALLEST_REDUCED_ROWS = {"A": AQLS_PER_HUNDRED.index(25.0), "B": AQLS_PER_HUNDRED.index(150.0)}
_NORMAL_ROW_A = (1, 2, 3, 5, 7, 10, 14, 21, 30)
_DOWN_FROM_THE_LADDER = ("tightened", "A", AQLS_PER_HUNDRED.index(10.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingPlan:
    """How many pieces are taken from a lot, and how many bad ones it may show.

    ``letter`` is the lot's own, ``plan_letter`` the one that arrows led to. ``every_piece`` means
    that the lot is inspected whole: there is nothing to infer, bad pieces are taken out one by
    one, and ``accept_count`` and ``reject_count`` are None.
    """

    strictness: Strictness
    level: Level
    aql_per_hundred: float
    lot_count: int
    letter: str
    plan_letter: str
    sample_count: int
    accept_count: int | None
    reject_count: int | None
    every_piece: bool


def code_letter(lot_count: int, level: Level) -> str:
    """Return the letter of a lot.

    Raises:
        SamplingRefusedError: the lot has no piece, or there is no such level.
    """
    if lot_count < 1:
        raise SamplingRefusedError("a lot has at least one piece", field="lot", value=lot_count)
    if level not in _LEVELS:
        raise SamplingRefusedError(
            f"no inspection level {level!r}", field="level", value=level, known=list(_LEVELS)
        )
    letters = next((row for most, row in _LOTS if lot_count <= most), _LARGEST_LOTS)
    return letters[_LEVELS.index(level)]


def table_plan(
    letter: str, aql_per_hundred: float, strictness: Strictness = "normal"
) -> tuple[str, int, int]:
    """Return letter, sample size and acceptance number that the table gives after its arrows.

    Raises:
        SamplingRefusedError: there is no such letter or AQL.
    """
    if letter not in LETTERS[:-1]:
        raise SamplingRefusedError(f"no code letter {letter!r}", field="letter", value=letter)
    column = aql_column(aql_per_hundred)
    first = LETTERS.index(letter)
    arrow = _cell(first, column, strictness)
    found = first
    if arrow < 0:
        found = _follow(first, column, strictness, arrow)
    sizes = _REDUCED_SIZES if strictness == "reduced" else _SIZES
    return LETTERS[found], sizes[found], _cell(found, column, strictness)


def aql_column(aql_per_hundred: float) -> int:
    """Return the place of an AQL in the tables.

    Raises:
        SamplingRefusedError: the tables have no such AQL.
    """
    if aql_per_hundred not in AQLS_PER_HUNDRED:
        raise SamplingRefusedError(
            f"the tables have no AQL {aql_per_hundred:g}",
            field="aql",
            value=aql_per_hundred,
            known=list(AQLS_PER_HUNDRED),
        )
    return AQLS_PER_HUNDRED.index(aql_per_hundred)


def plan_for(
    lot_count: int,
    aql_per_hundred: float,
    level: Level = "II",
    strictness: Strictness = "normal",
) -> SamplingPlan:
    """Return the plan of a lot; small lots, and lots no larger than their sample, go whole.

    Raises:
        SamplingRefusedError: there is no such lot, level or AQL.
    """
    letter = code_letter(lot_count, level)
    aql_column(aql_per_hundred)
    plan_letter, sample_count, accept = letter, lot_count, 0
    if lot_count >= WHOLE_BELOW_COUNT:
        plan_letter, sample_count, accept = table_plan(letter, aql_per_hundred, strictness)
    whole = lot_count < WHOLE_BELOW_COUNT or sample_count >= lot_count
    return SamplingPlan(
        strictness=strictness,
        level=level,
        aql_per_hundred=aql_per_hundred,
        lot_count=lot_count,
        letter=letter,
        plan_letter=plan_letter,
        sample_count=lot_count if whole else sample_count,
        accept_count=None if whole else accept,
        reject_count=None if whole else accept + 1,
        every_piece=whole,
    )


def accepts(plan: SamplingPlan, bad_count: int, critical_count: int = 0) -> bool:
    """Tell whether a lot is accepted; anything critical in it is one too many.

    ``bad_count`` are the nonconforming pieces (AQL ≤ 10) or nonconformities found, the critical
    ones included. From a lot inspected whole the bad pieces are taken out and the rest is accepted.

    Raises:
        SamplingRefusedError: the counts cannot come from this sample.
    """
    most = plan.sample_count
    by_piece = plan.aql_per_hundred <= LARGEST_SHARE_PER_HUNDRED
    if bad_count < 0 or critical_count < 0 or critical_count > bad_count:
        raise SamplingRefusedError("counts are zero or more", field="bad_count", value=bad_count)
    if by_piece and bad_count > most:
        raise SamplingRefusedError(
            f"{bad_count} bad pieces in a sample of {most}", field="bad_count", value=bad_count
        )
    return critical_count == 0 and (plan.accept_count is None or bad_count <= plan.accept_count)


def acceptance_probability(
    sample_count: int, accept_count: int, bad_per_hundred: float, *, by_piece: bool
) -> float:
    """Return the plan's chance to accept a long series of such quality: a point of its OC curve.

    ``by_piece`` counts bad pieces (binomial), otherwise nonconformities (Poisson).
    """
    share = bad_per_hundred / 100
    if by_piece:
        return float(bdtr(accept_count, sample_count, share))
    return float(pdtr(accept_count, sample_count * share))


def _follow(first: int, column: int, strictness: Strictness, arrow: int) -> int:
    """Return the row that an arrow leads to: its own way first, the other when that way ends."""
    last = len(LETTERS if strictness == "tightened" else LETTERS[:-1])
    below = [row for row in range(first, last) if _cell(row, column, strictness) >= 0]
    above = [row for row in range(first, -1, -1) if _cell(row, column, strictness) >= 0]
    ways = (above, below) if arrow == _UP else (below, above)
    return next(way[0] for way in ways if way)


def _cell(row: int, column: int, strictness: Strictness) -> int:
    """Return a cell as it is printed: an acceptance number, or an arrow."""
    letter = LETTERS[row]
    if letter == "S":  # stands in one column alone
        return 1 if AQLS_PER_HUNDRED[column] == 0.025 else _UP
    if strictness == "reduced" and column >= _SMALLEST_REDUCED_ROWS.get(letter, 99):
        return _NORMAL_ROW_A[column - _SMALLEST_REDUCED_ROWS["A"]]
    if (strictness, letter, column) == _DOWN_FROM_THE_LADDER:
        return _DOWN
    step = row + column
    if step > _LAST_STEP_BELOW_E and row > _LAST_SHORT_ROW:
        return _UP
    ladder = _LADDERS[strictness]
    return ladder.get(step, _DOWN if step < min(ladder) else _UP)
