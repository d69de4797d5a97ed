"""Inspections and what people say about them."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path

from cloud.commands.bus import CommandBus
from cloud.inspection.commands import CorrectInspection, CorrectionChange, Verdict
from cloud.inspection.queries import FindInspection, InspectionView
from cloud.interfaces.rest_api.access import Asker

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

    @routes.get("/inspections/{inspection_id}")
    async def one(inspection_id: InspectionId, context: Asker) -> InspectionView:
        """Return an inspection with every number."""
        found: InspectionView = await bus.ask(FindInspection(inspection_id=inspection_id), context)
        return found

    @routes.post("/inspections/{inspection_id}/corrections", status_code=201)
    async def correct(
        inspection_id: InspectionId, body: CorrectionRequest, context: Asker
    ) -> InspectionView:
        """Say what an inspection should have said; the machine's record stays."""
        command = CorrectInspection(
            inspection_id=inspection_id,
            verdict=body.verdict,
            reason=body.reason,
            changes=body.changes,
        )
        corrected: InspectionView = await bus.send(command, context)
        return corrected

    return routes
