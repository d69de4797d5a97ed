"""What the graph shows of the floor: work orders, pieces, steps, inspections, stations."""

from dataclasses import dataclass
from typing import Annotated, Any

import strawberry
from strawberry.fastapi import BaseContext
from strawberry.types import Info

from cloud.commands.bus import CommandBus
from cloud.commands.command import CommandContext
from cloud.commands.errors import PayloadInvalidError
from cloud.events.ports import LiveEvents
from cloud.inspection.queries import InspectionView
from cloud.interfaces.graph_api.loaders import Loaders
from cloud.interfaces.graph_api.views import node
from cloud.production.queries import (
    CellView,
    CurrentPiece,
    FloorCounts,
    PieceLine,
    WorkOrderSummary,
    WorkOrderView,
)
from cloud.stations.queries import StationView

LARGEST_PAGE = 50
First = Annotated[int, strawberry.argument(description=f"1 to {LARGEST_PAGE}.")]


class GraphContext(BaseContext):
    """Who asks, and what the fields work with; filled once the asker is known."""

    bus: CommandBus
    asker: CommandContext
    loaders: Loaders
    live: LiveEvents


Where = Info[GraphContext, None]


@dataclass(frozen=True, slots=True)
class _PieceOf:
    """A piece with the work order in whose table it stands."""

    line: PieceLine
    order: WorkOrderView

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  a field of the line
        return getattr(self.line, name)


@dataclass(frozen=True, slots=True)
class _CellOf:
    """A cell with the piece in whose row it stands."""

    cell: CellView
    piece: _PieceOf

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  a field of the cell
        return getattr(self.cell, name)


Station = node(StationView)


@strawberry.type
class Picture:
    """Where a picture's bytes are read, by whoever may."""

    sha256: str
    available: bool
    url: str


@strawberry.type(description="One inspection with every number and every correction.")
class Inspection(node(InspectionView)):  # type: ignore[misc]  # made of the answer's fields
    """An inspection and what it is linked with."""

    @strawberry.field
    def picture(self) -> Picture | None:
        """Return the picture that was judged."""
        if not self.picture_sha256:
            return None
        return Picture(
            sha256=self.picture_sha256,
            available=self.picture_available,
            url=f"/api/v1/media/{self.picture_sha256}",
        )

    @strawberry.field
    async def station(self, info: Where) -> Station | None:  # type: ignore[valid-type]
        """Return the station that judged."""
        return await info.context.loaders.stations.load(self.station_id)


@strawberry.type(name="Cell", description="One step of one piece, by the attempt that counts.")
class Cell(node(CellView)):  # type: ignore[misc]  # made of the answer's fields
    """A cell of a work order's table and what it is linked with."""

    @strawberry.field
    async def station(self, info: Where) -> Station | None:  # type: ignore[valid-type]
        """Return the station where it happened."""
        if not self.station_name:
            return None
        return await info.context.loaders.stations.load(self.station_name)

    @strawberry.field
    async def inspections(self, info: Where) -> list[Inspection]:
        """Return the inspections of this step, oldest first."""
        found = await info.context.loaders.inspections.load(self.piece.piece_id)
        return [one for one in found if one.step_id == self.step_id]  # type: ignore[misc]


@strawberry.type(name="Piece", description="One piece of a work order.")
class Piece(node(PieceLine)):  # type: ignore[misc]  # made of the answer's fields
    """A piece and what it is linked with."""

    @strawberry.field
    def cells(self) -> list[Cell]:
        """Return its steps in order."""
        return [_CellOf(cell, self) for cell in self.line.cells]  # type: ignore[misc]

    @strawberry.field
    async def inspections(self, info: Where) -> list[Inspection]:
        """Return its inspections, oldest first."""
        return await info.context.loaders.inspections.load(self.piece_id)  # type: ignore[return-value]

    @strawberry.field
    def work_order(self) -> Annotated["WorkOrder", strawberry.lazy(__name__)]:
        """Return the work order that it belongs to."""
        return self.order  # type: ignore[no-any-return]


@strawberry.type(name="WorkOrder", description="A work order with its steps and pieces.")
class WorkOrder(node(WorkOrderView)):  # type: ignore[misc]  # made of the answer's fields
    """A work order and what it is linked with."""

    @strawberry.field
    def pieces(self) -> list[Piece]:
        """Return its pieces by number."""
        view: Any = self
        return [_PieceOf(line, view) for line in view.pieces]  # type: ignore[misc]


@strawberry.type(name="WorkOrderLine", description="One line of the list of work orders.")
class WorkOrderLine(node(WorkOrderSummary)):  # type: ignore[misc]  # made of the answer's fields
    """A line of the list and the whole behind it."""

    @strawberry.field
    async def whole(self, info: Where) -> WorkOrder | None:
        """Return the whole work order."""
        return await info.context.loaders.work_orders.load(self.work_order_id)  # type: ignore[return-value]


@strawberry.type
class WorkOrders:
    """A page of work orders, newest first; ``nextCursor`` is empty on the last one."""

    items: list[WorkOrderLine]
    next_cursor: str


@strawberry.type(name="Current", description="A piece in work at a station.")
class Current(node(CurrentPiece)):  # type: ignore[misc]  # made of the answer's fields
    """What is in work and what it is linked with."""

    @strawberry.field
    async def station(self, info: Where) -> Station | None:  # type: ignore[valid-type]
        """Return the station."""
        return await info.context.loaders.stations.load(self.station_id)

    @strawberry.field
    async def work_order(self, info: Where) -> WorkOrder | None:
        """Return the work order."""
        return await info.context.loaders.work_orders.load(self.work_order_id)  # type: ignore[return-value]


@strawberry.type
class Floor:
    """What is in work, and how many pieces are in which state."""

    current: list[Current]
    counts: node(FloorCounts)  # type: ignore[valid-type]
    sequence: int


def check_first(first: int) -> int:
    """Return the size of a page; raises PayloadInvalidError when it is none."""
    if not 1 <= first <= LARGEST_PAGE:
        raise PayloadInvalidError(f"first: 1 to {LARGEST_PAGE}", field="first")
    return first


def piece_in(order: WorkOrderView | None, piece_id: str) -> Piece | None:
    """Return a piece of a work order."""
    lines = order.pieces if order else ()
    own = (one for one in lines if one.piece_id == piece_id)
    return next((_PieceOf(line, order) for line in own if order), None)  # type: ignore[return-value]
