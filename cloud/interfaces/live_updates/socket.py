"""Events as they come, over a WebSocket that resumes where it was."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.requests import HTTPConnection

from cloud.commands.command import CommandContext
from cloud.commands.errors import CommandError
from cloud.events.errors import FollowerTooSlowError, LiveEventsStoppedError
from cloud.events.event import RecordedEvent
from cloud.events.ports import LiveEvents

NOT_SIGNED_IN = 4401
TRY_AGAIN = 1013
GOING_AWAY = 1001
_SLOWEST_SEND_S = 10


def router(
    events: LiveEvents,
    head: Callable[[str], Awaitable[int]],
    context: Callable[[HTTPConnection], Awaitable[CommandContext]],
) -> APIRouter:
    """Return the route; ``head`` gives an organization's newest sequence."""
    routes = APIRouter(tags=["live"])

    @routes.websocket("/live")
    async def live(socket: WebSocket, after: int | None = None) -> None:
        """Send a hello, then every event after ``after``; without it, from now on."""
        await socket.accept()
        try:
            asker = await context(socket)
        except CommandError as error:
            await socket.close(NOT_SIGNED_IN, error.code)
            return
        start = await head(asker.organization_id) if after is None else max(after, 0)
        await socket.send_json({"type": "hello", "sequence": start})
        sending = asyncio.create_task(_send(socket, events, asker.organization_id, start))
        listening = asyncio.create_task(_until_gone(socket))
        _, pending = await asyncio.wait({sending, listening}, return_when="FIRST_COMPLETED")
        for task in pending:
            task.cancel()
        await asyncio.gather(sending, listening, return_exceptions=True)

    return routes


async def _send(socket: WebSocket, events: LiveEvents, organization_id: str, after: int) -> None:
    try:
        async for event in events.follow(organization_id, after):
            # A client that reads nothing is let go; it comes back with its last sequence.
            await asyncio.wait_for(socket.send_json(_message(event)), _SLOWEST_SEND_S)
    except (FollowerTooSlowError, TimeoutError):
        with contextlib.suppress(RuntimeError):
            await socket.close(TRY_AGAIN, "too slow; come again with ?after=")
    except LiveEventsStoppedError:
        with contextlib.suppress(RuntimeError):
            await socket.close(GOING_AWAY, "come again with ?after=")
    except (WebSocketDisconnect, RuntimeError):
        return


async def _until_gone(socket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await socket.receive_text()


def _message(event: RecordedEvent) -> dict[str, object]:
    return {
        "sequence": event.sequence,
        "event_id": event.event_id,
        "type": event.type,
        "occurred_at": event.occurred_at.isoformat(),
        "payload": event.payload,
    }
