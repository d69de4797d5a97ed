"""What a station did today; a day ends at the floor's midnight."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

#: Piece, step and number of the attempt.
Attempt = tuple[str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTally:
    """Attempts finished on one day with their latest verdict: a retake is no second attempt."""

    day: date
    verdicts: Mapping[Attempt, str] = field(default_factory=dict)

    @property
    def finished_count(self) -> int:
        """Return how many attempts were finished."""
        return len(self.verdicts)

    @property
    def failed_count(self) -> int:
        """Return how many of them failed."""
        return sum(verdict == "FAIL" for verdict in self.verdicts.values())

    def on(self, day: date) -> "DayTally":
        """Return the tally of ``day``: this one, or an empty one where the day is another."""
        return self if day == self.day else DayTally(day=day)

    def with_finish(self, attempt: Attempt, verdict: str) -> "DayTally":
        """Return the tally in which ``attempt`` has this verdict."""
        return replace(self, verdicts={**self.verdicts, attempt: verdict})
