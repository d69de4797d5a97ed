"""The routes of the graph: questions by POST, subscriptions by graphql-transport-ws."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import strawberry
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from fastapi.routing import APIWebSocketRoute
from starlette.requests import HTTPConnection
from strawberry.exceptions import ConnectionRejectionError
from strawberry.fastapi import GraphQLRouter
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.graphql import OperationType

from cloud.commands.bus import CommandBus
from cloud.commands.command import CommandContext
from cloud.commands.errors import CommandError, PayloadInvalidError
from cloud.events.ports import LiveEvents
from cloud.interfaces.graph_api.limits import Limits, Tell
from cloud.interfaces.graph_api.linked import GraphContext
from cloud.interfaces.graph_api.loaders import loaders_for
from cloud.interfaces.graph_api.schema import build_schema

_REFUSED = 400
_MOST_SUBSCRIPTIONS = 10
Prove = Callable[[HTTPConnection], Awaitable[CommandContext]]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphRequest:
    """A question of the graph."""

    query: str
    variables: dict[str, Any] | None = None
    operationName: str | None = None  # noqa: N815  the name that GraphQL over HTTP has


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphParts:
    """What the door works with.

    ``prove`` says who asks, ``prove_live`` who listens, ``tell`` words a refusal.
    """

    bus: CommandBus
    live: LiveEvents
    prove: Prove
    prove_live: Prove
    tell: Tell
    limits: Limits


def router(parts: GraphParts) -> APIRouter:
    """Return the routes."""
    schema = build_schema(parts.limits, parts.tell)
    routes = APIRouter(tags=["graph"])

    @routes.post("/graphql", response_model=dict[str, Any])
    async def ask(body: GraphRequest, request: Request) -> JSONResponse:
        """Answer a question of the graph; one that cannot be run at all is a 400."""
        asker = await parts.prove(request)
        if not body.query.strip():
            raise PayloadInvalidError("query: empty", field="query")
        context = GraphContext()
        context.request = request
        try:
            result = await schema.execute(
                body.query,
                variable_values=body.variables,
                context_value=_filled(context, parts, asker, is_live=False),
                operation_name=body.operationName,
                allowed_operation_types=[OperationType.QUERY],
            )
        except (InvalidOperationTypeError, CannotGetOperationTypeError):
            refusal = parts.tell(request, None, "only questions are answered here")
            message = refusal.pop("message")
            errors = [{"message": message, "extensions": refusal}]
            return JSONResponse({"data": None, "errors": errors}, status_code=_REFUSED)
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [error.formatted for error in result.errors]
        has_run = result.data is not None or any(e.path for e in result.errors or ())
        return JSONResponse(answer, status_code=200 if has_run else _REFUSED)

    live = _Live(parts, schema)
    routes.routes += [route for route in live.routes if isinstance(route, APIWebSocketRoute)]
    return routes


def _filled(
    context: GraphContext, parts: GraphParts, asker: CommandContext, *, is_live: bool
) -> GraphContext:
    context.bus, context.live, context.asker = parts.bus, parts.live, asker
    context.loaders = loaders_for(parts.bus, asker, is_live=is_live)
    return context


class _Live(GraphQLRouter[GraphContext, None]):
    """Only its WebSocket route is used; whoever proves nothing is turned away at the greeting."""

    def __init__(self, parts: GraphParts, schema: strawberry.Schema) -> None:
        self._parts = parts
        super().__init__(
            schema,
            path="/graphql",
            graphql_ide=None,
            allow_queries_via_get=False,
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
            max_subscriptions_per_connection=_MOST_SUBSCRIPTIONS,
            context_getter=_unproven,
        )

    async def on_ws_connect(self, context: GraphContext) -> None:
        """Find out who listens, and give the fields what they work with."""
        if context.request is None:
            raise ConnectionRejectionError({"code": "NOT_SIGNED_IN"})
        try:
            asker = await self._parts.prove_live(context.request)
        except CommandError as error:
            raise ConnectionRejectionError({"code": error.code}) from error
        _filled(context, self._parts, asker, is_live=True)


async def _unproven() -> GraphContext:
    return GraphContext()
