"""The highest release of each bundle name ever verified at a station: none before it comes in.

The record of the bundles keeps one number beside it, the highest of all names. An earlier edition
of this program counts by that one alone, and so does this one where the numbers by name are lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from edge.model_bundles.trial import Slots

#: Stands among the quarantined digests of a record whose releases are counted by name. No bundle
#: has this digest, and earlier editions of this program pass over it.
BY_NAME = "counted-by-name"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseCounters:
    """Numbers by bundle name, counted as ``station_id``; ``of_all`` holds for every name."""

    station_id: str = ""
    by_name: Mapping[str, int] = field(default_factory=dict)
    of_all: int = 0

    @property
    def highest(self) -> int:
        """Return the highest number of all."""
        return max(self.of_all, *self.by_name.values(), 0)

    def lowest(self, name: str) -> int:
        """Return the lowest number that a bundle of this name may have."""
        return max(self.of_all, self.by_name.get(name, 0))

    def verified(self, name: str, counter: int) -> "ReleaseCounters":
        """Return the numbers after a bundle was verified; none of them ever falls."""
        if counter <= self.by_name.get(name, 0):
            return self
        return replace(self, by_name={**self.by_name, name: counter})

    def known_as(self, station_id: str) -> "ReleaseCounters":
        """Return the numbers under which the station counts that is known as ``station_id`` now."""
        if station_id in {"", self.station_id}:
            return self
        if not self.station_id:
            return replace(self, station_id=station_id)
        return ReleaseCounters(station_id=station_id)


def reconciled(
    kept: ReleaseCounters | None, slots: Slots | None, here: Mapping[str, int]
) -> ReleaseCounters:
    """Return what holds after a start.

    Args:
        kept: the numbers by name; None where none were ever kept, or both copies of them are lost.
        slots: the record of the bundles; None where that is not there.
        here: the numbers of the bundles that lie at the station, by name.
    """
    if slots is None:
        # Whatever became of the record: what was verified stays verified.
        return kept or ReleaseCounters(by_name=dict(here))
    if kept is None or kept.station_id not in {"", slots.station_id}:
        if BY_NAME in slots.quarantined:
            # They were kept once. Nobody can say what they were: one number holds for all names.
            return ReleaseCounters(station_id=slots.station_id, of_all=slots.release_counter)
        kept = ReleaseCounters(station_id=slots.station_id)
    kept = kept.known_as(slots.station_id)
    if slots.release_counter <= kept.highest:
        return kept
    # An earlier edition has verified that, and kept no name beside it.
    owners = [name for name, counter in here.items() if counter >= slots.release_counter]
    if not owners:
        return replace(kept, of_all=slots.release_counter)
    for name, counter in here.items():
        kept = kept.verified(name, counter)
    return kept
