"""A command that waits: what was asked, by whom, under which policy, until when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

ApprovalState = Literal[
    "consulting", "pending", "approved", "executed", "rejected", "expired", "failed", "withdrawn"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One held command; ``payload`` is plain JSON data, its hash covers the type too.

    ``consulting`` waits for advice until ``due_at``; ``pending`` for its Accountable, who is
    reminded at ``due_at``; ``approved`` for ``execute_at``, until when the word may be taken
    back. ``approval_needed`` is false for one that only asks for advice.
    """

    approval_id: str
    action: str
    domain: str
    payload: dict[str, Any]
    payload_hash: str
    spec_version: str | None
    requester: str
    requester_source: str
    requester_session: str | None
    policy_version: str
    reason: str
    state: ApprovalState
    requested_at: datetime
    due_at: datetime
    expires_at: datetime
    requester_letter: str = ""
    approval_needed: bool = True
    revision: int = 1
    escalated_at: datetime | None = None
    execute_at: datetime | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    decision_reason: str | None = None

    def is_open(self, now: datetime) -> bool:
        """Say whether it may still be decided."""
        return self.state == "pending" and now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field of a held command, before and after; plain JSON data."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one person changed in a held command; ``revision`` counts the payload's versions."""

    revision: int
    changed_by: str
    changed_at: datetime
    reason: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A consulted person, and what they answered; None while they have not."""

    login: str
    asked_at: datetime
    advice: str | None
    given_at: datetime | None


def differences(
    before: Mapping[str, object], after: Mapping[str, object]
) -> tuple[Difference, ...]:
    """Return the fields in which two payloads of one command differ, by name."""
    return tuple(
        Difference(field=name, before=before.get(name), after=after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )
