"""What can be asked of permissions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
class ListPlugins(Query):
    """Which plug-ins are in use now; ``kind`` empty: of every kind."""

    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginView:
    """A plug-in that is in use: an agent, a skill, a workflow module or an automation."""

    kind: str
    name: str
    version: str
    category: str
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyAllowed(Query):
    """Explain what the matrix says about a person and an action.

    ``domain`` empty: the one that answers for the action. Text in ``fields`` is read as the
    command's own field says.
    """

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
class ListMyRights(Query):
    """What the asker may do, to show; each command is judged for itself when it comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RightView:
    """The letters that one holds for an action.

    ``conditional`` means with certain fields only. ``lent_by`` names whose right it is, with the
    time for which it is lent; empty for one's own.
    """

    domain: str
    action: str
    letters: tuple[str, ...]
    positions: tuple[str, ...]
    conditional: bool
    lent_by: str = ""
    begins_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListApprovals(Query):
    """The approvals that wait; those that the asker asked for, may decide or is consulted on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOwnRequests(Query):
    """What the asker has asked for, waiting and decided, newest first.

    ``before`` is the last one of the page before.
    """

    limit_count: int = 100
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAllApprovals(Query):
    """Everybody's requests, waiting and decided, newest first.

    ``before`` is the last one of the page before.
    """

    restricted = True
    domain = "permissions"

    limit_count: int = 100
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindApproval(Query):
    """One approval whole: for its requester, who may decide it and who is consulted on it."""

    approval_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadApprovals(Query):
    """Some approvals whole: those of them that the asker may see, in no order."""

    approval_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalView:
    """One approval as people see it."""

    approval_id: str
    action: str
    requester: str
    reason: str
    state: str
    requested_at: datetime
    due_at: datetime
    expires_at: datetime
    may_decide: bool
    escalated: bool
    amount_krw: int | None
    decided_by: str | None
    decided_at: datetime | None
    decision_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldView:
    """A typed field of a held command: its name, its type in words, its plain JSON value."""

    name: str
    type: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceView:
    """One field before and after a change."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeView:
    """What one person changed, why and when."""

    revision: int
    changed_by: str
    changed_at: datetime
    reason: str
    differences: tuple[DifferenceView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceView:
    """A consulted person and the answer; None while there is none."""

    login: str
    advice: str | None
    given_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalDetail:
    """One approval whole. ``payload_hash`` is what a decision on this very version names.

    ``policy_changed``: the matrices are others than when it was asked; rights are judged by
    today's. ``undo_until`` is set while the approval may be taken back.
    """

    approval: ApprovalView
    domain: str
    payload_hash: str
    revision: int
    fields: tuple[FieldView, ...]
    changes: tuple[ChangeView, ...]
    advice: tuple[AdviceView, ...]
    policy_changed: bool
    undo_until: datetime | None
    may_undo: bool
    may_withdraw: bool
    may_advise: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAbsences(Query):
    """Every leave that is not over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceView:
    """A person's leave."""

    absence_id: str
    login: str
    begins_at: datetime
    ends_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDelegations(Query):
    """What the asker has lent and what was lent to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationView:
    """Rights lent for a while; ``largest_amount_krw`` None: no act with an amount."""

    delegation_id: str
    giver: str
    taker: str
    actions: tuple[str, ...]
    ids: tuple[str, ...]
    largest_amount_krw: int | None
    begins_at: datetime
    ends_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAssignments(Query):
    """The work that was given to the asker, newest first."""

    limit_count: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentView:
    """Work given to one person."""

    assignment_id: str
    action: str
    resource: str
    assignee: str
    letter: str
    assigned_by: str
    assigned_at: datetime
    due_at: datetime
    state: str
