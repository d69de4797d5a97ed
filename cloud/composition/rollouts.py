"""What rollouts are made with, and the watch that lets them go on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloud.commands.command import CommandContext, Source
from cloud.permissions.machine_rights import SYSTEM
from cloud.rollouts.commands import AdvanceRollout
from cloud.rollouts.ports import RolloutDefaults, SignatureJudge, TimestampSigner
from cloud.rollouts.queries import PlanRollout, RolloutPlan
from cloud.rollouts.standing import ONE_MACHINE, PRODUCTION, Defaults
from cloud.settings import CloudSettings

if TYPE_CHECKING:
    import asyncpg

    from cloud.commands.bus import CommandBus
    from cloud.infrastructure.postgres.rollout_watch import RolloutWatch


@dataclass(frozen=True, slots=True)
class _Defaults:
    """Numbers that the environment chose."""

    chosen: Defaults

    def defaults(self) -> Defaults:
        """Return the numbers."""
        return self.chosen


def rollout_stores(settings: CloudSettings) -> "dict[type, Callable[[Any, str], object]]":
    """Return bundles, rollouts, and the numbers that this installation asks of them."""
    from cloud.infrastructure.postgres import bundle_store, rollout_store

    production = settings.environment == "production"
    keys = settings.bundle_keys or (None if production else settings.home / "bundle-keys")
    chosen = PRODUCTION if production else ONE_MACHINE
    return {**bundle_store.STORES, **rollout_store.STORES, **bundle_ports(chosen, keys)}


def bundle_ports(
    chosen: Defaults, keys: Path | None = None
) -> "dict[type, Callable[[Any, str], object]]":
    """Return what rollouts need beside the database; ``keys`` is the folder of bundles' keys."""
    from cloud.infrastructure.signing.bundle_keys import EllipticJudge, FolderTimestampSigner

    return {
        SignatureJudge: lambda _connection, _organization: EllipticJudge(),
        TimestampSigner: lambda _connection, _organization: FolderTimestampSigner(keys),
        RolloutDefaults: lambda _connection, _organization: _Defaults(chosen),
    }


@asynccontextmanager
async def watching_rollouts(bus: "CommandBus", pool: "asyncpg.Pool") -> AsyncIterator[None]:
    """Let open rollouts go on for as long as this is open."""
    watching = asyncio.create_task(compose_watch(bus, pool).run(), name="rollouts")
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def compose_watch(bus: "CommandBus", pool: "asyncpg.Pool") -> "RolloutWatch":
    """Return the watch that sends what is due over ``bus``."""
    from cloud.infrastructure.postgres.rollout_watch import RolloutWatch

    async def advance(organization_id: str, rollout_id: str) -> bool:
        context = CommandContext(organization_id=organization_id, user=SYSTEM, source=Source.SYSTEM)
        plan: RolloutPlan = await bus.ask(PlanRollout(rollout_id=rollout_id), context)
        if not plan.due:
            return False
        command = AdvanceRollout(
            rollout_id=rollout_id,
            stage=plan.stage,
            next_stage=plan.next_stage,
            reason=plan.code,
        )
        await bus.send(command, context)
        return True

    return RolloutWatch(pool, advance)
