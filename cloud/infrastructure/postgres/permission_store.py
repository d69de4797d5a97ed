"""Presence, leave, lent rights and assigned work in PostgreSQL."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import asyncpg

from cloud.commands.payload import canonical
from cloud.infrastructure.postgres.unit_of_work import StoreFactory, read_json
from cloud.permissions.absence import Absence
from cloud.permissions.assignment import Assignment, AssignmentState
from cloud.permissions.delegation import Delegation
from cloud.permissions.ports import (
    AssignmentStore,
    Presence,
    Silence,
    StandingStore,
    TimerStore,
    Work,
)
from cloud.permissions.queries import AbsenceView
from cloud.permissions.timer import Timer

# Who is on leave now; and the positions that were silent on this very work beyond its deadline.
_PRESENCE = """
SELECT p.login, EXISTS (
  SELECT FROM absences a
  WHERE a.organization_id = $1 AND a.login = p.login AND a.begins_at <= $3 AND a.ends_at > $3
    AND (a.ended_at IS NULL OR a.ended_at > $3)
) AS away, NULL AS position
FROM persons p
WHERE p.organization_id = $1 AND p.active AND p.login = ANY($2)
UNION ALL
SELECT NULL, false, w.position FROM work_assignments w
WHERE w.organization_id = $1 AND w.action = $4 AND w.state = 'silent'
  AND (w.resource = '' OR w.resource = ANY($5))
"""
_SILENT = """
SELECT action, resource, position FROM work_assignments
WHERE organization_id = $1 AND action = ANY($2) AND state = 'silent'
"""
_DELEGATIONS = """
SELECT delegation_id, giver, taker, actions, ids, largest_amount, begins_at, ends_at, reason
FROM delegations
WHERE organization_id = $1 AND ($2 = '' OR giver = $2 OR taker = $2) AND ends_at > $3
  AND (ended_at IS NULL OR ended_at > $3)
ORDER BY begins_at, delegation_id
"""
_ADD_DELEGATION = """
INSERT INTO delegations (organization_id, delegation_id, giver, taker, actions, ids,
  largest_amount, begins_at, ends_at, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
_END_DELEGATION = """
UPDATE delegations SET ended_at = $3
WHERE organization_id = $1 AND delegation_id = $2 AND ended_at IS NULL
"""
# Two who lend to each other at once: the second waits, then sees the first.
_LOCK_DELEGATIONS = "SELECT pg_advisory_xact_lock(hashtextextended('delegations ' || $1, 0))"
_ADD_ABSENCE = """
INSERT INTO absences (organization_id, absence_id, login, begins_at, ends_at, reason)
VALUES ($1, $2, $3, $4, $5, $6)
"""
_END_ABSENCE = """
UPDATE absences SET ended_at = $3
WHERE organization_id = $1 AND absence_id = $2 AND ended_at IS NULL AND ends_at > $3
RETURNING login
"""
_ABSENCES = """
SELECT absence_id, login, begins_at, ends_at, reason FROM absences
WHERE organization_id = $1 AND ends_at > $2 AND ended_at IS NULL
ORDER BY begins_at, absence_id
"""
_ASSIGNMENT = """
SELECT assignment_id, domain, action, resource, fields, position, assignee, letter, assigned_by,
  assigned_at, due_at, state, answered_at
FROM work_assignments WHERE organization_id = $1
"""
_ADD_ASSIGNMENT = """
INSERT INTO work_assignments (organization_id, assignment_id, domain, action, resource, fields,
  position, assignee, letter, assigned_by, assigned_at, due_at, state)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $9, $10, $11, $12, 'open')
"""
_CLOSE_ASSIGNMENT = """
UPDATE work_assignments
SET state = $3, answered_at = CASE WHEN $3 = 'answered' THEN $4::timestamptz END
WHERE organization_id = $1 AND assignment_id = $2
"""
_ACTED_ON = """
SELECT EXISTS (
  SELECT FROM audit_log
  WHERE organization_id = $1 AND user_login = $2 AND action = $3 AND at >= $4
    AND outcome IN ('done', 'held')
    AND ($5 = '' OR resource = $5)
)
"""
_ADD_TIMER = """
INSERT INTO timers (organization_id, timer_id, kind, subject_id, due_at)
VALUES ($1, $2, $3, $4, $5)
"""
# Another process that fires the same timer now will have fired it: nothing is left to do here.
_LOCKED_TIMER = """
SELECT timer_id, kind, subject_id, due_at, fired_at FROM timers
WHERE organization_id = $1 AND timer_id = $2 FOR UPDATE SKIP LOCKED
"""
_CLOSE_TIMER = """
UPDATE timers SET fired_at = $3, outcome = $4 WHERE organization_id = $1 AND timer_id = $2
"""
_LONGEST_OUTCOME_COUNT = 300


class PostgresStandingStore:
    """Who is there and what was lent."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def presence(
        self, logins: Iterable[str], now: datetime, work: Work | None = None
    ) -> Presence:
        """Return who of ``logins`` is an active person, and who is away now."""
        rows = await self._connection.fetch(
            _PRESENCE,
            self._organization_id,
            list(logins),
            now,
            work.action if work else "",
            sorted(work.ids) if work else [],
        )
        return Presence(
            active=frozenset(row["login"] for row in rows if row["login"] is not None),
            absent=frozenset(row["login"] for row in rows if row["away"]),
            silent=frozenset(row["position"] for row in rows if row["position"] is not None),
        )

    async def silent(self, actions: Iterable[str]) -> tuple[Silence, ...]:
        """Return which positions left work with these actions unanswered after its deadline."""
        rows = await self._connection.fetch(_SILENT, self._organization_id, sorted(set(actions)))
        return tuple(Silence(**dict(row)) for row in rows)

    async def delegations(self, login: str, now: datetime) -> tuple[Delegation, ...]:
        """Return what was lent by or to ``login`` and has not ended; "": by and to anybody."""
        rows = await self._connection.fetch(_DELEGATIONS, self._organization_id, login, now)
        return tuple(_delegation(row) for row in rows)

    async def lock_delegations(self) -> None:
        """Keep others from adding delegations until this transaction ends."""
        await self._connection.execute(_LOCK_DELEGATIONS, self._organization_id)

    async def add_delegation(self, delegation: Delegation) -> None:
        """Keep a delegation."""
        await self._connection.execute(
            _ADD_DELEGATION,
            self._organization_id,
            delegation.delegation_id,
            delegation.giver,
            delegation.taker,
            sorted(delegation.actions),
            sorted(delegation.ids),
            delegation.largest_amount,
            delegation.begins_at,
            delegation.ends_at,
            delegation.reason,
        )

    async def end_delegation(self, delegation_id: str, now: datetime) -> None:
        """Note that it ends now."""
        await self._connection.execute(_END_DELEGATION, self._organization_id, delegation_id, now)

    async def add_absence(self, absence_id: str, absence: Absence) -> None:
        """Keep a person's leave."""
        await self._connection.execute(
            _ADD_ABSENCE,
            self._organization_id,
            absence_id,
            absence.login,
            absence.begins_at,
            absence.ends_at,
            absence.reason,
        )

    async def end_absence(self, absence_id: str, now: datetime) -> str | None:
        """Note that it ends now and return whose it was; None when there is nothing to end."""
        login: str | None = await self._connection.fetchval(
            _END_ABSENCE, self._organization_id, absence_id, now
        )
        return login

    async def absences(self, now: datetime) -> tuple[AbsenceView, ...]:
        """Return every leave that is not over, by its beginning."""
        rows = await self._connection.fetch(_ABSENCES, self._organization_id, now)
        return tuple(AbsenceView(**dict(row)) for row in rows)


def _delegation(row: Any) -> Delegation:  # noqa: ANN401  a record of the driver
    return Delegation(
        delegation_id=row["delegation_id"],
        giver=row["giver"],
        taker=row["taker"],
        actions=frozenset(row["actions"]),
        ids=frozenset(row["ids"]),
        largest_amount=row["largest_amount"],
        begins_at=row["begins_at"],
        ends_at=row["ends_at"],
        reason=row["reason"],
    )


class PostgresAssignmentStore:
    """Work that was given to persons."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def add(self, assignment: Assignment) -> None:
        """Keep a new assignment."""
        await self._connection.execute(
            _ADD_ASSIGNMENT,
            self._organization_id,
            assignment.assignment_id,
            assignment.domain,
            assignment.action,
            assignment.resource,
            canonical(assignment.fields),
            assignment.position,
            assignment.assignee,
            assignment.letter,
            assignment.assigned_by,
            assignment.assigned_at,
            assignment.due_at,
        )

    async def locked(self, assignment_id: str) -> Assignment | None:
        """Return the assignment and keep others from changing it until this transaction ends."""
        row = await self._connection.fetchrow(
            _ASSIGNMENT + " AND assignment_id = $2 FOR UPDATE",
            self._organization_id,
            assignment_id,
        )
        return None if row is None else _assignment(row)

    async def close(self, assignment_id: str, state: AssignmentState, now: datetime) -> None:
        """Note that it was answered, or that its deadline passed in silence."""
        await self._connection.execute(
            _CLOSE_ASSIGNMENT, self._organization_id, assignment_id, state, now
        )

    async def acted_on(self, assignment: Assignment) -> bool:
        """Say whether its assignee has carried out the action since, which is an answer too."""
        found: bool = await self._connection.fetchval(
            _ACTED_ON,
            self._organization_id,
            assignment.assignee,
            assignment.action,
            assignment.assigned_at,
            assignment.resource,
        )
        return found

    async def of(self, assignee: str, limit_count: int) -> tuple[Assignment, ...]:
        """Return what was given to ``assignee``, newest first."""
        rows = await self._connection.fetch(
            _ASSIGNMENT + " AND assignee = $2 ORDER BY assigned_at DESC, assignment_id LIMIT $3",
            self._organization_id,
            assignee,
            limit_count,
        )
        return tuple(_assignment(row) for row in rows)


def _assignment(row: Any) -> Assignment:  # noqa: ANN401  a record of the driver
    return Assignment(**{**dict(row), "fields": read_json(row["fields"])})


class PostgresTimerStore:
    """Due moments."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def add(self, timer: Timer) -> None:
        """Keep a new timer."""
        await self._connection.execute(
            _ADD_TIMER,
            self._organization_id,
            timer.timer_id,
            timer.kind,
            timer.subject_id,
            timer.due_at,
        )

    async def locked(self, timer_id: str) -> Timer | None:
        """Return the timer and keep others from firing it until this transaction ends."""
        row = await self._connection.fetchrow(_LOCKED_TIMER, self._organization_id, timer_id)
        return None if row is None else Timer(**dict(row))

    async def close(self, timer_id: str, now: datetime, outcome: str) -> None:
        """Note that it has fired."""
        await self._connection.execute(
            _CLOSE_TIMER, self._organization_id, timer_id, now, outcome[:_LONGEST_OUTCOME_COUNT]
        )


STORES: dict[type, StoreFactory] = {
    StandingStore: PostgresStandingStore,
    AssignmentStore: PostgresAssignmentStore,
    TimerStore: PostgresTimerStore,
}
