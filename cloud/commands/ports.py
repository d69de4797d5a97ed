"""What the bus needs; features and infrastructure implement it, composition stacks it."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from cloud.commands.command import Command, CommandContext, Query
from cloud.events.event import DomainEvent
from cloud.events.ports import Clock, IdFactory

Port = TypeVar("Port")


class UnitOfWork(Protocol):
    """One database transaction with the organization set.

    Handlers take their stores from it, by port type, and record events into it.
    """

    @property
    def context(self) -> CommandContext:
        """Return who acts."""
        ...

    @property
    def clock(self) -> Clock:
        """Return the clock."""
        ...

    @property
    def ids(self) -> IdFactory:
        """Return the maker of identifiers."""
        ...

    def store(self, port: type[Port]) -> Port:
        """Return the implementation of ``port`` that works in this transaction."""
        ...

    def record(self, event: DomainEvent) -> None:
        """Write ``event`` to the outbox when the transaction commits."""
        ...


Handler = Callable[[Any, UnitOfWork], Awaitable[Any]]


class Transactions(Protocol):
    """Opens units of work."""

    def begin(self, context: CommandContext) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open a read-write transaction; leaving commits, an exception rolls back."""
        ...

    def read(self, context: CommandContext) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open a read-only transaction."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """The answer of the authorizer, with the reason that the asker may be shown.

    ``on_behalf_of`` names whose lent right it is. ``consulted`` are asked before the act, which
    waits up to ``consultation_s`` for their advice; ``informed`` are told after it.
    """

    allowed: bool
    reason: str
    letter: str = ""
    approval_needed: bool = False
    on_behalf_of: str = ""
    consulted: tuple[str, ...] = ()
    consultation_s: int = 0
    informed: tuple[str, ...] = ()


class Authorizer(Protocol):
    """Decides by RABSIC."""

    async def decide(self, command: Command | Query, unit: UnitOfWork) -> Permission:
        """Say whether the context's user may do or ask this; fails closed."""
        ...


class ApprovalGate(Protocol):
    """Keeps gated commands until the Accountable has spoken or the Consulted were heard."""

    async def hold(self, command: Command, permission: Permission, unit: UnitOfWork) -> str:
        """Store the command for approval and return the approval's identifier."""
        ...


class Circle(Protocol):
    """Those around an act who do not do it: they are asked before and told after."""

    def ask(self, command: Command, permission: Permission, unit: UnitOfWork) -> None:
        """Record that the Consulted are asked about an act that does not wait for them."""
        ...

    def tell(self, command: Command, permission: Permission, unit: UnitOfWork) -> None:
        """Record that the Informed are told of an act that was carried out."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One act or refusal: who did what to what, with metadata of plain JSON data."""

    action: str
    resource: str
    outcome: str
    metadata: dict[str, Any]


class AuditTrail(Protocol):
    """Appends to the organization's chain in the act's own transaction."""

    async def append(self, entry: AuditEntry, unit: UnitOfWork) -> None:
        """Append one entry."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResult:
    """What was answered to the same key before."""

    payload_hash: str
    result: Any


class IdempotencyStore(Protocol):
    """Remembers answers by organization, user and key."""

    async def claim(self, key: str, payload_hash: str, unit: UnitOfWork) -> StoredResult | None:
        """Return the stored answer, or take the key for this transaction and return None.

        A second caller with the same key waits until the first has committed or rolled back.
        """
        ...

    async def keep(self, key: str, result: Any, unit: UnitOfWork) -> None:  # noqa: ANN401  JSON
        """Store the answer, plain JSON data, in this transaction."""
        ...


class ResourceLocks(Protocol):
    """Lets conditional acts on one thing follow one another."""

    async def take(self, name: str) -> None:
        """Wait until nobody else holds ``name``; keep it until the transaction ends."""
        ...
