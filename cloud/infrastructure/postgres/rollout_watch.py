"""Looks at every open rollout again and again, and does what the stations' reports ask for.

It keeps nothing: each look weighs what lies in the database, so a restart, a second watcher or a
missed look changes nothing. Most looks only read.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import asyncpg

from cloud.commands.errors import CommandError
from cloud.infrastructure.postgres.pool import DATABASE_AWAY

_log = logging.getLogger("kyndof.rollouts")
_OPEN = "SELECT organization_id, rollout_id FROM open_rollouts()"

Advance = Callable[[str, str], Awaitable[bool]]
"""Looks at one rollout (organization, rollout) and says whether anything was done."""


class RolloutWatch:
    """Runs in `serve`: ``await run()`` until cancelled."""

    def __init__(self, pool: asyncpg.Pool, advance: Advance, *, poll_s: float = 1.0) -> None:
        self._pool = pool
        self._advance = advance
        self._poll_s = poll_s

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except DATABASE_AWAY as error:
                _log.warning("open rollouts cannot be read: %s", error)
            except Exception:  # noqa: BLE001  rollouts that nobody looks at stand still for ever
                _log.exception("open rollouts were not all looked at")
            await asyncio.sleep(self._poll_s)

    async def look(self) -> int:
        """Look at every open rollout once; return for how many something was done."""
        rows = await self._pool.fetch(_OPEN)
        return sum([await self._one(row["organization_id"], row["rollout_id"]) for row in rows])

    async def _one(self, organization_id: str, rollout_id: str) -> bool:
        try:
            return await self._advance(organization_id, rollout_id)
        except CommandError as error:
            # Somebody was quicker; the next look sees what there is then.
            _log.info("rollout %s was not advanced: %s", rollout_id, error)
        except DATABASE_AWAY:
            raise
        except Exception:  # noqa: BLE001  one rollout that fails does not stop the others
            _log.exception("rollout %s cannot be looked at", rollout_id)
        return False
