"""Conversations: begun anywhere, continued elsewhere, by their owner."""

from cloud.commands.command import Command, Query
from cloud.commands.errors import PayloadInvalidError
from cloud.commands.ports import Handler, UnitOfWork
from cloud.sessions.commands import AppendToSession, CloseSession, StartSession, SwitchInterface
from cloud.sessions.errors import (
    SessionEndedError,
    SessionMetadataInvalidError,
    SessionRoleRefusedError,
    SessionTextInvalidError,
    SessionUnknownError,
)
from cloud.sessions.events import SessionAppended, SessionClosed, SessionStarted, SessionSwitched
from cloud.sessions.ports import HotSessions, NewEntry, SessionStore
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
from cloud.sessions.session import (
    HOT_FOR,
    RESTORED_ENTRIES_COUNT,
    Role,
    SessionState,
    metadata_problem,
    text_problem,
)

# One more than the largest page of an interface, which so knows whether there is a next one.
_LARGEST_PAGE_COUNT = 501
_PROGRAM = "system"


async def start_session(command: StartSession, unit: UnitOfWork) -> SessionView:
    """Begin a conversation; raises SessionMetadataInvalidError."""
    _check_metadata(command.metadata)
    now, source = unit.clock.now(), unit.context.source.value
    session = SessionView(
        session_id=unit.ids.new("ses"),
        owner=unit.context.user,
        source=source,
        interface=source,
        state=SessionState.ACTIVE.value,
        metadata=command.metadata,
        version=1,
        last_sequence=0,
        user_count=0,
        assistant_count=0,
        characters_count=0,
        created_at=now,
        last_used_at=now,
        expires_at=now + HOT_FOR,
        ended_at=None,
    )
    await unit.store(SessionStore).add(session)
    unit.record(SessionStarted(session_id=session.session_id, interface=source, version=1))
    return session


async def append_to_session(command: AppendToSession, unit: UnitOfWork) -> Appended:
    """Say something; raises SessionUnknownError, SessionEndedError, SessionTextInvalidError,
    SessionRoleRefusedError.
    """  # noqa: D205
    problem = text_problem(command.text)
    if problem:
        raise SessionTextInvalidError(problem, session_id=command.session_id)
    user = unit.context.user
    if user != _PROGRAM:
        await _own(command.session_id, unit)
        if command.role is not Role.USER or command.author not in {"", user}:
            raise SessionRoleRefusedError("a person speaks as himself or herself only")
    appended = await unit.store(SessionStore).append(
        command.session_id,
        NewEntry(
            role=command.role.value,
            author=command.author or user,
            interface=unit.context.source.value,
            text=command.text,
            at=unit.clock.now(),
        ),
    )
    if appended is None:
        raise await _gone(command.session_id, unit)
    unit.record(
        SessionAppended(
            session_id=command.session_id,
            sequence=appended.entry.sequence,
            role=appended.entry.role,
            interface=appended.entry.interface,
            length_count=len(command.text),
            version=appended.session.version,
        )
    )
    return appended


async def switch_interface(command: SwitchInterface, unit: UnitOfWork) -> SessionView:
    """Go on elsewhere, the owner only; raises SessionUnknownError, SessionEndedError."""
    before = await _own(command.session_id, unit)
    _check_metadata(before.metadata | command.metadata)
    switched = await unit.store(SessionStore).switch(
        command.session_id, command.interface.value, command.metadata, unit.clock.now()
    )
    if switched is None:
        raise await _gone(command.session_id, unit)
    unit.record(
        SessionSwitched(
            session_id=command.session_id,
            left=before.interface,
            interface=switched.interface,
            version=switched.version,
        )
    )
    return switched


async def close_session(command: CloseSession, unit: UnitOfWork) -> SessionView:
    """End a conversation, the owner only; raises SessionUnknownError, SessionEndedError."""
    await _own(command.session_id, unit)
    closed = await unit.store(SessionStore).close(command.session_id, unit.clock.now())
    if closed is None:
        raise await _gone(command.session_id, unit)
    unit.record(SessionClosed(session_id=command.session_id, version=closed.version))
    return closed


async def restore_session(query: RestoreSession, unit: UnitOfWork) -> RestoredSession:
    """Return the asker's session from the database, and keep it hot; raises SessionUnknownError."""
    session = await _own(query.session_id, unit)
    entries = await unit.store(SessionStore).newest(query.session_id, RESTORED_ENTRIES_COUNT)
    restored = RestoredSession(session=session, entries=entries)
    await unit.store(HotSessions).put(unit.context.organization_id, restored)
    return restored


async def read_history(query: ReadHistory, unit: UnitOfWork) -> tuple[EntryView, ...]:
    """Return a page of entries; raises SessionUnknownError, PayloadInvalidError."""
    await _own(query.session_id, unit)
    if query.after < 0:
        raise PayloadInvalidError("after counts from 0", field="after")
    limit = _page(query.limit)
    return await unit.store(SessionStore).after(query.session_id, query.after, limit)


async def list_sessions(query: ListSessions, unit: UnitOfWork) -> tuple[SessionView, ...]:
    """Return a page of the asker's sessions; raises PayloadInvalidError."""
    return await unit.store(SessionStore).of_owner(
        unit.context.user, query.before, _page(query.limit), active_only=query.active_only
    )


async def session_statistics(
    query: SessionStatistics, unit: UnitOfWork
) -> tuple[InterfaceStatistics, ...]:
    """Return counts and lengths by interface."""
    return await unit.store(SessionStore).statistics()


async def _own(session_id: str, unit: UnitOfWork) -> SessionView:
    """Return the session when it is the asker's. Another's is as unknown as none at all."""
    found = await unit.store(SessionStore).find(session_id)
    if found is None or found.owner != unit.context.user:
        raise SessionUnknownError("you have no such session", session_id=session_id)
    return found


async def _gone(session_id: str, unit: UnitOfWork) -> SessionUnknownError | SessionEndedError:
    if await unit.store(SessionStore).find(session_id) is None:
        return SessionUnknownError("there is no such session", session_id=session_id)
    return SessionEndedError("this session was ended", session_id=session_id)


def _page(limit: int) -> int:
    if not 1 <= limit <= _LARGEST_PAGE_COUNT:
        raise PayloadInvalidError(f"a page has 1 to {_LARGEST_PAGE_COUNT} rows", field="limit")
    return limit


def _check_metadata(metadata: dict[str, str]) -> None:
    problem = metadata_problem(metadata)
    if problem:
        raise SessionMetadataInvalidError(problem)


COMMANDS: dict[type[Command], Handler] = {
    StartSession: start_session,
    AppendToSession: append_to_session,
    SwitchInterface: switch_interface,
    CloseSession: close_session,
}
QUERIES: dict[type[Query], Handler] = {
    RestoreSession: restore_session,
    ReadHistory: read_history,
    ListSessions: list_sessions,
    SessionStatistics: session_statistics,
}
