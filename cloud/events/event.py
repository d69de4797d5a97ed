"""Domain events: facts in past tense, recorded in the transaction of the act."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

_WORD = re.compile(r"(?<!^)(?=[A-Z])")


class DomainEvent:
    """Marks a frozen dataclass as a fact; its type is the class name in snake_case."""

    __slots__ = ()


def event_type(event: type[DomainEvent]) -> str:
    """Return the event's type, ``StepFinished`` → ``step_finished``."""
    return _WORD.sub("_", event.__name__).lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """An event as it lies in the outbox, in the organization's order.

    ``sequence`` counts 1, 2, 3 … per organization without a hole; ``payload`` is plain JSON data.
    """

    organization_id: str
    sequence: int
    event_id: str
    type: str
    occurred_at: datetime
    payload: dict[str, Any]


class Subscriber(Protocol):
    """Hears events at least once, in the organization's order; idempotent by event id."""

    @property
    def name(self) -> str:
        """Return the name under which its cursor is kept."""
        ...

    async def hear(self, event: RecordedEvent) -> None:
        """Take one event; an exception means that it is offered again later."""
        ...
