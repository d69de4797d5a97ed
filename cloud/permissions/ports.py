"""What permissions need of the outside."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from cloud.commands.command import Command, CommandContext
from cloud.commands.ports import UnitOfWork
from cloud.permissions.absence import Absence
from cloud.permissions.approval import Approval, ApprovalState
from cloud.permissions.delegation import Delegation
from cloud.permissions.queries import RegistryProblem
from cloud.permissions.rabsic import Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Of the persons asked about: who is active here, and who of them is away."""

    active: frozenset[str]
    absent: frozenset[str]


class Matrices(Protocol):
    """The matrices that are in use, by organization."""

    def matrix(self, organization_id: str, domain: str) -> Matrix | None:
        """Return the domain's matrix; None when there is no valid one."""
        ...

    def version(self, organization_id: str) -> str:
        """Return a digest that changes with every change of the matrices."""
        ...

    def problems(self, organization_id: str) -> tuple[RegistryProblem, ...]:
        """Return what is wrong with the files as they lie there now."""
        ...


class StandingStore(Protocol):
    """Presence and delegations of the transaction's organization."""

    async def presence(self, logins: Iterable[str], now: datetime) -> Presence:
        """Return who of ``logins`` is an active person, and who is away now."""
        ...

    async def delegations_to(self, login: str, now: datetime) -> tuple[Delegation, ...]:
        """Return what others lent ``login`` and is valid now."""
        ...

    async def add_absence(self, absence_id: str, absence: Absence) -> None:
        """Keep a person's leave."""
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

    async def close(
        self, approval_id: str, state: ApprovalState, by: str, now: datetime, reason: str
    ) -> None:
        """Note the decision."""
        ...


class HeldCommands(Protocol):
    """The bus, as far as approvals need it."""

    def command(self, name: str, payload: Any) -> Command:  # noqa: ANN401  plain JSON data
        """Read a stored payload back into its command."""
        ...

    async def run_approved(
        self, command: Command, requester: CommandContext, unit: UnitOfWork
    ) -> Any:  # noqa: ANN401
        """Carry it out in this transaction, as its requester."""
        ...


Fields = Mapping[str, object]
