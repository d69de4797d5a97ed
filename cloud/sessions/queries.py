"""What can be read of sessions: one's own, and counts for whoever has the right."""

from dataclasses import dataclass
from datetime import datetime

from cloud.commands.command import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreSession(Query):
    """A session of the asker with its newest entries."""

    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadHistory(Query):
    """Entries of a session of the asker after ``after``, in order."""

    session_id: str
    after: int = 0
    limit: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSessions(Query):
    """The asker's sessions, newest first; ``before`` is the last id of the page before."""

    before: str = ""
    limit: int = 50
    active_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStatistics(Query):
    """Counts and lengths of the organization's sessions; no text."""

    domain = "sessions"
    restricted = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView:
    """One thing that was said."""

    sequence: int
    role: str
    author: str
    interface: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A conversation. After ``expires_at`` it is no longer hot; it comes back when asked for."""

    session_id: str
    owner: str
    source: str
    interface: str
    state: str
    metadata: dict[str, str]
    version: int
    last_sequence: int
    user_count: int
    assistant_count: int
    characters_count: int
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredSession:
    """A session with its newest entries, in order."""

    session: SessionView
    entries: tuple[EntryView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """What was said, and the session after it."""

    session: SessionView
    entry: EntryView


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceStatistics:
    """Sessions that began at one interface."""

    source: str
    sessions_count: int
    active_count: int
    user_count: int
    assistant_count: int
    characters_count: int
