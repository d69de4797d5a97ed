"""When something happened at a station, by the cloud's clock.

A station's wall clock may be anything; its monotonic clock only counts on from boot. So for each
boot the difference between the cloud's clock and the monotonic one is estimated, and every event of
that boot, also one from before the first contact, is dated by it. Moments are µs from 1970,
monotonic readings ns from boot, differences and errors µs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cloud.stations.queries import ClockExchange, ClockWord

#: A monotonic clock runs so much faster or slower at most: a kernel that slews it towards a time
#: server bends it by up to 500 millionths.
DRIFT_RATIO = 500e-6
#: In each hour of a boot the one estimate with the least error is kept.
SLOT_NS = 3_600_000_000_000
ROUND_TRIP = "round_trip"
TIME_SERVER = "time_server"
#: A word of a station's time server that is further off than this tells less than its own clock.
LARGEST_ERROR_US = 3_600_000_000
LARGEST_NUMBER = 2**63 - 1
LONGEST_BOOT_ID = 64
#: An estimate is written over the last one of the same hour when it is better by so much.
_WORTH_WRITING = 0.8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST_US = -62_135_596_800_000_000
_LATEST_US = 253_402_300_799_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockEstimate:
    """The cloud's clock less a boot's monotonic one, as it was at ``mono_ns`` of that boot."""

    boot_id: bytes
    mono_ns: int
    offset_us: int
    error_us: int
    known_by: str

    @property
    def slot(self) -> int:
        """Return which hour of the boot it belongs to."""
        return self.mono_ns // SLOT_NS

    def error_at(self, mono_ns: int) -> int:
        """Return the largest error (µs) of what happened at ``mono_ns``."""
        return self.error_us + _drift_us(abs(mono_ns - self.mono_ns))


def estimate_of_exchange(exchange: ClockExchange) -> ClockEstimate | None:
    """Return what a round trip tells, ``None`` when its numbers cannot be.

    The station heard after the cloud spoke, and the cloud had the answer after the station gave it:
    that bounds the difference from both sides, however unlike the two ways are. Drift between
    hearing and answering widens the bound.
    """
    if not is_boot(exchange.boot_id):
        return None
    if not 0 <= exchange.heard_ns <= exchange.said_ns <= LARGEST_NUMBER:
        return None
    least_us = exchange.told_us - exchange.heard_ns // 1000
    most_us = exchange.answered_us - exchange.said_ns // 1000
    spread_us = most_us - least_us
    drift_us = _drift_us(exchange.said_ns - exchange.heard_ns)
    if spread_us < -drift_us:
        # The answer came before it was given: somebody's numbers are wrong.
        return None
    return ClockEstimate(
        boot_id=exchange.boot_id,
        mono_ns=exchange.said_ns,
        offset_us=least_us + spread_us // 2,
        # Both readings were cut to whole µs, and so was the half.
        error_us=abs(spread_us) // 2 + drift_us + 2,
        known_by=ROUND_TRIP,
    )


def estimate_of_word(word: ClockWord) -> ClockEstimate | None:
    """Return what the station's own word tells; ``None`` unless a time server stands behind it."""
    if not word.synced or not is_boot(word.boot_id) or not 0 <= word.mono_ns <= LARGEST_NUMBER:
        return None
    if not 0 <= word.error_us <= LARGEST_ERROR_US:
        return None
    if not _EARLIEST_US <= word.wall_us <= _LATEST_US:
        return None
    return ClockEstimate(
        boot_id=word.boot_id,
        mono_ns=word.mono_ns,
        offset_us=word.wall_us - word.mono_ns // 1000,
        error_us=word.error_us,
        known_by=TIME_SERVER,
    )


def is_boot(boot_id: bytes) -> bool:
    """Say whether this can name a boot."""
    return 0 < len(boot_id) <= LONGEST_BOOT_ID


def event_time(estimates: Iterable[ClockEstimate], mono_ns: int) -> tuple[datetime, int] | None:
    """Return the moment of ``mono_ns`` and its largest error (µs), by the estimate that errs least.

    All estimates are of the boot that ``mono_ns`` belongs to; without one nothing is known.
    """
    best = min(estimates, key=lambda one: one.error_at(mono_ns), default=None)
    if best is None:
        return None
    at = _EPOCH + timedelta(microseconds=best.offset_us + mono_ns // 1000)
    return at, best.error_at(mono_ns)


class BootClock:
    """The estimates of one station, sifted: of each hour the one with the least delay counts."""

    def __init__(self) -> None:
        self._kept: ClockEstimate | None = None

    def is_news(self, estimate: ClockEstimate) -> bool:
        """Say whether an estimate is worth writing down."""
        kept = self._kept
        return (
            kept is None
            or (kept.boot_id, kept.slot) != (estimate.boot_id, estimate.slot)
            or estimate.error_us <= kept.error_us * _WORTH_WRITING
        )

    def written(self, estimate: ClockEstimate) -> None:
        """Remember that an estimate was written down."""
        self._kept = estimate


def _drift_us(distance_ns: int) -> int:
    # In whole numbers, as the database counts: 500 millionths of ns are a 2,000,000th in µs.
    return distance_ns // 2_000_000
