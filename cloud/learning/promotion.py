"""Decides whether a retrained network may take the place of the one in force.

Both judge the same held-out pictures, so only those count on which they disagree. The candidate is
promoted when its verdicts are right more often and when, at a risk of 5 %, it is not worse by a
point or more (score test of a paired difference with a margin: T. Tango, Statistics in Medicine 17,
1998). Before that it must forget nothing: some figures have limits of their own.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, norm, rankdata

FEWEST_PICTURES = 300
"""Fewer prove nothing; a gain of one point takes a thousand."""
MARGIN_RATIO, RISK_RATIO = 0.01, 0.05
"""What may be lost, and how often chance may decide: on promotion, and on each share that fell."""
DOUBTFUL_RATIO = 0.2
"""Of the flaws that people pointed at, so many may lie where nothing stands out."""
AUROC_DROP_RATIO, KIND_DROP_RATIO, OVERKILL_RISE_RATIO = 0.01, 0.02, 0.005
OVERKILL_RATIO = 0.03
"""Escapes are compared where each of both networks alarms so many of the good pictures."""


class Refusal(StrEnum):
    """Why a candidate is not promoted."""

    TOO_FEW_PICTURES = "TOO_FEW_PICTURES"
    ONE_CLASS_ONLY = "ONE_CLASS_ONLY"
    SCORES_INVALID = "SCORES_INVALID"
    NOT_BETTER = "NOT_BETTER"
    GAIN_NOT_SHOWN = "GAIN_NOT_SHOWN"
    FORGETS_OLD_STYLES = "FORGETS_OLD_STYLES"
    FORGETS_KINDS = "FORGETS_KINDS"
    OVERKILL_UP = "OVERKILL_UP"
    ESCAPE_UP_KNOWN_KINDS = "ESCAPE_UP_KNOWN_KINDS"
    ESCAPE_UP_NEW_KINDS = "ESCAPE_UP_NEW_KINDS"
    WORDS_DOUBTFUL = "WORDS_DOUBTFUL"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """What a network said of N pictures: ``scores`` (N,) float, two times (N,) bool.

    ``kind_right`` counts where a kind that both networks know was there.
    """

    scores: NDArray[np.float64]
    alarmed: NDArray[np.bool_]
    kind_right: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """What is known of the same N pictures, each (N,) bool.

    ``corrected`` are of styles that people corrected, the others of the old set. ``kind_known``
    marks flaws of kinds that the network in force has a name for, ``new_kind`` of added ones.
    """

    flawed: NDArray[np.bool_]
    corrected: NDArray[np.bool_]
    kind_known: NDArray[np.bool_]
    new_kind: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A figure of the network in force and of the candidate, both as ratios."""

    before_ratio: float
    after_ratio: float

    @property
    def gain_ratio(self) -> float:
        """By how much the candidate's is higher."""
        return self.after_ratio - self.before_ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """Whether a candidate is promoted, what speaks against it, and both networks' figures.

    ``shown_score`` is the test's normal score: how surely the candidate is not worse by the margin.
    """

    refusals: tuple[Refusal, ...]
    figures: dict[str, Compared]
    picture_count: int
    won_count: int
    lost_count: int
    shown_score: float

    @property
    def promoted(self) -> bool:
        """Say whether nothing speaks against it."""
        return not self.refusals


def weigh_candidate(
    truth: Truth, before: Answers, after: Answers, doubtful_ratio: float = 0.0
) -> Weighed:
    """Compare a candidate's answers ``after`` with those of the network in force ``before``.

    ``doubtful_ratio`` is the share of people's flaws at whose places nothing stands out: held-out
    words are no better than those learned from, so a comparison cannot tell that they are wrong.
    """
    count = len(truth.flawed)
    unfit = _unfit(truth, before, after)
    if unfit:
        return Weighed(
            refusals=unfit, figures={}, picture_count=count, won_count=0, lost_count=0,
            shown_score=0.0,
        )  # fmt: skip
    was, now = (answers.alarmed == truth.flawed for answers in (before, after))
    won, lost = int((now & ~was).sum()), int((was & ~now).sum())
    score = difference_score(won, lost, count, -MARGIN_RATIO)
    figures, found = {"accuracy": _compared(was, now)}, []
    if won <= lost:
        found.append(Refusal.NOT_BETTER)
    if score < float(norm.ppf(1 - RISK_RATIO)):
        found.append(Refusal.GAIN_NOT_SHOWN)
    if doubtful_ratio > DOUBTFUL_RATIO:
        found.append(Refusal.WORDS_DOUBTFUL)
    for refusal in (_styles, _kinds, _overkill, _known_escapes, _new_escapes):
        found += refusal(truth, (before, after), figures)
    return Weighed(
        refusals=tuple(found),
        figures=figures,
        picture_count=count,
        won_count=won,
        lost_count=lost,
        shown_score=score,
    )


def difference_score(won: int, lost: int, count: int, difference: float) -> float:
    """Normal score of the paired difference ``(won - lost) / count`` against a ``difference``.

    High when the true difference is surely larger. The chance of losing is the likeliest one under
    that difference, so the score holds for small counts too.
    """
    linear = (2 * count - won + lost) * difference - won - lost
    constant = -lost * difference * (1 - difference)
    chance = (sqrt(max(0.0, linear**2 - 8 * count * constant)) - linear) / (4 * count)
    variance = count * (2 * chance + difference * (1 - difference))
    away = won - lost - count * difference
    return away / sqrt(variance) if variance > 0 else float(np.sign(away)) * np.inf


def chance_of_losing(won: int, lost: int) -> float:
    """How likely so many losses or more are where winning is as likely (exact McNemar test)."""
    return float(binom.sf(lost - 1, won + lost, 0.5)) if won + lost else 1.0


def auroc(scores: NDArray[np.float64], flawed: NDArray[np.bool_]) -> float:
    """Area under the ROC of ``scores`` (N,) by truth ``flawed`` (N,), nan of one class."""
    bad, good = int(flawed.sum()), int((~flawed).sum())
    if not bad or not good:
        return float("nan")
    ranks = float(rankdata(scores)[flawed].sum())
    return (ranks - bad * (bad + 1) / 2) / (bad * good)


_Both = tuple[Answers, Answers]
_Figures = dict[str, Compared]


def _unfit(truth: Truth, before: Answers, after: Answers) -> tuple[Refusal, ...]:
    count, bad = len(truth.flawed), int(truth.flawed.sum())
    if count < FEWEST_PICTURES:
        return (Refusal.TOO_FEW_PICTURES,)
    if bad in {0, count}:
        return (Refusal.ONE_CLASS_ONLY,)
    if not np.isfinite([before.scores, after.scores]).all():
        return (Refusal.SCORES_INVALID,)
    return ()


def _styles(truth: Truth, both: _Both, figures: _Figures) -> list[Refusal]:
    """The area on the old set may not fall."""
    old = ~truth.corrected
    areas = [auroc(answers.scores[old], truth.flawed[old]) for answers in both]
    if not np.isfinite(areas).all():
        return [Refusal.ONE_CLASS_ONLY]
    figures["old_auroc"] = Compared(before_ratio=areas[0], after_ratio=areas[1])
    fell = figures["old_auroc"].gain_ratio < -AUROC_DROP_RATIO
    return [Refusal.FORGETS_OLD_STYLES] if fell else []


def _kinds(truth: Truth, both: _Both, figures: _Figures) -> list[Refusal]:
    """Known kinds must still be called by their names."""
    was, now = (answers.kind_right[truth.kind_known] for answers in both)
    if not len(was):
        return []
    figures["kind_accuracy"] = _compared(was, now)
    return [Refusal.FORGETS_KINDS] if _fell(was, now, KIND_DROP_RATIO) else []


def _overkill(truth: Truth, both: _Both, figures: _Figures) -> list[Refusal]:
    """Good pictures must pass as before."""
    was, now = (~answers.alarmed[~truth.flawed] for answers in both)
    figures["overkill"] = _compared(~was, ~now)
    return [Refusal.OVERKILL_UP] if _fell(was, now, OVERKILL_RISE_RATIO) else []


def _known_escapes(truth: Truth, both: _Both, figures: _Figures) -> list[Refusal]:
    """Flaws that the old network finds must be found."""
    found = _found(truth, both, truth.flawed & ~truth.new_kind)
    figures["escape_known_kinds"] = _compared(~found[0], ~found[1])
    return [Refusal.ESCAPE_UP_KNOWN_KINDS] if _fell(*found, 0.0) else []


def _new_escapes(truth: Truth, both: _Both, figures: _Figures) -> list[Refusal]:
    """Kinds that people added must not become harder to find."""
    if not truth.new_kind.any():
        return []
    found = _found(truth, both, truth.new_kind)
    figures["escape_new_kinds"] = _compared(~found[0], ~found[1])
    return [Refusal.ESCAPE_UP_NEW_KINDS] if _fell(*found, 0.0) else []


def _found(
    truth: Truth, both: _Both, flaws: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which of the ``flaws`` (N,) bool each network finds at the same overkill."""
    was, now = (
        answers.scores[flaws] > np.quantile(answers.scores[~truth.flawed], 1 - OVERKILL_RATIO)
        for answers in both
    )
    return was, now


def _compared(was: NDArray[np.bool_], now: NDArray[np.bool_]) -> Compared:
    """Shares of ``was`` (N,) bool and ``now`` (N,) bool."""
    before, after = (float(one.mean()) if len(one) else 0.0 for one in (was, now))
    return Compared(before_ratio=before, after_ratio=after)


def _fell(was: NDArray[np.bool_], now: NDArray[np.bool_], limit_ratio: float) -> bool:
    """Say whether the share of ``now`` (N,) bool is lower by more than the limit and chance."""
    won, lost = int((now & ~was).sum()), int((was & ~now).sum())
    if lost - won <= limit_ratio * len(was):
        return False
    return chance_of_losing(won, lost) <= RISK_RATIO
