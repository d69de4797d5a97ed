"""Work orders: list, table, creation by hand and from a spreadsheet; stages and times."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response, UploadFile

from cloud.commands.bus import CommandBus
from cloud.interfaces.rest_api.access import Asker
from cloud.interfaces.rest_api.conditional import tagged
from cloud.interfaces.rest_api.errors import language_of, texts
from cloud.interfaces.rest_api.pages import Paged
from cloud.production.commands import CreateWorkOrder, ImportWorkOrder
from cloud.production.errors import SpreadsheetInvalidError
from cloud.production.queries import (
    DrawTemplate,
    FileView,
    FindWorkOrder,
    ListWorkOrders,
    ProductionTimes,
    ProductionTimesView,
    ReadGuidePicture,
    ReadStages,
    WorkOrderCreation,
    WorkOrderPage,
    WorkOrderView,
)

_SPREADSHEET: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": {}}}
}
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/svg+xml": {}, "image/png": {}}}
}
WorkOrderId = Annotated[str, Path(pattern="^wo_[0-9A-HJKMNP-TV-Z]{26}$")]


def router(bus: CommandBus) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["work-orders"])

    @routes.get("/work-orders")
    async def page(context: Asker, turn: Paged) -> WorkOrderPage:
        """Return a page of work orders, newest first; ``cursor`` is the page before's."""
        query = ListWorkOrders(cursor=turn.after, limit=turn.limit)
        found: WorkOrderPage = await bus.ask(query, context)
        if not found.next_cursor:
            return found
        return replace(found, next_cursor=turn.announce(found.next_cursor))

    @routes.get("/work-orders/template.xlsx", response_class=Response, responses=_SPREADSHEET)
    async def template(context: Asker) -> Response:
        """Return the spreadsheet to fill in."""
        return as_file(await bus.ask(DrawTemplate(), context))

    @routes.get("/work-orders/{work_order_id}", response_model=WorkOrderView)
    async def one(work_order_id: WorkOrderId, context: Asker, request: Request) -> Response:
        """Return a work order with the table of its pieces and steps."""
        return tagged(await bus.ask(FindWorkOrder(work_order_id=work_order_id), context), request)

    @routes.post("/work-orders", status_code=201)
    async def create(body: CreateWorkOrder, context: Asker) -> WorkOrderCreation:
        """Make a work order."""
        made: WorkOrderCreation = await bus.send(body, context)
        return made

    @routes.post("/work-orders/import", status_code=201)
    async def imported(file: UploadFile, request: Request, context: Asker) -> WorkOrderCreation:
        """Make a work order from an .xlsx or .csv, all of it or nothing."""
        command = ImportWorkOrder(file_name=file.filename or "", content=await file.read())
        try:
            made: WorkOrderCreation = await bus.send(command, context)
        except SpreadsheetInvalidError as refusal:
            raise _told(refusal, language_of(request)) from refusal
        return made

    _add_stages(routes, bus)
    return routes


def _add_stages(routes: APIRouter, bus: CommandBus) -> None:
    @routes.get("/stages")
    async def stages(context: Asker, turn: Paged) -> list[dict[str, Any]]:
        """Return the kinds of work in their order, with the guide of each."""
        found = turn.page(await bus.ask(ReadStages(), context), lambda s: s.code, is_sorted=True)
        return [
            {
                "code": stage.code,
                "title_ko": stage.title_ko,
                "title_en": stage.title_en,
                "guide": [
                    {"text_ko": line.text_ko, "text_en": line.text_en, "picture": line.picture}
                    for line in stage.guide
                ],
            }
            for stage in found
        ]

    @routes.get("/guide-pictures/{name}", response_class=Response, responses=_PICTURE)
    async def picture(name: str, context: Asker) -> Response:
        """Return the picture that a guide's line names."""
        return as_file(await bus.ask(ReadGuidePicture(name=name), context), is_inline=True)

    @routes.get("/production-times")
    async def times(context: Asker, work_order_id: str = "") -> ProductionTimesView:
        """Return cycle times, queues, the bottleneck and what is due."""
        query = ProductionTimes(work_order_id=work_order_id)
        found: ProductionTimesView = await bus.ask(query, context)
        return found


def as_file(file: FileView, *, is_inline: bool = False) -> Response:
    """Return a file to show or to download."""
    name = file.file_name.encode("ascii", "replace").decode().replace('"', "_")
    kind = "inline" if is_inline else "attachment"
    return Response(
        file.content,
        media_type=file.content_type,
        headers={"Content-Disposition": f'{kind}; filename="{name}"'},
    )


def _told(refusal: SpreadsheetInvalidError, language: str) -> SpreadsheetInvalidError:
    """Return the refusal with a sentence for each problem."""
    known = texts(language)
    problems = [
        {**one, "message": known[f"SPREADSHEET.{one['problem']}"].format_map(one)}
        for one in refusal.details["problems"]
    ]
    return SpreadsheetInvalidError(refusal.message, problems=problems)
