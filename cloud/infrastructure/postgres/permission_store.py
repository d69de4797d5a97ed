"""Presence, delegations and approvals in PostgreSQL."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import asyncpg

from cloud.commands.payload import canonical
from cloud.infrastructure.postgres.unit_of_work import StoreFactory, read_json
from cloud.permissions.absence import Absence
from cloud.permissions.approval import Approval, ApprovalState
from cloud.permissions.delegation import Delegation
from cloud.permissions.ports import ApprovalStore, Presence, StandingStore

_PRESENCE = """
SELECT p.login, EXISTS (
  SELECT FROM absences a
  WHERE a.organization_id = $1 AND a.login = p.login AND a.begins_at <= $3 AND a.ends_at > $3
) AS away
FROM persons p
WHERE p.organization_id = $1 AND p.active AND p.login = ANY($2)
"""
_DELEGATIONS = """
SELECT giver, taker, actions, ids, largest_amount, begins_at, ends_at, reason FROM delegations
WHERE organization_id = $1 AND taker = $2 AND begins_at <= $3 AND ends_at > $3
  AND ended_at IS NULL
"""
_ADD_ABSENCE = """
INSERT INTO absences (organization_id, absence_id, login, begins_at, ends_at, reason)
VALUES ($1, $2, $3, $4, $5, $6)
"""
_ADD_APPROVAL = """
INSERT INTO approvals (organization_id, approval_id, action, domain, payload, payload_hash,
  spec_version, requester, requester_source, requester_session, policy_version, reason, state,
  requested_at, due_at, expires_at)
VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
"""
_APPROVAL = """
SELECT approval_id, action, domain, payload, payload_hash, spec_version, requester,
  requester_source, requester_session, policy_version, reason, state, requested_at, due_at,
  expires_at, decided_by, decided_at, decision_reason
FROM approvals WHERE organization_id = $1
"""
_CLOSE = """
UPDATE approvals SET state = $3, decided_by = $4, decided_at = $5, decision_reason = $6
WHERE organization_id = $1 AND approval_id = $2
"""


class PostgresStandingStore:
    """Who is there and what was lent."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def presence(self, logins: Iterable[str], now: datetime) -> Presence:
        """Return who of ``logins`` is an active person, and who is away now."""
        rows = await self._connection.fetch(_PRESENCE, self._organization_id, list(logins), now)
        return Presence(
            active=frozenset(row["login"] for row in rows),
            absent=frozenset(row["login"] for row in rows if row["away"]),
        )

    async def delegations_to(self, login: str, now: datetime) -> tuple[Delegation, ...]:
        """Return what others lent ``login`` and is valid now."""
        rows = await self._connection.fetch(_DELEGATIONS, self._organization_id, login, now)
        return tuple(
            Delegation(
                giver=row["giver"],
                taker=row["taker"],
                actions=frozenset(row["actions"]),
                ids=frozenset(row["ids"]),
                largest_amount=row["largest_amount"],
                begins_at=row["begins_at"],
                ends_at=row["ends_at"],
                reason=row["reason"],
            )
            for row in rows
        )

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


class PostgresApprovalStore:
    """Held commands."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def add(self, approval: Approval) -> None:
        """Keep a new approval."""
        await self._connection.execute(
            _ADD_APPROVAL,
            self._organization_id,
            approval.approval_id,
            approval.action,
            approval.domain,
            canonical(approval.payload),
            approval.payload_hash,
            approval.spec_version,
            approval.requester,
            approval.requester_source,
            approval.requester_session,
            approval.policy_version,
            approval.reason,
            approval.state,
            approval.requested_at,
            approval.due_at,
            approval.expires_at,
        )

    async def locked(self, approval_id: str) -> Approval | None:
        """Return the approval and keep others from deciding it until this transaction ends."""
        row = await self._connection.fetchrow(
            _APPROVAL + " AND approval_id = $2 FOR UPDATE", self._organization_id, approval_id
        )
        return None if row is None else _approval(row)

    async def find(self, approval_id: str) -> Approval | None:
        """Return the approval."""
        row = await self._connection.fetchrow(
            _APPROVAL + " AND approval_id = $2", self._organization_id, approval_id
        )
        return None if row is None else _approval(row)

    async def pending(self) -> tuple[Approval, ...]:
        """Return what waits, oldest first."""
        rows = await self._connection.fetch(
            _APPROVAL + " AND state = 'pending' ORDER BY requested_at, approval_id LIMIT 500",
            self._organization_id,
        )
        return tuple(_approval(row) for row in rows)

    async def close(
        self, approval_id: str, state: ApprovalState, by: str, now: datetime, reason: str
    ) -> None:
        """Note the decision."""
        await self._connection.execute(
            _CLOSE, self._organization_id, approval_id, state, by, now, reason
        )


def _approval(row: Any) -> Approval:  # noqa: ANN401  a record of the driver
    return Approval(**{**dict(row), "payload": read_json(row["payload"])})


STORES: dict[type, StoreFactory] = {
    StandingStore: PostgresStandingStore,
    ApprovalStore: PostgresApprovalStore,
}
