"""What a batch of a station's events adds to the committed log."""

import hashlib

import pytest

from cloud.stations.commands import StationEvent
from cloud.stations.errors import DigestMismatchError, SequenceGapError
from cloud.stations.event_log import EMPTY_DIGEST, Cursor, plan_append

pytestmark = pytest.mark.requirement("SYN")


def event(number: int) -> StationEvent:
    wire_id = number.to_bytes(16, "big")
    payload = f"payload {number}".encode()
    return StationEvent(
        event_id=f"evt_{number:026d}",
        type="badge_scanned",
        schema_version=1,
        hlc=0,
        mono_ns=0,
        boot_id=b"",
        payload=payload,
        media=(),
        producer_id="p",
        pseq=number,
        occurred_at=None,
        worker="",
        basis="",
        wire_id=wire_id,
        content_digest=hashlib.sha256(payload).digest(),
    )


def digest_after(count: int) -> bytes:
    """The contract's sentence written out, without the code under test."""
    value = 0
    for number in range(1, count + 1):
        chained = value.to_bytes(8, "big") + number.to_bytes(16, "big")
        chained += hashlib.sha256(f"payload {number}".encode()).digest()
        value = int.from_bytes(hashlib.sha256(chained).digest()[:8], "big")
    return value.to_bytes(8, "big")


EMPTY = Cursor(committed_seq=0, digest=EMPTY_DIGEST)
FIVE = Cursor(committed_seq=5, digest=digest_after(5))


def test_a_first_batch_is_taken_whole() -> None:
    plan = plan_append(EMPTY, 1, EMPTY_DIGEST, [event(n) for n in range(1, 6)])
    assert plan.cursor == FIVE
    assert (plan.first_seq, len(plan.events), plan.duplicates) == (1, 5, 0)


def test_what_lies_before_the_cursor_is_dropped_and_the_rest_taken() -> None:
    plan = plan_append(FIVE, 4, digest_after(3), [event(n) for n in range(4, 8)])
    assert [e.pseq for e in plan.events] == [6, 7]
    assert (plan.first_seq, plan.duplicates) == (6, 2)
    assert plan.cursor == Cursor(committed_seq=7, digest=digest_after(7))


def test_a_batch_that_is_known_whole_changes_nothing() -> None:
    plan = plan_append(FIVE, 2, digest_after(1), [event(2), event(3)])
    assert plan.events == ()
    assert plan.duplicates == 2
    assert plan.cursor == FIVE


def test_a_missing_event_is_named() -> None:
    with pytest.raises(SequenceGapError) as caught:
        plan_append(FIVE, 7, None, [event(7)])
    assert caught.value.details == {"expected": 6}


def test_another_history_before_the_batch_is_refused() -> None:
    with pytest.raises(DigestMismatchError):
        plan_append(FIVE, 6, digest_after(4), [event(6)])


def test_another_history_inside_the_known_part_is_refused() -> None:
    forged = [event(n) for n in (4, 50, 6)]
    with pytest.raises(DigestMismatchError):
        plan_append(FIVE, 4, digest_after(3), forged)


def test_an_unknown_digest_is_not_compared() -> None:
    assert plan_append(FIVE, 6, None, [event(6)]).cursor.committed_seq == 6
