"""Model bundles, and their way to the floor."""

from dataclasses import dataclass

from fastapi import APIRouter

from cloud.commands.bus import CommandBus
from cloud.interfaces.rest_api.access import Asker
from cloud.interfaces.rest_api.pages import Paged
from cloud.rollouts.commands import (
    ApproveRollout,
    CreateRollout,
    HaltRollout,
    PauseRollout,
    ResumeRollout,
    RollBackFleet,
    StartRollout,
)
from cloud.rollouts.queries import (
    FindRollout,
    FindRolloutDefaults,
    ListModelBundles,
    ListRollouts,
    ModelBundleView,
    RolloutDefaultsView,
    RolloutView,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutApprovalRequest:
    """The digest of the bundle that was looked at."""

    model_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutReason:
    """Why."""

    reason: str


def router(bus: CommandBus) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["rollouts"])

    @routes.get("/model-bundles")
    async def bundles(context: Asker, turn: Paged) -> list[ModelBundleView]:
        """Return released bundles, newest first."""
        query = ListModelBundles(limit=turn.one_more, before=turn.after)
        found = await bus.ask(query, context)
        return turn.begun(found, lambda bundle: bundle.model_digest)

    @routes.get("/rollouts")
    async def rollouts(context: Asker, turn: Paged) -> list[RolloutView]:
        """Return rollouts without their stations, newest first."""
        found = await bus.ask(ListRollouts(limit=turn.one_more, before=turn.after), context)
        return turn.begun(found, lambda rollout: rollout.rollout_id)

    @routes.get("/rollout-defaults")
    async def defaults(context: Asker) -> RolloutDefaultsView:
        """Return what a rollout is made with when nobody says otherwise."""
        found: RolloutDefaultsView = await bus.ask(FindRolloutDefaults(), context)
        return found

    @routes.get("/rollouts/{rollout_id}")
    async def rollout(rollout_id: str, context: Asker) -> RolloutView:
        """Return one rollout with every station and its numbers."""
        found: RolloutView = await bus.ask(FindRollout(rollout_id=rollout_id), context)
        return found

    @routes.post("/rollouts", status_code=201)
    async def create(body: CreateRollout, context: Asker) -> RolloutView:
        """Plan a rollout; it waits for the approval of somebody else."""
        made: RolloutView = await bus.send(body, context)
        return made

    @routes.post("/rollouts/{rollout_id}/approval")
    async def approve(rollout_id: str, body: RolloutApprovalRequest, context: Asker) -> RolloutView:
        """Agree to a rollout by the digest of its bundle."""
        command = ApproveRollout(rollout_id=rollout_id, model_digest=body.model_digest)
        approved: RolloutView = await bus.send(command, context)
        return approved

    _add_course(routes, bus)
    return routes


def _add_course(routes: APIRouter, bus: CommandBus) -> None:
    @routes.post("/rollouts/{rollout_id}/start", status_code=204)
    async def start(rollout_id: str, context: Asker) -> None:
        """Wish the bundle of the canary."""
        await bus.send(StartRollout(rollout_id=rollout_id), context)

    @routes.post("/rollouts/{rollout_id}/pause", status_code=204)
    async def pause(rollout_id: str, body: RolloutReason, context: Asker) -> None:
        """Let no further stage begin."""
        await bus.send(PauseRollout(rollout_id=rollout_id, reason=body.reason), context)

    @routes.post("/rollouts/{rollout_id}/resumption", status_code=204)
    async def resume(rollout_id: str, context: Asker) -> None:
        """Go on where the rollout was paused."""
        await bus.send(ResumeRollout(rollout_id=rollout_id), context)

    @routes.post("/rollouts/{rollout_id}/halt", status_code=204)
    async def halt(rollout_id: str, body: RolloutReason, context: Asker) -> None:
        """End a rollout; stations that have committed the bundle keep it."""
        await bus.send(HaltRollout(rollout_id=rollout_id, reason=body.reason), context)

    @routes.post("/rollouts/{rollout_id}/return", status_code=204)
    async def roll_back(rollout_id: str, body: RolloutReason, context: Asker) -> None:
        """Wish every station the bundle that it had before."""
        await bus.send(RollBackFleet(rollout_id=rollout_id, reason=body.reason), context)
