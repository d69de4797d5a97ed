"""Wishes about what people teach the stations."""

from dataclasses import dataclass
from datetime import datetime

from cloud.commands.command import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class NameFlaw(Command):
    """Keep what a person calls a finding; an empty ``kind`` takes the earlier name back.

    ``description`` is what the flaw is like, little-endian float32, in the words of the bundle of
    ``bundle_digest``. The same identifier again changes nothing.
    """

    domain = "learning"

    naming_id: str
    station_id: str
    inspection_id: str
    finding_index: int
    kind: str
    bundle_digest: str
    description: bytes
    named_at: datetime
