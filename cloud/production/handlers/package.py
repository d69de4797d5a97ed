"""What a station needs to work alone."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from cloud.commands.errors import NotFoundError
from cloud.commands.ports import UnitOfWork
from cloud.inspection.standard import StageStandard
from cloud.production.piece import Piece
from cloud.production.ports import (
    FloorStore,
    Roster,
    StageCatalogue,
    WorkOrderParts,
    WorkOrderStore,
)
from cloud.production.queries import (
    PackageContents,
    PackageGuideLine,
    PackagePiece,
    PackageStep,
    PackageWorkOrder,
    WorkPackageContents,
)
from cloud.production.step import Step

# So long a station can still say that a piece is finished.
DONE_SHOWN = timedelta(days=7)


async def work_package_contents(query: WorkPackageContents, unit: UnitOfWork) -> PackageContents:
    """Return every open work order with its pieces, standards and guides, and the roster."""
    station = await unit.store(FloorStore).station_stages(query.station_id)
    if station is None:
        raise NotFoundError(f"no station {query.station_id}", station_id=query.station_id)
    name, stages = station
    catalogue = unit.store(StageCatalogue)
    orders = await unit.store(WorkOrderStore).open_parts(unit.clock.now() - DONE_SHOWN)
    wanted = sorted({step.stage for parts in orders for step in parts.steps})
    takers = {stage: await unit.store(FloorStore).stations_for(stage) for stage in wanted}
    return PackageContents(
        organization_id=unit.context.organization_id,
        station_id=query.station_id,
        station_name=name,
        stages=stages,
        work_orders=tuple(_order(parts, catalogue, takers) for parts in orders),
        roster=await unit.store(Roster).people(stages),
    )


def _order(
    parts: WorkOrderParts, catalogue: StageCatalogue, stations: Mapping[str, tuple[str, ...]]
) -> PackageWorkOrder:
    head = parts.head
    sizes = frozenset(piece.size for piece in parts.pieces)
    standards = {
        step.step_id: _standard_of_sizes(parts, head.spec_version, step, sizes)
        for step in parts.steps
    }
    return PackageWorkOrder(
        work_order_id=head.work_order_id,
        number=head.number,
        title_ko=head.title_ko,
        title_en=head.title_en,
        style=head.style,
        spec_version=head.spec_version,
        steps=tuple(
            PackageStep(
                step_id=step.step_id,
                position=step.position,
                stage=step.stage,
                title_ko=step.title_ko,
                title_en=step.title_en,
                requires_quality_check=step.requires_quality_check,
                guide=tuple(
                    PackageGuideLine(
                        text_ko=line.text_ko,
                        text_en=line.text_en,
                        picture=catalogue.picture(line.picture) if line.picture else b"",
                    )
                    for line in step.guide
                ),
                standard=standards[step.step_id],
                stations=stations.get(step.stage, ()),
            )
            for step in parts.steps
        ),
        pieces=tuple(_piece(parts, piece, standards) for piece in parts.pieces),
    )


def _standard_of_sizes(
    parts: WorkOrderParts, version: str, step: Step, sizes: frozenset[str]
) -> StageStandard:
    """Return a version's standard of a step: the points of the order's sizes, each with its size.

    A station takes those of the piece on its table, also ahead of the cloud.
    """
    for spec in parts.specs:
        if spec.spec_version == version:
            for standard in spec.stages:
                if standard.stage == step.stage:
                    points = (point for point in standard.points if point.size in {"", *sizes})
                    return replace(standard, points=tuple(points))
    return StageStandard(stage=step.stage)


def _piece(
    parts: WorkOrderParts, piece: Piece, standards: dict[str, StageStandard]
) -> PackagePiece:
    progress = piece.progress()
    own = None
    if progress.step is not None:
        sizes = frozenset({piece.size})
        own = _standard_of_sizes(parts, piece.spec_version, progress.step, sizes)
        if own == standards[progress.step.step_id].for_size(piece.size):
            own = None
    return PackagePiece(
        piece_id=piece.piece_id,
        number=piece.number,
        size=piece.size,
        open_step_id=progress.step.step_id if progress.step else "",
        state=progress.state,
        attempt=progress.attempt,
        instruction_ko=progress.instruction_ko,
        instruction_en=progress.instruction_en,
        spec_version=piece.spec_version,
        standard=own,
    )
