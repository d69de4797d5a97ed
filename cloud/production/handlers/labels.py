"""What stands on labels, and labels for printers."""

from cloud.commands.ports import UnitOfWork
from cloud.production.errors import WorkOrderUnknownError
from cloud.production.label import code_text
from cloud.production.ports import FloorStore, LabelPrinter, Roster, WorkOrderStore
from cloud.production.queries import (
    FileView,
    LabelSheetView,
    LabelsOf,
    LabelView,
    PrintLabels,
)


async def labels_of(query: LabelsOf, unit: UnitOfWork) -> LabelSheetView:
    """Return the labels of a work order, its pieces and steps, of badges and stations."""
    parts = await unit.store(WorkOrderStore).parts(query.work_order_id)
    if parts is None:
        raise WorkOrderUnknownError(
            f"no work order {query.work_order_id}", work_order_id=query.work_order_id
        )
    organization = unit.context.organization_id
    head = parts.head
    stages = tuple({step.stage for step in parts.steps})
    people = await unit.store(Roster).people(stages)
    stations = await unit.store(FloorStore).station_names()
    return LabelSheetView(
        number=head.number,
        work_order=(
            _label("work_order", organization, head.work_order_id, (head.number, head.title_ko)),
        ),
        pieces=tuple(
            _label(
                "piece",
                organization,
                piece.piece_id,
                (f"{head.number}  #{piece.number}", head.title_ko, f"사이즈 {piece.size}"),
            )
            for piece in parts.pieces
        ),
        steps=tuple(
            _label(
                "step",
                organization,
                step.step_id,
                (
                    f"{step.position}. {step.title_ko}",
                    f"{step.stage} · {step.title_en}",
                    head.number,
                ),
            )
            for step in parts.steps
        ),
        badges=tuple(
            _label("badge", organization, person.badge, (person.name_ko, person.name_en))
            for person in people
        ),
        stations=tuple(
            _label("station", organization, station_id, (name,))
            for station_id, name in sorted(stations.items(), key=lambda item: item[1])
        ),
    )


async def print_labels(query: PrintLabels, unit: UnitOfWork) -> FileView:
    """Draw the labels of a work order."""
    sheet = await labels_of(LabelsOf(work_order_id=query.work_order_id), unit)
    labels = (*sheet.work_order, *sheet.pieces, *sheet.steps)
    if query.is_with_stations:
        labels += (*sheet.stations, *sheet.badges)
    printer = unit.store(LabelPrinter)
    if query.format == "zpl":
        return FileView(
            content=printer.zpl(labels),
            content_type="application/zpl",
            file_name=f"labels-{sheet.number}.zpl",
        )
    return FileView(
        content=printer.pdf(labels, sheet.number, is_roll=query.format == "roll"),
        content_type="application/pdf",
        file_name=f"labels-{sheet.number}.pdf",
    )


def _label(kind: str, organization: str, identifier: str, lines: tuple[str, ...]) -> LabelView:
    text = code_text(kind, organization, identifier)
    return LabelView(kind=kind, text=text, lines=(*lines, text[-6:]))
