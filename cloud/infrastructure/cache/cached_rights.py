"""What persons may do, from the cache: read for a screen, never for a decision."""

from typing import Any, cast

import asyncpg

from cloud.commands.command import CommandContext
from cloud.commands.payload import plain
from cloud.commands.typed import read
from cloud.events.ports import Clock
from cloud.infrastructure.cache.layered_cache import LayeredCache
from cloud.infrastructure.cache.outdating import USER_RIGHTS
from cloud.infrastructure.postgres.permission_store import PostgresStandingStore
from cloud.permissions.ports import Matrices
from cloud.permissions.queries import ListMyRights, RightView
from cloud.permissions.rights import rights_of, valid_at

_SET_ORGANIZATION = "SELECT set_config('kyndof.organization', $1, true)"


class CachedRights:
    """Answers ``ListMyRights``. The matrices' version is part of the key: a reload asks anew."""

    def __init__(
        self, cache: LayeredCache, pool: asyncpg.Pool, matrices: Matrices, clock: Clock
    ) -> None:
        self._cache = cache
        self._pool = pool
        self._matrices = matrices
        self._clock = clock

    async def listed(
        self, query: ListMyRights, context: CommandContext
    ) -> tuple[RightView, ...] | None:
        """Return the asker's rights; None sends the question the long way.

        That way judges what a narrowed key covers, and tells somebody who is no member.
        """
        if context.scopes is not None:
            return None
        version = self._matrices.version(context.organization_id)
        found = await self._cache.get(
            USER_RIGHTS,
            context.organization_id,
            f"{version} {context.user}",
            lambda: self._loaded(context),
        )
        if found is None:
            return None
        rights: tuple[RightView, ...] = read(tuple[RightView, ...], found)
        return valid_at(rights, self._clock.now())

    async def _loaded(self, context: CommandContext) -> Any:  # noqa: ANN401  plain JSON data
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute(_SET_ORGANIZATION, context.organization_id)
            store = PostgresStandingStore(
                cast("asyncpg.Connection", connection), context.organization_id
            )
            rights = await rights_of(
                context.user, context.organization_id, self._matrices, store, self._clock.now()
            )
        return None if rights is None else plain(rights)
