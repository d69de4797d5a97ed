"""The graph: work order → pieces → steps → inspections → pictures, stations, the floor, live."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated, Any

import strawberry
from strawberry.fastapi import BaseContext
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info

from cloud.commands.bus import CommandBus
from cloud.commands.command import CommandContext
from cloud.commands.errors import PayloadInvalidError
from cloud.events.event import RecordedEvent
from cloud.events.ports import LiveEvents
from cloud.inspection.queries import FindInspection, InspectionView
from cloud.interfaces.graph_api.limits import CodedErrors, Limits, Tell, limit_rules
from cloud.interfaces.graph_api.loaders import Loaders
from cloud.interfaces.graph_api.views import node
from cloud.organizations.queries import WhoAmI
from cloud.production.queries import (
    CellView,
    CurrentPiece,
    FindPiece,
    FloorCounts,
    FloorPieces,
    ListWorkOrders,
    PieceLine,
    WorkOrderSummary,
    WorkOrderView,
)
from cloud.stations.queries import FindStation, ListStations, StationView

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


@strawberry.type
class Event:
    """Something that happened."""

    sequence: strawberry.Private[int]
    event_id: str
    type: str
    payload: JSON
    occurred_at: str

    @strawberry.field
    def number(self) -> str:
        """Return its place in the organization's order, to go on from; as text, it may be long."""
        return str(self.sequence)

    @strawberry.field
    async def work_order(self, info: Where) -> WorkOrder | None:
        """Return the work order that it is about, as it is now."""
        payload: Any = self.payload
        found = payload.get("work_order_id")
        if not isinstance(found, str) or not found:
            return None
        return await info.context.loaders.work_orders.load(found)  # type: ignore[return-value]


@strawberry.type
class Query:
    """Everything that can be read."""

    @strawberry.field
    async def work_orders(
        self, info: Where, first: First = 20, after: str = ""
    ) -> WorkOrders | None:
        """Return a page of work orders, newest first."""
        if not 1 <= first <= LARGEST_PAGE:
            raise PayloadInvalidError(f"first: 1 to {LARGEST_PAGE}", field="first")
        question = ListWorkOrders(cursor=after, limit=first)
        page = await info.context.bus.ask(question, info.context.asker)
        return WorkOrders(items=list(page.items), next_cursor=page.next_cursor)

    @strawberry.field
    async def work_order(self, info: Where, work_order_id: strawberry.ID) -> WorkOrder | None:
        """Return one work order."""
        return await info.context.loaders.work_orders.load(str(work_order_id))  # type: ignore[return-value]

    @strawberry.field
    async def piece(self, info: Where, piece_id: strawberry.ID) -> Piece | None:
        """Return one piece."""
        question = FindPiece(piece_id=str(piece_id))
        found = await info.context.bus.ask(question, info.context.asker)
        order = await info.context.loaders.work_orders.load(found.work_order_id)
        lines = order.pieces if order else ()
        own = (one for one in lines if one.piece_id == found.piece_id)
        return next((_PieceOf(line, order) for line in own if order), None)  # type: ignore[return-value]

    @strawberry.field
    async def inspection(self, info: Where, inspection_id: strawberry.ID) -> Inspection | None:
        """Return one inspection."""
        question = FindInspection(inspection_id=str(inspection_id))
        found: Inspection = await info.context.bus.ask(question, info.context.asker)
        return found

    @strawberry.field
    async def stations(self, info: Where) -> list[Station]:  # type: ignore[valid-type]
        """Return every station that is not shut out, by name."""
        found = await info.context.bus.ask(ListStations(), info.context.asker)
        return list(found)

    @strawberry.field
    async def station(self, info: Where, station_id: strawberry.ID) -> Station | None:  # type: ignore[valid-type]
        """Return one station."""
        question = FindStation(station_id=str(station_id))
        return await info.context.bus.ask(question, info.context.asker)  # type: ignore[no-any-return]

    @strawberry.field
    async def floor(self, info: Where) -> Floor | None:
        """Return what is in work."""
        found = await info.context.bus.ask(FloorPieces(), info.context.asker)
        return Floor(current=list(found.current), counts=found.counts, sequence=found.sequence)


@strawberry.type
class Subscription:
    """What happens, as it happens."""

    @strawberry.subscription
    async def events(
        self, info: Where, after: str | None = None, types: list[str] | None = None
    ) -> AsyncGenerator[Event, None]:
        """Send every event after ``after``, an event's ``number``; without it, from now on."""
        context = info.context
        await context.bus.ask(WhoAmI(), context.asker)
        async for event in context.live.follow(context.asker.organization_id, _place(after)):
            if types is None or event.type in types:
                yield _told(event)


def _place(after: str | None) -> int | None:
    if after is None:
        return None
    if not (after.isascii() and after.isdigit() and len(after) < 19):
        raise PayloadInvalidError("after: the number of an event", field="after")
    return int(after)


def _told(event: RecordedEvent) -> Event:
    payload: Any = event.payload
    return Event(
        sequence=event.sequence,
        event_id=event.event_id,
        type=event.type,
        payload=payload,
        occurred_at=event.occurred_at.isoformat(),
    )


class _Graph(strawberry.Schema):
    """Says nothing of refusals in the log: ``tell`` has logged what is ours."""

    def process_errors(self, *_: Any) -> None:  # noqa: ANN401  the base class's own shape
        """Leave it to ``CodedErrors``."""


def build_schema(limits: Limits, tell: Tell) -> strawberry.Schema:
    """Return the graph with its limits; refusals are told by ``tell``."""
    coded = type("Coded", (CodedErrors,), {"tell": staticmethod(tell)})
    return _Graph(
        query=Query,
        subscription=Subscription,
        extensions=[coded, *limit_rules(limits)],
        config=StrawberryConfig(auto_camel_case=True),
    )
