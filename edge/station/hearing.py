"""Whether the station may judge the order of steps: has it heard all its neighbours?"""

from dataclasses import dataclass

# After both links are back, the package needs a moment to carry what was missed.
_SETTLE_NS = 2_000_000_000


@dataclass(slots=True)
class Hearing:
    """Links to the floor and to the cloud, and whether something may have been missed."""

    broker: bool = False
    cloud: bool = False
    missed: bool = True
    both_since_ns: int | None = None

    def observe(self, *, broker: bool, cloud: bool, now_ns: int) -> bool:
        """Take the links' present state; return whether a link changed."""
        changed = (broker, cloud) != (self.broker, self.cloud)
        self.broker, self.cloud = broker, cloud
        if not broker:
            self.missed = True
        if not (broker and cloud):
            self.both_since_ns = None
        elif self.both_since_ns is None:
            self.both_since_ns = now_ns
        elif now_ns - self.both_since_ns >= _SETTLE_NS:
            self.missed = False
        return changed

    @property
    def order_known(self) -> bool:
        """Say whether no neighbour's step can have escaped us."""
        return self.broker and not self.missed
