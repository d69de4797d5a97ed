"""An OpenID provider by authlib: authorization code with PKCE; joserfc checks the ID token."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry

from cloud.events.ports import Clock
from cloud.organizations.errors import (
    ProviderAwayError,
    ProviderNotConfiguredError,
    ProviderRefusedError,
)

#: What a provider may sign with; never with our own secret, never with nothing.
ALGORITHMS = ["RS256", "ES256", "PS256"]
SCOPE = "openid email profile"
_PATIENCE_S = 10.0
_KEPT = timedelta(hours=1)
_SKEW_S = 60
_LONGEST_SUBJECT = 255


class TripLike(Protocol):
    """What was kept for the return."""

    @property
    def nonce(self) -> str:
        """Return what the ID token must repeat."""
        ...

    @property
    def verifier(self) -> str:
        """Return the secret behind the code challenge."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIdSettings:
    """The provider's address and our account there."""

    issuer: str
    client_id: str
    client_secret: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenAccount:
    """Whom the provider proved; ``verified_login`` is empty without a verified address."""

    issuer: str
    subject: str
    verified_login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the provider says of itself."""

    document: Mapping[str, Any]
    keys: KeySet
    read_at: datetime


class AuthlibOpenIdProvider:
    """Sends browsers to the provider and believes it only what its signature proves."""

    def __init__(self, settings: OpenIdSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._known: _Known | None = None

    @property
    def name(self) -> str:
        """Return what the button says; empty when none is configured."""
        return self._settings.name if not self._missing() else ""

    async def address(self, back: str, state: str, trip: TripLike) -> str:
        """Return where the browser goes.

        Raises:
            ProviderNotConfiguredError: a setting is missing.
            ProviderAwayError: the provider does not say where it is.
        """
        known = await self._provider()
        url = prepare_grant_uri(
            known.document["authorization_endpoint"],
            client_id=self._settings.client_id,
            response_type="code",
            redirect_uri=back,
            scope=SCOPE,
            state=state,
            nonce=trip.nonce,
            code_challenge=create_s256_code_challenge(trip.verifier),
            code_challenge_method="S256",
        )
        return str(url)

    async def prove(self, back: str, code: str, trip: TripLike) -> ProvenAccount:
        """Return whom a code proves.

        Raises:
            ProviderNotConfiguredError: a setting is missing.
            ProviderAwayError: the provider does not answer.
            ProviderRefusedError: it refuses the code, or its token does not hold.
        """
        known = await self._provider()
        form = prepare_token_request(
            "authorization_code", redirect_uri=back, code=code, code_verifier=trip.verifier
        )
        answer = await self._exchanged(known.document["token_endpoint"], form)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise ProviderRefusedError("the provider sent no ID token")
        claims = await self._claims(token, trip.nonce)
        verified = claims.get("email_verified") is True and isinstance(claims.get("email"), str)
        return ProvenAccount(
            issuer=self._settings.issuer,
            subject=str(claims["sub"]),
            verified_login=str(claims["email"]).strip().lower() if verified else "",
        )

    async def _claims(self, token: str, nonce: str) -> dict[str, Any]:
        known = await self._provider()
        try:
            decoded = _decoded(token, known.keys)
        except (JoseError, ValueError):
            # The provider may have changed its keys since we looked.
            decoded = await self._decoded_anew(token)
        claims = decoded.claims
        registry = JWTClaimsRegistry(
            now=int(self._clock.now().timestamp()),
            leeway=_SKEW_S,
            iss={"essential": True, "value": self._settings.issuer},
            aud={"essential": True, "value": self._settings.client_id},
            nonce={"essential": True, "value": nonce},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
        )
        try:
            registry.validate(claims)
        except (JoseError, ValueError, TypeError) as error:
            raise ProviderRefusedError("the ID token does not hold") from error
        # A token for several audiences says who asked for it.
        if claims.get("azp", self._settings.client_id) != self._settings.client_id:
            raise ProviderRefusedError("the ID token is for another client")
        subject = claims.get("sub")
        long = not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT
        if long or not str(subject).isascii():
            raise ProviderRefusedError("the subject is not one")
        return dict(claims)

    async def _decoded_anew(self, token: str) -> jwt.Token:
        self._known = None
        try:
            return _decoded(token, (await self._provider()).keys)
        except (JoseError, ValueError) as error:
            raise ProviderRefusedError("the ID token's signature does not hold") from error

    def check_settings(self) -> None:
        """Refuse to begin without a provider.

        Raises:
            ProviderNotConfiguredError: a setting is missing.
        """
        if missing := self._missing():
            raise ProviderNotConfiguredError(
                f"no OpenID provider is configured; set {missing}", setting=missing
            )

    async def _provider(self) -> _Known:
        self.check_settings()
        now = self._clock.now()
        if self._known is None or now - self._known.read_at > _KEPT:
            self._known = await self._read(now)
        return self._known

    async def _read(self, now: datetime) -> _Known:
        issuer = self._settings.issuer
        where = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            async with httpx.AsyncClient(timeout=_PATIENCE_S) as client:
                document = (await client.get(where)).raise_for_status().json()
                keys = (await client.get(document["jwks_uri"])).raise_for_status().json()
            known = _Known(document=document, keys=KeySet.import_key_set(keys), read_at=now)
            said = document["issuer"]
            _ = document["authorization_endpoint"], document["token_endpoint"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError, JoseError) as error:
            raise ProviderAwayError("the OpenID provider does not say what it is") from error
        if said != issuer:
            raise ProviderAwayError("the OpenID provider calls itself otherwise")
        return known

    def _missing(self) -> str:
        settings = self._settings
        for value, name in ((settings.issuer, "ISSUER"), (settings.client_id, "CLIENT_ID")):
            if not value:
                return f"KYNDOF_OPENID__{name}"
        return "" if settings.client_secret else "KYNDOF_OPENID__CLIENT_SECRET"

    async def _exchanged(self, endpoint: str, form: str) -> dict[str, Any]:
        """Return what the token endpoint gives for a code."""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        ours = (self._settings.client_id, self._settings.client_secret)
        try:
            async with httpx.AsyncClient(timeout=_PATIENCE_S, auth=ours) as client:
                given = await client.post(endpoint, content=form, headers=headers)
            answer = {} if given.is_server_error else given.json()
        except (httpx.HTTPError, ValueError) as error:
            raise ProviderAwayError("the provider does not answer") from error
        if given.is_server_error or not isinstance(answer, dict):
            raise ProviderAwayError("the provider does not answer")
        if given.is_client_error or "error" in answer:
            raise ProviderRefusedError("the provider refuses the code")
        return answer


def _decoded(token: str, keys: KeySet) -> jwt.Token:
    return jwt.decode(token, keys, algorithms=ALGORITHMS)
