"""What production needs of the outside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from cloud.inspection.queries import InspectionView
from cloud.production.piece import Piece
from cloud.production.queries import (
    CurrentPiece,
    FloorCounts,
    LabelView,
    SpecView,
    WorkOrderPage,
)
from cloud.production.roster import PackagePerson
from cloud.production.spec import Gap, Spec
from cloud.production.station_day import StationDay
from cloud.production.step import Step
from cloud.production.work_order import Stage

Cell: TypeAlias = str | float | datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderHead:
    """A work order without its steps and pieces."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderParts:
    """A work order with everything that belongs to it."""

    head: WorkOrderHead
    steps: tuple[Step, ...]
    pieces: tuple[Piece, ...]
    specs: tuple[SpecView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecOrigin:
    """Why a spec version came."""

    based_on: str = ""
    reason: str = ""
    inspection_id: str = ""
    gaps: tuple[Gap, ...] = ()
    by: str
    at: datetime


class WorkOrderStore(Protocol):
    """Keeps the work orders of one organization."""

    async def is_taken(self, number: str) -> bool:
        """Say whether a work order has this number."""
        ...

    async def add(
        self, head: WorkOrderHead, spec: Spec, steps: tuple[Step, ...], pieces: tuple[Piece, ...]
    ) -> None:
        """Keep a new work order with its first spec version."""
        ...

    async def spec(self, spec_version: str) -> Spec | None:
        """Return one spec version."""
        ...

    async def gaps(self, spec_version: str) -> tuple[Gap, ...]:
        """Return the gaps that a spec version answers."""
        ...

    async def locked_head(self, work_order_id: str) -> WorkOrderHead | None:
        """Return a work order and keep others from changing it until the transaction ends."""
        ...

    async def add_spec(self, spec: Spec, origin: SpecOrigin) -> None:
        """Keep the next version; the order and its pieces that nobody began follow it."""
        ...

    async def page(self, cursor: str, limit: int) -> WorkOrderPage:
        """Return a page, newest first."""
        ...

    async def parts(self, work_order_id: str) -> WorkOrderParts | None:
        """Return one work order whole."""
        ...

    async def some_parts(self, work_order_ids: tuple[str, ...]) -> tuple[WorkOrderParts, ...]:
        """Return those of the named work orders that exist, whole, by number."""
        ...

    async def open_parts(self, since: datetime) -> tuple[WorkOrderParts, ...]:
        """Return, by number, orders with a piece to be made or one moved after ``since``."""
        ...


class PieceStore(Protocol):
    """Keeps the pieces of one organization."""

    async def find(self, piece_id: str) -> Piece | None:
        """Return a piece with all facts about it."""
        ...

    async def locked(self, piece_id: str) -> Piece | None:
        """Return a piece and keep others from changing it until the transaction ends."""
        ...

    async def save(self, before: Piece, after: Piece, at: datetime) -> None:
        """Write the facts that ``after`` has and ``before`` had not, and where it stands."""
        ...


class FloorStore(Protocol):
    """Reads what stands beside the pieces: stations, people, counts."""

    async def station_name(self, station_id: str) -> str:
        """Return a station's name, "" when there is none."""
        ...

    async def station_names(self) -> Mapping[str, str]:
        """Return the names of all stations by identifier."""
        ...

    async def station_stages(self, station_id: str) -> tuple[str, tuple[str, ...]] | None:
        """Return a station's name and the stages that it takes."""
        ...

    async def stations_for(self, stage: str) -> tuple[str, ...]:
        """Return the names of the stations that take ``stage``."""
        ...

    async def current(self) -> tuple[CurrentPiece, ...]:
        """Return the pieces that are in work at stations."""
        ...

    async def counts(self, since: datetime) -> FloorCounts:
        """Count pieces by state, and attempts finished or failed after ``since``."""
        ...

    async def days(self, since: datetime) -> tuple[StationDay, ...]:
        """Count attempts finished or failed after ``since`` by the station that finished them."""
        ...

    async def sequence(self) -> int:
        """Return the sequence of the organization's newest event."""
        ...


class Roster(Protocol):
    """Who may work where."""

    async def people(self, stages: tuple[str, ...]) -> tuple[PackagePerson, ...]:
        """Return badge holders with those of ``stages`` that they may work at."""
        ...


class StageCatalogue(Protocol):
    """The kinds of work that the registry knows."""

    def stages(self) -> Mapping[str, Stage]:
        """Return the stages by code."""
        ...

    def picture(self, name: str) -> bytes:
        """Return a guide's picture, empty when there is none of this name."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedAttempt:
    """What production asks of an inspection; ``measured_mm`` by name of point or seam."""

    inspection_id: str
    piece_id: str
    step_id: str
    attempt: int
    verdict: str
    critical: bool
    measured_mm: Mapping[str, float]


class InspectionReader(Protocol):
    """Reads inspections."""

    async def attempt(self, inspection_id: str) -> InspectedAttempt | None:
        """Return what an inspection said."""
        ...

    async def of_piece(self, piece_id: str) -> tuple[InspectionView, ...]:
        """Return a piece's inspections, oldest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A sheet of a spreadsheet; ``first_row`` is the number that people see at its top."""

    name: str
    rows: tuple[tuple[Cell, ...], ...]
    first_row: int = 1


class LabelPrinter(Protocol):
    """Draws labels for printers."""

    def pdf(self, labels: Sequence[LabelView], title: str, *, is_roll: bool) -> bytes:
        """Return a PDF of A4 sheets, or of one label a page."""
        ...

    def zpl(self, labels: Sequence[LabelView]) -> bytes:
        """Return ZPL, one format a label."""
        ...

    def png(self, label: LabelView) -> bytes:
        """Return one label as a grey PNG."""
        ...


class SpreadsheetReader(Protocol):
    """Reads spreadsheets."""

    def read(self, file_name: str, content: bytes) -> tuple[Sheet, ...]:
        """Return the sheets of an .xlsx or the one sheet of a .csv.

        Raises:
            SpreadsheetInvalidError: the bytes are neither.
        """
        ...

    def template(self) -> bytes:
        """Return an .xlsx to fill in."""
        ...
