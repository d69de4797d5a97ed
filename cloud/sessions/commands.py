"""What can be asked of sessions."""

from dataclasses import dataclass, field

from cloud.commands.command import Command, Source
from cloud.sessions.session import Role

_CONVERSED = frozenset({Source.SLACK, Source.WEB, Source.TERMINAL, Source.API, Source.MCP})


@dataclass(frozen=True, slots=True, kw_only=True)
class StartSession(Command):
    """Begin a conversation at the interface that the command comes from."""

    domain = "sessions"
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendToSession(Command):
    """Say something; the program itself may say it for an agent or for a colleague in a thread."""

    domain = "sessions"
    session_id: str
    text: str
    role: Role = Role.USER
    author: str = ""

    @property
    def lane(self) -> str:
        """Entries of one session are taken in the order in which they came."""
        return self.session_id


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchInterface(Command):
    """Go on elsewhere; the history stays, the metadata is merged."""

    domain = "sessions"
    session_id: str
    interface: Source
    metadata: dict[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Refuse an interface at which nobody talks."""
        if self.interface not in _CONVERSED:
            known = ", ".join(sorted(_CONVERSED))
            raise ValueError(f"a conversation goes on at one of: {known}")

    @property
    def lane(self) -> str:
        """A switch keeps its place among what is said."""
        return self.session_id


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseSession(Command):
    """End a conversation; it can still be read."""

    domain = "sessions"
    session_id: str

    @property
    def lane(self) -> str:
        """The end comes after what was said before it."""
        return self.session_id
