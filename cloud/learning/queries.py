"""Questions about what people taught, and their answers."""

from dataclasses import dataclass

from cloud.commands.command import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedForStation(Query):
    """What should a station know of what people taught at all of them?"""

    station_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedContents:
    """Files of prototypes, one a bundle, and how many of the station's own namings are known."""

    prototypes: tuple[bytes, ...] = ()
    own_naming_count: int = 0
