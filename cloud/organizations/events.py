"""What happened to people, keys and sign-ins."""

from dataclasses import dataclass

from cloud.events.event import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationCreated(DomainEvent):
    """An organization began."""

    code: str
    owner_login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationRenamed(DomainEvent):
    """The organization has other names."""

    name_ko: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonAdded(DomainEvent):
    """A person joined the organization."""

    user_id: str
    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonChanged(DomainEvent):
    """A member's name or language is another."""

    user_id: str
    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonInvited(DomainEvent):
    """Somebody was invited."""

    invitation_id: str
    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRemoved(DomainEvent):
    """A membership ended."""

    user_id: str
    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn(DomainEvent):
    """A person opened a web session."""

    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChanged(DomainEvent):
    """A person has another password."""

    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenReuseFound(DomainEvent):
    """A refresh token came twice; its sign-in was ended."""

    login: str
    family_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceDecided(DomainEvent):
    """A person let a device in, or did not."""

    login: str
    client: str
    approved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackAccountLinked(DomainEvent):
    """A person has a Slack account."""

    login: str
    team_id: str
    slack_user_id: str
