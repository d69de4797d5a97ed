"""Which pictures go when their folder is full."""

import pytest

from edge.outbox.retention import MediaRecord, MediaState, choose_evictions

pytestmark = pytest.mark.requirement("BUF")


def picture(number, state=MediaState.LOCAL, verdict="PASS", size=10):
    return MediaRecord(
        sha256=bytes([number]) * 32,
        event_id=b"",
        verdict=verdict,
        size_bytes=size,
        state=state,
        learned_ms=number,
    )


def test_within_the_bound_nothing_goes() -> None:
    assert choose_evictions([picture(1)], 10) == ([], [])


def test_stored_pictures_go_first_and_the_oldest_of_them() -> None:
    records = [picture(1), picture(3, MediaState.STORED), picture(2, MediaState.STORED)]
    freed, shed = choose_evictions(records, 20)
    assert [r.learned_ms for r in freed] == [2]
    assert shed == []


def test_unsent_faults_are_the_last_to_go() -> None:
    records = [
        picture(1, verdict="FAIL"),
        picture(2, verdict="PASS"),
        picture(3, MediaState.DECLINED, "FAIL"),
    ]
    freed, shed = choose_evictions(records, 10)
    assert [r.learned_ms for r in freed] == [3]
    assert [r.learned_ms for r in shed] == [2]


def test_what_is_shed_already_takes_no_room() -> None:
    assert choose_evictions([picture(1, MediaState.SHED, size=1000), picture(2)], 10) == ([], [])
