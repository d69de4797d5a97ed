"""What learning needs of the outside."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from cloud.learning.commands import NameFlaw
from cloud.learning.naming import NamedFinding, Naming


class NamingStore(Protocol):
    """Keeps every naming of the organization."""

    async def finding(self, inspection_id: str, index: int) -> NamedFinding | None:
        """Return a finding of an inspection."""
        ...

    async def add(self, naming: NameFlaw, by: str, named_at: datetime, at: datetime) -> bool:
        """Keep a naming; False when its identifier is kept already."""
        ...

    async def newest(self) -> Sequence[Naming]:
        """Return the newest word on each finding that somebody named."""
        ...

    async def count_of(self, station_id: str) -> int:
        """Return how many namings came from a station."""
        ...


class KindLearner(Protocol):
    """Learns kinds of flaws from named ones."""

    def learn(self, examples: Mapping[str, Sequence[bytes]], bundle_digest: str) -> bytes:
        """Return the file of prototypes of a bundle.

        ``examples`` are descriptions by kind, little-endian float32, all of one length.
        """
        ...
