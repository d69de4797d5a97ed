"""A unit of work in which somebody else acts: an approved command runs as its requester."""

from cloud.commands.command import CommandContext
from cloud.commands.ports import Port, UnitOfWork
from cloud.events.event import DomainEvent
from cloud.events.ports import Clock, IdFactory


class ActingUnit:
    """The same transaction as ``unit``, with another context."""

    def __init__(self, unit: UnitOfWork, context: CommandContext) -> None:
        self._unit = unit
        self._context = context

    @property
    def context(self) -> CommandContext:
        """Return who acts."""
        return self._context

    @property
    def clock(self) -> Clock:
        """Return the clock."""
        return self._unit.clock

    @property
    def ids(self) -> IdFactory:
        """Return the maker of identifiers."""
        return self._unit.ids

    def store(self, port: type[Port]) -> Port:
        """Return the implementation of ``port`` that works in this transaction."""
        return self._unit.store(port)

    def record(self, event: DomainEvent) -> None:
        """Write ``event`` to the outbox when the transaction commits."""
        self._unit.record(event)
