"""When something happened at a station, whatever its wall clock says."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cloud.stations.boot_clock import (
    DRIFT_RATIO,
    LARGEST_ERROR_US,
    ROUND_TRIP,
    SLOT_NS,
    TIME_SERVER,
    BootClock,
    ClockEstimate,
    estimate_of_exchange,
    estimate_of_word,
    event_time,
)
from cloud.stations.queries import ClockExchange, ClockWord

pytestmark = pytest.mark.requirement("SYN")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BOOTED = datetime(2026, 5, 4, 6, tzinfo=UTC)
MONDAY, TUESDAY = b"m" * 16, b"t" * 16
SECOND_US, SECOND_NS = 1_000_000, 1_000_000_000


class Machine:
    """A station's monotonic clock that runs wrong by ``drift_ratio``, in true time."""

    def __init__(self, booted: datetime = BOOTED, drift_ratio: float = 0.0) -> None:
        self.booted, self.drift_ratio = booted, drift_ratio

    def mono_ns(self, at: datetime) -> int:
        passed = (at - self.booted) // timedelta(microseconds=1)
        return round(passed * 1000 * (1 + self.drift_ratio))

    def trip(
        self, at: datetime, down_s: float, rests_s: float, up_s: float, boot: bytes = MONDAY
    ) -> ClockEstimate | None:
        """A word of the cloud at ``at``, ``down_s`` on its way, answered ``rests_s`` later."""
        heard = at + timedelta(seconds=down_s)
        said = heard + timedelta(seconds=rests_s)
        answered = said + timedelta(seconds=up_s)
        exchange = ClockExchange(
            boot_id=boot, told_us=us(at), heard_ns=self.mono_ns(heard), said_ns=self.mono_ns(said),
            answered_us=us(answered),
        )  # fmt: skip
        return estimate_of_exchange(exchange)


def us(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def known(estimate: ClockEstimate | None) -> ClockEstimate:
    assert estimate is not None
    return estimate


def word(machine: Machine, at: datetime, ahead: timedelta, **more: object) -> ClockWord:
    told = ClockWord(
        boot_id=MONDAY,
        wall_us=us(at + ahead),
        mono_ns=machine.mono_ns(at),
        synced=True,
        error_us=20_000,
    )
    return replace(told, **more)  # type: ignore[arg-type]


def test_events_of_a_station_that_woke_up_in_1970_get_the_true_moment() -> None:
    machine = Machine()
    made = BOOTED + timedelta(minutes=3)
    estimate = known(machine.trip(BOOTED + timedelta(hours=2), 0.02, 0.0, 0.02))
    at, error_us = event_time([estimate], machine.mono_ns(made)) or (EPOCH, 0)
    assert abs(at - made) <= timedelta(microseconds=error_us)
    # Two hours before the first contact, at 500 millionths: 3.5 s and half of the way.
    assert error_us == pytest.approx(117 * 60 * SECOND_US * DRIFT_RATIO + 20_000, rel=0.01)


def test_a_wall_clock_that_jumps_two_hours_between_heartbeats_moves_nothing() -> None:
    """The wall clock is no part of a round trip; what the station says of it changes nothing."""
    machine, at = Machine(), BOOTED + timedelta(minutes=10)
    before = known(machine.trip(at, 0.01, 0.0, 0.01))
    after = known(machine.trip(at + timedelta(seconds=5), 0.01, 0.0, 0.01))
    assert abs(before.offset_us - after.offset_us) <= before.error_us + after.error_us
    jumped = word(machine, at, timedelta(hours=2), synced=False)
    assert estimate_of_word(jumped) is None


def test_a_later_word_of_a_time_server_times_what_came_before_in_the_same_boot() -> None:
    machine = Machine()
    made = BOOTED + timedelta(minutes=1)
    assert event_time([], machine.mono_ns(made)) is None
    fixed = known(estimate_of_word(word(machine, BOOTED + timedelta(minutes=5), timedelta(0))))
    at, error_us = event_time([fixed], machine.mono_ns(made)) or (EPOCH, 0)
    assert fixed.known_by == TIME_SERVER
    assert at == made
    assert error_us == 20_000 + 4 * 60 * SECOND_US // 2000


def test_two_boots_are_dated_apart_from_each_other() -> None:
    monday, tuesday = Machine(), Machine(BOOTED + timedelta(days=1))
    first = known(monday.trip(BOOTED + timedelta(hours=1), 0.1, 0.0, 0.1))
    second = known(tuesday.trip(BOOTED + timedelta(days=1, hours=1), 0.1, 0.0, 0.1, TUESDAY))
    assert second.offset_us - first.offset_us == pytest.approx(86_400 * SECOND_US, abs=400_000)
    news = BootClock()
    news.written(first)
    # Of another boot, so it is worth writing whatever the one before was.
    assert news.is_news(replace(second, error_us=first.error_us * 50))


def test_the_true_moment_lies_within_the_error_however_unlike_the_ways() -> None:
    chance = random.Random(7)  # noqa: S311  repeatable on purpose
    for _ in range(3000):
        machine = Machine(drift_ratio=chance.uniform(-DRIFT_RATIO, DRIFT_RATIO) * 0.99)
        spoke = BOOTED + timedelta(seconds=chance.uniform(1, 100_000))
        ways_s = [chance.choice((0.0001, 0.02, 0.4, 8.0)) * chance.random() for _ in range(2)]
        estimate = known(machine.trip(spoke, ways_s[0], chance.uniform(0, 5), ways_s[1]))
        made = BOOTED + timedelta(seconds=chance.uniform(1, 100_000))
        at, error_us = event_time([estimate], machine.mono_ns(made)) or (EPOCH, 0)
        assert abs(at - made) <= timedelta(microseconds=error_us)


def test_what_a_clock_drifts_between_hearing_and_answering_is_in_the_error() -> None:
    machine, at = Machine(drift_ratio=DRIFT_RATIO * 0.999), BOOTED + timedelta(minutes=10)
    estimate = known(machine.trip(at, 0.0, 5.0, 0.5))
    said = at + timedelta(seconds=5)
    told, error_us = event_time([estimate], machine.mono_ns(said)) or (EPOCH, 0)
    assert abs(told - said) <= timedelta(microseconds=error_us)
    # Half of the way alone would claim 1.25 ms too little.
    assert abs(told - said) > timedelta(milliseconds=251)


def test_the_error_is_half_of_the_way_and_no_kinder() -> None:
    """All of the delay on one side puts the estimate off by all of its error."""
    machine, at = Machine(), BOOTED + timedelta(minutes=10)
    estimate = known(machine.trip(at, 4.0, 0.0, 0.0))
    assert estimate.error_us == pytest.approx(2 * SECOND_US, rel=0.001)
    told, _ = event_time([estimate], machine.mono_ns(at)) or (EPOCH, 0)
    assert abs(told - at) == pytest.approx(timedelta(seconds=2), abs=timedelta(milliseconds=1))


def test_of_one_hour_the_least_delay_counts_and_of_the_next_another() -> None:
    news = BootClock()
    first = ClockEstimate(
        boot_id=MONDAY, mono_ns=SECOND_NS, offset_us=5, error_us=1000, known_by=ROUND_TRIP
    )
    assert news.is_news(first)
    news.written(first)
    assert not news.is_news(replace(first, error_us=1000))
    assert not news.is_news(replace(first, error_us=900))
    assert news.is_news(replace(first, error_us=500))
    news.written(replace(first, error_us=500))
    assert not news.is_news(replace(first, error_us=450))
    assert news.is_news(replace(first, mono_ns=SLOT_NS, error_us=90_000))


def test_the_nearer_of_two_estimates_wins_where_the_clock_may_have_drifted() -> None:
    exact = ClockEstimate(boot_id=MONDAY, mono_ns=0, offset_us=0, error_us=100, known_by=ROUND_TRIP)
    rough = replace(exact, mono_ns=10 * SLOT_NS, offset_us=7, error_us=50_000)
    assert event_time([exact, rough], SECOND_NS) == (EPOCH + timedelta(seconds=1), 600)
    at, error_us = event_time([exact, rough], 10 * SLOT_NS) or (EPOCH, 0)
    assert (at - EPOCH, error_us) == (timedelta(hours=10, microseconds=7), 50_000)


@pytest.mark.parametrize(
    "numbers",
    [
        (0, -1, 0, 0),
        (0, 5, 4, 0),
        (0, 0, 2**63, 0),
        # The answer was there before the cloud had spoken.
        (SECOND_US, 0, 0, 0),
    ],
)
def test_numbers_that_cannot_be_tell_nothing(numbers: tuple[int, int, int, int]) -> None:
    told_us, heard_ns, said_ns, answered_us = numbers
    exchange = ClockExchange(
        boot_id=MONDAY, told_us=told_us, heard_ns=heard_ns, said_ns=said_ns, answered_us=answered_us
    )
    assert estimate_of_exchange(exchange) is None
    sound = ClockExchange(boot_id=b"", told_us=0, heard_ns=0, said_ns=0, answered_us=0)
    assert estimate_of_exchange(sound) is None
    assert estimate_of_exchange(replace(sound, boot_id=MONDAY)) is not None


@pytest.mark.parametrize(
    "more",
    [
        {"synced": False},
        {"error_us": LARGEST_ERROR_US + 1},
        {"error_us": -1},
        {"mono_ns": -1},
        {"wall_us": 2**62},
    ],
)
def test_a_word_that_nothing_stands_behind_tells_nothing(more: dict[str, object]) -> None:
    told = word(Machine(), BOOTED + timedelta(hours=1), timedelta(0))
    assert estimate_of_word(told) is not None
    assert estimate_of_word(replace(told, **more)) is None  # type: ignore[arg-type]
    assert estimate_of_word(replace(told, boot_id=b"x" * 65)) is None
