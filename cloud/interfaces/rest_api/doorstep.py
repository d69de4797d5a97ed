"""What the doors need before anybody is known; infrastructure implements it."""

from collections.abc import Sequence
from typing import Protocol

from starlette.requests import HTTPConnection

from cloud.organizations.errors import TooManyAttemptsError


class Proven(Protocol):
    """Whom a secret proved, and by what; ``scopes`` None: not narrowed."""

    @property
    def organization_id(self) -> str:
        """Return the organization."""
        ...

    @property
    def login(self) -> str:
        """Return the person's login."""
        ...

    @property
    def user_id(self) -> str:
        """Return the person's identifier, the same in every organization."""
        ...

    @property
    def home_organization_id(self) -> str:
        """Return the organization that keeps the person's password."""
        ...

    @property
    def session_id(self) -> str:
        """Return the name of the session, key or token sign-in."""
        ...

    @property
    def proof(self) -> str:
        """Return what opened the session."""
        ...

    @property
    def scopes(self) -> frozenset[str] | None:
        """Return what narrows it."""
        ...


class Home(Protocol):
    """Where a login is at home."""

    @property
    def code(self) -> str:
        """Return the organization's short code."""
        ...

    @property
    def has_password(self) -> bool:
        """Say whether a password can prove it there."""
        ...

    @property
    def member(self) -> Proven:
        """Return the person there."""
        ...


class Trip(Protocol):
    """What was kept while somebody was at an outside provider."""

    @property
    def nonce(self) -> str:
        """Return what the provider's token must repeat."""
        ...

    @property
    def verifier(self) -> str:
        """Return the secret behind the code challenge."""
        ...


class DeviceRequest(Protocol):
    """What a device is told, once."""

    @property
    def device_code(self) -> str:
        """Return the device's own secret."""
        ...

    @property
    def user_code(self) -> str:
        """Return what the person types."""
        ...

    @property
    def expires_in_s(self) -> float:
        """Return how long both are good."""
        ...

    @property
    def interval_s(self) -> float:
        """Return how long to wait between two questions."""
        ...


class DeviceStanding(Protocol):
    """How a device stands: pending, slow_down, denied, expired or approved."""

    @property
    def status(self) -> str:
        """Return the word for it."""
        ...

    @property
    def member(self) -> Proven | None:
        """Return who approved it."""
        ...


class ProvenAccount(Protocol):
    """Whom an OpenID provider proved."""

    @property
    def issuer(self) -> str:
        """Return the provider."""
        ...

    @property
    def subject(self) -> str:
        """Return the provider's name for the person."""
        ...

    @property
    def verified_login(self) -> str:
        """Return the address that the provider has verified; empty when it has not."""
        ...


class SlackPerson(Protocol):
    """Whom Slack proved."""

    @property
    def team_id(self) -> str:
        """Return the workspace."""
        ...

    @property
    def slack_user_id(self) -> str:
        """Return the person there."""
        ...

    @property
    def team_name(self) -> str:
        """Return the workspace's name."""
        ...


class IdentityLookups(Protocol):
    """Finds who is behind what a stranger shows."""

    async def refresh(self, token: str) -> Proven | None:
        """Return whose refresh token this is, used and expired ones too."""
        ...

    async def password_link(self, token: str) -> Proven | None:
        """Return whose password a link sets."""
        ...

    async def invitation(self, token: str) -> tuple[Proven, str, str] | None:
        """Return whom an invitation names, and the organization's names."""
        ...

    async def homes(self, login: str) -> Sequence[Home]:
        """Return where a login is at home, oldest first."""
        ...

    async def provider_account(self, issuer: str, subject: str) -> Sequence[Proven]:
        """Return who is linked to a provider's account."""
        ...

    async def membership(self, user_id: str, organization_id: str) -> Proven | None:
        """Return a person's membership in one organization."""
        ...


class Counted(Protocol):
    """Counts tries, and keeps what belongs to nobody yet."""

    async def knock_account(self, login: str) -> float:
        """Count a try for an account; return the seconds to wait, 0 for none."""
        ...

    async def knock_address(self, address: str) -> float:
        """Count a try from an address; return the seconds to wait, 0 for none."""
        ...

    async def forgive_account(self, login: str) -> None:
        """Forget an account's tries: somebody has come in."""
        ...

    async def set_out(self, kind: str, browser: str) -> tuple[str, Trip]:
        """Keep a new trip of a browser; return its state."""
        ...

    async def come_back(self, kind: str, browser: str, state: str) -> Trip | None:
        """Return the browser's trip, once."""
        ...

    async def ask_for_device(
        self, client: str, address: str, scopes: tuple[str, ...] | None
    ) -> DeviceRequest:
        """Let a device wait for a person."""
        ...

    async def poll_device(self, device_code: str) -> DeviceStanding:
        """Say how a device stands."""
        ...


class OpenIdProvider(Protocol):
    """An OpenID provider; every method raises ProviderNotConfiguredError without one."""

    @property
    def name(self) -> str:
        """Return what the button says; empty when none is configured."""
        ...

    def check_settings(self) -> None:
        """Refuse to begin where none is configured, before anything is kept."""
        ...

    async def address(self, back: str, state: str, trip: Trip) -> str:
        """Return where the browser goes; raises ProviderAwayError."""
        ...

    async def prove(self, back: str, code: str, trip: Trip) -> ProvenAccount:
        """Return whom a code proves; raises ProviderAwayError and ProviderRefusedError."""
        ...


class SlackProvider(Protocol):
    """Slack's sign-in; every method raises ProviderNotConfiguredError without settings."""

    @property
    def configured(self) -> bool:
        """Say whether there is an application of ours at Slack."""
        ...

    def check_settings(self) -> None:
        """Refuse to begin where none is configured, before anything is kept."""
        ...

    def address(self, back: str, state: str, trip: Trip) -> str:
        """Return where the browser goes."""
        ...

    async def prove(self, back: str, code: str, trip: Trip) -> SlackPerson:
        """Return whom a code proves; raises ProviderAwayError and ProviderRefusedError."""
        ...


class PasswordTime(Protocol):
    """Spends the time that comparing a password takes."""

    async def verify(self, password_hash: str | None, password: str) -> object:
        """Compare; without a hash it takes as long and fits never."""
        ...


class Doorstep(Protocol):
    """All of it."""

    @property
    def lookups(self) -> IdentityLookups:
        """Return what finds people."""
        ...

    @property
    def counted(self) -> Counted:
        """Return what counts tries."""
        ...

    @property
    def openid(self) -> OpenIdProvider:
        """Return the OpenID provider."""
        ...

    @property
    def slack(self) -> SlackProvider:
        """Return Slack."""
        ...

    @property
    def passwords(self) -> PasswordTime:
        """Return what a wrong login costs."""
        ...


async def refuse_hasty(counted: Counted, connection: HTTPConnection, account: str = "") -> None:
    """Count a try from this address, and for this account if one is named.

    Raises:
        TooManyAttemptsError: it was one too many; ``retry_after_s`` says how long to wait.
    """
    address = connection.client.host if connection.client else ""
    wait_s = await counted.knock_address(address)
    if not wait_s and account:
        wait_s = await counted.knock_account(account)
    if wait_s:
        raise TooManyAttemptsError("too many attempts", retry_after_s=int(wait_s))
