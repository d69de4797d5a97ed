"""The BullMQ queues: PostgreSQL's schema `bullmq`, or Redis."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import psycopg
from bullmq import Job, Queue
from redis.exceptions import RedisError

from cloud.commands.typed import is_storable
from cloud.jobs.errors import JobQueueUnknownError, JobsAwayError
from cloud.jobs.job import (
    AGENT_TASKS,
    ATTEMPTS_COUNT,
    HOUSEKEEPING,
    KEEP_COMPLETED_COUNT,
    KEEP_FAILED_COUNT,
    JobState,
)
from cloud.jobs.queries import JobQueueView, JobView, ListJobs

QUEUES = (AGENT_TASKS, HOUSEKEEPING)
_PATIENCE_S = 10.0
_PAGE_COUNT = 100
_COUNTED_UNTIL = 100
_LONGEST_REASON_COUNT = 500
_AWAY = (psycopg.Error, RedisError, OSError, TimeoutError)
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlace:
    """Where the queues are: ``kind`` is postgres or redis."""

    kind: str
    url: str

    @property
    def options(self) -> dict[str, Any]:
        """Return what BullMQ's queues and workers are opened with."""
        if self.kind == "postgres":
            return {"backend": "postgres", "connection": self.url}
        return {"connection": self.url}


class BullmqQueues:
    """Adds jobs, finds them and tries them again; each queue is opened at its first use."""

    def __init__(self, place: QueuePlace | None) -> None:
        self._place = place
        self._queues: dict[str, Any] = {}

    async def close(self) -> None:
        """Close what was opened."""
        for queue in self._queues.values():
            await queue.close()

    async def add(
        self, organization_id: str, queue: str, name: str, job_id: str, subject: dict[str, str]
    ) -> None:
        """Add a job; one with this identifier that is there already stays as it is.

        Raises:
            JobsAwayError: the queue does not answer.
        """
        options = {
            "jobId": job_id,
            "attempts": ATTEMPTS_COUNT,
            "backoff": {"type": "custom"},
            "removeOnComplete": {"count": KEEP_COMPLETED_COUNT},
            "removeOnFail": {"count": KEEP_FAILED_COUNT},
        }
        data = {"organization_id": organization_id, "subject": subject}
        await _answered(self._queue(queue).add(name, data, options))

    async def redrive(self, organization_id: str, queue: str, job_id: str) -> bool:
        """Let a failed job wait again with all its attempts; False when it has not failed.

        Raises:
            JobsAwayError: the queue does not answer.
        """
        opened = self._queue(queue)
        job = await self._own(opened, organization_id, job_id)
        if job is None or await _answered(opened.getJobState(job_id)) != "failed":
            return False
        await _answered(job.retry("failed", {"resetAttemptsMade": True}))
        return True

    async def find(self, organization_id: str, queue: str, job_id: str) -> JobView | None:
        """Return a job of this organization, with the state that its fields belong to."""
        opened, state = self._queue(queue), ""
        # State and fields are two questions; between them an attempt may have ended.
        while job := await self._own(opened, organization_id, job_id):
            before, state = state, str(await _answered(opened.getJobState(job_id)))
            if state == before:
                return _view(queue, job, state)
        return None

    async def listed(self, organization_id: str, asked: ListJobs) -> tuple[JobView, ...] | None:
        """Return jobs of this organization in one state, newest first.

        None: the one after which the page begins is no longer in this state.
        """
        found: list[JobView] = []
        begun = not asked.after
        async for job in self._scanned(self._queue(asked.queue), asked.state):
            if data_of(job).get("organization_id") != organization_id:
                continue
            if begun:
                found.append(_view(asked.queue, job, asked.state.value))
                if len(found) == asked.limit:
                    break
            begun = begun or _text(job.id) == asked.after
        return tuple(found) if begun else None

    async def tallied(self, organization_id: str, queue: str) -> JobQueueView:
        """Return how many jobs of this organization are in each state."""
        everybodys = await self.counts(queue)
        own = dict.fromkeys(JobState, 0)
        for state in JobState:
            if everybodys[state]:
                asked = ListJobs(queue=queue, state=state, limit=_COUNTED_UNTIL)
                own[state] = len(await self.listed(organization_id, asked) or ())
        return JobQueueView(
            queue=queue,
            waiting_count=own[JobState.WAITING],
            active_count=own[JobState.ACTIVE],
            delayed_count=own[JobState.DELAYED],
            completed_count=own[JobState.COMPLETED],
            failed_count=own[JobState.FAILED],
            counted_until=_COUNTED_UNTIL,
        )

    async def counts(self, queue: str) -> dict[str, int]:
        """Return how many jobs of all organizations are in each state."""
        states = [state.value for state in JobState]
        counted = await _answered(self._queue(queue).getJobCounts(*states))
        return {state: int(counted.get(state) or 0) for state in states}

    async def _scanned(self, queue: Any, state: JobState) -> AsyncIterator[Any]:  # noqa: ANN401
        # Not `getJobs`: over PostgreSQL it forgets the order and fails on an empty page.
        name = "wait" if state is JobState.WAITING else state.value
        for start in range(0, KEEP_FAILED_COUNT, _PAGE_COUNT):
            ids = await _answered(
                queue.backend.getRanges([name], start, start + _PAGE_COUNT - 1, False)
            )
            for job_id in ids:
                job = await _answered(Job.fromId(queue, _text(job_id)))
                if job is not None:
                    yield job
            if len(ids) < _PAGE_COUNT:
                return

    async def _own(self, queue: Any, organization_id: str, job_id: str) -> Any:  # noqa: ANN401
        if not job_id or not is_storable(job_id):
            return None
        job = await _answered(Job.fromId(queue, job_id))
        if job is None or data_of(job).get("organization_id") != organization_id:
            return None
        return job

    def _queue(self, name: str) -> Any:  # noqa: ANN401  a queue of BullMQ
        if name not in QUEUES:
            raise JobQueueUnknownError(f"there is no queue {name}", queue=name)
        if self._place is None:
            raise JobsAwayError(
                "no database for jobs is configured: set KYNDOF_DATABASE_JOBS_URL or REDIS_URL",
                setting="KYNDOF_DATABASE_JOBS_URL",
            )
        if name not in self._queues:
            self._queues[name] = Queue(name, dict(self._place.options))
        return self._queues[name]


def data_of(job: Any) -> dict[str, Any]:  # noqa: ANN401  a job of BullMQ
    """Return a job's data; a scheduled one has none."""
    return job.data if isinstance(job.data, dict) else {}


async def _answered(act: Awaitable[Answer]) -> Answer:
    async with _patient():
        return await act


@asynccontextmanager
async def _patient() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            yield
    except _AWAY as error:
        raise JobsAwayError(f"the queue does not answer: {error}") from error


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _moment(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None


def _view(queue: str, job: Any, state: str) -> JobView:  # noqa: ANN401  a job of BullMQ
    code, _, reason = str(job.failedReason or "").partition(": ")
    if code and not (code.isupper() and code.isidentifier()):
        code, reason = "JOB_CRASHED", str(job.failedReason)
    progress = job.progress if isinstance(job.progress, int | float) else 0
    return JobView(
        job_id=_text(job.id),
        queue=queue,
        name=job.name,
        state={"wait": "waiting", "prioritized": "waiting"}.get(state, state),
        subject={str(key): str(value) for key, value in data_of(job).get("subject", {}).items()},
        progress_ratio=float(progress),
        attempts_made=int(job.attemptsMade),
        attempts_count=int(job.opts.get("attempts") or 1),
        failed_code=code,
        failed_reason=reason[:_LONGEST_REASON_COUNT],
        created_at=_moment(job.timestamp) or datetime.fromtimestamp(0, UTC),
        started_at=_moment(job.processedOn),
        finished_at=_moment(job.finishedOn),
    )
