"""What background jobs need of the outside."""

from typing import Protocol

from cloud.jobs.queries import JobQueueView, JobView, ListJobs


class JobBoard(Protocol):
    """The queues, seen by one organization.

    Each method raises JobsAwayError when the queue does not answer, and JobQueueUnknownError.
    """

    async def find(self, organization_id: str, queue: str, job_id: str) -> JobView | None:
        """Return a job of this organization."""
        ...

    async def listed(self, organization_id: str, asked: ListJobs) -> tuple[JobView, ...] | None:
        """Return jobs of this organization in one state, newest first.

        None: the one after which the page begins is no longer in this state.
        """
        ...

    async def tallied(self, organization_id: str, queue: str) -> JobQueueView:
        """Return how many jobs of this organization are in each state."""
        ...
