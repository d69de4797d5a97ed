"""What permissions need of the outside."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from cloud.commands.command import Command, CommandContext
from cloud.commands.ports import UnitOfWork
from cloud.permissions.absence import Absence
from cloud.permissions.approval import Advice, Approval, Change
from cloud.permissions.assignment import Assignment, AssignmentState
from cloud.permissions.delegation import Delegation
from cloud.permissions.queries import AbsenceView, PluginView, RegistryProblem
from cloud.permissions.rabsic import Matrix
from cloud.permissions.timer import Timer


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Of the persons asked about: who is active here, and who of them is away.

    ``silent`` are the positions that left the work asked about unanswered after its deadline.
    """

    active: frozenset[str]
    absent: frozenset[str]
    silent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a decision is about: the action, and the identifiers that its fields name."""

    action: str
    ids: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A position that left work unanswered; ``resource`` empty: whatever the action is about."""

    action: str
    resource: str
    position: str


class Matrices(Protocol):
    """The matrices that are in use, by organization."""

    def matrix(self, organization_id: str, domain: str) -> Matrix | None:
        """Return the domain's matrix; None when there is no valid one."""
        ...

    def domains(self, organization_id: str) -> tuple[str, ...]:
        """Return the domains that have a matrix."""
        ...

    def version(self, organization_id: str) -> str:
        """Return a digest that changes with every change of the matrices."""
        ...

    def problems(self, organization_id: str) -> tuple[RegistryProblem, ...]:
        """Return what is wrong with the files as they lie there now."""
        ...


class Plugins(Protocol):
    """The plug-ins that are in use."""

    def enabled(self, kind: str = "") -> tuple[PluginView, ...]:
        """Return those of ``kind``, or of every kind."""
        ...


class StandingStore(Protocol):
    """Presence, leave and delegations of the transaction's organization."""

    async def presence(
        self, logins: Iterable[str], now: datetime, work: Work | None = None
    ) -> Presence:
        """Return who of ``logins`` is an active person, and who is away now.

        With ``work``, the positions that left it unanswered after its deadline are named too.
        """
        ...

    async def silent(self, actions: Iterable[str]) -> tuple[Silence, ...]:
        """Return which positions left work with these actions unanswered after its deadline."""
        ...

    async def delegations(self, login: str, now: datetime) -> tuple[Delegation, ...]:
        """Return what was lent by or to ``login`` and has not ended; "": by and to anybody."""
        ...

    async def add_delegation(self, delegation: Delegation) -> None:
        """Keep a delegation; nobody else adds one until this transaction ends."""
        ...

    async def lock_delegations(self) -> None:
        """Keep others from adding delegations until this transaction ends."""
        ...

    async def end_delegation(self, delegation_id: str, now: datetime) -> None:
        """Note that it ends now."""
        ...

    async def add_absence(self, absence_id: str, absence: Absence) -> None:
        """Keep a person's leave."""
        ...

    async def end_absence(self, absence_id: str, now: datetime) -> str | None:
        """Note that it ends now and return whose it was; None when there is nothing to end."""
        ...

    async def absences(self, now: datetime) -> tuple[AbsenceView, ...]:
        """Return every leave that is not over, by its beginning."""
        ...


class AssignmentStore(Protocol):
    """Work that was given to persons of the transaction's organization."""

    async def add(self, assignment: Assignment) -> None:
        """Keep a new assignment."""
        ...

    async def locked(self, assignment_id: str) -> Assignment | None:
        """Return the assignment and keep others from changing it until this transaction ends."""
        ...

    async def close(self, assignment_id: str, state: AssignmentState, now: datetime) -> None:
        """Note that it was answered, or that its deadline passed in silence."""
        ...

    async def acted_on(self, assignment: Assignment) -> bool:
        """Say whether its assignee has carried out the action since, which is an answer too."""
        ...

    async def of(self, assignee: str, limit_count: int) -> tuple[Assignment, ...]:
        """Return what was given to ``assignee``, newest first."""
        ...


class TimerStore(Protocol):
    """Due moments of the transaction's organization."""

    async def add(self, timer: Timer) -> None:
        """Keep a new timer."""
        ...

    async def locked(self, timer_id: str) -> Timer | None:
        """Return the timer and keep others from firing it until this transaction ends."""
        ...

    async def close(self, timer_id: str, now: datetime, outcome: str) -> None:
        """Note that it has fired."""
        ...


class ApprovalStore(Protocol):
    """Held commands of the transaction's organization."""

    async def add(self, approval: Approval) -> None:
        """Keep a new approval."""
        ...

    async def locked(self, approval_id: str) -> Approval | None:
        """Return the approval and keep others from deciding it until this transaction ends."""
        ...

    async def find(self, approval_id: str) -> Approval | None:
        """Return the approval."""
        ...

    async def pending(self) -> tuple[Approval, ...]:
        """Return what waits, oldest first."""
        ...

    async def recent(
        self, requester: str | None, limit_count: int, before: str
    ) -> tuple[Approval, ...]:
        """Return what ``requester`` (None: anybody) asked, open and closed, newest first.

        ``before`` is the last one of the page before, empty for the first.
        """
        ...

    async def save(self, approval: Approval) -> None:
        """Keep the approval as it is now."""
        ...

    async def add_change(self, approval_id: str, change: Change, payload_hash: str) -> None:
        """Keep what was changed."""
        ...

    async def changes(self, approval_id: str) -> tuple[Change, ...]:
        """Return what was changed, oldest first."""
        ...

    async def ask_advice(self, approval_id: str, login: str, now: datetime) -> None:
        """Note that ``login`` is asked."""
        ...

    async def keep_advice(self, approval_id: str, login: str, advice: str, now: datetime) -> bool:
        """Keep the answer; False when the person was not asked or has answered."""
        ...

    async def advice(self, approval_id: str) -> tuple[Advice, ...]:
        """Return who was asked and what they answered."""
        ...

    async def some(self, approval_ids: Iterable[str]) -> tuple[Approval, ...]:
        """Return those of the approvals that there are."""
        ...

    async def all_changes(self, approval_ids: Iterable[str]) -> Mapping[str, tuple[Change, ...]]:
        """Return what was changed in each of them, oldest first; nothing for unchanged ones."""
        ...

    async def all_advice(self, approval_ids: Iterable[str]) -> Mapping[str, tuple[Advice, ...]]:
        """Return who was asked about each of them and what they answered."""
        ...


class HeldCommands(Protocol):
    """The bus, as far as approvals need it."""

    def command(self, name: str, payload: Any) -> Command:  # noqa: ANN401  plain JSON data
        """Read a stored payload back into its command."""
        ...

    async def run_approved(
        self, command: Command, requester: CommandContext, approved_by: str, unit: UnitOfWork
    ) -> Any:  # noqa: ANN401
        """Carry it out in this transaction, as its requester."""
        ...

    def catalogue(self) -> tuple[type[Command], ...]:
        """Return every command."""
        ...


Fields = Mapping[str, object]
