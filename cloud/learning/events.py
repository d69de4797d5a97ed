"""Facts about what people taught."""

from dataclasses import dataclass

from cloud.events.event import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class FlawNamed(DomainEvent):
    """A person said what kind of flaw a finding is; an empty ``kind``: no more so."""

    naming_id: str
    inspection_id: str
    finding_index: int
    kind: str
    station_id: str
    named_by: str
