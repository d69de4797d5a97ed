"""What signs people in: passwords, tokens, outside providers, and what counts tries."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloud.settings import CloudSettings

if TYPE_CHECKING:
    import asyncpg

    from cloud.commands.bus import CommandBus
    from cloud.infrastructure.identity_providers.openid import AuthlibOpenIdProvider
    from cloud.infrastructure.identity_providers.slack import HttpxSlackProvider
    from cloud.infrastructure.postgres.doorstep import PostgresDoorstep, PostgresSecretLookup
    from cloud.infrastructure.registry_files.owners import MatrixSource
    from cloud.infrastructure.signing.access_tokens import FolderTokenKeys, JoseAccessTokens
    from cloud.infrastructure.signing.passwords import Argon2Passwords
    from cloud.interfaces.rest_api.access import Doorkeeper
    from cloud.organizations.scope import Vocabulary


class BusWords:
    """The words of scopes: what the bus knows, once it is complete."""

    def __init__(self) -> None:
        self._bus: CommandBus | None = None
        self._words: Vocabulary | None = None

    def learn(self, bus: "CommandBus") -> None:
        """Take the words of this bus from now on."""
        self._bus = bus

    @property
    def words(self) -> "Vocabulary":
        """Return them.

        Raises:
            RuntimeError: no bus was given.
        """
        from cloud.organizations.scope import vocabulary

        if self._bus is None:
            raise RuntimeError("the bus is not composed yet")
        if self._words is None:
            self._words = vocabulary([*self._bus.catalogue(), *self._bus.questions()])
        return self._words


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What signs people in, shared by the bus and the doors."""

    passwords: "Argon2Passwords"
    keys: "FolderTokenKeys"
    tokens: "JoseAccessTokens"
    words: BusWords


def compose_identity(settings: CloudSettings) -> Identity:
    """Open the token keys, which are made at the first use."""
    from cloud.infrastructure.signing.access_tokens import FolderTokenKeys, JoseAccessTokens
    from cloud.infrastructure.signing.passwords import Argon2Passwords
    from cloud.infrastructure.system_time import SystemClock

    clock = SystemClock()
    keys = FolderTokenKeys(settings.token_keys_folder, clock)
    return Identity(
        passwords=Argon2Passwords(),
        keys=keys,
        tokens=JoseAccessTokens(keys, clock),
        words=BusWords(),
    )


def identity_stores(
    identity: Identity, matrices: "MatrixSource"
) -> dict[type, Callable[[Any, str], object]]:
    """Return the ports of the feature that need no transaction."""
    from cloud.commands.ports import AuditTrail
    from cloud.infrastructure.postgres.audit_store import PostgresAuditTrail
    from cloud.infrastructure.registry_files.owners import RegistryOwners
    from cloud.organizations.ports import (
        AccessTokenIssuer,
        OwnerRegister,
        PasswordHasher,
        ScopeWords,
    )

    found: dict[type, object] = {
        AccessTokenIssuer: identity.tokens,
        AuditTrail: PostgresAuditTrail(),
        OwnerRegister: RegistryOwners(matrices),
        PasswordHasher: identity.passwords,
        ScopeWords: identity.words,
    }
    return {port: _always(part) for port, part in found.items()}


def _always(part: object) -> Callable[[Any, str], object]:
    return lambda _connection, _organization: part


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedDoorstep:
    """What the doors need before anybody is known."""

    lookups: "PostgresSecretLookup"
    counted: "PostgresDoorstep"
    openid: "AuthlibOpenIdProvider"
    slack: "HttpxSlackProvider"
    passwords: "Argon2Passwords"


def compose_doorkeeper(
    settings: CloudSettings, pool: "asyncpg.Pool", identity: Identity
) -> "Doorkeeper":
    """Return who turns requests into contexts."""
    from cloud.infrastructure.identity_providers.openid import (
        AuthlibOpenIdProvider,
        OpenIdSettings,
    )
    from cloud.infrastructure.identity_providers.slack import HttpxSlackProvider, SlackSettings
    from cloud.infrastructure.postgres.doorstep import (
        Bucket,
        Buckets,
        PostgresDoorstep,
        PostgresSecretLookup,
    )
    from cloud.infrastructure.system_time import SystemClock
    from cloud.interfaces.rest_api.access import Doorkeeper

    clock, limits = SystemClock(), settings.sign_in
    lookups = PostgresSecretLookup(pool, clock, identity.tokens)
    buckets = Buckets(
        account=Bucket(
            burst_count=limits.account_burst_count, per_h_count=limits.account_per_h_count
        ),
        address=Bucket(
            burst_count=limits.address_burst_count, per_h_count=limits.address_per_h_count
        ),
    )
    doorstep = ComposedDoorstep(
        lookups=lookups,
        counted=PostgresDoorstep(pool, clock, buckets),
        openid=AuthlibOpenIdProvider(
            OpenIdSettings(
                issuer=settings.openid.issuer,
                client_id=settings.openid.client_id,
                client_secret=settings.openid.client_secret.get_secret_value(),
                name=settings.openid.name,
            ),
            clock,
        ),
        slack=HttpxSlackProvider(
            SlackSettings(
                address=settings.slack.address.rstrip("/"),
                client_id=settings.slack.client_id,
                client_secret=settings.slack.client_secret.get_secret_value(),
            )
        ),
        passwords=identity.passwords,
    )
    return Doorkeeper(lookups, doorstep)
