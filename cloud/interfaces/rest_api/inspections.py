"""Inspections and what people say about them."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from cloud.commands.bus import CommandBus
from cloud.inspection.commands import CorrectInspection, CorrectionChange, Verdict
from cloud.inspection.queries import FindInspection, InspectionView
from cloud.interfaces.rest_api.access import Asker
from cloud.interfaces.rest_api.conditional import Expected, tagged

InspectionId = Annotated[str, Path(pattern="^ins_[0-9A-HJKMNP-TV-Z]{26}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionRequest:
    """What the inspection should have said, and why."""

    verdict: Verdict
    reason: str
    changes: tuple[CorrectionChange, ...] = ()


def router(bus: CommandBus) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["inspections"])

    @routes.get("/inspections/{inspection_id}", response_model=InspectionView)
    async def one(inspection_id: InspectionId, context: Asker, request: Request) -> Response:
        """Return an inspection with every number."""
        return tagged(await bus.ask(FindInspection(inspection_id=inspection_id), context), request)

    @routes.post("/inspections/{inspection_id}/corrections", status_code=201)
    async def correct(
        inspection_id: InspectionId, body: CorrectionRequest, context: Asker, expected: Expected
    ) -> InspectionView:
        """Say what an inspection should have said; the machine's record stays."""
        command = CorrectInspection(
            inspection_id=inspection_id,
            verdict=body.verdict,
            reason=body.reason,
            changes=body.changes,
        )
        corrected: InspectionView = await bus.send(
            command, context, expected.of(FindInspection(inspection_id=inspection_id))
        )
        return corrected

    return routes
