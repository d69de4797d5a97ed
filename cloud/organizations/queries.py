"""What can be read of organizations."""

from dataclasses import dataclass
from datetime import datetime

from cloud.commands.command import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoAmI(Query):
    """The asker as the organization knows him or her."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPersons(Query):
    """Every active person of the organization."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListMyOrganizations(Query):
    """The organizations that the asker may switch between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListMyAccess(Query):
    """The asker's sessions, token sign-ins, keys and outside accounts, without their secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeDevice(Query):
    """Which device shows a code."""

    user_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListApiKeys(Query):
    """Every key of the organization, without its secret."""

    restricted = True
    domain = "organizations"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListInvitations(Query):
    """Every open invitation, without its secret."""

    restricted = True
    domain = "organizations"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonView:
    """A person."""

    user_id: str
    login: str
    name_ko: str
    name_en: str
    badge: str
    language: str = "ko"


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """The asker."""

    organization_id: str
    organization_code: str
    organization_name_ko: str
    organization_name_en: str
    person: PersonView


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationView:
    """An organization; ``login`` is the asker's there."""

    organization_id: str
    code: str
    name_ko: str
    name_en: str
    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationMade:
    """An invitation; ``token`` is told once."""

    invitation_id: str
    login: str
    expires_at: datetime
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationView:
    """An open invitation."""

    invitation_id: str
    login: str
    name_ko: str
    name_en: str
    invited_by: str
    invited_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationMade:
    """A new organization: the link with which its first person sets a password.

    ``owner_has_position`` is false until a matrix lets that person manage the others; positions
    are written in `registry/org`, nothing else gives a right.
    """

    organization_id: str
    token: str
    login: str
    expires_at: datetime
    owner_has_position: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginLink:
    """A one-time token and until when it opens."""

    token: str
    login: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened:
    """A session that began; ``session`` is the cookie's secret, told once."""

    session: str
    login: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedApiKey:
    """A key, shown once."""

    key_id: str
    key: str
    login: str
    name: str
    scopes: tuple[str, ...] | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyView:
    """A key without its secret."""

    key_id: str
    name: str
    login: str
    scopes: tuple[str, ...] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A web session; ``here`` marks the one that asks."""

    access_id: str
    proof: str
    user_agent: str
    created_at: datetime
    expires_at: datetime
    here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSignInView:
    """A program that is signed in by tokens."""

    access_id: str
    client: str
    scopes: tuple[str, ...] | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackAccountView:
    """A Slack account that is the asker's."""

    team_id: str
    slack_user_id: str
    team_name: str
    linked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MyAccess:
    """Everything by which the asker comes in."""

    has_password: bool
    password_is_here: bool
    sessions: tuple[SessionView, ...]
    token_sign_ins: tuple[TokenSignInView, ...]
    keys: tuple[ApiKeyView, ...]
    slack_accounts: tuple[SlackAccountView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    """An access token and the refresh token for the next pair, told once."""

    access_token: str
    refresh_token: str
    access_expires_at: datetime
    refresh_expires_at: datetime
    organization_id: str
    login: str
    scopes: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """The next pair; None when the token had been used before and its sign-in was ended."""

    pair: TokenPair | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceView:
    """A device that waits for a login."""

    client: str
    address: str
    scopes: tuple[str, ...] | None
    expires_at: datetime
