"""The graph: its limits from the settings, its refusals in the words of REST."""

from typing import TYPE_CHECKING, Any

from cloud.settings import CloudSettings

if TYPE_CHECKING:
    from fastapi import APIRouter

    from cloud.commands.bus import CommandBus
    from cloud.events.ports import LiveEvents
    from cloud.interfaces.graph_api.door import Prove


def graph_router(
    settings: CloudSettings,
    bus: "CommandBus",
    live: "LiveEvents",
    prove: "Prove",
    prove_live: "Prove",
) -> "APIRouter":
    """Return the routes of the graph."""
    from cloud.interfaces.graph_api.door import GraphParts, router
    from cloud.interfaces.graph_api.limits import Limits

    graph = settings.graph
    limits = Limits(
        depth_count=graph.depth_count,
        cost_count=graph.cost_count,
        introspection=graph.introspection,
    )
    return router(
        GraphParts(bus=bus, live=live, prove=prove, prove_live=prove_live, tell=told, limits=limits)
    )


def told(connection: Any, error: BaseException | None, sentence: str) -> dict[str, Any]:  # noqa: ANN401
    """Return code, message, details and the request's number for one refusal of the graph.

    ``error`` None means that the question itself cannot be run; ``sentence`` says why.
    """
    import logging

    from cloud.commands.errors import CommandError
    from cloud.events.errors import EventsError
    from cloud.interfaces.rest_api.errors import LANGUAGES, language_of, texts

    details: dict[str, Any] = {}
    if error is None:
        code, details = "GRAPH_QUESTION_INVALID", {"reason": sentence}
    elif isinstance(error, CommandError):
        code, details = error.code, {"reason": error.message, **error.details}
    elif isinstance(error, EventsError):
        code = error.code
    else:
        logging.getLogger("kyndof.graph").error("a question of the graph failed", exc_info=error)
        code = "INTERNAL_ERROR"
    known = texts(language_of(connection) if connection is not None else LANGUAGES[0])
    number = getattr(getattr(connection, "state", None), "request_id", "")
    message = known.get(code, known["COMMAND_ERROR"])
    return {"message": message, "code": code, "details": details, "request_id": number}
