"""Has the share of rejects risen? Decided while garments come, by two straight lines.

The sequential probability ratio test of two shares (A. Wald, Sequential Analysis, 1947, chapter 5):
``rejects`` against ``garments``, above the upper line the share has risen, below the lower one it
has not, between them more garments are needed. After ``most_count`` garments the line in the middle
decides. Lines are what a station can judge by itself, without knowing how they were drawn.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import log

from cloud.rollouts.errors import ShiftTestInvalidError


class ShiftVerdict(StrEnum):
    """What the garments so far say."""

    UNDECIDED = "UNDECIDED"
    SAME = "SAME"
    RISEN = "RISEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftLines:
    """Two parallel lines over the number of garments, in rejects."""

    slope_ratio: float
    upper_count: float
    lower_count: float
    most_count: int

    def judge(self, rejects: int, garments: int) -> ShiftVerdict:
        """Say what ``rejects`` among ``garments`` mean.

        A verdict holds when it is first reached: whoever asks again after more garments must keep
        the first one.

        Raises:
            ShiftTestInvalidError: more rejects than garments, or a number below zero.
        """
        if not 0 <= rejects <= garments:
            raise ShiftTestInvalidError(
                f"{rejects} rejects among {garments} garments cannot be", field="rejects"
            )
        above = rejects - self.slope_ratio * garments
        if above >= self.upper_count:
            return ShiftVerdict.RISEN
        if above <= -self.lower_count:
            return ShiftVerdict.SAME
        if garments < self.most_count:
            return ShiftVerdict.UNDECIDED
        middle = (self.upper_count - self.lower_count) / 2
        return ShiftVerdict.RISEN if above > middle else ShiftVerdict.SAME


def shift_lines(
    *, baseline_ratio: float, shift_ratio: float, false_ratio: float, missed_ratio: float,
    most_count: int,
) -> ShiftLines:  # fmt: skip
    """Return the lines of the test between ``baseline_ratio`` and ``baseline_ratio + shift_ratio``.

    ``false_ratio`` bounds how often an unchanged share is called risen, ``missed_ratio`` how often
    one that rose by ``shift_ratio`` is called the same; both are Wald's bounds, which the end after
    ``most_count`` garments loosens a little.

    Raises:
        ShiftTestInvalidError: a share that is none, or bounds that leave nothing to decide.
    """
    risen_ratio = baseline_ratio + shift_ratio
    if not (0 < baseline_ratio < risen_ratio < 1):
        raise ShiftTestInvalidError(
            "shares lie between 0 and 1, and the risen one is the larger", field="baseline_ratio"
        )
    if not (0 < false_ratio < 0.5 and 0 < missed_ratio < 0.5):
        raise ShiftTestInvalidError(
            "the ratios of wrong verdicts lie between 0 and 0.5", field="false_ratio"
        )
    if most_count < 1:
        raise ShiftTestInvalidError("the test needs at least one garment", field="most_count")
    reject, accept = (
        log(risen_ratio / baseline_ratio),
        log((1 - baseline_ratio) / (1 - risen_ratio)),
    )
    return ShiftLines(
        slope_ratio=accept / (reject + accept),
        upper_count=log((1 - missed_ratio) / false_ratio) / (reject + accept),
        lower_count=log((1 - false_ratio) / missed_ratio) / (reject + accept),
        most_count=most_count,
    )
