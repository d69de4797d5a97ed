"""Who is away."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """A person's leave: from its first moment up to, not including, its last."""

    login: str
    begins_at: datetime
    ends_at: datetime
    reason: str

    def covers(self, moment: datetime) -> bool:
        """Say whether the person is away at ``moment``."""
        return self.begins_at <= moment < self.ends_at
