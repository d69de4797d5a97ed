"""One question for many: what the graph asks of the bus, gathered per level."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from strawberry.dataloader import DataLoader

from cloud.commands.bus import CommandBus
from cloud.commands.command import CommandContext
from cloud.inspection.queries import InspectionsOfPieces, InspectionView
from cloud.organizations.queries import ListPersons, PersonView
from cloud.permissions.queries import ApprovalDetail, ReadApprovals
from cloud.production.queries import ReadWorkOrders, WorkOrderView
from cloud.stations.queries import ListStations, StationView

_MOST_AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaders:
    """What one request may ask; each question goes to the bus as the asker."""

    work_orders: DataLoader[str, WorkOrderView | None]
    inspections: DataLoader[str, list[InspectionView]]
    stations: DataLoader[str, StationView | None]
    persons: DataLoader[str, PersonView | None]
    approvals: DataLoader[str, ApprovalDetail | None]


def loaders_for(bus: CommandBus, asker: CommandContext, *, is_live: bool) -> Loaders:
    """Return fresh loaders. ``is_live``: what was read a moment ago is not remembered."""

    async def work_orders(ids: list[str]) -> Sequence[WorkOrderView | None]:
        found = await bus.ask(ReadWorkOrders(work_order_ids=tuple(ids)), asker)
        by_id = {view.work_order_id: view for view in found}
        return [by_id.get(one) for one in ids]

    async def inspections(piece_ids: list[str]) -> Sequence[list[InspectionView]]:
        found = await bus.ask(InspectionsOfPieces(piece_ids=tuple(piece_ids)), asker)
        return [[view for view in found if view.piece_id == one] for one in piece_ids]

    async def stations(names: list[str]) -> Sequence[StationView | None]:
        found: Any = await bus.ask(ListStations(), asker)
        by_name = {key: view for view in found for key in (view.name, view.station_id)}
        return [by_name.get(one) for one in names]

    async def persons(logins: list[str]) -> Sequence[PersonView | None]:
        found: Any = await bus.ask(ListPersons(), asker)
        by_login = {view.login: view for view in found}
        return [by_login.get(one) for one in logins]

    async def approvals(ids: list[str]) -> Sequence[ApprovalDetail | None]:
        found = await bus.ask(ReadApprovals(approval_ids=tuple(ids)), asker)
        by_id = {view.approval.approval_id: view for view in found}
        return [by_id.get(one) for one in ids]

    settings: dict[str, Any] = {"cache": not is_live, "max_batch_size": _MOST_AT_ONCE}
    return Loaders(
        work_orders=DataLoader(load_fn=work_orders, **settings),
        inspections=DataLoader(load_fn=inspections, **settings),
        stations=DataLoader(load_fn=stations, **settings),
        persons=DataLoader(load_fn=persons, **settings),
        approvals=DataLoader(load_fn=approvals, **settings),
    )
