"""Facts about sessions. They say that something was said, never what."""

from dataclasses import dataclass

from cloud.events.event import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted(DomainEvent):
    """A conversation began."""

    session_id: str
    interface: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionAppended(DomainEvent):
    """Something was said."""

    session_id: str
    sequence: int
    role: str
    interface: str
    length_count: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSwitched(DomainEvent):
    """A conversation goes on at another interface."""

    session_id: str
    left: str
    interface: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionClosed(DomainEvent):
    """A conversation ended."""

    session_id: str
    version: int


#: Every fact after which an older hot copy is no longer true.
CHANGES = frozenset({"session_started", "session_appended", "session_switched", "session_closed"})
