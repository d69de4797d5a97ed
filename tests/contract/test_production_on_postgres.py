"""Pieces on their way through a factory, on a real PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.production.errors import PieceUnknownError
from cloud.production.queries import FindPiece, FindWorkOrder, FloorPieces, WorkPackageContents
from tests.fakes.core import OTHER
from tests.fakes.production import CUT_01, Factory, factory_over


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
