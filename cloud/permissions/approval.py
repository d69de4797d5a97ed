"""A command that waits: what was asked, by whom, under which policy, until when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

ApprovalState = Literal["pending", "executed", "rejected", "expired", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One held command; ``payload`` is plain JSON data, its hash covers the type too."""

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
    decided_by: str | None = None
    decided_at: datetime | None = None
    decision_reason: str | None = None

    def is_open(self, now: datetime) -> bool:
        """Say whether it may still be decided."""
        return self.state == "pending" and now < self.expires_at
