"""Who asks: the session cookie, a bearer token or a key, and nothing readable without one."""

from typing import Annotated, Protocol
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from cloud.commands.command import CommandContext, Source
from cloud.commands.errors import ForbiddenError
from cloud.organizations.errors import NotSignedInError

COOKIE = "kyndof_session"
_SAFE = {"GET", "HEAD", "OPTIONS"}


class ForeignOriginError(ForbiddenError):
    """A page of another site sent the request with our cookie."""

    code = "FOREIGN_ORIGIN"


class Proven(Protocol):
    """Whom a secret proved."""

    @property
    def organization_id(self) -> str:
        """Return the organization."""
        ...

    @property
    def login(self) -> str:
        """Return the person's login."""
        ...


class Secrets(Protocol):
    """Finds who is behind a secret; unknown, ended and expired ones give None."""

    async def session(self, secret: str) -> Proven | None:
        """Return whose web session this is."""
        ...

    async def key(self, secret: str) -> Proven | None:
        """Return whose API key this is."""
        ...

    async def link(self, secret: str) -> Proven | None:
        """Return whose login link this is."""
        ...


class Doorkeeper:
    """Turns a request into the context in which its commands are given."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    async def context(self, connection: HTTPConnection) -> CommandContext:
        """Return who asks.

        Raises:
            NotSignedInError: no valid secret came.
            ForeignOriginError: the cookie came from another site's page.
        """
        key = connection.headers.get("x-api-key") or _bearer(connection)
        if key:
            proven, source = await self._secrets.key(key), Source.API
        else:
            cookie = connection.cookies.get(COOKIE)
            _refuse_foreign(connection)
            proven = await self._secrets.session(cookie) if cookie else None
            source = Source.WEB
        if proven is None:
            raise NotSignedInError("no valid session or key came with the request")
        return CommandContext(
            organization_id=proven.organization_id,
            user=proven.login,
            source=source,
            idempotency_key=connection.headers.get("idempotency-key"),
            trace_id=getattr(connection.state, "request_id", ""),
        )

    async def link_context(self, connection: HTTPConnection, token: str) -> CommandContext:
        """Return the person behind a login link.

        Raises:
            NotSignedInError: there is no such link.
        """
        proven = await self._secrets.link(token)
        if proven is None:
            raise NotSignedInError("there is no such link")
        return CommandContext(
            organization_id=proven.organization_id,
            user=proven.login,
            source=Source.WEB,
            trace_id=getattr(connection.state, "request_id", ""),
        )


def _bearer(connection: HTTPConnection) -> str | None:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" and token else None


def _refuse_foreign(connection: HTTPConnection) -> None:
    """A cookie counts only from our own pages; SameSite is the first line, this the second."""
    safe = connection.scope["type"] == "http" and connection.scope["method"] in _SAFE
    origin = connection.headers.get("origin")
    if not safe and origin and urlsplit(origin).netloc != connection.headers.get("host"):
        raise ForeignOriginError("the request came from another site")


async def asker(request: Request) -> CommandContext:
    """Return who asks; a dependency of every route that reads or changes anything."""
    doorkeeper: Doorkeeper = request.app.state.doorkeeper
    return await doorkeeper.context(request)


Asker = Annotated[CommandContext, Depends(asker)]
