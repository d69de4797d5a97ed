"""The cache of a process, and what it counts."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncpg

    from cloud.commands.bus import CommandBus
    from cloud.infrastructure.cache.layered_cache import LayeredCache
    from cloud.infrastructure.hot_store.redis_link import RedisLink
    from cloud.infrastructure.jobs.queues import BullmqQueues
    from cloud.permissions.ports import Matrices
    from cloud.sessions.ports import ActivePersons


@asynccontextmanager
async def open_cache(
    pool: "asyncpg.Pool", url: str, redis: "RedisLink | None"
) -> "AsyncIterator[LayeredCache]":
    """Open the cache: over Redis when it is set, else with NOTIFY between the processes."""
    from cloud.infrastructure.cache.bells import PostgresBell, RedisBell
    from cloud.infrastructure.cache.layered_cache import LayeredCache

    bell = RedisBell(redis) if redis else PostgresBell(pool, url)
    cache = LayeredCache(bell, redis)
    async with bell.open():
        yield cache


def active_persons(cache: "LayeredCache", pool: "asyncpg.Pool") -> "ActivePersons":
    """Return who is active, from the cache."""
    from cloud.infrastructure.cache.cached_persons import CachedActivePersons
    from cloud.infrastructure.postgres.active_persons import PostgresActivePersons

    return CachedActivePersons(cache, PostgresActivePersons(pool))


def answer_rights_from_cache(
    bus: "CommandBus", cache: "LayeredCache", pool: "asyncpg.Pool", matrices: "Matrices"
) -> None:
    """Let the bus answer from the cache what somebody may do."""
    from cloud.infrastructure.cache.cached_rights import CachedRights
    from cloud.infrastructure.system_time import SystemClock
    from cloud.permissions.queries import ListMyRights

    bus.answer_quickly(ListMyRights, CachedRights(cache, pool, matrices, SystemClock()).listed)


def metrics_page(
    cache: "LayeredCache", queues: "BullmqQueues | None"
) -> Callable[[], Awaitable[bytes]]:
    """Return what writes the page for Prometheus; without ``queues`` no jobs are counted."""
    from cloud.infrastructure.jobs.queues import QUEUES
    from cloud.infrastructure.telemetry.metrics import Metrics
    from cloud.jobs.errors import JobsAwayError

    async def jobs() -> dict[str, dict[str, int]]:
        if queues is None:
            return {}
        try:
            return {name: await queues.counts(name) for name in QUEUES}
        except JobsAwayError:
            return {}

    return Metrics(cache, jobs).page
