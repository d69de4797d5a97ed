"""New work orders, by hand and from a spreadsheet."""

from cloud.commands.ports import UnitOfWork
from cloud.production.commands import CreateWorkOrder, ImportWorkOrder
from cloud.production.errors import WorkOrderNumberTakenError
from cloud.production.events import WorkOrderCreated
from cloud.production.piece import Piece
from cloud.production.ports import (
    SpreadsheetReader,
    StageCatalogue,
    WorkOrderHead,
    WorkOrderStore,
)
from cloud.production.queries import DrawTemplate, FileView, WorkOrderCreation
from cloud.production.spec import Spec, version_name
from cloud.production.spreadsheet import read_work_order
from cloud.production.step import Step
from cloud.production.work_order import StepDraft, WorkOrderDraft, judge_draft


async def create_work_order(command: CreateWorkOrder, unit: UnitOfWork) -> WorkOrderCreation:
    """Make a work order as wished."""
    draft = WorkOrderDraft(
        number=command.number.strip(),
        title_ko=command.title_ko,
        title_en=command.title_en,
        style=command.style,
        spec=command.spec,
        steps=command.steps,
        pieces=command.pieces,
        due_at=command.due_at,
        rework_limit=command.rework_limit,
    )
    return await _create(draft, unit)


async def import_work_order(command: ImportWorkOrder, unit: UnitOfWork) -> WorkOrderCreation:
    """Make the work order that a spreadsheet describes, all of it or nothing."""
    sheets = unit.store(SpreadsheetReader).read(command.file_name, command.content)
    stages = unit.store(StageCatalogue).stages()
    return await _create(read_work_order(sheets, stages), unit)


async def draw_template(query: DrawTemplate, unit: UnitOfWork) -> FileView:
    """Return the spreadsheet that ``ImportWorkOrder`` reads, with an example."""
    return FileView(
        content=unit.store(SpreadsheetReader).template(),
        content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        file_name="work-order.xlsx",
    )


async def _create(draft: WorkOrderDraft, unit: UnitOfWork) -> WorkOrderCreation:
    catalogue, store = unit.store(StageCatalogue), unit.store(WorkOrderStore)
    judge_draft(draft, catalogue.stages())
    if await store.is_taken(draft.number):
        raise WorkOrderNumberTakenError(
            f"number {draft.number} is taken", field="number", number=draft.number
        )
    work_order_id = unit.ids.new("wo")
    spec = Spec(
        spec_version=version_name(work_order_id, 1),
        work_order_id=work_order_id,
        version_number=1,
        stages=draft.spec.stages,
    )
    steps = tuple(_step(wish, position, unit) for position, wish in enumerate(draft.steps, start=1))
    pieces = tuple(
        Piece(
            piece_id=unit.ids.new("pc"),
            work_order_id=work_order_id,
            work_order_number=draft.number,
            number=wish.number,
            size=wish.size.strip(),
            spec_version=spec.spec_version,
            known_versions=frozenset({spec.spec_version}),
            rework_limit=draft.rework_limit,
            steps=steps,
        )
        for wish in draft.pieces
    )
    head = WorkOrderHead(
        work_order_id=work_order_id,
        number=draft.number,
        title_ko=draft.title_ko,
        title_en=draft.title_en,
        style=draft.style,
        spec_version=spec.spec_version,
        rework_limit=draft.rework_limit,
        due_at=draft.due_at,
        created_at=unit.clock.now(),
        created_by=unit.context.user,
    )
    await store.add(head, spec, steps, pieces)
    unit.record(
        WorkOrderCreated(
            work_order_id=work_order_id,
            work_order_number=head.number,
            title_ko=head.title_ko,
            title_en=head.title_en,
            style=head.style,
            spec_version=spec.spec_version,
            pieces_count=len(pieces),
            created_by=head.created_by,
        )
    )
    return WorkOrderCreation(
        work_order_id=work_order_id,
        number=head.number,
        spec_version=spec.spec_version,
        step_ids=tuple(step.step_id for step in steps),
        piece_ids=tuple(piece.piece_id for piece in pieces),
    )


def _step(wish: StepDraft, position: int, unit: UnitOfWork) -> Step:
    stage = unit.store(StageCatalogue).stages()[wish.stage]
    return Step(
        step_id=unit.ids.new("stp"),
        position=position,
        stage=wish.stage,
        title_ko=wish.title_ko or stage.title_ko,
        title_en=wish.title_en or stage.title_en,
        requires_quality_check=wish.requires_quality_check,
        guide=wish.guide or stage.guide,
    )
