"""What happened to people and keys."""

from dataclasses import dataclass

from cloud.events.event import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonAdded(DomainEvent):
    """A person joined the organization."""

    user_id: str
    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn(DomainEvent):
    """A person opened a web session."""

    login: str
