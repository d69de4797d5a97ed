"""Pieces: their history, and what people decide about them and about their spec."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response

from cloud.commands.bus import CommandBus
from cloud.interfaces.rest_api.access import Asker
from cloud.interfaces.rest_api.conditional import Expected, tagged
from cloud.production.commands import (
    CorrectDesign,
    DecidePiece,
    OrderRework,
    OverrideStepOrder,
    SpecChange,
)
from cloud.production.queries import (
    DecisionOutcome,
    DesignCorrection,
    FindPiece,
    FindSpec,
    PieceView,
    SpecView,
)

SpecVersion = Annotated[str, Path(pattern=r"^wo_[0-9A-HJKMNP-TV-Z]{26}\.[1-9][0-9]{0,5}$")]
PieceId = Annotated[str, Path(pattern="^pc_[0-9A-HJKMNP-TV-Z]{26}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReworkRequest:
    """Which step is done once more, why, and by which spec version."""

    step_id: str
    reason: str
    inspection_id: str = ""
    instruction_ko: str = ""
    instruction_en: str = ""
    spec_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideRequest:
    """Which step may begin before its turn, and why."""

    step_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRequest:
    """What the Accountable decides, and why."""

    decision: Literal["REWORK", "RELEASE", "SCRAP"]
    reason: str
    step_id: str = ""
    instruction_ko: str = ""
    instruction_en: str = ""
    spec_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignRequest:
    """What a designer changes in a spec, and why."""

    changes: tuple[SpecChange, ...]
    reason: str
    inspection_id: str = ""


def router(bus: CommandBus) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["pieces"])

    @routes.get("/pieces/{piece_id}", response_model=PieceView)
    async def one(piece_id: PieceId, context: Asker, request: Request) -> Response:
        """Return a piece with its whole history."""
        return tagged(await bus.ask(FindPiece(piece_id=piece_id), context), request)

    @routes.post("/pieces/{piece_id}/rework")
    async def rework(
        piece_id: PieceId, body: ReworkRequest, context: Asker, expected: Expected
    ) -> DecisionOutcome:
        """Open a step once more; beyond the limit the Accountable decides."""
        command = OrderRework(
            piece_id=piece_id,
            step_id=body.step_id,
            reason=body.reason,
            inspection_id=body.inspection_id,
            instruction_ko=body.instruction_ko,
            instruction_en=body.instruction_en,
            spec_version=body.spec_version,
        )
        outcome: DecisionOutcome = await bus.send(
            command, context, expected.of(FindPiece(piece_id=piece_id))
        )
        return outcome

    @routes.post("/pieces/{piece_id}/overrides")
    async def override(
        piece_id: PieceId, body: OverrideRequest, context: Asker, expected: Expected
    ) -> DecisionOutcome:
        """Let a step begin before its turn."""
        command = OverrideStepOrder(piece_id=piece_id, step_id=body.step_id, reason=body.reason)
        outcome: DecisionOutcome = await bus.send(
            command, context, expected.of(FindPiece(piece_id=piece_id))
        )
        return outcome

    @routes.post("/pieces/{piece_id}/decision")
    async def decide(
        piece_id: PieceId, body: DecisionRequest, context: Asker, expected: Expected
    ) -> DecisionOutcome:
        """End a quarantine or an escalation."""
        command = DecidePiece(
            piece_id=piece_id,
            decision=body.decision,
            reason=body.reason,
            step_id=body.step_id,
            instruction_ko=body.instruction_ko,
            instruction_en=body.instruction_en,
            spec_version=body.spec_version,
        )
        outcome: DecisionOutcome = await bus.send(
            command, context, expected.of(FindPiece(piece_id=piece_id))
        )
        return outcome

    @routes.get("/specs/{spec_version}", response_model=SpecView)
    async def spec(spec_version: SpecVersion, context: Asker, request: Request) -> Response:
        """Return one version of a spec, and whether a newer one has followed it."""
        return tagged(await bus.ask(FindSpec(spec_version=spec_version), context), request)

    @routes.post("/specs/{spec_version}/corrections", status_code=201)
    async def correct(
        spec_version: SpecVersion, body: DesignRequest, context: Asker, expected: Expected
    ) -> DesignCorrection:
        """Change a spec: that makes its next version."""
        command = CorrectDesign(
            spec_version=spec_version,
            changes=body.changes,
            reason=body.reason,
            inspection_id=body.inspection_id,
        )
        made: DesignCorrection = await bus.send(
            command, context, expected.of(FindSpec(spec_version=spec_version))
        )
        return made

    return routes
