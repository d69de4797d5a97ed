"""Facts about inspections."""

from dataclasses import dataclass

from cloud.events.event import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionRecorded(DomainEvent):
    """A machine looked at a piece."""

    inspection_id: str
    piece_id: str
    piece_number: int
    work_order_id: str
    work_order_number: str
    step_id: str
    stage: str
    attempt: int
    station_id: str
    station_name: str
    worker: str
    verdict: str
    critical: bool
    reasons: tuple[str, ...]
    findings_count: int
    picture_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionCorrected(DomainEvent):
    """A person said what an inspection should have said."""

    inspection_id: str
    piece_id: str
    piece_number: int
    work_order_id: str
    work_order_number: str
    step_id: str
    stage: str
    attempt: int
    machine_verdict: str
    verdict: str
    reason: str
    corrected_by: str
