"""Works on one queue: several jobs at a time, each within its own organization."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from bullmq import Worker
from bullmq.custom_errors import UnrecoverableError

from cloud.commands.errors import CommandError
from cloud.infrastructure.jobs.queues import QueuePlace, data_of
from cloud.jobs.errors import JobCrashedError, JobKindUnknownError
from cloud.jobs.job import (
    CONCURRENCY_COUNT,
    NO_RETRY,
    SPREAD_RATIO,
    STALLS_COUNT,
    JobKind,
    RunningJob,
    delay_ms,
)

_LOG = logging.getLogger("kyndof.jobs")
_FAREWELL_S = 3.0


class JobWorkerEndedError(Exception):
    """The loop that takes jobs has ended by itself; the process starts again."""

    code = "JOB_WORKER_ENDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPace:
    """How long a job's lock lasts, how often lost ones are looked for, and delays' scale."""

    concurrency_count: int = CONCURRENCY_COUNT
    lock_s: float = 30.0
    stalled_s: float = 30.0
    delay_ratio: float = 1.0


def _draw() -> float:
    return random.uniform(*SPREAD_RATIO)  # noqa: S311  no secret depends on it


def backoff_of(
    pace: WorkerPace, draw: Callable[[], float] = _draw
) -> Callable[[int, str, BaseException, Any], int]:
    """Return BullMQ's strategy of delays; BullMQ for Python has no jitter of its own."""

    def strategy(attempt: int, _kind: str, error: BaseException, _job: Any) -> int:  # noqa: ANN401
        code = str(error).partition(": ")[0]
        wait_ms = delay_ms(code, attempt, draw())
        return wait_ms if wait_ms == NO_RETRY else max(1, round(wait_ms * pace.delay_ratio))

    return strategy


async def _unknown(job: RunningJob) -> None:
    raise JobKindUnknownError(f"nobody here does {job.name}")


class _AttemptFailed(Exception):  # noqa: N818  a fact for the queue, not an error of ours
    """What the queue keeps of a failure: code and sentence."""


class JobWorker:
    """Takes jobs while it is open: ``async with JobWorker(…) as worker: await worker.ended()``."""

    def __init__(
        self,
        queue: str,
        place: QueuePlace,
        kinds: Mapping[str, JobKind],
        pace: WorkerPace | None = None,
    ) -> None:
        self._queue = queue
        self._place = place
        self._kinds = kinds
        self._pace = pace or WorkerPace()
        self._worker: Any = None
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        pace = self._pace
        self._worker = Worker(
            self._queue,
            self._process,
            {
                **self._place.options,
                "autorun": False,
                "concurrency": pace.concurrency_count,
                "lockDuration": round(pace.lock_s * 1000),
                "stalledInterval": round(pace.stalled_s * 1000),
                "maxStalledCount": STALLS_COUNT,
                "settings": {"backoffStrategy": backoff_of(pace)},
            },
        )
        self._worker.on("error", self._told)
        self._running = asyncio.create_task(self._worker.run(), name=f"jobs-{self._queue}")
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            async with asyncio.timeout(_FAREWELL_S):
                await self._worker.close()
        except TimeoutError:
            # Whoever comes next takes over what was not finished.
            await self._worker.close(True)
        if self._running:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def ended(self) -> None:
        """Wait until the loop ends, which it does only in an error.

        Raises:
            JobWorkerEndedError: always.
        """
        if self._running:
            await asyncio.wait({self._running})
        raise JobWorkerEndedError(f"the worker of {self._queue} takes no more jobs")

    def _told(self, error: BaseException, *_: object) -> None:
        _LOG.warning("queue %s: %s", self._queue, error)

    async def _process(self, job: Any, _token: str) -> dict[str, str | int]:  # noqa: ANN401
        data = data_of(job)
        running = RunningJob(
            organization_id=str(data.get("organization_id", "")),
            job_id=str(job.id),
            name=job.name,
            subject=dict(data.get("subject", {})),
            attempt=int(job.attemptsMade) + 1,
            progress=job.updateProgress,
        )
        kind = self._kinds.get(job.name, _unknown)
        try:
            result = await kind(running)
        except CommandError as error:
            _LOG.warning("job %s %s: %s", job.name, error.code, error.message)
            if isinstance(error, JobKindUnknownError):
                raise UnrecoverableError(f"{error.code}: {error.message}") from error
            raise _AttemptFailed(f"{error.code}: {error.message}") from error
        except Exception as error:
            _LOG.exception("job %s of %s", job.name, self._queue)
            raise _AttemptFailed(f"{JobCrashedError.code}: {type(error).__name__}") from error
        return result or {}
