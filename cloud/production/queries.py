"""Questions about work orders and pieces and their answers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cloud.commands.command import Query
from cloud.inspection.queries import InspectionView
from cloud.inspection.standard import StageStandard
from cloud.production.roster import PackagePerson
from cloud.production.spec import Gap
from cloud.production.station_day import StationDay
from cloud.production.step import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkPackageContents(Query):
    """What does a station need to know to work alone?"""

    station_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWorkOrders(Query):
    """Which work orders are there, newest first? ``cursor`` goes on where a page ended."""

    cursor: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class FindSpec(Query):
    """What does one version of a spec say?"""

    spec_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindWorkOrder(Query):
    """Where does a work order stand?"""

    work_order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadWorkOrders(Query):
    """Where do some work orders stand? A hundred at most; unknown ones are left out."""

    work_order_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindPiece(Query):
    """What happened to a piece?"""

    piece_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorPieces(Query):
    """Which pieces are in work at which station, and how many are where?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductionTimes(Query):
    """How long do stages take, where do pieces queue, what is due? All orders or one."""

    work_order_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsOf(Query):
    """What stands on the labels of a work order?"""

    work_order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintLabels(Query):
    """Labels on A4 sheets, a roll, or as ZPL; ``is_with_stations`` adds badges and stations."""

    work_order_id: str
    format: Literal["a4", "roll", "zpl"] = "a4"
    is_with_stations: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawTemplate(Query):
    """The spreadsheet that ``ImportWorkOrder`` reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadGuidePicture(Query):
    """The picture that a guide's line names."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadStages(Query):
    """Which kinds of work does the registry know?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageGuideLine:
    """One line of a guide with its picture, SVG or PNG bytes, empty without one."""

    text_ko: str
    text_en: str
    picture: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageStep:
    """A step, what it is judged by at each size of the order, and the stations that take it."""

    step_id: str
    position: int
    stage: str
    title_ko: str
    title_en: str
    requires_quality_check: bool
    guide: tuple[PackageGuideLine, ...]
    standard: StageStandard
    stations: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagePiece:
    """A piece and where it stands; ``standard`` where another version changes the step's own."""

    piece_id: str
    number: int
    size: str
    open_step_id: str
    state: str
    attempt: int
    instruction_ko: str
    instruction_en: str
    spec_version: str
    standard: StageStandard | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageWorkOrder:
    """An open work order."""

    work_order_id: str
    number: str
    title_ko: str
    title_en: str
    style: str
    spec_version: str
    steps: tuple[PackageStep, ...]
    pieces: tuple[PackagePiece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageContents:
    """Everything that a station needs; the same contents give the same bytes."""

    organization_id: str
    station_id: str
    station_name: str
    stages: tuple[str, ...]
    work_orders: tuple[PackageWorkOrder, ...]
    roster: tuple[PackagePerson, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderCreation:
    """The answer to a new work order; identifiers stand in the order of the wish."""

    work_order_id: str
    number: str
    spec_version: str
    step_ids: tuple[str, ...]
    piece_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderSummary:
    """One line of the list."""

    work_order_id: str
    number: str
    title_ko: str
    title_en: str
    style: str
    spec_version: str
    due_at: datetime | None
    created_at: datetime
    pieces_count: int
    done_count: int
    waiting_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderPage:
    """A page of work orders; ``next_cursor`` is empty on the last one."""

    items: tuple[WorkOrderSummary, ...]
    next_cursor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CellView:
    """One step of one piece, by the attempt that counts now.

    ``event_time_err_ms`` is the largest error of both moments; ``None`` where nobody can say.
    """

    step_id: str
    state: str
    attempt: int
    verdict: str
    started_at: datetime | None
    finished_at: datetime | None
    event_time_err_ms: int | None
    worker: str
    station_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceLine:
    """One piece in a work order's table."""

    piece_id: str
    number: int
    size: str
    state: str
    open_stage: str
    attempt: int
    spec_version: str
    instruction_ko: str
    instruction_en: str
    cells: tuple[CellView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecView:
    """A version of a spec, and why it came; ``next_version`` empty: it is the newest."""

    spec_version: str
    version_number: int
    stages: tuple[StageStandard, ...]
    based_on: str
    reason: str
    inspection_id: str
    gaps: tuple[Gap, ...]
    created_at: datetime
    created_by: str
    next_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderView:
    """A work order with its steps, pieces and spec versions; ``sequence`` is the event it knows."""

    work_order_id: str
    number: str
    title_ko: str
    title_en: str
    style: str
    spec_version: str
    rework_limit: int
    due_at: datetime | None
    created_at: datetime
    created_by: str
    steps: tuple[Step, ...]
    pieces: tuple[PieceLine, ...]
    specs: tuple[SpecView, ...]
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """What a start or finish came to.

    ``accepted`` is False while the fact waits for an earlier step (``first_stage``); ``repeated``
    says that nothing changed. ``next_stage`` is the stage of the open step, "" when none is.
    """

    piece_id: str
    step_id: str
    attempt: int
    state: str
    verdict: str
    accepted: bool
    repeated: bool
    first_stage: str
    next_step_id: str
    next_stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignCorrection:
    """The answer to a design change."""

    spec_version: str
    version_number: int
    gaps: tuple[Gap, ...]
    instruction_ko: str
    instruction_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionOutcome:
    """Where a piece stands after a decision; ``escalated``: the limit was reached, A decides."""

    piece_id: str
    state: str
    open_step_id: str
    open_stage: str
    attempt: int
    spec_version: str
    instruction_ko: str
    instruction_en: str
    escalated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """One thing that happened to a piece.

    ``kind``: step_started, step_finished, verdict, rework, escalation, override, release, scrap.
    ``event_time_err_ms`` is the largest error of what a station dated; ``None`` where nobody can
    say, and for what a person decided.
    """

    at: datetime
    event_time_err_ms: int | None
    kind: str
    step_id: str
    stage: str
    attempt: int
    worker: str
    station_name: str
    verdict: str
    inspection_id: str | None
    spec_version: str
    reason: str
    instruction_ko: str
    instruction_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReworkView:
    """An ordered rework with the gap that led to it."""

    step_id: str
    stage: str
    attempt: int
    inspection_id: str
    spec_version: str
    reason: str
    instruction_ko: str
    instruction_en: str
    by: str
    at: datetime
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceView:
    """A piece with its whole history."""

    piece_id: str
    number: int
    size: str
    state: str
    open_step_id: str
    open_stage: str
    attempt: int
    instruction_ko: str
    instruction_en: str
    spec_version: str
    work_order_id: str
    work_order_number: str
    title_ko: str
    title_en: str
    style: str
    steps: tuple[Step, ...]
    cells: tuple[CellView, ...]
    history: tuple[HistoryLine, ...]
    inspections: tuple[InspectionView, ...]
    reworks: tuple[ReworkView, ...]
    spec: SpecView
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentPiece:
    """A piece in work at a station."""

    station_id: str
    piece_id: str
    number: int
    work_order_id: str
    work_order_number: str
    title_ko: str
    title_en: str
    step_id: str
    stage: str
    attempt: int
    state: str
    worker: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorCounts:
    """How many pieces are in which state."""

    open_count: int
    started_count: int
    review_count: int
    rework_count: int
    quarantine_count: int
    escalated_count: int
    done_count: int
    scrapped_count: int
    finished_today_count: int
    failed_today_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorPiecesView:
    """The floor's pieces; ``sequence`` is the event that the answer knows."""

    current: tuple[CurrentPiece, ...]
    counts: FloorCounts
    days: tuple[StationDay, ...]
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTimes:
    """How one stage does. A cycle runs from start to finish of an attempt."""

    stage: str
    cycles_count: int
    average_s: float
    p90_s: float
    queue_count: int
    longest_wait_s: float
    is_bottleneck: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DueLine:
    """A work order with a date: time left against the work left at average cycle times."""

    work_order_id: str
    number: str
    due_at: datetime
    left_s: float
    needed_s: float
    is_late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductionTimesView:
    """Cycle times, the bottleneck and what is due."""

    stages: tuple[StageTimes, ...]
    due: tuple[DueLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelView:
    """One label: the code's text and the lines beside it."""

    kind: str
    text: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSheetView:
    """All labels of a work order in the order they are cut."""

    number: str
    work_order: tuple[LabelView, ...]
    pieces: tuple[LabelView, ...]
    steps: tuple[LabelView, ...]
    badges: tuple[LabelView, ...]
    stations: tuple[LabelView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileView:
    """A file to download or print."""

    content: bytes
    content_type: str
    file_name: str
