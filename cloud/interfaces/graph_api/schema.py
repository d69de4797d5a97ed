"""The graph: work order → pieces → steps → inspections → pictures, stations, approvals, live."""

from collections.abc import AsyncGenerator
from typing import Any

import strawberry
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig

from cloud.commands.errors import PayloadInvalidError
from cloud.events.event import RecordedEvent
from cloud.inspection.queries import FindInspection
from cloud.interfaces.graph_api.approvals import (
    SCALARS,
    ApprovalQuestions,
    ApprovalWhole,
    approval_of,
)
from cloud.interfaces.graph_api.limits import CodedErrors, Limits, Tell, limit_rules
from cloud.interfaces.graph_api.linked import (
    First,
    Floor,
    Inspection,
    Piece,
    Station,
    Where,
    WorkOrder,
    WorkOrders,
    check_first,
    piece_in,
)
from cloud.organizations.queries import WhoAmI
from cloud.production.queries import FindPiece, FloorPieces, ListWorkOrders
from cloud.stations.queries import FindStation, ListStations


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

    @strawberry.field
    async def approval(self, info: Where) -> ApprovalWhole | None:
        """Return the approval that it is about, as it is now, to whoever may see it."""
        return await approval_of(self.payload, info)


@strawberry.type
class Query(ApprovalQuestions):
    """Everything that can be read."""

    @strawberry.field
    async def work_orders(
        self, info: Where, first: First = 20, after: str = ""
    ) -> WorkOrders | None:
        """Return a page of work orders, newest first."""
        question = ListWorkOrders(cursor=after, limit=check_first(first))
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
        return piece_in(order, found.piece_id)

    @strawberry.field
    async def inspection(self, info: Where, inspection_id: strawberry.ID) -> Inspection | None:
        """Return one inspection."""
        question = FindInspection(inspection_id=str(inspection_id))
        found: Inspection = await info.context.bus.ask(question, info.context.asker)
        return found

    @strawberry.field
    async def stations(self, info: Where) -> list[Station]:
        """Return every station that is not shut out, by name."""
        found = await info.context.bus.ask(ListStations(), info.context.asker)
        return list(found)

    @strawberry.field
    async def station(self, info: Where, station_id: strawberry.ID) -> Station | None:
        """Return one station."""
        question = FindStation(station_id=str(station_id))
        return await info.context.bus.ask(question, info.context.asker)

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

    @strawberry.subscription
    async def approval_news(
        self, info: Where, after: str | None = None
    ) -> AsyncGenerator[Event, None]:
        """Send what happens to approvals that the asker may see, after an event's ``number``."""
        context = info.context
        await context.bus.ask(WhoAmI(), context.asker)
        async for event in context.live.follow(context.asker.organization_id, _place(after)):
            if await approval_of(event.payload, info) is not None:
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
        config=StrawberryConfig(auto_camel_case=True, scalar_map=SCALARS),
    )
