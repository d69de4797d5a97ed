"""What people and programs ask about work orders, pieces and the floor."""

from collections.abc import Mapping
from datetime import timedelta

from cloud.commands.errors import NotFoundError, PayloadInvalidError
from cloud.commands.ports import UnitOfWork
from cloud.production.errors import (
    PieceUnknownError,
    SpecVersionUnknownError,
    WorkOrderUnknownError,
)
from cloud.production.piece import DecisionKind, Piece
from cloud.production.ports import (
    FloorStore,
    InspectionReader,
    PieceStore,
    StageCatalogue,
    WorkOrderParts,
    WorkOrderStore,
)
from cloud.production.queries import (
    CellView,
    FileView,
    FindPiece,
    FindSpec,
    FindWorkOrder,
    FloorPieces,
    FloorPiecesView,
    HistoryLine,
    ListWorkOrders,
    PieceLine,
    PieceView,
    ProductionTimes,
    ProductionTimesView,
    ReadGuidePicture,
    ReadStages,
    ReadWorkOrders,
    ReworkView,
    SpecView,
    WorkOrderPage,
    WorkOrderView,
)
from cloud.production.step import Step
from cloud.production.times import times_of
from cloud.production.work_order import Stage

MOST_LINES = 500
MOST_AT_ONCE = 100
KOREA = timedelta(hours=9)


async def list_work_orders(query: ListWorkOrders, unit: UnitOfWork) -> WorkOrderPage:
    """Return a page of work orders, newest first."""
    limit = min(max(query.limit, 1), MOST_LINES)
    return await unit.store(WorkOrderStore).page(query.cursor, limit)


async def find_work_order(query: FindWorkOrder, unit: UnitOfWork) -> WorkOrderView:
    """Return a work order with the table of its pieces and steps."""
    parts = await _parts(query.work_order_id, unit)
    store = unit.store(FloorStore)
    return _work_order(parts, await store.station_names(), await store.sequence())


async def find_spec(query: FindSpec, unit: UnitOfWork) -> SpecView:
    """Return one version of a spec; raises SpecVersionUnknownError."""
    spec = await unit.store(WorkOrderStore).spec(query.spec_version)
    if spec is None:
        raise SpecVersionUnknownError(
            f"no spec version {query.spec_version}", spec_version=query.spec_version
        )
    parts = await _parts(spec.work_order_id, unit)
    return next(one for one in parts.specs if one.spec_version == spec.spec_version)


async def read_work_orders(query: ReadWorkOrders, unit: UnitOfWork) -> tuple[WorkOrderView, ...]:
    """Return some work orders, those that there are, by number."""
    if len(query.work_order_ids) > MOST_AT_ONCE:
        raise PayloadInvalidError(
            f"a question names {MOST_AT_ONCE} at most", field="work_order_ids"
        )
    found = await unit.store(WorkOrderStore).some_parts(query.work_order_ids)
    store = unit.store(FloorStore)
    names, sequence = await store.station_names(), await store.sequence()
    return tuple(_work_order(parts, names, sequence) for parts in found)


def _work_order(parts: WorkOrderParts, names: Mapping[str, str], sequence: int) -> WorkOrderView:
    head = parts.head
    return WorkOrderView(
        work_order_id=head.work_order_id,
        number=head.number,
        title_ko=head.title_ko,
        title_en=head.title_en,
        style=head.style,
        spec_version=head.spec_version,
        rework_limit=head.rework_limit,
        due_at=head.due_at,
        created_at=head.created_at,
        created_by=head.created_by,
        steps=parts.steps,
        pieces=tuple(_piece_line(piece, names) for piece in parts.pieces),
        specs=parts.specs,
        sequence=sequence,
    )


async def find_piece(query: FindPiece, unit: UnitOfWork) -> PieceView:
    """Return a piece with everything that happened to it, oldest first."""
    piece = await unit.store(PieceStore).find(query.piece_id)
    if piece is None:
        raise PieceUnknownError(f"no piece {query.piece_id}", piece_id=query.piece_id)
    parts = await _parts(piece.work_order_id, unit)
    names = await unit.store(FloorStore).station_names()
    specs = {spec.spec_version: spec for spec in parts.specs}
    progress = piece.progress()
    return PieceView(
        piece_id=piece.piece_id,
        number=piece.number,
        size=piece.size,
        state=progress.state,
        open_step_id=progress.step.step_id if progress.step else "",
        open_stage=progress.step.stage if progress.step else "",
        attempt=progress.attempt,
        instruction_ko=progress.instruction_ko,
        instruction_en=progress.instruction_en,
        spec_version=piece.spec_version,
        work_order_id=parts.head.work_order_id,
        work_order_number=parts.head.number,
        title_ko=parts.head.title_ko,
        title_en=parts.head.title_en,
        style=parts.head.style,
        steps=piece.steps,
        cells=_cells(piece, names),
        history=_history(piece, names),
        inspections=await unit.store(InspectionReader).of_piece(piece.piece_id),
        reworks=_reworks(piece, specs),
        spec=specs[piece.spec_version],
        sequence=await unit.store(FloorStore).sequence(),
    )


async def floor_pieces(query: FloorPieces, unit: UnitOfWork) -> FloorPiecesView:
    """Return what is in work at stations; a day begins at midnight in Korea."""
    store = unit.store(FloorStore)
    local = unit.clock.now() + KOREA
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0) - KOREA
    return FloorPiecesView(
        current=await store.current(),
        counts=await store.counts(midnight),
        days=await store.days(midnight),
        sequence=await store.sequence(),
    )


async def production_times(query: ProductionTimes, unit: UnitOfWork) -> ProductionTimesView:
    """Return cycle times, queues and due hours of all open work orders, or of one."""
    if query.work_order_id:
        orders: tuple[WorkOrderParts, ...] = (await _parts(query.work_order_id, unit),)
    else:
        orders = await unit.store(WorkOrderStore).open_parts(unit.clock.now())
    return times_of(orders, unit.clock.now())


async def read_stages(query: ReadStages, unit: UnitOfWork) -> tuple[Stage, ...]:
    """Return the stages of the registry in their order."""
    return tuple(unit.store(StageCatalogue).stages().values())


async def read_guide_picture(query: ReadGuidePicture, unit: UnitOfWork) -> FileView:
    """Return a guide's picture."""
    content = unit.store(StageCatalogue).picture(query.name)
    if not content:
        raise NotFoundError(f"no picture {query.name}", name=query.name)
    kind = "image/svg+xml" if query.name.endswith(".svg") else "image/png"
    return FileView(content=content, content_type=kind, file_name=query.name)


async def _parts(work_order_id: str, unit: UnitOfWork) -> WorkOrderParts:
    parts = await unit.store(WorkOrderStore).parts(work_order_id)
    if parts is None:
        raise WorkOrderUnknownError(f"no work order {work_order_id}", work_order_id=work_order_id)
    return parts


def _piece_line(piece: Piece, names: Mapping[str, str]) -> PieceLine:
    progress = piece.progress()
    return PieceLine(
        piece_id=piece.piece_id,
        number=piece.number,
        size=piece.size,
        state=progress.state,
        open_stage=progress.step.stage if progress.step else "",
        attempt=progress.attempt,
        spec_version=piece.spec_version,
        instruction_ko=progress.instruction_ko,
        instruction_en=progress.instruction_en,
        cells=_cells(piece, names),
    )


def _cells(piece: Piece, names: Mapping[str, str]) -> tuple[CellView, ...]:
    return tuple(_cell(piece, step, names) for step in piece.steps)


def _cell(piece: Piece, step: Step, names: Mapping[str, str]) -> CellView:
    """Show the attempt that counts: WAITING, the open step's state, DONE, SKIPPED or EARLY."""
    progress = piece.progress()
    run = piece.run_of(step)
    verdict = piece.verdict_of(run)
    if progress.step == step:
        state = str(progress.state)
    elif piece.is_passed(step):
        state = "DONE" if verdict else "SKIPPED"
    else:
        state = "EARLY" if run is not None else "WAITING"
    fact = (run.finish or run.start) if run else None
    return CellView(
        step_id=step.step_id,
        state=state,
        attempt=piece.attempt_of(step),
        verdict=verdict,
        started_at=run.began_at if run else None,
        finished_at=run.finish.at if run and run.finish else None,
        event_time_err_ms=run.at_err_ms if run else None,
        worker=fact.worker if fact else "",
        station_name=names.get(fact.station_id, "") if fact else "",
    )


def _history(piece: Piece, names: Mapping[str, str]) -> tuple[HistoryLine, ...]:
    stages = {step.step_id: step.stage for step in piece.steps}
    lines = []
    for run in piece.runs.values():
        for kind, fact in (("step_started", run.start), ("step_finished", run.finish)):
            if fact is not None:
                lines.append(
                    HistoryLine(
                        at=fact.at,
                        event_time_err_ms=fact.at_err_ms,
                        kind=kind,
                        step_id=run.step_id,
                        stage=stages[run.step_id],
                        attempt=run.attempt,
                        worker=fact.worker,
                        station_name=names.get(fact.station_id, ""),
                        verdict=getattr(fact, "verdict", ""),
                        inspection_id=getattr(fact, "inspection_id", "") or None,
                        spec_version=fact.spec_version,
                        reason="",
                        instruction_ko="",
                        instruction_en="",
                    )
                )
    lines += [
        HistoryLine(
            at=decision.at,
            event_time_err_ms=None,
            kind=decision.kind.lower(),
            step_id=decision.step_id,
            stage=stages[decision.step_id],
            attempt=decision.attempt,
            worker=decision.by,
            station_name="",
            verdict=decision.verdict,
            inspection_id=decision.inspection_id or None,
            spec_version=decision.spec_version,
            reason=decision.reason,
            instruction_ko=decision.instruction_ko,
            instruction_en=decision.instruction_en,
        )
        for decision in piece.decisions
    ]
    return tuple(sorted(lines, key=lambda line: (line.at, line.kind)))


def _reworks(piece: Piece, specs: Mapping[str, SpecView]) -> tuple[ReworkView, ...]:
    stages = {step.step_id: step.stage for step in piece.steps}
    return tuple(
        ReworkView(
            step_id=decision.step_id,
            stage=stages[decision.step_id],
            attempt=decision.attempt,
            inspection_id=decision.inspection_id,
            spec_version=decision.spec_version,
            reason=decision.reason,
            instruction_ko=decision.instruction_ko,
            instruction_en=decision.instruction_en,
            by=decision.by,
            at=decision.at,
            gaps=specs[decision.spec_version].gaps if decision.spec_version in specs else (),
        )
        for decision in piece.decisions
        if decision.kind is DecisionKind.REWORK
    )
