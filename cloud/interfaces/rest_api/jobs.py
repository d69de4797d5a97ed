"""Background jobs of the asker's organization, and the dead-letter list."""

from fastapi import APIRouter

from cloud.commands.bus import CommandBus
from cloud.interfaces.rest_api.access import Asker
from cloud.interfaces.rest_api.pages import Paged
from cloud.jobs.commands import RedriveJob
from cloud.jobs.queries import FindJob, JobQueueView, JobView, ListJobQueues

_AGENT_TASKS = "ai-agent-tasks"


def router(bus: CommandBus) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["jobs"])

    @routes.get("/jobs")
    async def jobs(
        context: Asker, turn: Paged, *, state: str = "failed", queue: str = _AGENT_TASKS
    ) -> list[JobView]:
        """Return jobs in one state, newest first; failed ones are the dead-letter list."""
        wish = {"queue": queue, "state": state, "limit": turn.one_more, "after": turn.after}
        found = await bus.ask(bus.question("list_jobs", wish), context)
        return turn.begun(found, lambda job: job.job_id)

    @routes.get("/jobs/queues")
    async def queues(context: Asker, turn: Paged) -> list[JobQueueView]:
        """Return the queues with the number of jobs in each state."""
        return turn.page(await bus.ask(ListJobQueues(), context), lambda one: one.queue)

    @routes.get("/jobs/{job_id}")
    async def job(job_id: str, context: Asker, *, queue: str = _AGENT_TASKS) -> JobView:
        """Return one job with its progress."""
        found: JobView = await bus.ask(FindJob(job_id=job_id, queue=queue), context)
        return found

    @routes.post("/jobs/{job_id}/redrive", status_code=202)
    async def redrive(job_id: str, context: Asker, *, queue: str = _AGENT_TASKS) -> JobView:
        """Try a dead job again."""
        found: JobView = await bus.send(RedriveJob(job_id=job_id, queue=queue), context)
        return found

    return routes
