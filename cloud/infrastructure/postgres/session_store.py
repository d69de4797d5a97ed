"""Sessions and their entries."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import asyncpg

from cloud.sessions.ports import NewEntry, SessionStore
from cloud.sessions.queries import Appended, EntryView, InterfaceStatistics, SessionView
from cloud.sessions.session import HOT_FOR

ADD = """
INSERT INTO sessions (organization_id, session_id, owner_login, source, interface, state, metadata,
                      version, created_at, last_used_at)
VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $9)"""
FIND = "SELECT * FROM sessions WHERE organization_id = $1 AND session_id = $2"
# The row's lock is the queue in which entries get their numbers.
APPEND = """
WITH head AS (
  UPDATE sessions
  SET last_sequence = last_sequence + 1, version = version + 1,
      last_used_at = greatest(last_used_at, $7),
      user_count = user_count + ($3 = 'user')::int,
      assistant_count = assistant_count + ($3 = 'assistant')::int,
      characters_count = characters_count + length($6)
  WHERE organization_id = $1 AND session_id = $2 AND state = 'active'
  RETURNING *
), written AS (
  INSERT INTO session_entries
    (organization_id, session_id, sequence, role, author, interface, text, at)
  SELECT $1, $2, last_sequence, $3, $4, $5, $6, $7 FROM head
)
SELECT * FROM head"""
SWITCH = """
UPDATE sessions
SET interface = $3, metadata = metadata || $4::jsonb, version = version + 1,
    last_used_at = greatest(last_used_at, $5)
WHERE organization_id = $1 AND session_id = $2 AND state = 'active'
RETURNING *"""
CLOSE = """
UPDATE sessions SET state = 'ended', ended_at = $3, version = version + 1
WHERE organization_id = $1 AND session_id = $2 AND state = 'active'
RETURNING *"""
NEWEST = """
SELECT sequence, role, author, interface, text, at FROM session_entries
WHERE organization_id = $1 AND session_id = $2 ORDER BY sequence DESC LIMIT $3"""
AFTER = """
SELECT sequence, role, author, interface, text, at FROM session_entries
WHERE organization_id = $1 AND session_id = $2 AND sequence > $3 ORDER BY sequence LIMIT $4"""
# Identifiers begin with their time, so the newest come first.
OF_OWNER = """
SELECT * FROM sessions
WHERE organization_id = $1 AND owner_login = $2 AND ($3 = '' OR session_id < $3)
  AND (NOT $5 OR state = 'active')
ORDER BY session_id DESC LIMIT $4"""
STATISTICS = """
SELECT source, count(*) AS sessions_count, count(*) FILTER (WHERE state = 'active') AS active_count,
       sum(user_count)::bigint AS user_count, sum(assistant_count)::bigint AS assistant_count,
       sum(characters_count)::bigint AS characters_count
FROM sessions WHERE organization_id = $1 GROUP BY source ORDER BY source"""


def _session(row: Any) -> SessionView:  # noqa: ANN401  a record of the driver
    values = dict(row)
    del values["organization_id"]
    values["owner"] = values.pop("owner_login")
    values["metadata"] = json.loads(values["metadata"])
    return SessionView(**values, expires_at=values["last_used_at"] + HOT_FOR)


class PostgresSessionStore:
    """Sessions of one organization, in one transaction."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def add(self, session: SessionView) -> None:
        """Store a new session."""
        await self._connection.execute(
            ADD, self._organization_id, session.session_id, session.owner, session.source,
            session.interface, session.state, json.dumps(session.metadata), session.version,
            session.created_at,
        )  # fmt: skip

    async def find(self, session_id: str) -> SessionView | None:
        """Return the session."""
        row = await self._connection.fetchrow(FIND, self._organization_id, session_id)
        return _session(row) if row else None

    async def append(self, session_id: str, entry: NewEntry) -> Appended | None:
        """Append with the next sequence; None when the session has ended."""
        row = await self._connection.fetchrow(
            APPEND, self._organization_id, session_id, entry.role, entry.author, entry.interface,
            entry.text, entry.at,
        )  # fmt: skip
        if row is None:
            return None
        session = _session(row)
        return Appended(
            session=session,
            entry=EntryView(
                sequence=session.last_sequence,
                role=entry.role,
                author=entry.author,
                interface=entry.interface,
                text=entry.text,
                at=entry.at,
            ),
        )

    async def switch(
        self, session_id: str, interface: str, metadata: Mapping[str, str], at: datetime
    ) -> SessionView | None:
        """Set the interface and merge the metadata; None when the session has ended."""
        row = await self._connection.fetchrow(
            SWITCH, self._organization_id, session_id, interface, json.dumps(dict(metadata)), at
        )
        return _session(row) if row else None

    async def close(self, session_id: str, at: datetime) -> SessionView | None:
        """End the session; None when it has ended before."""
        row = await self._connection.fetchrow(CLOSE, self._organization_id, session_id, at)
        return _session(row) if row else None

    async def newest(self, session_id: str, limit: int) -> tuple[EntryView, ...]:
        """Return the last ``limit`` entries, in order."""
        rows = await self._connection.fetch(NEWEST, self._organization_id, session_id, limit)
        return tuple(EntryView(**row) for row in reversed(rows))

    async def after(self, session_id: str, after: int, limit: int) -> tuple[EntryView, ...]:
        """Return up to ``limit`` entries after ``after``, in order."""
        rows = await self._connection.fetch(AFTER, self._organization_id, session_id, after, limit)
        return tuple(EntryView(**row) for row in rows)

    async def of_owner(
        self, owner: str, before: str, limit: int, *, active_only: bool
    ) -> tuple[SessionView, ...]:
        """Return sessions of ``owner``, newest first."""
        rows = await self._connection.fetch(
            OF_OWNER, self._organization_id, owner, before, limit, active_only
        )
        return tuple(_session(row) for row in rows)

    async def statistics(self) -> tuple[InterfaceStatistics, ...]:
        """Return counts and lengths by the interface where sessions began."""
        rows = await self._connection.fetch(STATISTICS, self._organization_id)
        return tuple(InterfaceStatistics(**row) for row in rows)


STORES: dict[type, Callable[[asyncpg.Connection, str], object]] = {
    SessionStore: PostgresSessionStore
}
