"""Ordered steps of a work order, and one attempt at one of them."""

from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideLine:
    """One line of a guide; ``picture`` names a picture of the stage catalogue, or is empty."""

    text_ko: str
    text_en: str
    picture: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step; ``position`` counts from 1 and gives the order. The stage is its station kind."""

    step_id: str
    position: int
    stage: str
    title_ko: str
    title_en: str
    requires_quality_check: bool
    guide: tuple[GuideLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStart:
    """The fact that somebody began an attempt.

    ``at`` is off by at most ``at_err_ms``; ``None`` where nobody can say.
    """

    step_id: str
    attempt: int
    spec_version: str
    station_id: str
    worker: str
    at: datetime
    order_unconfirmed: bool = False
    at_err_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinish:
    """The fact that somebody ended an attempt; ``verdict`` is PASS, FAIL, REVIEW or NONE.

    ``at`` is off by at most ``at_err_ms``; ``None`` where nobody can say.
    """

    step_id: str
    attempt: int
    spec_version: str
    station_id: str
    worker: str
    at: datetime
    inspection_id: str
    verdict: str
    critical: bool = False
    order_unconfirmed: bool = False
    at_err_ms: int | None = None

    @property
    def is_final(self) -> bool:
        """Say whether a machine's word stands without a person."""
        return self.verdict != "REVIEW"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """All that is known about one attempt: a merge of its facts.

    Merging is commutative, associative and idempotent, so facts may come twice and in any order:
    the earliest start counts; the earliest final verdict counts, and before there is one the latest
    REVIEW (a worker may show a piece to the camera again, but never away from a failure).
    """

    step_id: str
    attempt: int
    start: StepStart | None = None
    finish: StepFinish | None = None

    def with_start(self, start: StepStart) -> "StepRun":
        """Return the run that knows of ``start`` too."""
        if self.start is not None and _start_key(self.start) <= _start_key(start):
            return self
        return replace(self, start=start)

    def with_finish(self, finish: StepFinish) -> "StepRun":
        """Return the run that knows of ``finish`` too."""
        if self.finish is not None and _finish_key(self.finish) <= _finish_key(finish):
            return self
        return replace(self, finish=finish)

    @property
    def began_at(self) -> datetime | None:
        """Return when work began: a finish without a start is its own start."""
        moments = [fact.at for fact in (self.start, self.finish) if fact is not None]
        return min(moments) if moments else None

    @property
    def at_err_ms(self) -> int | None:
        """Return the larger error of both moments, ``None`` where one of them has none."""
        errors = [fact.at_err_ms for fact in (self.start, self.finish) if fact is not None]
        known = [error for error in errors if error is not None]
        return max(known) if known and len(known) == len(errors) else None

    @property
    def spec_version(self) -> str:
        """Return the spec version that the work was done by."""
        fact = self.finish or self.start
        return fact.spec_version if fact else ""


def _start_key(start: StepStart) -> tuple[datetime, str, str, str, bool]:
    return (
        start.at,
        start.station_id,
        start.worker,
        start.spec_version,
        start.order_unconfirmed,
    )


def _finish_key(
    finish: StepFinish,
) -> tuple[bool, float, str, str, str, str, str, bool]:
    """Smaller counts more: final before REVIEW, early finals, late reviews, then a fixed order."""
    moment = finish.at.timestamp()
    return (
        not finish.is_final,
        moment if finish.is_final else -moment,
        finish.inspection_id,
        finish.verdict,
        finish.station_id,
        finish.worker,
        finish.spec_version,
        finish.order_unconfirmed,
    )
