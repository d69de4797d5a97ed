"""Due timers become commands of the program itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from cloud.commands.command import CommandContext, Source
from cloud.commands.errors import CommandError
from cloud.permissions.commands import CloseTimer, FireTimer
from cloud.permissions.machine_rights import SYSTEM

if TYPE_CHECKING:
    import asyncpg

    from cloud.commands.bus import CommandBus
    from cloud.events.ports import Clock
    from cloud.infrastructure.postgres.timer_runner import TimerRunner


@asynccontextmanager
async def firing_timers(bus: "CommandBus", pool: "asyncpg.Pool") -> AsyncIterator[None]:
    """Fire what is due for as long as this is open."""
    from cloud.infrastructure.system_time import SystemClock

    firing = asyncio.create_task(compose_timers(bus, pool, SystemClock()).run(), name="timers")
    try:
        yield
    finally:
        firing.cancel()
        await asyncio.gather(firing, return_exceptions=True)


def compose_timers(bus: "CommandBus", pool: "asyncpg.Pool", clock: "Clock") -> "TimerRunner":
    """Return the runner that sends what is due over ``bus``."""
    from cloud.infrastructure.postgres.timer_runner import TimerActs, TimerRunner

    def context(organization_id: str) -> CommandContext:
        return CommandContext(organization_id=organization_id, user=SYSTEM, source=Source.SYSTEM)

    async def fire(organization_id: str, timer_id: str) -> str:
        outcome: str = await bus.send(FireTimer(timer_id=timer_id), context(organization_id))
        return outcome

    async def give_up(organization_id: str, timer_id: str, error: CommandError) -> None:
        command = CloseTimer(
            timer_id=timer_id,
            code=error.code,
            reason=error.message,
            approval_id=str(error.details.get("approval_id", "")),
        )
        await bus.send(command, context(organization_id))

    return TimerRunner(pool, TimerActs(fire=fire, give_up=give_up), clock)
