"""What a batch of a station's events adds to the committed log."""

import hashlib
from dataclasses import replace

import pytest

from cloud.stations.commands import EventColumns, EventEnvelope, EventFault
from cloud.stations.errors import DigestMismatchError, SequenceGapError
from cloud.stations.event_log import EMPTY_DIGEST, Cursor, plan_append

pytestmark = pytest.mark.requirement("SYN")


ENVELOPE = EventEnvelope(
    type="badge_scanned",
    schema_version=1,
    boot_id=b"",
    media=(),
    producer_id="p",
    worker="",
    basis="",
    readable=True,
)


def events(*numbers: int) -> EventColumns:
    payloads = tuple(f"payload {number}".encode() for number in numbers)
    nothing = (0,) * len(numbers)
    return EventColumns(
        event_ids=tuple(f"evt_{number:026d}" for number in numbers),
        envelopes=(ENVELOPE,),
        envelope_places=nothing,
        hlcs=nothing,
        mono_ns=nothing,
        payloads=payloads,
        pseqs=numbers,
        moments_us=(None,) * len(numbers),
        wire_ids=tuple(number.to_bytes(16, "big") for number in numbers),
        content_digests=tuple(hashlib.sha256(payload).digest() for payload in payloads),
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
    plan = plan_append(EMPTY, 1, EMPTY_DIGEST, events(*range(1, 6)))
    assert plan.cursor == FIVE
    assert (plan.first_seq, len(plan.events), plan.duplicates) == (1, 5, 0)


def test_what_lies_before_the_cursor_is_dropped_and_the_rest_taken() -> None:
    plan = plan_append(FIVE, 4, digest_after(3), events(*range(4, 8)))
    assert plan.events.pseqs == (6, 7)
    assert (plan.first_seq, plan.duplicates) == (6, 2)
    assert plan.cursor == Cursor(committed_seq=7, digest=digest_after(7))


def test_a_batch_that_is_known_whole_changes_nothing() -> None:
    plan = plan_append(FIVE, 2, digest_after(1), events(2, 3))
    assert len(plan.events) == 0
    assert plan.duplicates == 2
    assert plan.cursor == FIVE


def test_a_missing_event_is_named() -> None:
    with pytest.raises(SequenceGapError) as caught:
        plan_append(FIVE, 7, None, events(7))
    assert caught.value.details == {"expected": 6}


def test_another_history_before_the_batch_is_refused() -> None:
    with pytest.raises(DigestMismatchError):
        plan_append(FIVE, 6, digest_after(4), events(6))


def test_another_history_inside_the_known_part_is_refused() -> None:
    forged = events(4, 50, 6)
    with pytest.raises(DigestMismatchError):
        plan_append(FIVE, 4, digest_after(3), forged)


def test_an_unknown_digest_is_not_compared() -> None:
    assert plan_append(FIVE, 6, None, events(6)).cursor.committed_seq == 6


def test_what_nobody_can_read_keeps_its_place_behind_known_events() -> None:
    fault = EventFault(place=3, code="TYPE_UNKNOWN", detail="", payload=b"kept")
    batch = replace(events(4, 5, 6, 7), faults=(replace(fault, place=0), fault))
    plan = plan_append(FIVE, 4, digest_after(3), batch)
    assert plan.events.wire_ids == events(6, 7).wire_ids
    assert plan.events.faults == (replace(fault, place=1),)


def test_columns_of_different_lengths_are_no_batch() -> None:
    with pytest.raises(ValueError, match="every column"):
        replace(events(1, 2), hlcs=(0,)).check()
