"""Facts about work orders and pieces."""

from dataclasses import dataclass
from datetime import datetime

from cloud.events.event import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderCreated(DomainEvent):
    """There is a new work order."""

    work_order_id: str
    work_order_number: str
    title_ko: str
    title_en: str
    style: str
    spec_version: str
    pieces_count: int
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(DomainEvent):
    """Somebody began a step; ``early`` says that another one comes first."""

    piece_id: str
    piece_number: int
    work_order_id: str
    work_order_number: str
    step_id: str
    stage: str
    attempt: int
    spec_version: str
    station_id: str
    station_name: str
    worker: str
    started_at: datetime
    state: str
    early: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished(DomainEvent):
    """Somebody ended a step; ``next_stage`` is open now, "" when none is."""

    piece_id: str
    piece_number: int
    work_order_id: str
    work_order_number: str
    step_id: str
    stage: str
    attempt: int
    spec_version: str
    station_id: str
    station_name: str
    worker: str
    finished_at: datetime
    inspection_id: str
    verdict: str
    state: str
    next_stage: str
    early: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOpened(DomainEvent):
    """A step may begin."""

    piece_id: str
    piece_number: int
    work_order_id: str
    work_order_number: str
    step_id: str
    stage: str
    next_stage: str
    title_ko: str
    title_en: str
    attempt: int
    instruction_ko: str
    instruction_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceCompleted(DomainEvent):
    """Nothing is left to do at a piece."""

    piece_id: str
    piece_number: int
    work_order_id: str
    work_order_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceQuarantined(DomainEvent):
    """Something critical was found; the Accountable decides."""

    piece_id: str
    piece_number: int
    work_order_id: str
    work_order_number: str
    step_id: str
    stage: str
    attempt: int
    inspection_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceScrapped(DomainEvent):
    """A piece is given up."""

    piece_id: str
    piece_number: int
    work_order_id: str
    work_order_number: str
    reason: str
    decided_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignCorrected(DomainEvent):
    """A designer changed a spec; pieces not begun yet follow the new version."""

    work_order_id: str
    work_order_number: str
    spec_version: str
    based_on: str
    inspection_id: str
    reason: str
    changes: tuple[dict[str, str | float | None], ...]
    corrected_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReworkOrdered(DomainEvent):
    """A step of a piece is done once more."""

    piece_id: str
    piece_number: int
    work_order_id: str
    work_order_number: str
    step_id: str
    stage: str
    attempt: int
    spec_version: str
    inspection_id: str
    reason: str
    instruction_ko: str
    instruction_en: str
    ordered_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReworkEscalated(DomainEvent):
    """A step was reworked as often as allowed and failed again; the Accountable decides."""

    piece_id: str
    piece_number: int
    work_order_id: str
    work_order_number: str
    step_id: str
    stage: str
    attempt: int
    reworks_count: int
    rework_limit: int
    reason: str
    asked_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOrderOverridden(DomainEvent):
    """A supervisor let a step begin before its turn."""

    piece_id: str
    piece_number: int
    work_order_id: str
    work_order_number: str
    step_id: str
    stage: str
    attempt: int
    reason: str
    overridden_by: str
