"""Hourly clean-up as a BullMQ job: what has expired is removed, for every organization."""

import logging
from typing import Any, Self

import asyncpg
from bullmq import Queue, Worker

_LOG = logging.getLogger("kyndof.jobs")
QUEUE = "housekeeping"
_HOUR_MS = 3_600_000
_EXPIRED = (
    "DELETE FROM login_links WHERE organization_id = $1 AND expires_at < now() - interval '1 day'",
    "DELETE FROM web_sessions WHERE organization_id = $1 AND expires_at < now()",
    """DELETE FROM idempotency_keys
       WHERE organization_id = $1 AND created_at < now() - interval '30 days'""",
)


class HousekeepingWorker:
    """Works on the queue while it is open."""

    def __init__(self, jobs_url: str, pool: asyncpg.Pool) -> None:
        self._options = {"backend": "postgres", "connection": jobs_url}
        self._pool = pool
        self._queue: Any = None
        self._worker: Any = None

    async def __aenter__(self) -> Self:
        self._queue = Queue(QUEUE, self._options)
        await self._queue.upsertJobScheduler("remove-expired", {"every": _HOUR_MS})
        self._worker = Worker(QUEUE, self._process, {**self._options, "concurrency": 1})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._worker.close(True)
        await self._queue.close()

    async def _process(self, job: Any, _token: str) -> dict[str, int]:  # noqa: ANN401
        removed = {"removed": await remove_expired(self._pool)}
        _LOG.info("job %s done", job.name, extra=removed)
        return removed


async def remove_expired(pool: asyncpg.Pool) -> int:
    """Remove what has expired and return how many rows went."""
    removed = 0
    for row in await pool.fetch("SELECT organization_id FROM organizations"):
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "SELECT set_config('kyndof.organization', $1, true)", row["organization_id"]
            )
            for statement in _EXPIRED:
                status = await connection.execute(statement, row["organization_id"])
                removed += int(status.rsplit(" ", 1)[-1])
    return removed
