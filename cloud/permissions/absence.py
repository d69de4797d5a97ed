"""Who is away."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """A person's leave: from its first moment up to, not including, its last.

    ``ended_at`` is set when it ended before its time.
    """

    login: str
    begins_at: datetime
    ends_at: datetime
    reason: str
    ended_at: datetime | None = None

    def covers(self, moment: datetime) -> bool:
        """Say whether the person is away at ``moment``."""
        ended = self.ended_at is not None and self.ended_at <= moment
        return self.begins_at <= moment < self.ends_at and not ended
