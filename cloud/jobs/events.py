"""Facts about background jobs; the relay carries them to the queue."""

from dataclasses import dataclass

from cloud.events.event import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequested(DomainEvent):
    """Something is to be done in the background. ``subject`` are identifiers, never data.

    The event's identifier is the job's, so that an event that is heard twice is one job.
    """

    queue: str
    name: str
    subject: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRedriven(DomainEvent):
    """Somebody wants a failed job to be tried again."""

    queue: str
    job_id: str
    redriven_by: str
