"""Conversations of whoever asks."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Query

from cloud.commands.bus import CommandBus
from cloud.commands.command import Source
from cloud.interfaces.rest_api.access import Asker
from cloud.interfaces.rest_api.pages import LARGEST_SEQUENCE, Paged
from cloud.sessions.commands import AppendToSession, CloseSession, StartSession, SwitchInterface
from cloud.sessions.queries import (
    Appended,
    EntryView,
    InterfaceStatistics,
    ListSessions,
    ReadHistory,
    RestoredSession,
    RestoreSession,
    SessionStatistics,
    SessionView,
)

AfterSequence = Annotated[
    int, Query(ge=0, le=LARGEST_SEQUENCE, description="Only what was said after this.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """What is known where the conversation begins."""

    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRequest:
    """What is said."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchRequest:
    """Where the conversation goes on, and what is known there."""

    interface: Source
    metadata: dict[str, str] = field(default_factory=dict)


def router(bus: CommandBus) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["sessions"])

    @routes.get("/sessions")
    async def sessions(
        context: Asker, turn: Paged, *, active_only: bool = False
    ) -> list[SessionView]:
        """Return the asker's sessions, newest first."""
        query = ListSessions(before=turn.after, limit=turn.one_more, active_only=active_only)
        return turn.begun(await bus.ask(query, context), lambda session: session.session_id)

    @routes.get("/sessions/statistics")
    async def statistics(context: Asker, turn: Paged) -> list[InterfaceStatistics]:
        """Return counts and lengths of the organization's sessions."""
        return turn.page(await bus.ask(SessionStatistics(), context), lambda one: one.source)

    @routes.get("/sessions/{session_id}")
    async def session(session_id: str, context: Asker) -> RestoredSession:
        """Return a session with its newest entries."""
        found: RestoredSession = await bus.ask(RestoreSession(session_id=session_id), context)
        return found

    @routes.get("/sessions/{session_id}/entries")
    async def entries(
        session_id: str, context: Asker, turn: Paged, *, after: AfterSequence = 0
    ) -> list[EntryView]:
        """Return entries, those after a sequence, in order."""
        after = max(after, turn.after_number)
        query = ReadHistory(session_id=session_id, after=after, limit=turn.one_more)
        return turn.begun(await bus.ask(query, context), lambda entry: str(entry.sequence))

    _add_changes(routes, bus)
    return routes


def _add_changes(routes: APIRouter, bus: CommandBus) -> None:
    @routes.post("/sessions", status_code=201)
    async def start(body: StartRequest, context: Asker) -> SessionView:
        """Begin a session."""
        started: SessionView = await bus.send(StartSession(metadata=body.metadata), context)
        return started

    @routes.post("/sessions/{session_id}/entries", status_code=201)
    async def append(session_id: str, body: EntryRequest, context: Asker) -> Appended:
        """Say something."""
        command = AppendToSession(session_id=session_id, text=body.text)
        appended: Appended = await bus.send(command, context)
        return appended

    @routes.post("/sessions/{session_id}/interface")
    async def switch(session_id: str, body: SwitchRequest, context: Asker) -> SessionView:
        """Go on at another interface."""
        command = SwitchInterface(
            session_id=session_id, interface=body.interface, metadata=body.metadata
        )
        switched: SessionView = await bus.send(command, context)
        return switched

    @routes.post("/sessions/{session_id}/end")
    async def close(session_id: str, context: Asker) -> SessionView:
        """End a session."""
        closed: SessionView = await bus.send(CloseSession(session_id=session_id), context)
        return closed
