"""Where the queues are, who adds to them, and what a worker does."""

from typing import TYPE_CHECKING

from cloud.settings import CloudSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cloud.infrastructure.jobs.queues import BullmqQueues, QueuePlace


def queue_place(settings: CloudSettings) -> "QueuePlace | None":
    """Return where the queues are: Redis when it is set, else the database for jobs."""
    from cloud.infrastructure.jobs.queues import QueuePlace

    redis = settings.redis_url.get_secret_value()
    if redis:
        return QueuePlace(kind="redis", url=redis)
    postgres = settings.database_jobs_url.get_secret_value()
    return QueuePlace(kind="postgres", url=postgres) if postgres else None


def job_queues(settings: CloudSettings) -> "BullmqQueues":
    """Return the queues; nothing is opened."""
    from cloud.infrastructure.jobs.queues import BullmqQueues

    return BullmqQueues(queue_place(settings))


def job_stores(queues: "BullmqQueues") -> "dict[type, Callable[[Any, str], object]]":
    """Return the stores that handlers of jobs ask for."""
    from cloud.jobs.ports import JobBoard

    return {JobBoard: lambda _connection, _organization: queues}
