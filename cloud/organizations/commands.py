"""What can be asked of organizations: people, sign-in, sessions, keys, tokens, outside accounts."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from cloud.commands.command import Command, secret_field
from cloud.organizations.person import plain_code, plain_login, plain_name


class Proof(StrEnum):
    """What opened a web session."""

    LINK = "link"
    PASSWORD = "password"  # noqa: S105  the name of a way in, no password
    OIDC = "oidc"


class Noted(StrEnum):
    """What a door writes into a context's metadata about how somebody came in.

    ``LIMITED`` marks a context whose attempts were counted; a password is never tried without it.
    """

    USER_ID = "user_id"
    SESSION_ID = "session_id"
    PROOF = "proof"
    HOME = "home_organization_id"
    ACCOUNT_LOGIN = "account_login"
    LIMITED = "limited"
    PROVEN = "proven_account"
    USER_AGENT = "user_agent"


class OrganizationCommand(Command):
    """A wish that the matrix of organizations answers for."""

    __slots__ = ()
    domain = "organizations"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateOrganization(OrganizationCommand):
    """Make an organization with its first person; the context names its new identifier."""

    secret_answer = True
    founds_organization = True
    code: str
    name_ko: str
    name_en: str
    owner_login: str
    owner_name_ko: str
    owner_name_en: str

    def check(self) -> None:
        """Refuse what cannot be before anything is written: there is no audit chain for it yet."""
        plain_code(self.code)
        plain_login(self.owner_login)
        for name in ("name_ko", "name_en", "owner_name_ko", "owner_name_en"):
            plain_name(getattr(self, name), name)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameOrganization(OrganizationCommand):
    """Give the organization other names."""

    name_ko: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPerson(OrganizationCommand):
    """Make a person known to the organization."""

    login: str
    name_ko: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitePerson(OrganizationCommand):
    """Make a one-time invitation; who accepts it becomes a member."""

    secret_answer = True
    login: str
    name_ko: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeInvitation(OrganizationCommand):
    """Take an invitation back."""

    invitation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptInvitation(OrganizationCommand):
    """Become a member: with the account that is signed in, or with a new password."""

    secret_answer = True
    session_h: float
    token: str = secret_field()
    password: str = secret_field()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveMember(OrganizationCommand):
    """End a membership with everything that opens a door for it."""

    login: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveOrganization(OrganizationCommand):
    """End one's own membership."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenamePerson(OrganizationCommand):
    """Write a member's name otherwise."""

    login: str
    name_ko: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLanguage(OrganizationCommand):
    """Say in which language one is spoken to."""

    language: Literal["ko", "en"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateLoginLink(OrganizationCommand):
    """Make a one-time sign-in link for a person."""

    secret_answer = True
    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UseLoginLink(OrganizationCommand):
    """Exchange a link's token for a web session, once."""

    secret_answer = True
    session_h: float
    token: str = secret_field()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInWithPassword(OrganizationCommand):
    """Open a web session for the context's person by the password."""

    secret_answer = True
    session_h: float
    password: str = secret_field()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInWithProvider(OrganizationCommand):
    """Open a web session for whom an outside provider has proven; the door checked its answer."""

    secret_answer = True
    issuer: str
    subject: str
    session_h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchOrganization(OrganizationCommand):
    """Open a session in another organization of the same person; the context is in that one."""

    secret_answer = True
    session_h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSession(OrganizationCommand):
    """Sign out."""

    session: str = secret_field()


@dataclass(frozen=True, slots=True, kw_only=True)
class EndOwnAccess(OrganizationCommand):
    """End one of one's own sessions, token sign-ins or keys."""

    access_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndEverySession(OrganizationCommand):
    """Sign out everywhere: every web session and every token; keys stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePassword(OrganizationCommand):
    """Set one's own password; whoever has one says it first. Other sessions end."""

    current_password: str = secret_field()
    new_password: str = secret_field()


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePasswordLink(OrganizationCommand):
    """Make a one-time link with which a person sets a new password."""

    secret_answer = True
    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsePasswordLink(OrganizationCommand):
    """Set a new password by a link, once; every session before it ends and one opens."""

    secret_answer = True
    session_h: float
    token: str = secret_field()
    password: str = secret_field()


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateOwnApiKey(OrganizationCommand):
    """Make a key that acts as oneself; it is shown once. ``scopes`` None: not narrowed."""

    secret_answer = True
    name: str
    scopes: tuple[str, ...] | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateApiKey(CreateOwnApiKey):
    """Make a key that acts as another person, ``login``."""

    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeApiKey(OrganizationCommand):
    """End a key."""

    key_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueTokens(OrganizationCommand):
    """Begin a program's sign-in from a web session; ``client`` says what it is."""

    secret_answer = True
    client: str
    scopes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshTokens(OrganizationCommand):
    """Exchange a refresh token for the next pair, once."""

    secret_answer = True
    refresh_token: str = secret_field()


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeTokens(OrganizationCommand):
    """End the sign-in to which a refresh token belongs."""

    refresh_token: str = secret_field()


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideDevice(OrganizationCommand):
    """Let a device that shows this code act as oneself, or not."""

    user_code: str
    approve: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeDeviceTokens(OrganizationCommand):
    """Give a device that was approved its tokens, once."""

    secret_answer = True
    device_code: str = secret_field()


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSlackAccount(OrganizationCommand):
    """Say that a Slack account is one's own; the door asked Slack."""

    team_id: str
    slack_user_id: str
    team_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlinkSlackAccount(OrganizationCommand):
    """Forget a Slack account of one's own."""

    team_id: str
    slack_user_id: str
