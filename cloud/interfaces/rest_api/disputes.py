"""Facts from the floor that a rule refused, and what a person decides about them."""

from dataclasses import dataclass

from fastapi import APIRouter

from cloud.commands.bus import CommandBus
from cloud.interfaces.rest_api.access import Asker
from cloud.interfaces.rest_api.pages import Paged
from cloud.stations.commands import ResolveDispute
from cloud.stations.queries import DisputeView, ListDisputes


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolutionRequest:
    """ACCEPTED or REJECTED, and why."""

    decision: str
    reason: str


def router(bus: CommandBus) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["disputes"])

    @routes.get("/disputes")
    async def disputes(context: Asker, turn: Paged, *, open_only: bool = True) -> list[DisputeView]:
        """Return disputed facts, newest first."""
        query = ListDisputes(open_only=open_only, limit=turn.limit + 1, before=turn.after)
        found = list(await bus.ask(query, context))
        if len(found) > turn.limit:
            turn.announce(found[turn.limit - 1].event_id)
        return found[: turn.limit]

    @routes.post("/disputes/{event_id}/resolution")
    async def resolve(event_id: str, body: ResolutionRequest, context: Asker) -> DisputeView:
        """Decide a dispute."""
        command = ResolveDispute(event_id=event_id, decision=body.decision, reason=body.reason)
        decided: DisputeView = await bus.send(command, context)
        return decided

    return routes
