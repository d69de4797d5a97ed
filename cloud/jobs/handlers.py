"""Looking at background jobs, and trying a dead one again."""

from cloud.commands.command import Command, Query
from cloud.commands.errors import PayloadInvalidError
from cloud.commands.ports import Handler, UnitOfWork
from cloud.jobs.commands import RedriveJob
from cloud.jobs.errors import JobNotFailedError, JobUnknownError
from cloud.jobs.events import JobRedriven
from cloud.jobs.job import AGENT_TASKS, JobState
from cloud.jobs.ports import JobBoard
from cloud.jobs.queries import FindJob, JobQueueView, JobView, ListJobQueues, ListJobs

# One more than the largest page of an interface, which so knows whether there is a next one.
_LARGEST_PAGE_COUNT = 501
# Housekeeping is nobody's: its jobs belong to no organization.
_SHARED_QUEUES = (AGENT_TASKS,)


async def redrive_job(command: RedriveJob, unit: UnitOfWork) -> JobView:
    """Try a dead job again; raises JobUnknownError, JobNotFailedError, JobsAwayError.

    The queue is no part of this transaction: the relay tells it after the commit.
    """
    job = await _found(command.queue, command.job_id, unit)
    if job.state != JobState.FAILED:
        raise JobNotFailedError("this job has not failed", job_id=job.job_id, state=job.state)
    unit.record(JobRedriven(queue=job.queue, job_id=job.job_id, redriven_by=unit.context.user))
    return job


async def find_job(query: FindJob, unit: UnitOfWork) -> JobView:
    """Return one job; raises JobUnknownError, JobsAwayError."""
    return await _found(query.queue, query.job_id, unit)


async def list_jobs(query: ListJobs, unit: UnitOfWork) -> tuple[JobView, ...]:
    """Return jobs in one state; raises JobQueueUnknownError, JobsAwayError."""
    if not 1 <= query.limit <= _LARGEST_PAGE_COUNT:
        raise PayloadInvalidError(f"a page has 1 to {_LARGEST_PAGE_COUNT} rows", field="limit")
    found = await unit.store(JobBoard).listed(unit.context.organization_id, query)
    if found is None:
        raise PayloadInvalidError("this job has left the list: begin it anew", field="after")
    return found


async def list_job_queues(query: ListJobQueues, unit: UnitOfWork) -> tuple[JobQueueView, ...]:
    """Return the queues with this organization's jobs; raises JobsAwayError."""
    board, organization_id = unit.store(JobBoard), unit.context.organization_id
    return tuple([await board.tallied(organization_id, queue) for queue in _SHARED_QUEUES])


async def _found(queue: str, job_id: str, unit: UnitOfWork) -> JobView:
    found = await unit.store(JobBoard).find(unit.context.organization_id, queue, job_id)
    if found is None:
        raise JobUnknownError("there is no such job", job_id=job_id)
    return found


COMMANDS: dict[type[Command], Handler] = {RedriveJob: redrive_job}
QUERIES: dict[type[Query], Handler] = {
    FindJob: find_job,
    ListJobs: list_jobs,
    ListJobQueues: list_job_queues,
}
