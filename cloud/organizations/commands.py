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


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateOrganization(Command):
    """Make an organization with its first person; the context names its new identifier."""

    domain = "organizations"
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
class RenameOrganization(Command):
    """Give the organization other names."""

    domain = "organizations"
    name_ko: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPerson(Command):
    """Make a person known to the organization."""

    domain = "organizations"
    login: str
    name_ko: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitePerson(Command):
    """Make a one-time invitation; who accepts it becomes a member."""

    domain = "organizations"
    secret_answer = True
    login: str
    name_ko: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeInvitation(Command):
    """Take an invitation back."""

    domain = "organizations"
    invitation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptInvitation(Command):
    """Become a member: with the account that is signed in, or with a new password."""

    domain = "organizations"
    secret_answer = True
    session_h: float
    token: str = secret_field()
    password: str = secret_field()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveMember(Command):
    """End a membership with everything that opens a door for it."""

    domain = "organizations"
    login: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveOrganization(Command):
    """End one's own membership."""

    domain = "organizations"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenamePerson(Command):
    """Write a member's name otherwise."""

    domain = "organizations"
    login: str
    name_ko: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLanguage(Command):
    """Say in which language one is spoken to."""

    domain = "organizations"
    language: Literal["ko", "en"]


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
class SignInWithPassword(Command):
    """Open a web session for the context's person by the password."""

    domain = "organizations"
    secret_answer = True
    session_h: float
    password: str = secret_field()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInWithProvider(Command):
    """Open a web session for whom an outside provider has proven; the door checked its answer."""

    domain = "organizations"
    secret_answer = True
    issuer: str
    subject: str
    session_h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchOrganization(Command):
    """Open a session in another organization of the same person; the context is in that one."""

    domain = "organizations"
    secret_answer = True
    session_h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSession(Command):
    """Sign out."""

    domain = "organizations"
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndOwnAccess(Command):
    """End one of one's own sessions, token sign-ins or keys."""

    domain = "organizations"
    access_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndEverySession(Command):
    """Sign out everywhere: every web session and every token; keys stay."""

    domain = "organizations"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePassword(Command):
    """Set one's own password; whoever has one says it first. Other sessions end."""

    domain = "organizations"
    current_password: str = secret_field()
    new_password: str = secret_field()


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePasswordLink(Command):
    """Make a one-time link with which a person sets a new password."""

    domain = "organizations"
    secret_answer = True
    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsePasswordLink(Command):
    """Set a new password by a link, once; every session before it ends and one opens."""

    domain = "organizations"
    secret_answer = True
    session_h: float
    token: str = secret_field()
    password: str = secret_field()


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateApiKey(Command):
    """Make a key that acts as a person; it is shown once. ``scopes`` None: not narrowed."""

    domain = "organizations"
    secret_answer = True
    login: str
    name: str
    scopes: tuple[str, ...] | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateOwnApiKey(Command):
    """Make a key that acts as oneself; it is shown once. ``scopes`` None: not narrowed."""

    domain = "organizations"
    secret_answer = True
    name: str
    scopes: tuple[str, ...] | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeApiKey(Command):
    """End a key."""

    domain = "organizations"
    key_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueTokens(Command):
    """Begin a program's sign-in from a web session; ``client`` says what it is."""

    domain = "organizations"
    secret_answer = True
    client: str
    scopes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshTokens(Command):
    """Exchange a refresh token for the next pair, once."""

    domain = "organizations"
    secret_answer = True
    refresh_token: str = secret_field()


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeTokens(Command):
    """End the sign-in to which a refresh token belongs."""

    domain = "organizations"
    refresh_token: str = secret_field()


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideDevice(Command):
    """Let a device that shows this code act as oneself, or not."""

    domain = "organizations"
    user_code: str
    approve: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeDeviceTokens(Command):
    """Give a device that was approved its tokens, once."""

    domain = "organizations"
    secret_answer = True
    device_code: str = secret_field()


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSlackAccount(Command):
    """Say that a Slack account is one's own; the door asked Slack."""

    domain = "organizations"
    team_id: str
    slack_user_id: str
    team_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlinkSlackAccount(Command):
    """Forget a Slack account of one's own."""

    domain = "organizations"
    team_id: str
    slack_user_id: str
