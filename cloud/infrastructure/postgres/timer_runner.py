"""Fires due timers of every organization, whichever process set them.

Timers lie in the database, so a restart loses none; several runners share the work, because a
timer is locked while it fires and its effect commits with it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg

from cloud.commands.errors import CommandError
from cloud.events.ports import Clock
from cloud.infrastructure.postgres.pool import DATABASE_AWAY

_log = logging.getLogger("kyndof.timers")
_DUE = "SELECT organization_id, timer_id FROM due_timers($1, $2)"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerActs:
    """What is done about one timer: ``fire`` it; ``give_up`` after a refusal of its act."""

    fire: Callable[[str, str], Awaitable[str]]
    give_up: Callable[[str, str, CommandError], Awaitable[None]]


class TimerRunner:
    """Runs in `serve` and in `worker`: ``await run()`` until cancelled."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        acts: TimerActs,
        clock: Clock,
        *,
        poll_s: float = 1.0,
        batch_count: int = 100,
    ) -> None:
        self._pool = pool
        self._acts = acts
        self._clock = clock
        self._poll_s = poll_s
        self._batch_count = batch_count

    async def run(self) -> None:
        """Look for due timers again and again."""
        while True:
            try:
                fired_count = await self.look()
            except DATABASE_AWAY as error:
                _log.warning("due timers cannot be read: %s", error)
                fired_count = 0
            except Exception:  # noqa: BLE001  timers that nobody looks for fire never again
                _log.exception("due timers were not all fired")
                fired_count = 0
            if fired_count < self._batch_count:
                await asyncio.sleep(self._poll_s)

    async def look(self) -> int:
        """Fire what is due now and return how many timers that was."""
        due = await self._pool.fetch(_DUE, self._clock.now(), self._batch_count)
        fired = [await self._one(row["organization_id"], row["timer_id"]) for row in due]
        return sum(fired)

    async def _one(self, organization_id: str, timer_id: str) -> bool:
        try:
            outcome = await self._acts.fire(organization_id, timer_id)
        except CommandError as error:
            _log.warning("timer %s: its act was refused: %s", timer_id, error)
            await self._acts.give_up(organization_id, timer_id, error)
        except DATABASE_AWAY:
            raise
        except Exception:  # noqa: BLE001  one timer that fails does not stop the others
            _log.exception("timer %s failed and stays due", timer_id)
            return False
        else:
            _log.info("timer %s: %s", timer_id, outcome)
        return True
