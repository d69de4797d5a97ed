"""A worker that begins jobs and never ends them: kind, url, lock in s, stalled interval in s."""

import asyncio
import sys

from cloud.infrastructure.jobs.job_worker import JobWorker, WorkerPace
from cloud.infrastructure.jobs.queues import QueuePlace
from cloud.jobs.job import AGENT_TASKS, RunningJob


async def endless(job: RunningJob) -> None:
    print(f"begun {job.job_id}", flush=True)
    await asyncio.Event().wait()


async def main(kind: str, url: str, lock_s: str, stalled_s: str) -> None:
    pace = WorkerPace(lock_s=float(lock_s), stalled_s=float(stalled_s))
    place = QueuePlace(kind=kind, url=url)
    async with JobWorker(AGENT_TASKS, place, {"endless": endless}, pace) as worker:
        print("ready", flush=True)
        await worker.ended()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
