"""Switching rules of ISO 2859-1:1999, clause 9.3: how strict the next lot's inspection is.

Only lots that come for the first time and are judged by a sample move it; a lot inspected whole
says nothing about a sampling plan and leaves everything as it is.
"""

from dataclasses import dataclass, replace

from cloud.inspection.errors import SamplingRefusedError, SamplingStoppedError
from cloud.inspection.sampling import (
    AQLS_PER_HUNDRED,
    SamplingPlan,
    Strictness,
    accepts,
    aql_column,
    table_plan,
)

REJECTED_FOR_TIGHTENED = 2
LOTS_LOOKED_BACK = 5
ACCEPTED_FOR_NORMAL = 5
REJECTED_FOR_STOP = 5
SCORE_FOR_REDUCED = 30
SCORE_OF_A_TIGHTER_PASS = 3
SCORE_OF_A_SMALL_PASS = 2
SMALLEST_ACCEPT_COMPARED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LotResult:
    """What the sample of one lot showed; critical pieces are counted among the bad ones."""

    plan: SamplingPlan
    bad_count: int
    critical_count: int = 0
    original: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Switching:
    """Where a series of lots stands.

    ``recent`` tells of the last lots under the present strictness, True for accepted, newest last.
    ``score`` is the switching score of normal inspection, ``rejected_count`` counts lots refused
    in the present run of tightened inspection. ``production_steady`` and ``reduced_wanted`` are
    people's words, without which nothing is reduced.
    """

    strictness: Strictness = "normal"
    recent: tuple[bool, ...] = ()
    score: int = 0
    rejected_count: int = 0
    stopped: bool = False
    production_steady: bool = False
    reduced_wanted: bool = False


def after_lot(series: Switching, lot: LotResult) -> Switching:
    """Return where the series stands after a lot.

    Raises:
        SamplingStoppedError: inspection was stopped and has not been resumed.
        SamplingRefusedError: the lot was judged by a plan of another strictness.
    """
    if series.stopped:
        raise SamplingStoppedError("sampling was stopped after five lots refused")
    accepted = accepts(lot.plan, lot.bad_count, lot.critical_count)
    if lot.plan.strictness != series.strictness:
        raise SamplingRefusedError(
            f"the series is under {series.strictness} inspection",
            field="strictness",
            value=lot.plan.strictness,
        )
    if not lot.original or lot.plan.every_piece:
        return series
    seen = replace(series, recent=(*series.recent, accepted)[-LOTS_LOOKED_BACK:])
    if series.strictness == "normal":
        return _after_normal(seen, lot, accepted=accepted)
    if series.strictness == "tightened":
        return _after_tightened(seen, accepted=accepted)
    return seen if accepted else _anew(seen, "normal")


def with_conditions(
    series: Switching, *, production_steady: bool, reduced_wanted: bool
) -> Switching:
    """Return the series with people's words about production; unsteady ends reduced inspection."""
    told = replace(series, production_steady=production_steady, reduced_wanted=reduced_wanted)
    if told.strictness == "reduced" and not (production_steady and reduced_wanted):
        return _anew(told, "normal")
    return _reduced_if_earned(told)


def resumed(series: Switching) -> Switching:
    """Return a stopped series after the cause was put right: it goes on tightened."""
    return _anew(series, "tightened") if series.stopped else series


def _after_normal(series: Switching, lot: LotResult, *, accepted: bool) -> Switching:
    if series.recent.count(False) >= REJECTED_FOR_TIGHTENED:
        return _anew(series, "tightened")
    gain = _gain(lot) if accepted else 0
    return _reduced_if_earned(replace(series, score=series.score + gain if gain else 0))


def _gain(lot: LotResult) -> int:
    """Return what an accepted lot adds to the score; zero sets it back."""
    plan = lot.plan
    if (plan.accept_count or 0) < SMALLEST_ACCEPT_COMPARED:
        return SCORE_OF_A_SMALL_PASS
    # Asked of the letter that was used, so that the two plans share one sample.
    tighter = AQLS_PER_HUNDRED[aql_column(plan.aql_per_hundred) - 1]
    _, _, accept = table_plan(plan.plan_letter, tighter, "normal")
    return SCORE_OF_A_TIGHTER_PASS if lot.bad_count <= accept else 0


def _after_tightened(series: Switching, *, accepted: bool) -> Switching:
    if accepted:
        earned = series.recent[-ACCEPTED_FOR_NORMAL:] == (True,) * ACCEPTED_FOR_NORMAL
        return _anew(series, "normal") if earned else series
    rejected = series.rejected_count + 1
    return replace(series, rejected_count=rejected, stopped=rejected >= REJECTED_FOR_STOP)


def _reduced_if_earned(series: Switching) -> Switching:
    earned = series.strictness == "normal" and series.score >= SCORE_FOR_REDUCED
    if earned and series.production_steady and series.reduced_wanted:
        return _anew(series, "reduced")
    return series


def _anew(series: Switching, strictness: Strictness) -> Switching:
    return Switching(
        strictness=strictness,
        production_steady=series.production_steady,
        reduced_wanted=series.reduced_wanted,
    )
