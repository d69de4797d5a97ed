"""What the kiosk shows, and what the guide may look at to decide the next."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from edge.station.events import Fact
from edge.station.inspection_record import InspectionRecord
from edge.station.progress import Progress
from edge.station.work_package import Piece, Standard, Step, WorkIndex, WorkOrder
from edge.station.worker import BadgeRules, Worker

Phase = Literal["idle", "guide", "capturing", "inspecting", "verdict", "refused", "choose"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why nothing was done; ``text`` is what was scanned."""

    code: str
    text: str = ""
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of several things that the typed characters may mean."""

    id: str
    number: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The piece on the table and the step that is open here."""

    order: WorkOrder
    piece: Piece
    step: Step
    attempt: int
    started: bool
    rework: bool
    order_unconfirmed: bool = False

    @property
    def spec_version(self) -> str:
        """Return the version that this piece is made by."""
        return self.piece.spec_version or self.order.spec_version

    @property
    def standard(self) -> Standard | None:
        """Return what the step is judged by; a design change of the piece comes first."""
        standard = self.step.standard
        if self.piece.standard is not None and self.piece.open_step_id == self.step.step_id:
            standard = self.piece.standard
        return standard.for_size(self.piece.size) if standard is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The last finished step of the piece on the table."""

    verdict: str
    record: InspectionRecord | None
    inspection_id: str = ""
    picture_sha256: str = ""
    scan_to_verdict_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideState:
    """Everything that one scan leads to another by."""

    phase: Phase = "idle"
    worker: Worker | None = None
    work: Work | None = None
    shown: Shown | None = None
    refusal: Refusal | None = None
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What is known around the guide at the moment of an act.

    ``order_known`` is false while a neighbour's finished step may not have reached us.
    """

    organization_id: str | None
    stages: frozenset[str]
    index: WorkIndex | None
    progress: Progress
    order_known: bool
    rules: BadgeRules
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The next state, valid only once ``facts`` are committed."""

    state: GuideState
    facts: tuple[Fact, ...] = ()
    inspect: bool = False
