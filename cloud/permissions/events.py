"""Facts about approvals, absences, delegations, and who is to be told."""

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
class ApprovalChanged(DomainEvent):
    """Typed fields of a held command were changed before its decision."""

    approval_id: str
    action: str
    requester: str
    changed_by: str
    fields: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalGiven(DomainEvent):
    """The Accountable said yes; the command is carried out at ``execute_at``."""

    approval_id: str
    action: str
    requester: str
    approved_by: str
    execute_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalTakenBack(DomainEvent):
    """The Accountable took the yes back in time; the command waits again."""

    approval_id: str
    action: str
    requester: str
    taken_back_by: str
    reason: str


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
class ApprovalWithdrawn(DomainEvent):
    """The requester took a held command back."""

    approval_id: str
    action: str
    requester: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalEscalated(DomainEvent):
    """Nobody answered in time, or nobody could; ``told`` are asked to see to it."""

    approval_id: str
    action: str
    requester: str
    reason: str
    told: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalExpired(DomainEvent):
    """Nobody decided before the end; the command will not be carried out."""

    approval_id: str
    action: str
    requester: str
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalFailed(DomainEvent):
    """A held command could not be carried out when its moment came."""

    approval_id: str
    action: str
    requester: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonConsulted(DomainEvent):
    """A Consulted person is asked before the act; until ``answer_by`` the advice is waited for.

    ``approval_id`` is empty when nothing waits: the action's policy gives the advice no time.
    """

    login: str
    letter: str
    action: str
    domain: str
    by: str
    resource: str
    approval_id: str
    answer_by: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceGiven(DomainEvent):
    """A Consulted person answered."""

    approval_id: str
    action: str
    requester: str
    login: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonInformed(DomainEvent):
    """An Informed person is told after the act."""

    login: str
    letter: str
    action: str
    domain: str
    by: str
    resource: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceRecorded(DomainEvent):
    """A person is away for a while."""

    login: str
    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceEnded(DomainEvent):
    """A person is back, or did not leave."""

    absence_id: str
    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityDelegated(DomainEvent):
    """A person lends rights to another."""

    delegation_id: str
    giver: str
    taker: str
    actions: tuple[str, ...]
    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationRevoked(DomainEvent):
    """Lent rights ended before their time."""

    delegation_id: str
    giver: str
    taker: str
    revoked_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkAssigned(DomainEvent):
    """A person is to do something until a moment."""

    assignment_id: str
    action: str
    resource: str
    assignee: str
    letter: str
    assigned_by: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkUnanswered(DomainEvent):
    """A person did not answer in time; ``next_assignee`` is empty when nobody is left."""

    assignment_id: str
    action: str
    resource: str
    assignee: str
    next_assignee: str
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTakenUp(DomainEvent):
    """A person said that the work is taken up."""

    assignment_id: str
    action: str
    resource: str
    assignee: str
