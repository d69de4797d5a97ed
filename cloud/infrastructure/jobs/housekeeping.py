"""Hourly clean-up as a BullMQ job: what has expired is removed, for every organization."""

import logging
from typing import Self

import asyncpg
from bullmq import Queue

from cloud.infrastructure.jobs.job_worker import JobWorker, WorkerPace
from cloud.infrastructure.jobs.queues import QueuePlace
from cloud.jobs.job import HOUSEKEEPING, RunningJob

_LOG = logging.getLogger("kyndof.jobs")
_REMOVE = "remove-expired"
_HOUR_MS = 3_600_000
_EXPIRED = (
    """DELETE FROM notifications
       WHERE organization_id = $1 AND told_at < now() - interval '90 days'""",
    "DELETE FROM login_links WHERE organization_id = $1 AND expires_at < now() - interval '1 day'",
    "DELETE FROM web_sessions WHERE organization_id = $1 AND expires_at < now()",
    """DELETE FROM password_links
       WHERE organization_id = $1 AND expires_at < now() - interval '1 day'""",
    """DELETE FROM invitations
       WHERE organization_id = $1 AND expires_at < now() - interval '90 days'""",
    # Its refresh tokens go with it; a used one stays as long as a copy of it may come.
    """DELETE FROM token_families
       WHERE organization_id = $1
         AND least(expires_at, coalesce(ended_at, expires_at)) < now() - interval '30 days'""",
    """DELETE FROM device_decisions
       WHERE organization_id = $1 AND decided_at < now() - interval '1 day'""",
    """DELETE FROM idempotency_keys
       WHERE organization_id = $1 AND created_at < now() - interval '30 days'""",
)


class HousekeepingWorker(JobWorker):
    """Works on the queue while it is open, and has put the hourly job there."""

    def __init__(
        self, place: QueuePlace, pool: asyncpg.Pool, pace: WorkerPace | None = None
    ) -> None:
        super().__init__(HOUSEKEEPING, place, {_REMOVE: self._remove}, pace)
        self._pool = pool

    async def __aenter__(self) -> Self:
        queue = Queue(HOUSEKEEPING, dict(self._place.options))
        try:
            await queue.upsertJobScheduler(_REMOVE, {"every": _HOUR_MS})
        finally:
            await queue.close()
        return await super().__aenter__()

    async def _remove(self, _job: RunningJob) -> dict[str, str | int]:
        removed = await remove_expired(self._pool)
        _LOG.info("expired rows are gone", extra={"removed": removed})
        return {"removed": removed}


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
