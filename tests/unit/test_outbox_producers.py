"""A producer's numbering: what is confirmed, what waits, what is given up."""

import pytest

from edge.outbox.producers import PATIENCE_S, PATIENCE_TIMES, Decision, ProducerTrack

pytestmark = pytest.mark.requirement("BUF")


def test_numbers_in_order_are_stored() -> None:
    track = ProducerTrack(producer_id="p")
    assert [track.decide(n, 0)[0] for n in (1, 2, 3)] == [Decision.STORE] * 3
    assert track.pseq == 3


def test_what_comes_after_a_hole_waits_until_the_hole_is_filled() -> None:
    track = ProducerTrack(producer_id="p", pseq=4)
    assert track.decide(6, 0)[0] is Decision.WAIT
    assert track.pseq == 4
    assert track.decide(5, 1)[0] is Decision.STORE
    assert track.decide(6, 1)[0] is Decision.STORE


def test_a_repeated_number_is_looked_up_never_dropped() -> None:
    assert ProducerTrack(producer_id="p", pseq=4).decide(3, 0)[0] is Decision.KNOWN


def test_a_hole_that_never_fills_is_given_up_and_named() -> None:
    track = ProducerTrack(producer_id="p", pseq=4)
    times = [0.0, PATIENCE_S / 2, PATIENCE_S]
    decisions = [track.decide(7, t) for t in times[:PATIENCE_TIMES]]
    assert [d for d, _ in decisions] == [Decision.WAIT, Decision.WAIT, Decision.STORE]
    hole = decisions[-1][1]
    assert hole is not None
    assert (hole.first_pseq, hole.last_pseq) == (5, 6)
    assert track.pseq == 7


def test_a_burst_of_repetitions_does_not_give_up_a_hole_early() -> None:
    track = ProducerTrack(producer_id="p", pseq=4)
    assert {track.decide(7, 0.1 * n)[0] for n in range(20)} == {Decision.WAIT}


def test_an_unknown_producer_begins_with_what_it_repeats_first() -> None:
    track = ProducerTrack(producer_id="p")
    assert track.decide(102, 0)[0] is Decision.WAIT
    assert track.decide(101, 3)[0] is Decision.WAIT
    assert track.decide(102, 3)[0] is Decision.WAIT
    assert track.decide(101, 6)[0] is Decision.STORE
    assert track.decide(102, 6)[0] is Decision.STORE
