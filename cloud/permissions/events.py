"""Facts about approvals, absences, delegations, and who is to be told."""

from dataclasses import dataclass
from datetime import datetime

from cloud.events.event import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutApproval(DomainEvent):
    """What every fact about a held command says: which one, what it is, and who asked for it."""

    approval_id: str
    action: str
    requester: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutPersonsPart(DomainEvent):
    """That a person is asked or told about an act, by which letter, and who acts on what."""

    login: str
    letter: str
    action: str
    domain: str
    by: str
    resource: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutAssignment(DomainEvent):
    """What every fact about assigned work says: what is to be done on what, and by whom."""

    assignment_id: str
    action: str
    resource: str
    assignee: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequested(AboutApproval):
    """A command waits for its Accountable."""

    approvers: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalChanged(AboutApproval):
    """Typed fields of a held command were changed before its decision."""

    changed_by: str
    fields: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalGiven(AboutApproval):
    """The Accountable said yes; the command is carried out at ``execute_at``."""

    approved_by: str
    execute_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalTakenBack(AboutApproval):
    """The Accountable took the yes back in time; the command waits again."""

    taken_back_by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalGranted(AboutApproval):
    """A held command was carried out."""

    approved_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRejected(AboutApproval):
    """A held command will not be carried out."""

    rejected_by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalWithdrawn(AboutApproval):
    """The requester took a held command back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalEscalated(AboutApproval):
    """Nobody answered in time, or nobody could; ``told`` are asked to see to it."""

    reason: str
    told: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalExpired(AboutApproval):
    """Nobody decided before the end; the command will not be carried out."""

    told: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalFailed(AboutApproval):
    """A held command could not be carried out when its moment came."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonConsulted(AboutPersonsPart):
    """A Consulted person is asked before the act; until ``answer_by`` the advice is waited for.

    ``approval_id`` is empty when nothing waits: the action's policy gives the advice no time.
    """

    approval_id: str
    answer_by: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceGiven(AboutApproval):
    """A Consulted person answered."""

    login: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonInformed(AboutPersonsPart):
    """An Informed person is told after the act."""


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
class WorkAssigned(AboutAssignment):
    """A person is to do something until a moment."""

    letter: str
    assigned_by: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkUnanswered(AboutAssignment):
    """A person did not answer in time; ``next_assignee`` is empty when nobody is left."""

    next_assignee: str
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTakenUp(AboutAssignment):
    """A person said that the work is taken up."""
