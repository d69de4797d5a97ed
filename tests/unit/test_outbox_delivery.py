"""Window, backoff and cursor: the rules of the way up."""

import hashlib

import pytest

from edge.outbox.delivery import (
    Backoff,
    CursorVerdict,
    DeliveryLimits,
    DeliveryTiming,
    Window,
    judge_cursor,
)
from edge.outbox.record import StreamState, rolling_digest

pytestmark = pytest.mark.requirement("SYN")


def state(last=10, acked=5, trimmed=2, digest=77):
    return StreamState(
        stream="events", last_seq=last, acked_seq=acked, trimmed_seq=trimmed, digest=digest
    )


def test_the_window_closes_at_its_bound_and_opens_with_an_acknowledgement() -> None:
    window = Window(DeliveryLimits(batch_events=4, window_events=8))
    window.sent("events", 4, 4, 100)
    window.sent("events", 8, 4, 100)
    assert window.room_events() == 0
    window.acknowledged("events", 4)
    assert window.room_events() == 4


def test_the_cloud_narrows_the_window_and_never_widens_it() -> None:
    window = Window(DeliveryLimits(batch_events=4, window_events=8, window_bytes=1000))
    window.allow(6, 300)
    window.sent("events", 4, 4, 200)
    assert (window.room_events(), window.room_bytes()) == (2, 100)
    assert not window.takes(101)
    window.allow(3, 0)
    assert window.room_events() == 0
    window.acknowledged("events", 4)
    assert window.room_events() == 3
    window.allow(80, 5000)
    window.sent("events", 8, 4, 900)
    assert (window.room_events(), window.room_bytes()) == (4, 100)


def test_a_word_without_credit_says_nothing_about_it() -> None:
    window = Window(DeliveryLimits(batch_events=4, window_events=8))
    window.allow(0, 0)
    assert window.room_events() == 4


def test_an_event_larger_than_all_credit_goes_alone() -> None:
    window = Window(DeliveryLimits())
    window.allow(50, 100)
    assert window.takes(5000)
    window.sent("events", 1, 1, 5000)
    assert not window.takes(1)


def test_half_a_batch_acknowledged_stays_in_the_window() -> None:
    window = Window(DeliveryLimits())
    window.sent("events", 10, 10, 100)
    window.acknowledged("events", 9)
    assert window.unacked_events == 10


def test_the_window_closes_by_bytes_too() -> None:
    window = Window(DeliveryLimits(window_bytes=1000))
    window.sent("events", 1, 1, 1000)
    assert window.room_events() == 0


def test_acknowledging_one_stream_leaves_the_other() -> None:
    window = Window(DeliveryLimits())
    window.sent("events", 3, 3, 30)
    window.sent("state", 1, 1, 10)
    window.acknowledged("state", 1)
    assert window.unacked_events == 3


def test_waiting_doubles_to_its_cap_and_is_scattered() -> None:
    backoff = Backoff(DeliveryTiming(backoff_base_s=0.5, backoff_cap_s=4))
    ceilings = []
    for _ in range(6):
        backoff.ended(0)
        ceilings.append(backoff.delay_s(1.0))
    assert ceilings == [0.5, 1, 2, 4, 4, 4]
    assert backoff.delay_s(0.25) == 1


def test_a_short_connection_does_not_reset_the_waiting() -> None:
    backoff = Backoff(DeliveryTiming(healthy_s=30))
    for _ in range(3):
        backoff.ended(29)
    assert backoff.failures == 3
    backoff.ended(30)
    assert backoff.failures == 1


@pytest.mark.parametrize(
    ("seq", "cloud_digest", "local_digest", "verdict"),
    [
        (5, 0, None, CursorVerdict.CONTINUE),
        (5, 9, 9, CursorVerdict.CONTINUE),
        (5, 9, 8, CursorVerdict.DIGEST_DIVERGED),
        (1, 0, None, CursorVerdict.CLOUD_LOST_EVENTS),
        (2, 0, None, CursorVerdict.CONTINUE),
        (11, 0, None, CursorVerdict.OUTBOX_IS_OLDER),
    ],
)
def test_the_clouds_cursor_is_judged(seq, cloud_digest, local_digest, verdict) -> None:
    assert judge_cursor(state(), seq, cloud_digest, local_digest) is verdict


def test_the_digest_is_the_written_formula() -> None:
    event_id, payload = bytes(range(16)), b"payload"
    by_hand = hashlib.sha256(
        (7).to_bytes(8, "big") + event_id + hashlib.sha256(payload).digest()
    ).digest()
    assert rolling_digest(7, event_id, payload) == int(by_hand.hex()[:16], 16)
