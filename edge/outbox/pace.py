"""How fast pictures may leave: one limit, and another one during the shift."""

from dataclasses import dataclass
from datetime import datetime, time

KIB = 1024
#: Without a limit pictures are sent in parts of so many bytes.
LARGEST_PART_BYTES = 1 << 20
_SMALLEST_PART_BYTES = 4 * KIB
_PARTS_PER_S = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPace:
    """Limits in KiB a second; None is no limit. The shift is told by the clock on the wall."""

    limit_kib_per_s: float | None = None
    shift_from: time | None = None
    shift_until: time | None = None
    shift_limit_kib_per_s: float | None = None

    def bytes_per_s(self, now: datetime) -> float | None:
        """Return the limit at ``now``, in the station's own zone; None for none.

        A shift that ends before it begins lasts over midnight.
        """
        limit = self.shift_limit_kib_per_s if self._in_shift(now.time()) else self.limit_kib_per_s
        return None if limit is None else limit * KIB

    def _in_shift(self, now: time) -> bool:
        if self.shift_from is None or self.shift_until is None:
            return False
        if self.shift_from <= self.shift_until:
            return self.shift_from <= now < self.shift_until
        return now >= self.shift_from or now < self.shift_until


def part_bytes(bytes_per_s: float | None) -> int:
    """Return the size of a part: with a limit, a quarter of a second's worth."""
    if bytes_per_s is None:
        return LARGEST_PART_BYTES
    return min(LARGEST_PART_BYTES, max(_SMALLEST_PART_BYTES, int(bytes_per_s / _PARTS_PER_S)))
