"""Every command and every question by its type: what the terminal and programs speak.

A command that has a route of its own does the same here. Those that only prove who somebody is
have their own doors, where their answer goes into a cookie and is not told.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path
from pydantic import TypeAdapter

from cloud.commands.bus import CommandBus
from cloud.commands.command import command_type
from cloud.commands.errors import CommandUnknownError
from cloud.commands.payload import plain
from cloud.interfaces.rest_api.access import Asker
from cloud.interfaces.rest_api.pages import Paged

#: Their doors are elsewhere, each with the reason.
ELSEWHERE = {
    "use_login_link": "its answer is a session, which belongs in a cookie that no page can read",
    "end_session": "a page does not know the secret of its own session",
    "use_password_link": "its answer is a session",
    "accept_invitation": "its answer is a session, in another organization",
    "switch_organization": "its answer is a session, in another organization",
    "sign_in_with_password": "its answer is a session, and its door counts tries",
    "sign_in_with_provider": "its answer is a session, and its door asks the provider",
    "change_password": "its door counts tries",
    "refresh_tokens": "whoever brings the token is not signed in",
    "revoke_tokens": "whoever brings the token is not signed in",
    "take_device_tokens": "whoever brings the code is not signed in",
    "link_slack_account": "its door asks Slack",
    "create_organization": "it belongs to no organization yet",
}
Type = Annotated[str, Path(pattern="^[a-z][a-z0-9_]{0,79}$")]
Payload = Annotated[
    dict[str, Any], Body(description="The fields; their schema stands in the catalogue.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandDescription:
    """A command's type, its domain and the JSON Schema of its payload."""

    type: str
    domain: str
    payload_schema: dict[str, Any]


# Types do not change while a process lives, and there are more than a hundred to describe.
_SCHEMAS: dict[object, dict[str, Any]] = {}


def _schema(kind: type[Any]) -> dict[str, Any]:
    if kind not in _SCHEMAS:
        _SCHEMAS[kind] = TypeAdapter(kind).json_schema()
    return _SCHEMAS[kind]


def router(bus: CommandBus) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["bus"])

    @routes.post("/commands/{type}")
    async def command(type: Type, payload: Payload, context: Asker) -> Any:  # noqa: A002, ANN401
        """Carry out any command of the catalogue."""
        if type in ELSEWHERE:
            raise CommandUnknownError(f"{type} has a door of its own", type=type)
        return plain(await bus.send(bus.command(type, payload), context))

    @routes.post("/queries/{type}")
    async def query(type: Type, payload: Payload, context: Asker) -> Any:  # noqa: A002, ANN401
        """Answer any question of the catalogue."""
        return plain(await bus.ask(bus.question(type, payload), context))

    @routes.get("/commands")
    async def commands(context: Asker, turn: Paged) -> list[CommandDescription]:
        """Return every command with the schema of its payload."""
        return [
            CommandDescription(
                type=command_type(kind),
                domain=kind.domain,
                payload_schema=_schema(kind),
            )
            for kind in turn.page(bus.catalogue(), command_type)
        ]

    @routes.get("/queries")
    async def queries(context: Asker, turn: Paged) -> list[dict[str, Any]]:
        """Return every question with the schema of its fields."""
        return [
            {
                "type": command_type(kind),
                "restricted": kind.restricted,
                "title": (kind.__doc__ or "").partition("\n")[0],
                "payload_schema": _schema(kind),
            }
            for kind in turn.page(bus.questions(), command_type)
        ]

    return routes
