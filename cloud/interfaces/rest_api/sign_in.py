"""Sign in by link, who am I, sign out; and which commands there are."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import TypeAdapter

from cloud.commands.bus import CommandBus
from cloud.commands.command import command_type
from cloud.interfaces.rest_api.access import COOKIE, Asker, Doorkeeper
from cloud.interfaces.rest_api.pages import Paged
from cloud.organizations.commands import EndSession, UseLoginLink
from cloud.organizations.queries import ListPersons, Me, PersonView, SessionOpened, WhoAmI


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRequest:
    """The token after ``/login#``."""

    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandDescription:
    """A command's type, its domain and the JSON Schema of its payload."""

    type: str
    domain: str
    payload_schema: dict[str, Any]


def router(bus: CommandBus, *, session_h: float, secure_cookie: bool) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["sign-in"])

    @routes.post("/login")
    async def login(body: LoginRequest, request: Request, response: Response) -> Me:
        """Exchange a one-time link for a session cookie."""
        doorkeeper: Doorkeeper = request.app.state.doorkeeper
        context = await doorkeeper.link_context(request, body.token)
        opened: SessionOpened = await bus.send(
            UseLoginLink(token=body.token, session_h=session_h), context
        )
        response.set_cookie(
            COOKIE, opened.session, max_age=int(session_h * 3600), httponly=True,
            samesite="strict", secure=secure_cookie, path="/",
        )  # fmt: skip
        me: Me = await bus.ask(WhoAmI(), context)
        return me

    @routes.post("/logout", status_code=204)
    async def logout(request: Request, response: Response, context: Asker) -> None:
        """End the session of this cookie."""
        await bus.send(EndSession(session=request.cookies.get(COOKIE, "")), context)
        response.delete_cookie(COOKIE, path="/")

    @routes.get("/me")
    async def me(context: Asker) -> Me:
        """Return who is signed in."""
        found: Me = await bus.ask(WhoAmI(), context)
        return found

    @routes.get("/persons")
    async def persons(context: Asker, turn: Paged) -> list[PersonView]:
        """Return the organization's people, by login."""
        return turn.page(await bus.ask(ListPersons(), context), lambda person: person.login)

    @routes.get("/commands")
    async def commands(context: Asker, turn: Paged) -> list[CommandDescription]:
        """Return every command with the schema of its payload."""
        return [
            CommandDescription(
                type=command_type(kind),
                domain=kind.domain,
                payload_schema=TypeAdapter(kind).json_schema(),
            )
            for kind in turn.page(bus.catalogue(), command_type)
        ]

    return routes
