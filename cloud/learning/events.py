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


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleTaught(DomainEvent):
    """A style was taught at a station."""

    bank_id: str
    style: str
    station_id: str
    piece_count: int
    taught_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BankWithdrawn(DomainEvent):
    """A taught bank counts nowhere any more."""

    bank_id: str
    style: str
    station_id: str
    reason: str
    withdrawn_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationCalibrated(DomainEvent):
    """A station's camera and table were learned anew."""

    calibration_id: str
    station_id: str
    rms_px: float
    board: str
    calibrated_by: str
