"""What may be removed from a disk that fills, and in which order."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class MediaState(Enum):
    """Where a picture stands."""

    LOCAL = "LOCAL"
    OFFERED = "OFFERED"
    UPLOADING = "UPLOADING"
    STORED = "STORED"
    DECLINED = "DECLINED"
    SHED = "SHED"


#: The cloud has these or does not want them: removing one loses nothing.
SETTLED = frozenset({MediaState.STORED, MediaState.DECLINED})


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaRecord:
    """One picture on this disk."""

    sha256: bytes
    event_id: bytes
    verdict: str
    size_bytes: int
    state: MediaState
    learned_ms: int


def choose_evictions(
    records: Iterable[MediaRecord], limit_bytes: int
) -> tuple[list[MediaRecord], list[MediaRecord]]:
    """Choose what goes when the pictures take more than ``limit_bytes``.

    Settled pictures go first, oldest first; then pictures of good pieces that nobody has seen;
    pictures of faults last.

    Returns:
        Pictures whose removal loses nothing, and pictures that are shed.
    """
    present = [r for r in records if r.state is not MediaState.SHED]
    excess_bytes = sum(r.size_bytes for r in present) - limit_bytes
    freed: list[MediaRecord] = []
    shed: list[MediaRecord] = []
    order = sorted(
        present, key=lambda r: (r.state not in SETTLED, r.verdict != "PASS", r.learned_ms)
    )
    for record in order:
        if excess_bytes <= 0:
            break
        (freed if record.state in SETTLED else shed).append(record)
        excess_bytes -= record.size_bytes
    return freed, shed
