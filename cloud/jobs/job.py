"""What a background job is, and when it is tried again. Names no queue system."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

AGENT_TASKS = "ai-agent-tasks"
HOUSEKEEPING = "housekeeping"
ATTEMPTS_COUNT = 3
CONCURRENCY_COUNT = 5
KEEP_COMPLETED_COUNT = 1000
KEEP_FAILED_COUNT = 5000
#: A worker may be killed this often under one job before the job is given up.
STALLS_COUNT = 10

FIRST_DELAY_MS = 2000
RATE_LIMIT_DELAY_MS = 60_000
NO_RETRY = -1
#: The random factor of a delay lies between these.
SPREAD_RATIO = (1.0, 1.5)


class JobState(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    ACTIVE = "active"
    DELAYED = "delayed"
    COMPLETED = "completed"
    FAILED = "failed"


def delay_ms(code: str, attempt: int, spread_ratio: float) -> int:
    """Return how long to wait after the failed ``attempt`` (1, 2 …), in ms; −1: not at all.

    ``code`` is that of the failure, ``spread_ratio`` a random number in ``SPREAD_RATIO``, drawn
    for this delay, so that jobs that failed together do not come back together.
    """
    if code == "JOB_INVALID_AUTH":
        return NO_RETRY
    if code == "JOB_RATE_LIMIT":
        return RATE_LIMIT_DELAY_MS
    return round(FIRST_DELAY_MS * (1 << (attempt - 1)) * spread_ratio)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningJob:
    """One attempt at a job. ``subject`` are identifiers, never data.

    ``progress`` tells how far it is, 0 to 1.
    """

    organization_id: str
    job_id: str
    name: str
    subject: dict[str, str]
    attempt: int
    progress: Callable[[float], Awaitable[None]]


#: Does a job and returns identifiers and counts that may be shown.
JobKind = Callable[[RunningJob], Awaitable[dict[str, str | int] | None]]
