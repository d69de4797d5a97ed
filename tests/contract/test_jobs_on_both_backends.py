"""Background jobs: one suite over PostgreSQL and over Redis."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from bullmq import Queue

from cloud.commands.errors import PayloadInvalidError
from cloud.composition.jobs import job_stores
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.jobs.feeder import JobFeeder
from cloud.infrastructure.jobs.housekeeping import HousekeepingWorker
from cloud.infrastructure.jobs.job_worker import JobWorker, JobWorkerEndedError, WorkerPace
from cloud.infrastructure.jobs.queues import BullmqQueues, QueuePlace
from cloud.infrastructure.postgres.outbox_relay import OutboxRelay, RelayPace
from cloud.jobs import handlers
from cloud.jobs.commands import RedriveJob
from cloud.jobs.errors import (
    JobInvalidAuthError,
    JobNotFailedError,
    JobQueueUnknownError,
    JobsAwayError,
    JobUnknownError,
)
from cloud.jobs.events import JobRequested
from cloud.jobs.job import JobState, RunningJob
from cloud.jobs.queries import FindJob, JobQueueView, JobView, ListJobQueues, ListJobs
from tests.fakes.core import DEMO, OTHER, Core, add_organization, context_of, core_over
from tests.redis import running_redis

QUEUE = "ai-agent-tasks"
BOUND_S = 60
QUICK = WorkerPace(delay_ratio=0.01, lock_s=2, stalled_s=1)


@pytest.fixture(params=["postgres", "redis"])
async def place(request, database: DatabaseUrls, tmp_path) -> AsyncIterator[QueuePlace]:
    if request.param == "postgres":
        yield QueuePlace(kind="postgres", url=database.jobs)
        return
    async with running_redis(tmp_path) as redis:
        yield QueuePlace(kind="redis", url=redis.url)


@pytest.fixture
async def queues(place: QueuePlace) -> AsyncIterator[BullmqQueues]:
    opened = BullmqQueues(place)
    yield opened
    await opened.close()


@pytest.fixture
async def core(database: DatabaseUrls, queues: BullmqQueues) -> AsyncIterator[Core]:
    await add_organization(database.owner, DEMO, "demo")
    await add_organization(database.owner, OTHER, "other")
    async with core_over(database.app, job_stores(queues)) as core:
        core.bus.register(RedriveJob, handlers.redrive_job)
        for question, answer in handlers.QUERIES.items():
            core.bus.register_query(question, answer)
        yield core


def asked(state: JobState, limit: int) -> ListJobs:
    return ListJobs(queue=QUEUE, state=state, limit=limit)


async def until(
    queues: BullmqQueues, job_id: str, well: Callable[[JobView], bool], organization_id: str = DEMO
) -> JobView:
    async with asyncio.timeout(BOUND_S):
        while True:
            found = await queues.find(organization_id, QUEUE, job_id)
            if found and well(found):
                return found
            await asyncio.sleep(0.05)


def ended(job: JobView) -> bool:
    return job.state in {"completed", "failed"}


async def request_job(core: Core, name: str, subject: dict[str, str]) -> str:
    async with core.transactions.begin(context_of()) as unit:
        unit.record(JobRequested(queue=QUEUE, name=name, subject=subject))
    return await newest_event(core)


async def newest_event(core: Core) -> str:
    async with core.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('kyndof.organization', $1, true)", DEMO)
        found = await connection.fetchval("SELECT event_id FROM events ORDER BY sequence DESC")
    return str(found)


@pytest.mark.requirement("JOB", "EVT")
async def test_the_relay_adds_a_job_that_a_transaction_asked_for_once(
    core: Core, queues: BullmqQueues, place: QueuePlace, database: DatabaseUrls
) -> None:
    seen: list[RunningJob] = []

    async def mention(job: RunningJob) -> dict[str, str | int]:
        seen.append(job)
        await job.progress(0.5)
        return {"answered": 1}

    job_id = await request_job(core, "process-mention", {"session_id": "ses_1"})
    assert await queues.find(DEMO, QUEUE, job_id) is None
    feeder = JobFeeder(queues)
    quick = RelayPace(sweep_s=0.2, first_pause_s=0.05)
    async with OutboxRelay(core.pool, database.app, [feeder], quick):
        await until(queues, job_id, lambda job: job.state == "waiting")
    # A relay that died before it moved its cursor would tell the same event again.
    await queues.add(DEMO, QUEUE, "process-mention", job_id, {"session_id": "ses_1"})
    async with JobWorker(QUEUE, place, {"process-mention": mention}, QUICK):
        done = await until(queues, job_id, ended)
    assert (done.state, done.attempts_made, done.progress_ratio) == ("completed", 1, 0.5)
    assert [(job.job_id, job.organization_id, job.subject, job.attempt) for job in seen] == [
        (job_id, DEMO, {"session_id": "ses_1"}, 1)
    ]
    await queues.add(DEMO, QUEUE, "process-mention", job_id, {"session_id": "ses_1"})
    assert (await core.bus.ask(FindJob(job_id=job_id), context_of())).state == "completed"


async def _tally(core: Core, organization_id: str = DEMO) -> tuple[int, ...]:
    (queue,) = await core.bus.ask(ListJobQueues(), context_of(organization_id=organization_id))
    assert isinstance(queue, JobQueueView)
    assert (queue.queue, queue.counted_until) == (QUEUE, 100)
    return (
        queue.waiting_count, queue.active_count, queue.delayed_count, queue.completed_count,
        queue.failed_count,
    )  # fmt: skip


@pytest.mark.requirement("JOB")
async def test_a_poison_job_dies_after_three_attempts_and_is_driven_again(
    core: Core, queues: BullmqQueues, place: QueuePlace, database: DatabaseUrls
) -> None:
    attempts: list[int] = []
    poisoned = True

    async def mention(job: RunningJob) -> None:
        attempts.append(job.attempt)
        if poisoned:
            raise ValueError("a customer's name")

    await queues.add(DEMO, QUEUE, "process-mention", "evt_1", {"session_id": "ses_1"})
    assert await _tally(core) == (1, 0, 0, 0, 0)
    relay = OutboxRelay(core.pool, database.app, [JobFeeder(queues)], RelayPace(sweep_s=0.2))
    async with JobWorker(QUEUE, place, {"process-mention": mention}, QUICK), relay:
        dead = await until(queues, "evt_1", ended)
        assert (dead.state, dead.attempts_made, attempts) == ("failed", 3, [1, 2, 3])
        assert (dead.failed_code, dead.failed_reason) == ("JOB_CRASHED", "ValueError")
        listed = await core.bus.ask(ListJobs(), context_of())
        assert [job.job_id for job in listed] == ["evt_1"]
        assert await _tally(core) == (0, 0, 0, 0, 1)
        assert await _tally(core, OTHER) == (0, 0, 0, 0, 0)
        poisoned = False
        await core.bus.send(RedriveJob(job_id="evt_1"), context_of())
        await until(queues, "evt_1", lambda job: job.state == "completed")
    assert attempts == [1, 2, 3, 1]
    assert await core.bus.ask(ListJobs(), context_of()) == ()
    with pytest.raises(JobNotFailedError):
        await core.bus.send(RedriveJob(job_id="evt_1"), context_of())


@pytest.mark.requirement("JOB")
async def test_what_cannot_get_better_is_not_tried_again(
    queues: BullmqQueues, place: QueuePlace
) -> None:
    tried: list[str] = []

    async def refused(job: RunningJob) -> None:
        tried.append(job.job_id)
        raise JobInvalidAuthError("the token was refused")

    await queues.add(DEMO, QUEUE, "refused", "evt_1", {})
    await queues.add(DEMO, QUEUE, "nobody-knows-me", "evt_2", {})
    async with JobWorker(QUEUE, place, {"refused": refused}, QUICK):
        first = await until(queues, "evt_1", ended)
        second = await until(queues, "evt_2", ended)
    assert (first.failed_code, first.attempts_made, tried) == ("JOB_INVALID_AUTH", 1, ["evt_1"])
    assert (second.failed_code, second.attempts_made) == ("JOB_KIND_UNKNOWN", 1)


@pytest.mark.requirement("JOB")
async def test_real_delays_are_spread(queues: BullmqQueues, place: QueuePlace) -> None:
    begun: dict[str, list[float]] = {}

    async def fails(job: RunningJob) -> None:
        begun.setdefault(job.job_id, []).append(time.monotonic())
        raise ValueError

    pace = WorkerPace(concurrency_count=5, delay_ratio=0.5)
    for number in range(5):
        await queues.add(DEMO, QUEUE, "fails", f"evt_{number}", {})
    queue = Queue(QUEUE, dict(place.options))
    try:
        async with JobWorker(QUEUE, place, {"fails": fails}, pace), asyncio.timeout(BOUND_S):
            delays_ms: dict[str, int] = {}
            while len(delays_ms) < 5:
                with contextlib.suppress(ValueError):  # BullMQ cannot list what is empty in Redis
                    delays_ms |= {job.id: job.delay for job in await queue.getDelayed()}
                await asyncio.sleep(0.02)
            while sum(len(times) > 1 for times in begun.values()) < 5:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    finally:
        await queue.close()
    # Base 1 s with a factor of 1 to 1.5. Several that fall due close together may be taken at one
    # waking of the worker, so their spread is read off the queue and not off their beginnings.
    assert all(1_000 <= delay_ms <= 1_500 for delay_ms in delays_ms.values())
    assert max(delays_ms.values()) - min(delays_ms.values()) > 20
    assert min(times[1] - times[0] for times in begun.values()) >= 0.99


@pytest.mark.requirement("JOB")
async def test_five_jobs_run_at_a_time(queues: BullmqQueues, place: QueuePlace) -> None:
    running, most, five, let_go = 0, 0, asyncio.Event(), asyncio.Event()

    async def slow(job: RunningJob) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 5:
            five.set()
        await let_go.wait()
        running -= 1

    for number in range(8):
        await queues.add(DEMO, QUEUE, "slow", f"evt_{number}", {})
    async with JobWorker(QUEUE, place, {"slow": slow}):
        async with asyncio.timeout(BOUND_S):
            await five.wait()
        waiting = await queues.listed(DEMO, asked(JobState.WAITING, 50))
        active = await queues.listed(DEMO, asked(JobState.ACTIVE, 50))
        assert (len(waiting), len(active)) == (3, 5)
        let_go.set()
        for number in range(8):
            await until(queues, f"evt_{number}", ended)
    assert most == 5


@pytest.mark.requirement("JOB", "IAM")
async def test_another_organization_sees_and_drives_nothing(
    core: Core, queues: BullmqQueues, place: QueuePlace
) -> None:
    stranger = context_of(organization_id=OTHER)
    await queues.add(DEMO, QUEUE, "nobody-knows-me", "evt_1", {})
    await queues.add(OTHER, QUEUE, "nobody-knows-me", "evt_2", {})
    async with JobWorker(QUEUE, place, {}, QUICK):
        await until(queues, "evt_1", ended)
        await until(queues, "evt_2", ended, OTHER)
    assert [job.job_id for job in await core.bus.ask(ListJobs(), stranger)] == ["evt_2"]
    for job_id in ("evt_1", "evt_9", "", "작업", "*"):
        with pytest.raises(JobUnknownError):
            await core.bus.ask(FindJob(job_id=job_id), stranger)
        with pytest.raises(JobUnknownError):
            await core.bus.send(RedriveJob(job_id=job_id), stranger)
    assert not await queues.redrive(OTHER, QUEUE, "evt_1")
    with pytest.raises(JobQueueUnknownError):
        await core.bus.ask(ListJobs(queue="nowhere"), context_of())
    with pytest.raises(PayloadInvalidError):
        await core.bus.ask(ListJobs(limit=0), context_of())


async def test_without_a_place_the_sentence_names_the_setting(database: DatabaseUrls) -> None:
    with pytest.raises(JobsAwayError, match="KYNDOF_DATABASE_JOBS_URL"):
        await BullmqQueues(None).listed(DEMO, asked(JobState.FAILED, 1))
    gone = BullmqQueues(QueuePlace(kind="postgres", url="postgresql://127.0.0.1:1/none"))
    with pytest.raises(JobsAwayError):
        await gone.listed(DEMO, asked(JobState.FAILED, 1))
    await gone.close()


class WorkerProcess:
    """A worker in a process of its own that begins jobs and never ends them."""

    def __init__(self, place: QueuePlace, pace: WorkerPace, log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    sys.executable, "-m", "tests.fakes.endless_worker", place.kind, place.url,
                    str(pace.lock_s), str(pace.stalled_s),
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ,
            )  # fmt: skip

    async def begun(self, what: str) -> float:
        async with asyncio.timeout(BOUND_S):
            while f"{what}\n" not in self.log.read_text():
                assert self._process.poll() is None, self.log.read_text()
                await asyncio.sleep(0.05)
        return time.monotonic()

    def kill(self) -> float:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        return time.monotonic()


async def kill_twice(
    place: QueuePlace, queues: BullmqQueues, pace: WorkerPace, folder: Path
) -> list[float]:
    """Kill the worker of a job, then the one that took it over; return both take-overs, in s."""
    await queues.add(DEMO, QUEUE, "endless", "evt_1", {})
    first = WorkerProcess(place, pace, folder / "first.log")
    others = []
    try:
        await first.begun("evt_1")
        others = [WorkerProcess(place, pace, folder / f"other{n}.log") for n in range(2)]
        for other in others:
            await other.begun("ready")
        killed_s = first.kill()
        took_over = [
            asyncio.create_task(other.begun("evt_1"), name=str(number))
            for number, other in enumerate(others)
        ]
        done, waiting = await asyncio.wait(took_over, return_when=asyncio.FIRST_COMPLETED)
        [second] = done
        took_s = [second.result() - killed_s]
        killed_s = others[int(second.get_name())].kill()
        [third] = waiting
        took_s.append(await third - killed_s)
        found = await queues.find(DEMO, QUEUE, "evt_1")
        assert found is not None
        assert (found.state, found.attempts_made) == ("active", 0)
    finally:
        for worker in (first, *others):
            worker.kill()
    finishing: list[str] = []

    async def finish(job: RunningJob) -> None:
        finishing.append(job.job_id)

    async with JobWorker(QUEUE, place, {"endless": finish}, pace):
        assert (await until(queues, "evt_1", ended)).state == "completed"
    assert finishing == ["evt_1"]
    return took_s


@pytest.mark.faults
@pytest.mark.requirement("JOB")
async def test_a_killed_workers_job_is_taken_over_and_a_second_kill_does_not_fail_it(
    place: QueuePlace, queues: BullmqQueues, tmp_path: Path
) -> None:
    took_s = await kill_twice(place, queues, WorkerPace(lock_s=10, stalled_s=5), tmp_path)
    print(f"\n{place.kind}: taken over after {took_s} s of 10 + 5 s")


@pytest.mark.requirement("JOB")
async def test_the_hourly_job_is_put_there_and_done(place: QueuePlace, core: Core) -> None:
    queue = Queue("housekeeping", dict(place.options))
    try:
        async with HousekeepingWorker(place, core.pool, QUICK), asyncio.timeout(BOUND_S):
            await queue.add("remove-expired", None)
            while not (await queue.getJobCounts("completed"))["completed"]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert (await queue.getJobCounts("failed"))["failed"] == 0
        assert await queue.isJobScheduler("remove-expired")
    finally:
        await queue.close()


@pytest.mark.requirement("JOB")
async def test_a_loop_that_ends_is_told(place: QueuePlace) -> None:
    async with JobWorker(QUEUE, place, {}, QUICK) as worker:
        assert worker._running is not None
        worker._running.cancel()
        with pytest.raises(JobWorkerEndedError):
            async with asyncio.timeout(BOUND_S):
                await worker.ended()
