"""Which descriptions of what people named are learned from."""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime

from cloud.learning.naming import Naming, examples_by_bundle


def named(kind: str, numbers: Sequence[float]) -> Naming:
    return Naming(
        kind=kind,
        bundle_digest="d",
        description=struct.pack(f"<{len(numbers)}f", *numbers),
        named_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_what_a_later_station_says_more_of_a_flaw_counts_beside_the_earlier_words() -> None:
    earlier = [named("hole", [float(n), 1.0]) for n in range(3)]
    later = named("hole", [7.0, 1.0, 5.0])
    shorter = named("hole", [1.0])
    found = examples_by_bundle([*earlier, later, shorter])["d"]["hole"]
    assert sorted(map(len, found)) == [8, 8, 8, 12]
    assert shorter.description not in found
