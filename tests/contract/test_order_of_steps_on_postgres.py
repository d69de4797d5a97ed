"""The order of steps, cycle times and the tables of work orders, on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from cloud.commands.command import Source
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.production.commands import (
    OverrideStepOrder,
)
from cloud.production.errors import (
    AttemptUnknownError,
    DecisionNotPossibleError,
    InspectionMismatchError,
    PieceUnknownError,
    ReasonMissingError,
    SpecVersionUnknownError,
    StageMismatchError,
    StepOutOfOrderError,
    StepUnknownError,
    VerdictMissingError,
    WorkOrderNumberTakenError,
)
from cloud.production.queries import (
    FindPiece,
    ListWorkOrders,
    ProductionTimes,
)
from tests.fakes.production import (
    Factory,
    factory_over,
    wish,
)


@pytest.fixture
async def factory(database: DatabaseUrls) -> AsyncIterator[Factory]:
    async with factory_over(database) as one:
        yield one


@pytest.mark.requirement("TRK")
async def test_the_order_of_steps_is_enforced_and_says_what_comes_first(factory: Factory) -> None:
    with pytest.raises(StepOutOfOrderError) as refusal:
        await factory.start(0, 1, source=Source.WEB)
    assert refusal.value.details["first_stage"] == "CUT"
    assert refusal.value.details["stations"] == "CUT-01"
    # What a station reports has happened: kept, and counted in its turn.
    early = await factory.start(0, 1)
    assert (early.accepted, early.first_stage, early.state) == (False, "CUT", "OPEN")
    late = await factory.inspected(0, 0, "PASS")
    assert (late.state, late.next_stage) == ("STARTED", "SEW")


@pytest.mark.requirement("TRK")
async def test_a_supervisor_may_let_a_step_begin_with_a_reason(factory: Factory) -> None:
    override = OverrideStepOrder(
        piece_id=factory.order.piece_ids[0],
        step_id=factory.order.step_ids[1],
        reason="재단 기록 누락",
    )
    with pytest.raises(ReasonMissingError):
        await factory.send(replace(override, reason=""))
    outcome = await factory.send(override)
    assert outcome.open_stage == "SEW"
    assert (await factory.start(0, 1, source=Source.WEB)).accepted
    with pytest.raises(DecisionNotPossibleError):
        await factory.send(override)


@pytest.mark.requirement("TRK")
async def test_what_a_start_or_finish_names_must_be_there(factory: Factory) -> None:
    with pytest.raises(PieceUnknownError):
        await factory.start(0, 0, piece_id="pc_01KAQ3V8Y7W2M5T9R1C4X6Z0N1")
    with pytest.raises(StepUnknownError):
        await factory.start(0, 0, step_id="stp_01KAQ3V8Y7W2M5T9R1C4X6Z0N1")
    with pytest.raises(StageMismatchError):
        await factory.start(0, 0, stage="SEW")
    with pytest.raises(AttemptUnknownError):
        await factory.start(0, 0, attempt=2)
    with pytest.raises(SpecVersionUnknownError):
        await factory.start(0, 0, spec_version="wo_01KAQ3V8Y7W2M5T9R1C4X6Z0N1.1")
    with pytest.raises(VerdictMissingError):
        await factory.finish(0, 0, verdict="NONE")
    with pytest.raises(VerdictMissingError):
        await factory.finish(0, 0, verdict="PASS")


@pytest.mark.requirement("TRK")
async def test_nobody_passes_a_check_with_an_inspection_that_nobody_made(
    factory: Factory,
) -> None:
    unknown = "ins_01KAQ3V8Y7W2M5T9R1C4X6Z0N1"
    with pytest.raises(InspectionMismatchError):
        await factory.finish(0, 0, inspection_id=unknown, verdict="PASS", source=Source.API)
    record = factory.inspection(0, 0, "FAIL")
    await factory.send(record, Source.STATION)
    with pytest.raises(InspectionMismatchError):
        await factory.finish(0, 0, inspection_id=record.inspection_id, verdict="PASS")
    with pytest.raises(InspectionMismatchError):
        await factory.finish(1, 0, inspection_id=record.inspection_id, verdict="FAIL")


@pytest.mark.requirement("TRK")
async def test_attempt_zero_means_the_one_that_counts(factory: Factory) -> None:
    outcome = await factory.start(0, 0, attempt=0, spec_version="", order_unconfirmed=True)
    assert outcome.attempt == 1


@pytest.mark.requirement("TRK")
async def test_two_stations_at_once_lose_nothing(factory: Factory) -> None:
    record = factory.inspection(0, 0, "PASS")
    await factory.send(record, Source.STATION)
    await asyncio.gather(
        factory.start(0, 0),
        factory.finish(0, 0, inspection_id=record.inspection_id, verdict="PASS"),
        factory.start(0, 1),
        factory.finish(0, 1),
        factory.start(0, 2),
    )
    view = await factory.ask(FindPiece(piece_id=factory.order.piece_ids[0]))
    assert (view.state, view.open_stage) == ("STARTED", "QC")
    assert len(view.history) == 5


@pytest.mark.requirement("WOR")
async def test_a_number_is_given_once_and_pages_follow_each_other(factory: Factory) -> None:
    with pytest.raises(WorkOrderNumberTakenError):
        await factory.send(wish())
    for number in ("WO-2", "WO-3"):
        await factory.send(wish(number=number))
    first = await factory.ask(ListWorkOrders(limit=2))
    assert [item.number for item in first.items] == ["WO-3", "WO-2"]
    second = await factory.ask(ListWorkOrders(limit=2, cursor=first.next_cursor))
    assert [item.number for item in second.items] == ["WO-1"]
    assert second.next_cursor == ""


@pytest.mark.requirement("TRK")
async def test_cycle_times_name_the_bottleneck_and_what_is_late(factory: Factory) -> None:
    await factory.start(0, 0)
    await factory.inspected(0, 0, "PASS")
    factory.core.clock.advance(hours=1)
    times = await factory.ask(ProductionTimes())
    cut, sew, _ = times.stages
    # Started at 0, finished five minutes later; the second piece still waits for CUT.
    assert (cut.cycles_count, cut.average_s, cut.queue_count) == (1, 300.0, 1)
    assert (sew.queue_count, sew.longest_wait_s) == (1, 3600.0 - 300.0)
    assert cut.is_bottleneck
    due = factory.core.clock.now()
    order = await factory.send(wish(number="WO-9", due_at=due))
    one = await factory.ask(ProductionTimes(work_order_id=order.work_order_id))
    assert one.due[0].left_s == 0.0
