"""The producer's side: what one spooled event is, its clock, and what to send next."""

from dataclasses import dataclass

_COUNTER_BITS = 16
#: A neighbour that is further ahead of our wall clock than this is not followed.
FARTHEST_AHEAD_MS = 300_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledEvent:
    """One event as it waits: ``body`` is the envelope without producer and number."""

    pseq: int
    stream: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolPolicy:
    """Bounds of the spool file and of the ballast beside it, in bytes."""

    max_bytes: int
    ballast_bytes: int


def next_hlc(last: int, now_ms: int) -> int:
    """Return the next hybrid logical clock: 48 bits of milliseconds, 16 bits of counter.

    Never goes back, also when the wall clock does.
    """
    return max(last + 1, now_ms << _COUNTER_BITS)


def merged_hlc(own: int, heard: int, now_ms: int) -> int | None:
    """Return the hybrid clock after a neighbour's event: what we do next comes after it.

    ``None``: the neighbour is so far ahead that its clock is wrong, and stays its own.
    """
    if (heard >> _COUNTER_BITS) > now_ms + FARTHEST_AHEAD_MS:
        return None
    return max(own, heard)


@dataclass(slots=True)
class SendWindow:
    """Which numbers may be on their way: at most ``size`` without the agent's word.

    ``stored`` and ``sent`` are the highest numbers that the agent confirmed and that were
    published; both begin at what lies below the oldest spooled event.
    """

    stored: int
    sent: int
    size: int = 200
    resend_after_ns: int = 3_000_000_000
    moved_ns: int = 0

    def room(self) -> int:
        """Return how many more may be published now."""
        return max(0, self.size - (self.sent - self.stored))

    def published(self, pseq: int, now_ns: int) -> None:
        """Note one event given to the broker."""
        if self.sent == self.stored:
            self.moved_ns = now_ns
        self.sent = max(self.sent, pseq)

    def confirmed(self, pseq: int, now_ns: int) -> bool:
        """Take the agent's word; return whether it told anything new."""
        if pseq <= self.stored:
            return False
        self.stored = pseq
        self.sent = max(self.sent, pseq)
        self.moved_ns = now_ns
        return True

    def start_over(self) -> None:
        """After a reconnect everything unconfirmed is sent again."""
        self.sent = self.stored

    def overdue(self, now_ns: int) -> bool:
        """Say whether what was published has stayed without a word for too long."""
        return self.sent > self.stored and now_ns - self.moved_ns >= self.resend_after_ns
