"""What can be asked of permissions."""

from dataclasses import dataclass
from datetime import datetime

from cloud.commands.command import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryProblems(Query):
    """Which registry files are not in use as they lie there, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryProblem:
    """One thing wrong with one file; ``line`` counts from 1, 0 when the whole file is meant.

    ``serving`` says what is in use instead: ``last_good`` or ``nothing``.
    """

    file: str
    line: int
    code: str
    reason: str
    serving: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyAllowed(Query):
    """Explain what the matrix says about a person and an action."""

    user: str
    domain: str
    action: str
    fields: dict[str, str | int | float | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A decision, spelled out. ``level`` and ``goes_to`` say who should do the work now."""

    user: str
    domain: str
    action: str
    allowed: bool
    letter: str
    reason: str
    approval_needed: bool
    positions: tuple[str, ...]
    steps: tuple[str, ...]
    level: str
    goes_to: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListApprovals(Query):
    """The approvals that wait; those that the asker asked for or may decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalView:
    """One approval as people see it."""

    approval_id: str
    action: str
    requester: str
    reason: str
    state: str
    requested_at: datetime
    expires_at: datetime
    may_decide: bool
