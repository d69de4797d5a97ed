"""Who asks: the session cookie, a bearer token or a key, and nothing readable without one."""

from typing import Annotated, Protocol
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from cloud.commands.command import CommandContext, Source
from cloud.commands.errors import ForbiddenError, PayloadInvalidError
from cloud.interfaces.rest_api.doorstep import Doorstep, Proven
from cloud.organizations.commands import Noted
from cloud.organizations.errors import NotSignedInError, ScopeMissingError, TokenKindWrongError

COOKIE = "kyndof_session"
#: By this header a program that shows a key or token says which interface a person uses it from.
INTERFACE_HEADER = "X-Kyndof-Interface"
#: No more than these may be said: kiosk, station, vendor and system have doors of their own.
_SAID = {"terminal": Source.TERMINAL, "api": Source.API}
REFRESH_PREFIX = "kyndof_rt_"
LIVE = "live"
_SAFE = {"GET", "HEAD", "OPTIONS"}
_JWT_DOTS = 2


class ForeignOriginError(ForbiddenError):
    """A page of another site sent the request with our cookie."""

    code = "FOREIGN_ORIGIN"


class Secrets(Protocol):
    """Finds who is behind a secret; unknown, ended and expired ones give None."""

    async def session(self, secret: str) -> Proven | None:
        """Return whose web session this is."""
        ...

    async def key(self, secret: str) -> Proven | None:
        """Return whose API key this is."""
        ...

    async def access(self, token: str) -> Proven | None:
        """Return whom an access token speaks for; raises TokenExpiredError."""
        ...

    async def link(self, secret: str) -> Proven | None:
        """Return whose login link this is."""
        ...


class Doorkeeper:
    """Turns a request into the context in which its commands are given."""

    def __init__(self, secrets: Secrets, doorstep: Doorstep | None = None) -> None:
        self._secrets = secrets
        self._doorstep = doorstep

    @property
    def doorstep(self) -> Doorstep:
        """Return what works before anybody is known.

        Raises:
            RuntimeError: composition gave none.
        """
        if self._doorstep is None:
            raise RuntimeError("this application signs nobody in")
        return self._doorstep

    async def context(self, connection: HTTPConnection) -> CommandContext:
        """Return who asks.

        Raises:
            NotSignedInError: no valid secret came.
            TokenKindWrongError: a refresh token came where an access token is needed.
            TokenExpiredError: the access token is too old.
            ForeignOriginError: the cookie came from another site's page.
            PayloadInvalidError: the request names an interface that it cannot have come from.
        """
        proven, source = await self._proven(connection)
        if proven is None:
            raise NotSignedInError("no valid session, token or key came with the request")
        noted = {
            Noted.USER_ID.value: proven.user_id,
            Noted.SESSION_ID.value: proven.session_id,
            Noted.PROOF.value: proven.proof,
            Noted.HOME.value: proven.home_organization_id,
            Noted.ACCOUNT_LOGIN.value: proven.login,
        }
        return CommandContext(
            organization_id=proven.organization_id,
            user=proven.login,
            source=source,
            idempotency_key=connection.headers.get("idempotency-key"),
            trace_id=getattr(connection.state, "request_id", ""),
            metadata={name: value for name, value in noted.items() if value},
            scopes=proven.scopes,
        )

    async def live_context(self, connection: HTTPConnection) -> CommandContext:
        """Return who follows events; a narrowed key needs the scope for it.

        Raises:
            ScopeMissingError: it has not got it. And what ``context`` raises.
        """
        context = await self.context(connection)
        if context.scopes is not None and LIVE not in context.scopes:
            raise ScopeMissingError("the key does not cover live events", scope=LIVE)
        return context

    async def link_context(self, connection: HTTPConnection, token: str) -> CommandContext:
        """Return the person behind a login link.

        Raises:
            NotSignedInError: there is no such link.
        """
        proven = await self._secrets.link(token)
        if proven is None:
            raise NotSignedInError("there is no such link")
        return stranger_context(connection, proven)

    async def _proven(self, connection: HTTPConnection) -> tuple[Proven | None, Source]:
        key, bearer = connection.headers.get("x-api-key"), _bearer(connection)
        if (key or bearer or "").startswith(REFRESH_PREFIX):
            raise TokenKindWrongError("a refresh token opens nothing but the next access token")
        if key:
            return await self._secrets.key(key), _said_interface(connection)
        if bearer and bearer.count(".") == _JWT_DOTS:
            return await self._secrets.access(bearer), _said_interface(connection)
        if bearer:
            return await self._secrets.key(bearer), _said_interface(connection)
        cookie = connection.cookies.get(COOKIE)
        refuse_foreign(connection)
        return (await self._secrets.session(cookie) if cookie else None), Source.WEB


def stranger_context(connection: HTTPConnection, proven: Proven, **noted: str) -> CommandContext:
    """Return the context of somebody whom something else than a session proves."""
    return CommandContext(
        organization_id=proven.organization_id,
        user=proven.login,
        source=Source.WEB,
        trace_id=getattr(connection.state, "request_id", ""),
        metadata={Noted.USER_AGENT.value: connection.headers.get("user-agent", ""), **noted},
    )


def _said_interface(connection: HTTPConnection) -> Source:
    said = connection.headers.get(INTERFACE_HEADER, "api")
    found = _SAID.get(said)
    if found is None:
        raise PayloadInvalidError(
            f"{INTERFACE_HEADER} says api or terminal", field=INTERFACE_HEADER, given=said[:50]
        )
    return found


def _bearer(connection: HTTPConnection) -> str | None:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" and token else None


def refuse_foreign(connection: HTTPConnection) -> None:
    """A cookie counts only from our own pages; SameSite is the first line, this the second."""
    safe = connection.scope["type"] == "http" and connection.scope["method"] in _SAFE
    origin = connection.headers.get("origin")
    if not safe and origin and urlsplit(origin).netloc != connection.headers.get("host"):
        raise ForeignOriginError("the request came from another site")


def doorkeeper_of(request: Request) -> Doorkeeper:
    """Return the application's doorkeeper."""
    found: Doorkeeper = request.app.state.doorkeeper
    return found


async def asker(request: Request) -> CommandContext:
    """Return who asks; a dependency of every route that reads or changes anything."""
    return await doorkeeper_of(request).context(request)


Asker = Annotated[CommandContext, Depends(asker)]
