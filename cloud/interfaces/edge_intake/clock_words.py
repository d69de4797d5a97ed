"""What a station's frames say of its clocks, turned into estimates."""

from collections.abc import Callable, Iterator

from kyndof_wire.sync.v1.sync_pb2 import ClockReport, Heartbeat, Hello

from cloud.events.ports import Clock
from cloud.stations.boot_clock import (
    BootClock,
    ClockEstimate,
    Exchange,
    StationWord,
    estimate_of_exchange,
    estimate_of_word,
)

MOST_PAST_BOOTS = 16
#: A station answers the last word that it heard; older ones are forgotten.
MOST_UNANSWERED = 16


class ClockWords:
    """Remembers when the cloud spoke on one stream, and hears the station's answers.

    The answer's moment is the word's moment and what a monotonic clock has counted since, so that a
    step of the cloud's own clock between the two spoils nothing.

    Args:
        clock: the cloud's clock.
        elapsed_s: a clock that never goes back, in seconds.
    """

    def __init__(self, clock: Clock, elapsed_s: Callable[[], float]) -> None:
        self._clock = clock
        self._elapsed_s = elapsed_s
        self._said: dict[int, tuple[int, float]] = {}
        self._next = 0
        self._boot = BootClock()

    def say(self) -> int:
        """Note that the cloud speaks now; return the number of its word, 0 for the first."""
        number, self._next = self._next, self._next + 1
        told_us = round(self._clock.now().timestamp() * 1_000_000)
        self._said[number] = (told_us, self._elapsed_s())
        self._said.pop(number - MOST_UNANSWERED, None)
        return number

    def heard(self, beat: Heartbeat) -> ClockEstimate | None:
        """Return what a heartbeat newly tells of the station's clock, if anything."""
        now_s = self._elapsed_s()
        said = self._said.get(beat.echo.number) if beat.HasField("echo") else None
        if said is None:
            return None
        told_us, told_s = said
        exchange = Exchange(
            told_us=told_us,
            heard_ns=beat.echo.heard_mono_ns,
            said_ns=beat.clock.mono_ns,
            answered_us=told_us + round((now_s - told_s) * 1_000_000),
        )
        estimate = estimate_of_exchange(beat.clock.boot_id, exchange)
        return estimate if estimate is not None and self._boot.is_news(estimate) else None


def past_clocks(hello: Hello) -> list[ClockEstimate]:
    """Return what earlier boots of a station knew of the time, one estimate for each."""
    known = {one.boot_id: one for one in _past(hello) if one.boot_id != hello.clock.boot_id}
    return list(known.values())


def _past(hello: Hello) -> Iterator[ClockEstimate]:
    for report in hello.past_clocks[:MOST_PAST_BOOTS]:
        estimate = estimate_of_word(report.boot_id, _word(report))
        if estimate is not None:
            yield estimate


def _word(report: ClockReport) -> StationWord:
    wall = report.wall
    return StationWord(
        wall_us=wall.seconds * 1_000_000 + wall.nanos // 1000,
        mono_ns=report.mono_ns,
        synced=report.ntp_synced,
        error_us=report.est_error_ms * 1000,
    )
