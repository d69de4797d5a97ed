"""What can be asked of organizations: people, links, sessions, keys."""

from dataclasses import dataclass

from cloud.commands.command import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPerson(Command):
    """Make a person known to the organization."""

    domain = "organizations"
    login: str
    name_ko: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateLoginLink(Command):
    """Make a one-time sign-in link for a person."""

    domain = "organizations"
    secret_answer = True
    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UseLoginLink(Command):
    """Exchange a link's token for a web session, once."""

    domain = "organizations"
    secret_answer = True
    token: str
    session_h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSession(Command):
    """Sign out."""

    domain = "organizations"
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateApiKey(Command):
    """Make a key that acts as a person; it is shown once."""

    domain = "organizations"
    secret_answer = True
    login: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeApiKey(Command):
    """End a key."""

    domain = "organizations"
    key_id: str
