"""Facts about approvals and absences."""

from dataclasses import dataclass
from datetime import datetime

from cloud.events.event import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequested(DomainEvent):
    """A command waits for its Accountable."""

    approval_id: str
    action: str
    requester: str
    approvers: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalGranted(DomainEvent):
    """A held command was carried out."""

    approval_id: str
    action: str
    requester: str
    approved_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRejected(DomainEvent):
    """A held command will not be carried out."""

    approval_id: str
    action: str
    requester: str
    rejected_by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceRecorded(DomainEvent):
    """A person is away for a while."""

    login: str
    begins_at: datetime
    ends_at: datetime
