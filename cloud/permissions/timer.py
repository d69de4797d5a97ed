"""Something that must happen at a moment, whichever process is alive then."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

TimerKind = Literal[
    "approval_due", "approval_expiry", "approval_execution", "consultation_end", "work_silence"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """``subject_id`` is the approval or the assignment that it is about."""

    timer_id: str
    kind: TimerKind
    subject_id: str
    due_at: datetime
    fired_at: datetime | None = None
