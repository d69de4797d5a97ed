"""The log of a stream: numbers without holes, and a digest that rolls over all of it."""

from dataclasses import dataclass

from cloud.stations.errors import DigestMismatchError, SequenceGapError
from cloud.stations.event_columns import EventColumns

#: Digest of a stream that has no event yet.
EMPTY_DIGEST = bytes(8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Everything up to ``committed_seq`` is in; ``digest`` (8 bytes) rolls over all of it.

    After a gap nobody knows the digest: it is empty until a batch says how it goes on.
    """

    committed_seq: int
    digest: bytes

    @property
    def knows_digest(self) -> bool:
        """Say whether a batch can be compared with what is committed."""
        return self.committed_seq == 0 or self.digest != EMPTY_DIGEST


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendPlan:
    """What a batch adds: ``events`` from ``first_seq`` on, and where the cursor stands after."""

    first_seq: int
    events: EventColumns
    duplicates: int
    cursor: Cursor


def plan_append(
    cursor: Cursor, first_seq: int, prev_digest: bytes | None, events: EventColumns
) -> AppendPlan:
    """Decide what of a batch is new.

    What lies at or before the cursor is dropped. Where the batch says the digest before its first
    event, the whole chain is checked, dropped events included, so that a clone or a flipped bit
    shows at once.

    Args:
        cursor: what is committed.
        first_seq: number of the first event.
        prev_digest: rolling digest before ``first_seq`` (8 bytes), ``None`` when unknown.
        events: consecutive events.

    Raises:
        SequenceGapError: events are missing before this batch.
        DigestMismatchError: the batch continues another history than the committed one.
    """
    if first_seq > cursor.committed_seq + 1:
        raise SequenceGapError(
            f"expected event {cursor.committed_seq + 1}, got {first_seq}",
            expected=cursor.committed_seq + 1,
        )
    known = min(cursor.committed_seq + 1 - first_seq, len(events))
    fresh = events.after(known)
    digest = cursor.digest if cursor.knows_digest else None
    is_told = prev_digest is not None and first_seq + len(events) > cursor.committed_seq
    if prev_digest is not None and is_told:
        said = events.rolled(prev_digest, known)
        if digest is not None and said != digest:
            raise DigestMismatchError(
                f"the history up to event {cursor.committed_seq} differs from the committed one",
                seq=cursor.committed_seq,
            )
        digest = said
    if digest is None:
        digest = EMPTY_DIGEST
    elif is_told and events.last_digest is not None:
        digest = events.last_digest
    else:
        digest = fresh.rolled(digest)
    return AppendPlan(
        first_seq=first_seq + known,
        events=fresh,
        duplicates=known,
        cursor=Cursor(committed_seq=cursor.committed_seq + len(fresh), digest=digest),
    )


def plan_gap(cursor: Cursor, first_seq: int, last_seq: int) -> Cursor:
    """Return where the cursor stands after numbers that will never come.

    Raises:
        SequenceGapError: numbers are missing before the gap, or it is none.
    """
    if not 0 < first_seq <= last_seq or first_seq > cursor.committed_seq + 1:
        raise SequenceGapError(
            f"a gap begins at event {cursor.committed_seq + 1}, not {first_seq}",
            expected=cursor.committed_seq + 1,
        )
    if last_seq <= cursor.committed_seq:
        return cursor
    return Cursor(committed_seq=last_seq, digest=EMPTY_DIGEST)
