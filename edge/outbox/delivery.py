"""Rules of the way up: what may be on the wire, when to try again, where to go on."""

from collections import deque
from dataclasses import dataclass
from enum import Enum

from edge.outbox.record import StreamState


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLimits:
    """Bounds of one connection; the cloud may lower the batch but not raise it."""

    batch_events: int = 1000
    batch_bytes: int = 256 * 1024
    window_events: int = 8000
    window_bytes: int = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryTiming:
    """Patience of one connection, in seconds.

    A dead line is found, and said on the kiosk, within 15 s: what was heard last may be as fresh
    as the moment it died, and the report is written once a second.
    """

    heartbeat_s: float = 5.0
    silence_s: float = 13.5
    write_s: float = 15.0
    backoff_base_s: float = 0.5
    backoff_cap_s: float = 60.0
    healthy_s: float = 30.0


class Window:
    """What is on the wire and not yet acknowledged: never more than both sides allow."""

    def __init__(self, limits: DeliveryLimits) -> None:
        self._limits = limits
        self._most_events = limits.window_events
        self._most_bytes = limits.window_bytes
        self._flights: dict[str, deque[tuple[int, int, int]]] = {}
        self._events = 0
        self._bytes = 0

    @property
    def unacked_events(self) -> int:
        """Events sent and not acknowledged."""
        return self._events

    def room_events(self) -> int:
        """Return how many more events may be sent, at most one batch."""
        if self._bytes >= self._most_bytes:
            return 0
        return max(0, min(self._limits.batch_events, self._most_events - self._events))

    def room_bytes(self) -> int:
        """Return how many more bytes may be sent."""
        return max(0, self._most_bytes - self._bytes)

    def takes(self, size_bytes: int) -> bool:
        """Say whether so many bytes may be sent now; one event too large for it goes alone."""
        return self._events == 0 or self._bytes + size_bytes <= self._most_bytes

    def allow(self, credit_events: int, credit_bytes: int) -> None:
        """Take the cloud's word about what may be unacknowledged; 0 says nothing."""
        if credit_events:
            self._most_events = min(self._limits.window_events, credit_events)
        if credit_bytes:
            self._most_bytes = min(self._limits.window_bytes, credit_bytes)

    def sent(self, stream: str, last_seq: int, events: int, size_bytes: int) -> None:
        """Note a batch that went out."""
        self._flights.setdefault(stream, deque()).append((last_seq, events, size_bytes))
        self._events += events
        self._bytes += size_bytes

    def acknowledged(self, stream: str, committed_seq: int) -> None:
        """Forget the batches that are committed as a whole."""
        flights = self._flights.get(stream, deque())
        while flights and flights[0][0] <= committed_seq:
            _, events, size_bytes = flights.popleft()
            self._events -= events
            self._bytes -= size_bytes


class Backoff:
    """Full-jitter exponential waiting between attempts."""

    def __init__(self, timing: DeliveryTiming) -> None:
        self._timing = timing
        self._failures = 0

    @property
    def failures(self) -> int:
        """Attempts in a row that did not lead to a healthy connection."""
        return self._failures

    def ended(self, welcomed_for_s: float) -> None:
        """Note that a connection ended; ``welcomed_for_s`` is 0 when it never began."""
        if welcomed_for_s >= self._timing.healthy_s:
            self._failures = 0
        self._failures += 1

    def delay_s(self, chance_ratio: float) -> float:
        """Return how long to wait, given a random number from 0 to 1."""
        ceiling_s = self._timing.backoff_base_s * 2.0 ** min(max(self._failures - 1, 0), 20)
        return min(self._timing.backoff_cap_s, ceiling_s) * chance_ratio


class CursorVerdict(Enum):
    """What the cloud's cursor tells about cloud and outbox."""

    CONTINUE = "continue"
    CLOUD_LOST_EVENTS = "cloud_lost_events"
    OUTBOX_IS_OLDER = "outbox_is_older"
    DIGEST_DIVERGED = "digest_diverged"


def judge_cursor(
    local: StreamState, cloud_seq: int, cloud_digest: int, local_digest: int | None
) -> CursorVerdict:
    """Compare the cloud's cursor with what lies here.

    Args:
        local: how far the stream got here.
        cloud_seq: everything up to this number is committed in the cloud.
        cloud_digest: the cloud's rolling digest there; 0 when it says none.
        local_digest: our rolling digest there; ``None`` when that event is gone.
    """
    if cloud_seq > local.last_seq:
        return CursorVerdict.OUTBOX_IS_OLDER
    if cloud_seq < local.trimmed_seq:
        return CursorVerdict.CLOUD_LOST_EVENTS
    if cloud_digest and local_digest is not None and cloud_digest != local_digest:
        return CursorVerdict.DIGEST_DIVERGED
    return CursorVerdict.CONTINUE
