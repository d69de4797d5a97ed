"""How often strangers may knock."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from cloud.events.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """``burst_count`` at once, then ``per_minute_count`` a minute."""

    burst_count: float
    per_minute_count: float


@dataclass(slots=True)
class _Bucket:
    left_count: float
    at: datetime


class RateLimit:
    """A bucket for each peer and one for everybody; a peer is an address without its port."""

    MOST_PEERS = 10_000

    def __init__(self, clock: Clock, peer: Rate, everybody: Rate) -> None:
        self._clock = clock
        self._peer = peer
        self._everybody = everybody
        self._all = _Bucket(everybody.burst_count, clock.now())
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def allows(self, peer: str) -> bool:
        """Count one knock; say whether it may be answered."""
        name = peer.rpartition(":")[0]
        bucket = self._buckets.setdefault(name, _Bucket(self._peer.burst_count, self._clock.now()))
        self._buckets.move_to_end(name)
        if len(self._buckets) > self.MOST_PEERS:
            self._buckets.popitem(last=False)
        # A peer that is refused takes nothing from the others.
        return self._take(bucket, self._peer) and self._take(self._all, self._everybody)

    def _take(self, bucket: _Bucket, rate: Rate) -> bool:
        now = self._clock.now()
        passed_s = max(0.0, (now - bucket.at).total_seconds())
        filled_count = bucket.left_count + passed_s * rate.per_minute_count / 60
        bucket.left_count = min(rate.burst_count, filled_count)
        bucket.at = now
        if bucket.left_count < 1:
            return False
        bucket.left_count -= 1
        return True
