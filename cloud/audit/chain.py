"""The audit chain: each row's hash covers the row and the hash before it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from cloud.commands.payload import canonical

BEGINNING = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One act or refusal as it is stored: every column but the hash.

    ``at`` is the act's own clock, ``recorded_at`` the moment of its number; ``metadata`` is
    canonical JSON text.
    """

    organization_id: str
    sequence: int
    at: datetime
    recorded_at: datetime
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
    """Return the 32 bytes SHA-256 of ``previous`` followed by the canonical row.

    Every stored column is covered: what a row says and also where and when it lies.
    """
    fields = {
        "organization_id": row.organization_id,
        "sequence": row.sequence,
        "at": row.at.astimezone(UTC),
        "recorded_at": row.recorded_at.astimezone(UTC),
        "user": row.user,
        "source": row.source,
        "action": row.action,
        "resource": row.resource,
        "outcome": row.outcome,
        "trace_id": row.trace_id,
        "metadata": row.metadata,
    }
    return hashlib.sha256(previous + canonical(fields).encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainPoint:
    """One row of a chain by number and hash: a seal, an anchor or the chain's end."""

    sequence: int
    hash: bytes


START = ChainPoint(sequence=0, hash=BEGINNING)


class ChainWalk:
    """Follows a chain row by row, so that a long one need not lie in memory.

    It begins after ``seal``, the last row that was dropped by policy, and compares with every
    point of ``anchors``, which were noted outside the database.
    """

    def __init__(self, seal: ChainPoint = START, anchors: Iterable[ChainPoint] = ()) -> None:
        self.row_count = 0
        self._reached = seal.sequence
        self._previous = seal.hash
        self._anchors = {point.sequence: point.hash for point in anchors}
        self._last_anchor = max(self._anchors, default=0)

    @property
    def reached(self) -> ChainPoint:
        """Return the last point that holds."""
        return ChainPoint(sequence=self._reached, hash=self._previous)

    def step(self, row: AuditRow, stored: bytes) -> ChainBreak | None:
        """Take the next row with its stored hash; return the break, if this is one."""
        expected = self._reached + 1
        if row.sequence != expected:
            return ChainBreak(sequence=expected, reason="the row is missing")
        if row_hash(self._previous, row) != stored:
            return ChainBreak(sequence=row.sequence, reason="the row or its hash was changed")
        if self._anchors.get(expected, stored) != stored:
            return ChainBreak(sequence=expected, reason="the chain up to this row was written anew")
        self._previous, self._reached = stored, expected
        self.row_count += 1
        return None

    def end(self, head_sequence: int, head_hash: bytes) -> ChainBreak | None:
        """Compare with what the organization remembers as the end: rows cut off are seen too."""
        if self._reached < max(head_sequence, self._last_anchor):
            return ChainBreak(sequence=self._reached + 1, reason="the row is missing")
        if self._reached > head_sequence or self._previous != head_hash:
            return ChainBreak(sequence=self._reached, reason="the chain's end was changed")
        return None


def first_break(
    rows: Iterable[tuple[AuditRow, bytes]], head_sequence: int, head_hash: bytes
) -> ChainBreak | None:
    """Return the first place where ``rows``, in order, are not the chain; None when it holds."""
    walk = ChainWalk()
    for row, stored in rows:
        if (broken := walk.step(row, stored)) is not None:
            return broken
    return walk.end(head_sequence, head_hash)
