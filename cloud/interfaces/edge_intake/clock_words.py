"""What a station's frames say of its clocks."""

import itertools
from collections.abc import Callable, Iterable

from kyndof_wire.sync.v1.sync_pb2 import ClockReport, Heartbeat, Hello

from cloud.events.ports import Clock
from cloud.stations.queries import ClockExchange, ClockWord

#: As many as a station keeps, and the one that it is in.
MOST_BOOTS = 17
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

    def say(self) -> int:
        """Note that the cloud speaks now; return the number of its word, 0 for the first."""
        number, self._next = self._next, self._next + 1
        told_us = round(self._clock.now().timestamp() * 1_000_000)
        self._said[number] = (told_us, self._elapsed_s())
        self._said.pop(number - MOST_UNANSWERED, None)
        return number

    def heard(self, beat: Heartbeat) -> ClockExchange | None:
        """Return the round trip that a heartbeat ends, ``None`` where it ends none."""
        now_s = self._elapsed_s()
        said = self._said.get(beat.echo.number) if beat.HasField("echo") else None
        if said is None:
            return None
        told_us, told_s = said
        return ClockExchange(
            boot_id=beat.clock.boot_id,
            told_us=told_us,
            heard_ns=beat.echo.heard_mono_ns,
            said_ns=beat.clock.mono_ns,
            answered_us=told_us + round((now_s - told_s) * 1_000_000),
        )


def past_clocks(hello: Hello) -> list[ClockWord]:
    """Return what a station says of the clocks of earlier boots."""
    words = words_of(hello.past_clocks)
    return [word for word in words if word.boot_id != hello.clock.boot_id]


def words_of(reports: Iterable[ClockReport]) -> list[ClockWord]:
    """Return what reports of several boots say, as many as a station may keep."""
    return [_word(report) for report in itertools.islice(reports, MOST_BOOTS)]


def _word(report: ClockReport) -> ClockWord:
    return ClockWord(
        boot_id=report.boot_id,
        wall_us=report.wall.seconds * 1_000_000 + report.wall.nanos // 1000,
        mono_ns=report.mono_ns,
        synced=report.ntp_synced,
        error_us=report.est_error_ms * 1000,
    )
