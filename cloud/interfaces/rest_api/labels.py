"""Labels of a work order, for sheets, rolls and thermal printers."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Response

from cloud.commands.bus import CommandBus
from cloud.interfaces.rest_api.access import Asker
from cloud.production.queries import FileView, LabelSheetView, LabelsOf, PrintLabels

_PDF: dict[int | str, dict[str, Any]] = {200: {"content": {"application/pdf": {}}}}
_ZPL: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zpl": {}}}}
WorkOrderId = Annotated[str, Path(pattern="^wo_[0-9A-HJKMNP-TV-Z]{26}$")]


def router(bus: CommandBus) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["labels"])

    @routes.get("/work-orders/{work_order_id}/labels")
    async def texts(work_order_id: WorkOrderId, context: Asker) -> LabelSheetView:
        """Return what stands on the labels."""
        found: LabelSheetView = await bus.ask(LabelsOf(work_order_id=work_order_id), context)
        return found

    @routes.get("/work-orders/{work_order_id}/labels.pdf", response_class=Response, responses=_PDF)
    async def pdf(
        work_order_id: WorkOrderId,
        context: Asker,
        stations: bool = False,
        layout: Literal["a4", "roll"] = "a4",
    ) -> Response:
        """Return a PDF; ``stations`` adds labels of stations and badges."""
        query = PrintLabels(work_order_id=work_order_id, format=layout, is_with_stations=stations)
        return _file(await bus.ask(query, context))

    @routes.get("/work-orders/{work_order_id}/labels.zpl", response_class=Response, responses=_ZPL)
    async def zpl(work_order_id: WorkOrderId, context: Asker, stations: bool = False) -> Response:
        """Return ZPL for thermal printers of 203 dpi."""
        query = PrintLabels(work_order_id=work_order_id, format="zpl", is_with_stations=stations)
        return _file(await bus.ask(query, context))

    return routes


def _file(file: FileView) -> Response:
    return Response(
        file.content,
        media_type=file.content_type,
        headers={"Content-Disposition": 'inline; filename="labels.' + file.file_name[-3:] + '"'},
    )
