"""What background jobs need of the outside."""

from typing import Protocol

from cloud.jobs.job import JobState
from cloud.jobs.queries import JobQueueView, JobView


class JobBoard(Protocol):
    """The queues, seen by one organization.

    Each method raises JobsAwayError when the queue does not answer, and JobQueueUnknownError.
    """

    async def find(self, organization_id: str, queue: str, job_id: str) -> JobView | None:
        """Return a job of this organization."""
        ...

    async def listed(
        self, organization_id: str, queue: str, state: JobState, limit: int
    ) -> tuple[JobView, ...]:
        """Return jobs of this organization in one state, newest first."""
        ...

    async def tallied(self, organization_id: str, queue: str) -> JobQueueView:
        """Return how many jobs of this organization are in each state."""
        ...
