"""Held commands in PostgreSQL: what waits, what was changed in it, what was advised."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import asyncpg

from cloud.commands.payload import canonical
from cloud.infrastructure.postgres.unit_of_work import StoreFactory, read_json
from cloud.permissions.approval import Advice, Approval, Change, Difference
from cloud.permissions.ports import ApprovalStore

_ADD = """
INSERT INTO approvals (organization_id, approval_id, action, domain, payload, payload_hash,
  spec_version, requester, requester_source, requester_session, requester_letter, policy_version,
  reason, state, approval_needed, requested_at, due_at, expires_at)
VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
"""
_APPROVAL = """
SELECT approval_id, action, domain, payload, payload_hash, spec_version, requester,
  requester_source, requester_session, requester_letter, policy_version, reason, state,
  approval_needed, revision, requested_at, due_at, expires_at, escalated_at, execute_at,
  decided_by, decided_at, decision_reason
FROM approvals WHERE organization_id = $1
"""
_SAVE = """
UPDATE approvals SET payload = $3::jsonb, payload_hash = $4, revision = $5, state = $6,
  due_at = $7, expires_at = $8, escalated_at = $9, execute_at = $10, decided_by = $11,
  decided_at = $12, decision_reason = $13
WHERE organization_id = $1 AND approval_id = $2
"""
_ADD_CHANGE = """
INSERT INTO approval_changes (organization_id, approval_id, revision, changed_by, changed_at,
  reason, differences, payload_hash)
VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8)
"""
_CHANGES = """
SELECT approval_id, revision, changed_by, changed_at, reason, differences FROM approval_changes
WHERE organization_id = $1 AND approval_id = ANY($2) ORDER BY approval_id, revision
"""
_ASK = """
INSERT INTO approval_advice (organization_id, approval_id, login, asked_at)
VALUES ($1, $2, $3, $4)
"""
_KEEP_ADVICE = """
UPDATE approval_advice SET advice = $4, given_at = $5
WHERE organization_id = $1 AND approval_id = $2 AND login = $3 AND given_at IS NULL
RETURNING true
"""
_ADVICE = """
SELECT approval_id, login, asked_at, advice, given_at FROM approval_advice
WHERE organization_id = $1 AND approval_id = ANY($2) ORDER BY approval_id, login
"""
_WAITING = """ AND state IN ('consulting', 'pending', 'approved')
ORDER BY requested_at, approval_id LIMIT 500"""
_SOME = " AND approval_id = ANY($2)"
_RECENT = """ AND ($2::text IS NULL OR requester = $2)
  AND ($4 = '' OR (requested_at, approval_id) < (
    SELECT b.requested_at, b.approval_id FROM approvals b
    WHERE b.organization_id = $1 AND b.approval_id = $4))
ORDER BY requested_at DESC, approval_id DESC LIMIT $3"""


class PostgresApprovalStore:
    """Held commands."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def add(self, approval: Approval) -> None:
        """Keep a new approval."""
        await self._connection.execute(
            _ADD,
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
            approval.requester_letter,
            approval.policy_version,
            approval.reason,
            approval.state,
            approval.approval_needed,
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
        rows = await self._connection.fetch(_APPROVAL + _WAITING, self._organization_id)
        return tuple(_approval(row) for row in rows)

    async def recent(
        self, requester: str | None, limit_count: int, before: str
    ) -> tuple[Approval, ...]:
        """Return what ``requester`` (None: anybody) asked, open and closed, newest first."""
        rows = await self._connection.fetch(
            _APPROVAL + _RECENT, self._organization_id, requester, limit_count, before
        )
        return tuple(_approval(row) for row in rows)

    async def save(self, approval: Approval) -> None:
        """Keep the approval as it is now."""
        await self._connection.execute(
            _SAVE,
            self._organization_id,
            approval.approval_id,
            canonical(approval.payload),
            approval.payload_hash,
            approval.revision,
            approval.state,
            approval.due_at,
            approval.expires_at,
            approval.escalated_at,
            approval.execute_at,
            approval.decided_by,
            approval.decided_at,
            approval.decision_reason,
        )

    async def add_change(self, approval_id: str, change: Change, payload_hash: str) -> None:
        """Keep what was changed."""
        await self._connection.execute(
            _ADD_CHANGE,
            self._organization_id,
            approval_id,
            change.revision,
            change.changed_by,
            change.changed_at,
            change.reason,
            canonical(change.differences),
            payload_hash,
        )

    async def changes(self, approval_id: str) -> tuple[Change, ...]:
        """Return what was changed, oldest first."""
        return (await self.all_changes([approval_id])).get(approval_id, ())

    async def all_changes(self, approval_ids: Iterable[str]) -> Mapping[str, tuple[Change, ...]]:
        """Return what was changed in each of them, oldest first; nothing for unchanged ones."""
        rows = await self._connection.fetch(_CHANGES, self._organization_id, list(approval_ids))
        found: dict[str, tuple[Change, ...]] = {}
        for row in rows:
            change = Change(
                revision=row["revision"],
                changed_by=row["changed_by"],
                changed_at=row["changed_at"],
                reason=row["reason"],
                differences=tuple(Difference(**one) for one in read_json(row["differences"])),
            )
            found[row["approval_id"]] = (*found.get(row["approval_id"], ()), change)
        return found

    async def ask_advice(self, approval_id: str, login: str, now: datetime) -> None:
        """Note that ``login`` is asked."""
        await self._connection.execute(_ASK, self._organization_id, approval_id, login, now)

    async def keep_advice(self, approval_id: str, login: str, advice: str, now: datetime) -> bool:
        """Keep the answer; False when the person was not asked or has answered."""
        kept = await self._connection.fetchval(
            _KEEP_ADVICE, self._organization_id, approval_id, login, advice, now
        )
        return bool(kept)

    async def advice(self, approval_id: str) -> tuple[Advice, ...]:
        """Return who was asked and what they answered."""
        return (await self.all_advice([approval_id])).get(approval_id, ())

    async def all_advice(self, approval_ids: Iterable[str]) -> Mapping[str, tuple[Advice, ...]]:
        """Return who was asked about each of them and what they answered."""
        rows = await self._connection.fetch(_ADVICE, self._organization_id, list(approval_ids))
        found: dict[str, tuple[Advice, ...]] = {}
        for row in rows:
            values = dict(row)
            approval_id = values.pop("approval_id")
            found[approval_id] = (*found.get(approval_id, ()), Advice(**values))
        return found

    async def some(self, approval_ids: Iterable[str]) -> tuple[Approval, ...]:
        """Return those of the approvals that there are."""
        rows = await self._connection.fetch(
            _APPROVAL + _SOME, self._organization_id, list(approval_ids)
        )
        return tuple(_approval(row) for row in rows)


def _approval(row: Any) -> Approval:  # noqa: ANN401  a record of the driver
    return Approval(**{**dict(row), "payload": read_json(row["payload"])})


STORES: dict[type, StoreFactory] = {ApprovalStore: PostgresApprovalStore}
