"""What a station did today; a day ends at the floor's midnight."""

from dataclasses import dataclass, replace
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTally:
    """Steps finished on one day, and those of them that failed."""

    day: date
    finished_count: int = 0
    failed_count: int = 0

    def on(self, day: date) -> "DayTally":
        """Return the tally of ``day``: this one, or an empty one where the day is another."""
        return self if day == self.day else DayTally(day=day)

    def with_finish(self, verdict: str) -> "DayTally":
        """Return the tally with one more finished step."""
        return replace(
            self,
            finished_count=self.finished_count + 1,
            failed_count=self.failed_count + (verdict == "FAIL"),
        )
