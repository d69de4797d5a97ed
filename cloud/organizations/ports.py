"""What organizations need of the outside."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cloud.organizations.person import Person
from cloud.organizations.queries import (
    ApiKeyView,
    InvitationView,
    Me,
    OrganizationView,
    PersonView,
    SessionView,
    SlackAccountView,
    TokenSignInView,
)
from cloud.organizations.scope import Vocabulary
from cloud.organizations.token import AccessClaims


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """A web session to be kept, by the hash of its cookie."""

    web_session_id: str
    session_hash: bytes
    login: str
    proof: str
    user_agent: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key to be kept, by its hash."""

    key_id: str
    key_hash: bytes
    name: str
    login: str
    created_at: datetime
    scopes: tuple[str, ...] | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInvitation:
    """An invitation to be kept, by the hash of its token."""

    invitation_id: str
    token_hash: bytes
    login: str
    name_ko: str
    name_en: str
    invited_by: str
    invited_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A program's sign-in."""

    family_id: str
    user_id: str
    login: str
    client: str
    scopes: tuple[str, ...] | None
    proof: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingDevice:
    """A device that shows a code."""

    device_hash: bytes
    client: str
    address: str
    scopes: tuple[str, ...] | None
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Whether a password fits; ``renewed`` is its hash by today's parameters, if it was older."""

    fits: bool
    renewed: str | None = None


class OrganizationStore(Protocol):
    """The transaction's organization itself."""

    async def create(self, code: str, name_ko: str, name_en: str) -> bool:
        """Write it; False when the code is taken."""
        ...

    async def rename(self, name_ko: str, name_en: str) -> None:
        """Give it other names."""
        ...

    async def of_person(self, user_id: str) -> tuple[OrganizationView, ...]:
        """Return every organization of a person, by code."""
        ...


class PersonStore(Protocol):
    """Persons of the transaction's organization."""

    async def add(self, person: Person) -> bool:
        """Store a new person; False when the login is taken."""
        ...

    async def by_login(self, login: str) -> Person | None:
        """Return the active person with this login."""
        ...

    async def ever(self, login: str) -> Person | None:
        """Return the person with this login, removed ones too."""
        ...

    async def list_active(self) -> tuple[PersonView, ...]:
        """Return every active person, by login."""
        ...

    async def me(self, login: str) -> Me | None:
        """Return the person with the organization's names."""
        ...

    async def lock_active(self) -> frozenset[str]:
        """Return the logins of active persons, and let nobody else change them meanwhile."""
        ...

    async def revive(self, person: Person) -> None:
        """Make a removed person active again."""
        ...

    async def remove(self, login: str, now: datetime) -> None:
        """Make a person inactive."""
        ...

    async def move_home(self, user_id: str) -> None:
        """Let another of the person's organizations keep the password from now on."""
        ...

    async def rename(self, login: str, name_ko: str, name_en: str) -> None:
        """Write another name."""
        ...

    async def speak(self, login: str, language: str) -> None:
        """Note the language."""
        ...


class InvitationStore(Protocol):
    """Invitations of the transaction's organization."""

    async def add(self, invitation: NewInvitation) -> None:
        """Keep one; an earlier open one for the login is taken back."""
        ...

    async def take(self, token_hash: bytes, now: datetime) -> InvitationView | None:
        """Mark it accepted and return it; None when used, taken back or too old."""
        ...

    async def revoke(self, invitation_id: str, now: datetime) -> bool:
        """Take it back; False when none is open."""
        ...

    async def open(self, now: datetime) -> tuple[InvitationView, ...]:
        """Return what is open, newest first."""
        ...


class SecretStore(Protocol):
    """Hashes of links, sessions and keys of the transaction's organization."""

    async def add_login_link(self, token_hash: bytes, login: str, expires_at: datetime) -> None:
        """Store a link's hash."""
        ...

    async def use_login_link(self, token_hash: bytes, now: datetime) -> str | None:
        """Mark the link used and return its login; None when used or expired."""
        ...

    async def open_session(self, session: NewSession) -> None:
        """Store a web session."""
        ...

    async def end_session(self, session_hash: bytes, now: datetime) -> None:
        """End a web session."""
        ...

    async def end_own_session(self, web_session_id: str, login: str, now: datetime) -> bool:
        """End a person's session by its name; False when there is none."""
        ...

    async def end_sessions(self, login: str, now: datetime, keep: str = "") -> None:
        """End every web session of a person but the one named ``keep``."""
        ...

    async def sessions(self, login: str, now: datetime) -> tuple[SessionView, ...]:
        """Return a person's open sessions, newest first; ``here`` is not known."""
        ...

    async def add_api_key(self, key: NewKey) -> None:
        """Store a key's hash."""
        ...

    async def revoke_api_key(self, key_id: str, now: datetime, login: str | None = None) -> bool:
        """End a key, of ``login`` alone if given; False when there is none."""
        ...

    async def revoke_keys(self, login: str, now: datetime) -> None:
        """End every key of a person."""
        ...

    async def keys(self, login: str | None = None) -> tuple[ApiKeyView, ...]:
        """Return keys in use, of ``login`` alone if given, newest first."""
        ...


class PasswordStore(Protocol):
    """Passwords and links for them, of the transaction's organization."""

    async def hash_of(self, user_id: str) -> str | None:
        """Return the person's hash and keep others from changing it until the transaction ends."""
        ...

    async def set(self, user_id: str, password_hash: str, now: datetime) -> None:
        """Keep the person's hash; open links for it end."""
        ...

    async def has(self, user_id: str) -> bool:
        """Say whether the person has a password here."""
        ...

    async def add_link(self, token_hash: bytes, user_id: str, expires_at: datetime) -> None:
        """Keep a link's hash."""
        ...

    async def use_link(self, token_hash: bytes, now: datetime) -> str | None:
        """Mark the link used and return whose it is; None when used or expired."""
        ...


class TokenStore(Protocol):
    """Token sign-ins of the transaction's organization."""

    async def begin(self, family: Family) -> None:
        """Keep a new sign-in."""
        ...

    async def add_refresh(
        self, token_hash: bytes, family_id: str, now: datetime, expires_at: datetime
    ) -> None:
        """Keep a refresh token's hash."""
        ...

    async def use_refresh(self, token_hash: bytes, now: datetime) -> Family | None:
        """Mark a token used, once, and return its living sign-in; None when it opens nothing."""
        ...

    async def family_of_used(self, token_hash: bytes) -> Family | None:
        """Return the living sign-in of a token that was used before."""
        ...

    async def family_of(self, token_hash: bytes) -> Family | None:
        """Return the living sign-in of a token."""
        ...

    async def end(self, family_id: str, login: str, now: datetime, reason: str) -> bool:
        """End a person's sign-in; False when none lives."""
        ...

    async def end_all(self, login: str, now: datetime, reason: str) -> None:
        """End every sign-in of a person."""
        ...

    async def living(self, login: str, now: datetime) -> tuple[TokenSignInView, ...]:
        """Return a person's sign-ins, newest first."""
        ...


class DeviceStore(Protocol):
    """Devices that wait, and what persons of the transaction's organization said."""

    async def by_user_code(self, user_code: str, now: datetime) -> WaitingDevice | None:
        """Return the device that shows a code; None when it waited too long."""
        ...

    async def by_device_code(self, device_code: str) -> WaitingDevice | None:
        """Return the device that holds a code."""
        ...

    async def decide(
        self, device_hash: bytes, user_id: str, proof: str, now: datetime, *, approved: bool
    ) -> bool:
        """Keep what a person said; False when somebody has spoken."""
        ...

    async def take(self, device_hash: bytes, now: datetime) -> tuple[str, str] | None:
        """Mark an approval as taken, once; return the person's identifier and proof."""
        ...


class OutsideAccountStore(Protocol):
    """Accounts elsewhere, of the transaction's organization's persons."""

    async def link_provider(self, issuer: str, subject: str, user_id: str, now: datetime) -> bool:
        """Note an account; False when it is another's, or the person has another there."""
        ...

    async def link_slack(self, account: SlackAccountView, user_id: str) -> bool:
        """Note a Slack account; False when it is another's."""
        ...

    async def unlink_slack(self, team_id: str, slack_user_id: str, user_id: str) -> bool:
        """Forget a Slack account; False when it is not the person's."""
        ...

    async def slack_accounts(self, user_id: str) -> tuple[SlackAccountView, ...]:
        """Return a person's Slack accounts."""
        ...


class PasswordHasher(Protocol):
    """Slow hashes of passwords."""

    async def hash(self, password: str) -> str:
        """Return the hash with its salt and parameters."""
        ...

    async def verify(self, password_hash: str | None, password: str) -> Verified:
        """Compare; without a hash it takes as long and fits never."""
        ...


class AccessTokenIssuer(Protocol):
    """Signs access tokens."""

    def issue(self, claims: AccessClaims) -> str:
        """Return the signed token."""
        ...


class OwnerRegister(Protocol):
    """Who may manage an organization's people."""

    def owners(self, organization_id: str) -> frozenset[str]:
        """Return their logins; empty when nobody is named."""
        ...


class ScopeWords(Protocol):
    """The words that scopes may be."""

    @property
    def words(self) -> Vocabulary:
        """Return them."""
        ...
