"""Pieces on their way through a factory, on a real PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.registry_files.demo_file import load_demo_orders
from cloud.production.errors import PieceUnknownError
from cloud.production.queries import (
    FindPiece,
    FindWorkOrder,
    FloorPieces,
    ListWorkOrders,
    WorkPackageContents,
)
from tests.fakes.core import OTHER
from tests.fakes.production import CUT_01, Factory, factory_over

REGISTRY = Path(__file__).parents[2] / "registry"


@pytest.fixture
async def factory(database: DatabaseUrls) -> AsyncIterator[Factory]:
    async with factory_over(database) as one:
        yield one


@pytest.mark.requirement("TRK", "WOR")
async def test_a_pass_opens_the_next_step(factory: Factory) -> None:
    started = await factory.start(0, 0)
    assert (started.state, started.accepted) == ("STARTED", True)
    finished = await factory.inspected(0, 0, "PASS")
    assert (finished.state, finished.next_stage) == ("OPEN", "SEW")
    assert await factory.events() == [
        "work_order_created",
        "step_started",
        "inspection_recorded",
        "step_finished",
        "step_opened",
    ]
    view = await factory.ask(FindPiece(piece_id=factory.order.piece_ids[0]))
    assert view.open_stage == "SEW"
    assert [line.kind for line in view.history] == ["step_started", "step_finished"]
    assert view.inspections[0].measurements[0].value_mm == 502.0
    assert view.sequence == 5


@pytest.mark.requirement("TRK")
async def test_the_work_package_holds_everything_that_a_station_needs(factory: Factory) -> None:
    contents = await factory.ask(WorkPackageContents(station_id=CUT_01))
    assert contents.station_name == "CUT-01"
    assert contents.stages == ("CUT", "SEW")
    (order,) = contents.work_orders
    assert [step.stage for step in order.steps] == ["CUT", "SEW", "QC"]
    assert order.steps[0].standard.points[0].nominal_mm == 500.0
    assert order.steps[0].guide[0].picture.startswith(b"<svg")
    assert [step.stations for step in order.steps] == [("CUT-01",), ("CUT-01",), ("QC-01",)]
    assert [piece.open_step_id for piece in order.pieces] == [order.steps[0].step_id] * 2
    assert {person.login for person in contents.roster} >= {"worker@demo.example"}


@pytest.mark.requirement("TRK")
async def test_views_of_order_and_floor_answer(factory: Factory) -> None:
    await factory.start(0, 0)
    view = await factory.ask(FindWorkOrder(work_order_id=factory.order.work_order_id))
    assert view.pieces[0].cells[0].state == "STARTED"
    assert view.pieces[0].cells[0].station_name == "CUT-01"
    floor = await factory.ask(FloorPieces())
    assert floor.current[0].number == 1
    assert floor.counts.started_count == 1


@pytest.mark.requirement("TRK")
async def test_a_piece_of_another_organization_is_unknown(factory: Factory) -> None:
    stranger = replace(factory, organization_id=OTHER, worker="worker@other.example")
    with pytest.raises(PieceUnknownError):
        await stranger.start(0, 0)
    with pytest.raises(PieceUnknownError):
        await stranger.ask(FindPiece(piece_id=factory.order.piece_ids[0]))


@pytest.mark.requirement("WOR")
async def test_the_demo_is_loaded_once_however_often_it_is_asked_for(factory: Factory) -> None:
    for _ in range(2):
        await load_demo_orders(factory.core.bus, REGISTRY)
    page = await factory.ask(ListWorkOrders())
    assert [(item.number, item.pieces_count) for item in page.items] == [
        ("WO-DEMO-001", 10),
        ("WO-1", 2),
    ]
    contents = await factory.ask(WorkPackageContents(station_id=CUT_01))
    demo = contents.work_orders[1]
    assert [step.requires_quality_check for step in demo.steps] == [True, False, True]
    length, width = demo.steps[0].standard.points
    assert (length.nominal_mm, length.lower_mm, length.upper_mm) == (500.0, -5.0, 5.0)
    assert (width.nominal_mm, width.thickness_mm) == (380.0, 0.6)
    assert demo.steps[2].standard.stitches[0].pitch_mm == 3.0
    assert demo.pieces[0].standard is None
