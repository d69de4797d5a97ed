"""What can be read of background jobs: those of the asker's organization."""

from dataclasses import dataclass
from datetime import datetime

from cloud.commands.command import Query
from cloud.jobs.job import JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class ListJobs(Query):
    """Jobs in one state, newest first; FAILED is the dead-letter list.

    ``after`` is the last job of the page before.
    """

    queue: str = "ai-agent-tasks"
    state: JobState = JobState.FAILED
    limit: int = 50
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindJob(Query):
    """One job."""

    job_id: str
    queue: str = "ai-agent-tasks"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListJobQueues(Query):
    """The queues that do organizations' work, each with the asker's jobs by state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQueueView:
    """A queue and how many jobs of one organization are in each state.

    Every number ends at ``counted_until``: one that reaches it means so many or more.
    """

    queue: str
    waiting_count: int
    active_count: int
    delayed_count: int
    completed_count: int
    failed_count: int
    counted_until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job. ``failed_code`` says why its last attempt failed, "" when none has."""

    job_id: str
    queue: str
    name: str
    state: str
    subject: dict[str, str]
    progress_ratio: float
    attempts_made: int
    attempts_count: int
    failed_code: str
    failed_reason: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
