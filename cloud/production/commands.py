"""Wishes about work orders and pieces."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cloud.commands.command import Command
from cloud.production.spec import SpecChange, SpecDraft
from cloud.production.work_order import REWORK_LIMIT, PieceDraft, StepDraft

# With the types of their fields, for the doors that build them.
__all__ = [
    "CorrectDesign",
    "CreateWorkOrder",
    "DecidePiece",
    "FinishStep",
    "ImportWorkOrder",
    "OrderRework",
    "OverrideStepOrder",
    "PieceDraft",
    "SpecChange",
    "SpecDraft",
    "StartStep",
    "StepDraft",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateWorkOrder(Command):
    """Make a work order with its spec, steps and pieces."""

    domain = "production"

    number: str
    title_ko: str
    title_en: str
    style: str
    spec: SpecDraft
    steps: tuple[StepDraft, ...]
    pieces: tuple[PieceDraft, ...]
    due_at: datetime | None = None
    rework_limit: int = REWORK_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportWorkOrder(Command):
    """Make a work order from a spreadsheet (.xlsx or .csv); all of it or nothing."""

    domain = "production"

    file_name: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StartStep(Command):
    """A worker begins a step of a piece. The same again changes nothing.

    ``attempt`` 0 means the one that counts now. A station's fact is kept even when an earlier
    step's finish has not arrived yet: it counts as soon as that has; anybody else is refused.
    ``started_at`` is off by at most ``started_err_ms``; ``None`` where nobody can say.
    """

    domain = "production"

    piece_id: str
    step_id: str
    stage: str
    attempt: int
    spec_version: str
    station_id: str
    started_at: datetime
    started_err_ms: int | None = None
    order_unconfirmed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishStep(Command):
    """A worker ended a step of a piece; the same again gives the same outcome.

    ``verdict`` is NONE and ``inspection_id`` empty where the step asks for no quality check.
    ``finished_at`` is off by at most ``finished_err_ms``; ``None`` where nobody can say.
    """

    domain = "production"

    piece_id: str
    step_id: str
    stage: str
    attempt: int
    spec_version: str
    station_id: str
    finished_at: datetime
    finished_err_ms: int | None = None
    inspection_id: str = ""
    verdict: Literal["PASS", "FAIL", "REVIEW", "NONE"] = "NONE"
    order_unconfirmed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectDesign(Command):
    """A designer changes values of a spec; that makes the next version.

    ``inspection_id`` names the failure that shows the gap between digital spec and physical result.
    """

    domain = "production"

    spec_version: str
    changes: tuple[SpecChange, ...]
    reason: str
    inspection_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRework(Command):
    """Open ``step_id`` and the steps after it once more, by ``spec_version`` if one is named."""

    domain = "production"

    piece_id: str
    step_id: str
    reason: str
    inspection_id: str = ""
    instruction_ko: str = ""
    instruction_en: str = ""
    spec_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidePiece(Command):
    """The Accountable decides about a piece in quarantine or beyond the rework limit.

    REWORK opens ``step_id`` again whatever the limit says; RELEASE lets the failed step pass;
    SCRAP gives the piece up.
    """

    domain = "production"

    piece_id: str
    decision: Literal["REWORK", "RELEASE", "SCRAP"]
    reason: str
    step_id: str = ""
    instruction_ko: str = ""
    instruction_en: str = ""
    spec_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideStepOrder(Command):
    """A supervisor lets a step begin although earlier ones are not done; they are passed over."""

    domain = "production"

    piece_id: str
    step_id: str
    reason: str
