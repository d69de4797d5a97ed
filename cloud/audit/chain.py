"""The audit chain: each row's hash covers the row and the hash before it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from cloud.commands.payload import canonical

BEGINNING = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One act or refusal as it is stored. ``metadata`` is canonical JSON text."""

    organization_id: str
    sequence: int
    at: datetime
    user: str
    source: str
    action: str
    resource: str
    outcome: str
    trace_id: str
    metadata: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainBreak:
    """Where the chain does not hold, and how it shows."""

    sequence: int
    reason: str


def row_hash(previous: bytes, row: AuditRow) -> bytes:
    """Return the 32 bytes SHA-256 of ``previous`` followed by the canonical row."""
    fields = {
        "organization_id": row.organization_id,
        "sequence": row.sequence,
        "at": row.at.astimezone(UTC),
        "user": row.user,
        "source": row.source,
        "action": row.action,
        "resource": row.resource,
        "outcome": row.outcome,
        "trace_id": row.trace_id,
        "metadata": row.metadata,
    }
    return hashlib.sha256(previous + canonical(fields).encode()).digest()


def first_break(
    rows: Iterable[tuple[AuditRow, bytes]], head_sequence: int, head_hash: bytes
) -> ChainBreak | None:
    """Return the first place where ``rows`` (in order, each with its stored hash) is not the chain.

    ``head_sequence`` and ``head_hash`` are what the organization remembers as the chain's end, so
    that rows cut off at the end are seen too. None: the chain holds.
    """
    previous, expected = BEGINNING, 1
    for row, stored in rows:
        if row.sequence != expected:
            return ChainBreak(sequence=expected, reason="the row is missing")
        if row_hash(previous, row) != stored:
            return ChainBreak(sequence=row.sequence, reason="the row or its hash was changed")
        previous, expected = stored, expected + 1
    if expected - 1 < head_sequence:
        return ChainBreak(sequence=expected, reason="the row is missing")
    if expected - 1 > head_sequence or previous != head_hash:
        return ChainBreak(sequence=expected - 1, reason="the chain's end was changed")
    return None
