"""Failures, reviews, corrections, reworks and refusals, on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from cloud.commands.command import Source
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.inspection.commands import CorrectInspection
from cloud.inspection.errors import (
    CorrectionInvalidError,
    InspectionChangedError,
    InspectionInvalidError,
    InspectionUnknownError,
)
from cloud.inspection.queries import FindInspection, ListInspections
from cloud.inspection.reading import AnomalyMap, CorrectionChange
from cloud.inspection.standard import StageStandard
from cloud.interfaces.edge_intake.work_package import build_package
from cloud.production.commands import (
    CorrectDesign,
    DecidePiece,
    OrderRework,
    OverrideStepOrder,
    PieceDraft,
    SpecDraft,
    StepDraft,
)
from cloud.production.errors import (
    AttemptUnknownError,
    DecisionNotPossibleError,
    InspectionMismatchError,
    PieceUnknownError,
    ReasonMissingError,
    ReworkNotPossibleError,
    SpecVersionOldError,
    SpecVersionUnknownError,
    StageMismatchError,
    StepUnknownError,
)
from cloud.production.queries import (
    FindPiece,
    FindWorkOrder,
    FloorPieces,
    ListWorkOrders,
    WorkPackageContents,
)
from cloud.production.spec import SpecChange
from edge.infrastructure.wire_work_package import decode_work_package
from edge.station.guide_state import Floor
from edge.station.order_of_steps import admit
from edge.station.progress import Progress
from edge.station.work_package import WorkIndex
from edge.station.worker import BadgeRules
from tests.fakes.core import OTHER
from tests.fakes.production import (
    CRITICAL,
    CUT_01,
    LENGTH,
    QC_01,
    Factory,
    factory_over,
    measured,
    stitched,
    wish,
)


@pytest.fixture
async def factory(database: DatabaseUrls) -> AsyncIterator[Factory]:
    async with factory_over(database) as one:
        yield one


PITCH = SpecChange(stage="QC", kind="stitch", name="hem", field="pitch_mm", value=2.5)


async def failed_at_qc(factory: Factory, piece: int = 0) -> str:
    """Bring a piece to a final check that fails on uneven stitches; return the inspection."""
    await factory.inspected(piece, 0, "PASS")
    await factory.start(piece, 1)
    await factory.finish(piece, 1)
    record = factory.inspection(piece, 2, "FAIL", stitches=(stitched(),))
    await factory.send(record, Source.STATION)
    outcome = await factory.finish(piece, 2, inspection_id=record.inspection_id, verdict="FAIL")
    assert outcome.state == "REWORK"
    factory.core.clock.advance(minutes=10)
    return record.inspection_id


def rework(factory: Factory, step: int = 1, **more: str) -> OrderRework:
    return OrderRework(
        piece_id=factory.order.piece_ids[0],
        step_id=factory.order.step_ids[step],
        reason="스티치 불균일",
        **more,
    )


@pytest.mark.requirement("RWK")
async def test_uneven_stitches_lead_to_a_design_correction_and_a_rework(factory: Factory) -> None:
    inspection_id = await failed_at_qc(factory)
    correction = await factory.send(
        CorrectDesign(
            spec_version=factory.order.spec_version,
            changes=(PITCH,),
            reason="3 mm로는 고르지 않음",
            inspection_id=inspection_id,
        )
    )
    assert correction.spec_version == f"{factory.order.work_order_id}.2"
    assert correction.gaps[0].physical_mm == 3.4
    ordered = await factory.send(rework(factory, spec_version=correction.spec_version))
    assert (ordered.open_stage, ordered.attempt, ordered.state) == ("SEW", 2, "OPEN")
    assert ordered.instruction_ko == "스티치 재작업 필요 (2.5 mm 간격)"
    view = await factory.ask(FindPiece(piece_id=factory.order.piece_ids[0]))
    (order,) = view.reworks
    assert order.inspection_id == inspection_id
    assert (order.gaps[0].digital_mm, order.gaps[0].physical_mm) == (3.0, 3.4)
    assert view.spec.version_number == 2
    assert view.history[-1].kind == "rework"

    contents = await factory.ask(WorkPackageContents(station_id=QC_01))
    first, second = contents.work_orders[0].pieces
    assert first.spec_version == correction.spec_version
    assert first.instruction_ko == "스티치 재작업 필요 (2.5 mm 간격)"
    # Nobody has begun the second piece: it follows the new version.
    assert second.spec_version == correction.spec_version
    assert contents.work_orders[0].steps[2].standard.stitches[0].pitch_mm == 2.5

    version = correction.spec_version
    await factory.finish(0, 1, attempt=2, spec_version=version)
    done = await factory.inspected(0, 2, "PASS", attempt=2, spec_version=version)
    assert done.state == "DONE"
    assert (await factory.events())[-2:] == ["step_finished", "piece_completed"]


@pytest.mark.requirement("RWK")
async def test_a_piece_in_work_keeps_its_spec_until_a_rework_names_another(
    factory: Factory,
) -> None:
    await factory.inspected(1, 0, "PASS")
    await factory.send(
        CorrectDesign(spec_version=factory.order.spec_version, changes=(PITCH,), reason="r")
    )
    await factory.finish(1, 1)
    contents = await factory.ask(WorkPackageContents(station_id=QC_01))
    piece = contents.work_orders[0].pieces[1]
    assert piece.spec_version == factory.order.spec_version
    assert piece.standard is not None
    assert piece.standard.stitches[0].pitch_mm == 3.0
    assert contents.work_orders[0].steps[2].standard.stitches[0].pitch_mm == 2.5


@pytest.mark.requirement("RWK")
async def test_two_designers_cannot_correct_the_same_version(factory: Factory) -> None:
    wish_ = CorrectDesign(spec_version=factory.order.spec_version, changes=(PITCH,), reason="r")
    answers = await asyncio.gather(factory.send(wish_), factory.send(wish_), return_exceptions=True)
    assert [isinstance(answer, SpecVersionOldError) for answer in answers].count(True) == 1


@pytest.mark.requirement("RWK")
async def test_the_third_rework_goes_to_the_accountable(factory: Factory) -> None:
    for attempt in (1, 2, 3):
        failed = await factory.inspected(0, 0, "FAIL", attempt=attempt)
        assert failed.state == "REWORK"
        outcome = await factory.send(rework(factory, step=0))
        assert outcome.escalated == (attempt == 3)
    assert outcome.state == "ESCALATED"
    assert (await factory.events())[-1] == "rework_escalated"
    with pytest.raises(ReworkNotPossibleError):
        await factory.send(rework(factory, step=0))
    decided = await factory.send(
        DecidePiece(piece_id=factory.order.piece_ids[0], decision="REWORK", reason="한 번 더")
    )
    assert (decided.state, decided.attempt) == ("OPEN", 4)


@pytest.mark.requirement("RWK")
async def test_the_limit_of_reworks_is_the_work_orders_own(factory: Factory) -> None:
    order = await factory.send(wish(number="WO-2", rework_limit=0))
    other = replace(factory, order=order)
    await other.inspected(0, 0, "FAIL")
    assert (await other.send(rework(other, step=0))).escalated


@pytest.mark.requirement("VER")
async def test_something_critical_waits_for_the_accountable(factory: Factory) -> None:
    outcome = await factory.inspected(0, 0, "FAIL", findings=(CRITICAL,))
    assert outcome.state == "QUARANTINE"
    assert (await factory.events())[-1] == "piece_quarantined"
    with pytest.raises(ReworkNotPossibleError):
        await factory.send(rework(factory, step=0))
    scrapped = await factory.send(
        DecidePiece(piece_id=factory.order.piece_ids[0], decision="SCRAP", reason="찢어짐")
    )
    assert scrapped.state == "SCRAPPED"
    assert (await factory.ask(FloorPieces())).counts.scrapped_count == 1


@pytest.mark.requirement("VER")
async def test_a_finish_before_its_inspection_ends_in_quarantine_too(factory: Factory) -> None:
    record = factory.inspection(0, 0, "FAIL", findings=(CRITICAL,))
    outcome = await factory.finish(0, 0, inspection_id=record.inspection_id, verdict="FAIL")
    assert outcome.state == "REWORK"
    floor = await factory.ask(FloorPieces())
    assert [(day.finished_today_count, day.failed_today_count) for day in floor.days] == [(1, 1)]
    assert (floor.counts.finished_today_count, floor.counts.failed_today_count) == (1, 1)
    await factory.send(record, Source.STATION)
    view = await factory.ask(FindPiece(piece_id=factory.order.piece_ids[0]))
    assert view.state == "QUARANTINE"


@pytest.mark.requirement("VER", "FBK")
async def test_a_person_decides_a_review_and_the_machines_record_stays(factory: Factory) -> None:
    record = factory.inspection(
        0, 0, "REVIEW", measurements=(measured("REVIEW", 504.8),), reasons=("guard_band",)
    )
    await factory.send(record, Source.STATION)
    waiting = await factory.finish(0, 0, inspection_id=record.inspection_id, verdict="REVIEW")
    assert waiting.state == "REVIEW"
    change = CorrectionChange(kind="measurement_corrected", name="length", value_mm=504.1)
    view = await factory.send(
        CorrectInspection(
            inspection_id=record.inspection_id,
            verdict="PASS",
            reason="줄자로 확인",
            changes=(change,),
        ),
        user="lead@demo.example",
    )
    assert (view.verdict, view.final_verdict) == ("REVIEW", "PASS")
    assert view.measurements[0].value_mm == 504.8
    assert view.corrections[0].by == "lead@demo.example"
    assert view.corrections[0].changes == (change,)
    piece = await factory.ask(FindPiece(piece_id=factory.order.piece_ids[0]))
    assert (piece.state, piece.open_stage) == ("OPEN", "SEW")
    assert (await factory.events())[-2:] == ["inspection_corrected", "step_opened"]


@pytest.mark.requirement("VER")
async def test_a_critical_doubt_that_a_person_confirms_ends_in_quarantine(
    factory: Factory,
) -> None:
    doubt = measured("REVIEW", 504.8, severity="critical")
    outcome = await factory.inspected(0, 0, "REVIEW", measurements=(doubt,))
    assert outcome.state == "REVIEW"
    view = await factory.ask(FindPiece(piece_id=factory.order.piece_ids[0]))
    inspection_id = view.inspections[0].inspection_id
    await factory.send(
        CorrectInspection(inspection_id=inspection_id, verdict="FAIL", reason="줄자로 확인")
    )
    view = await factory.ask(FindPiece(piece_id=factory.order.piece_ids[0]))
    assert view.state == "QUARANTINE"


class NoStyles:
    def bank(self, style: str) -> bytes | None:
        return None

    def templates(self, style: str) -> dict[str, bytes]:
        return {}

    def prototypes(self) -> bytes | None:
        return None


@pytest.mark.requirement("WOR", "VER")
async def test_each_size_is_judged_by_its_own_numbers(factory: Factory) -> None:
    medium = replace(LENGTH, size="M")
    large = replace(LENGTH, size="L", nominal_mm=520.0)
    cut = StageStandard(stage="CUT", checks=("measure",), points=(medium, large))
    order = await factory.send(
        wish(
            number="WO-2",
            spec=SpecDraft(stages=(cut,)),
            steps=(StepDraft(stage="CUT", requires_quality_check=True),),
            pieces=(PieceDraft(number=1, size="M"), PieceDraft(number=2, size="L")),
        )
    )
    contents = await factory.ask(WorkPackageContents(station_id=CUT_01))
    package = next(one for one in contents.work_orders if one.number == order.number)
    assert [piece.standard for piece in package.pieces] == [None, None]
    points = package.steps[0].standard.points
    assert [(point.size, point.nominal_mm) for point in points] == [("M", 500.0), ("L", 520.0)]
    carried = build_package(contents, NoStyles())
    index = WorkIndex(decode_work_package(carried.content, carried.digest))
    around = Floor(
        organization_id=contents.organization_id,
        stages=frozenset(contents.stages),
        index=index,
        progress=Progress(),
        order_known=True,
        rules=BadgeRules(silence=timedelta(minutes=30)),
        now=datetime(2026, 3, 2, tzinfo=UTC),
    )
    for piece, nominal_mm in zip(package.pieces, (500.0, 520.0), strict=True):
        work = admit(index.piece(piece.piece_id), around, frozenset({"CUT"}))
        assert [point.nominal_mm for point in work.standard.points] == [nominal_mm]
        assert work.standard.points[0].thickness_mm == medium.thickness_mm


@pytest.mark.requirement("FBK")
async def test_a_corrected_pass_brings_a_piece_back(factory: Factory) -> None:
    record = factory.inspection(0, 0, "PASS")
    await factory.send(record, Source.STATION)
    await factory.finish(0, 0, inspection_id=record.inspection_id, verdict="PASS")
    await factory.start(0, 1)
    await factory.send(
        CorrectInspection(inspection_id=record.inspection_id, verdict="FAIL", reason="얼룩")
    )
    view = await factory.ask(FindPiece(piece_id=factory.order.piece_ids[0]))
    assert (view.state, view.open_stage) == ("REWORK", "CUT")
    assert [cell.state for cell in view.cells] == ["REWORK", "EARLY", "WAITING"]


@pytest.mark.requirement("FBK")
async def test_a_correction_states_its_reason_and_names_what_is_there(factory: Factory) -> None:
    record = factory.inspection(0, 0, "PASS")
    await factory.send(record, Source.STATION)
    word = CorrectInspection(inspection_id=record.inspection_id, verdict="FAIL", reason=" ")
    with pytest.raises(CorrectionInvalidError):
        await factory.send(word)
    change = CorrectionChange(kind="measurement_corrected", name="sleeve", value_mm=1.0)
    with pytest.raises(CorrectionInvalidError):
        await factory.send(replace(word, reason="r", changes=(change,)))


@pytest.mark.requirement("VER")
async def test_an_inspection_keeps_every_number(factory: Factory) -> None:
    record = factory.inspection(
        0, 0, "FAIL", findings=(CRITICAL,), stitches=(stitched(),), reasons=("frame_blurred",)
    )
    receipt = await factory.send(record, Source.STATION)
    assert receipt.critical
    assert await factory.send(record, Source.STATION) == receipt
    view = await factory.ask(FindInspection(inspection_id=record.inspection_id))
    for name in ("findings", "measurements", "stitches", "reasons", "anomaly_score", "elapsed_ms"):
        assert getattr(view, name) == getattr(record, name)
    assert view.anomaly_map.base64 == "AAECAwQF"
    assert view.picture_available is False
    listed = await factory.ask(ListInspections(piece_id=record.piece_id))
    assert listed == (view,)
    with pytest.raises(InspectionChangedError):
        await factory.send(replace(record, verdict="REVIEW"), Source.STATION)


@pytest.mark.requirement("VER")
async def test_an_impossible_inspection_is_refused(factory: Factory) -> None:
    good = factory.inspection(0, 0, "PASS")
    for wrong in (
        replace(good, anomaly_map=AnomalyMap(width=4, height=4, values=b"1")),
        replace(good, measurements=(measured("FAIL"),)),
        replace(good, attempt=0),
    ):
        with pytest.raises(InspectionInvalidError):
            await factory.send(wrong, Source.STATION)
    with pytest.raises(AttemptUnknownError):
        await factory.send(replace(good, attempt=2), Source.STATION)
    with pytest.raises(SpecVersionUnknownError):
        await factory.send(replace(good, spec_version="wo_x.9"), Source.STATION)
    with pytest.raises(StageMismatchError):
        await factory.send(replace(good, stage="SEW"), Source.STATION)
    with pytest.raises(StepUnknownError):
        await factory.send(replace(good, step_id="stp_x"), Source.STATION)
    minor = replace(good, measurements=(measured("FAIL", severity="minor"),))
    assert (await factory.send(minor, Source.STATION)).verdict == "PASS"


@pytest.mark.requirement("RWK")
async def test_decisions_state_a_reason_and_fit_the_piece(factory: Factory) -> None:
    with pytest.raises(ReasonMissingError):
        await factory.send(replace(rework(factory), reason=" "))
    with pytest.raises(ReworkNotPossibleError):
        await factory.send(rework(factory))
    with pytest.raises(DecisionNotPossibleError):
        await factory.send(
            DecidePiece(piece_id=factory.order.piece_ids[0], decision="RELEASE", reason="r")
        )
    await factory.inspected(0, 0, "FAIL")
    with pytest.raises(ReworkNotPossibleError):
        await factory.send(rework(factory, step=2))
    with pytest.raises(SpecVersionUnknownError):
        await factory.send(rework(factory, step=0, spec_version="wo_x.2"))
    with pytest.raises(DecisionNotPossibleError):
        await factory.send(
            OverrideStepOrder(
                piece_id=factory.order.piece_ids[0], step_id=factory.order.step_ids[1], reason="r"
            )
        )
    with pytest.raises(SpecVersionUnknownError):
        await factory.send(CorrectDesign(spec_version="wo_x.2", changes=(PITCH,), reason="r"))
    with pytest.raises(InspectionMismatchError):
        await factory.send(
            CorrectDesign(
                spec_version=factory.order.spec_version,
                changes=(PITCH,),
                reason="r",
                inspection_id="ins_x",
            )
        )


@pytest.mark.requirement("TRK")
async def test_nothing_of_another_organization_can_be_read_or_changed(factory: Factory) -> None:
    inspection_id = await failed_at_qc(factory)
    stranger = replace(factory, organization_id=OTHER, worker="worker@other.example")
    with pytest.raises(InspectionUnknownError):
        await stranger.ask(FindInspection(inspection_id=inspection_id))
    with pytest.raises(InspectionUnknownError):
        await stranger.send(
            CorrectInspection(inspection_id=inspection_id, verdict="PASS", reason="r")
        )
    with pytest.raises(PieceUnknownError):
        await stranger.send(rework(factory))
    with pytest.raises(SpecVersionUnknownError):
        await stranger.send(
            CorrectDesign(spec_version=factory.order.spec_version, changes=(PITCH,), reason="r")
        )
    assert (await stranger.ask(ListWorkOrders())).items == ()
    assert (await stranger.ask(FloorPieces())).current == ()


@pytest.mark.requirement("FBK")
async def test_the_application_cannot_rewrite_what_a_machine_said(factory: Factory) -> None:
    await failed_at_qc(factory)
    async with factory.core.pool.acquire() as connection:
        for sql in (
            "UPDATE inspections SET verdict = 'PASS'",
            "DELETE FROM inspections",
            "UPDATE specs SET reason = ''",
            "UPDATE piece_decisions SET reason = ''",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(sql)


@pytest.mark.requirement("WOR")
async def test_the_table_of_a_work_order_shows_every_cell(factory: Factory) -> None:
    await failed_at_qc(factory)
    view = await factory.ask(FindWorkOrder(work_order_id=factory.order.work_order_id))
    assert [cell.state for cell in view.pieces[0].cells] == ["DONE", "DONE", "REWORK"]
    assert [cell.state for cell in view.pieces[1].cells] == ["OPEN", "WAITING", "WAITING"]
    assert view.pieces[0].cells[2].verdict == "FAIL"
    assert view.pieces[0].cells[0].station_name == "CUT-01"
    assert CUT_01 != QC_01
