"""Carries requests for jobs from the outbox to the queue: never beside a transaction."""

import logging

from cloud.events.event import RecordedEvent
from cloud.infrastructure.jobs.queues import BullmqQueues
from cloud.jobs.errors import JobQueueUnknownError

_LOG = logging.getLogger("kyndof.jobs")


class JobFeeder:
    """A subscriber of the outbox. The event's identifier is the job's, so twice heard is once."""

    name = "jobs"

    def __init__(self, queues: BullmqQueues) -> None:
        self._queues = queues

    async def hear(self, event: RecordedEvent) -> None:
        """Take one event; a queue that does not answer is asked again later."""
        try:
            await self._carry(event)
        except JobQueueUnknownError as error:
            # It would stand in the way of every later one.
            _LOG.error("event %s: %s", event.event_id, error)

    async def _carry(self, event: RecordedEvent) -> None:
        payload = event.payload
        if event.type == "job_requested":
            await self._queues.add(
                event.organization_id, payload["queue"], payload["name"], event.event_id,
                payload["subject"],
            )  # fmt: skip
        elif event.type == "job_redriven":
            await self._queues.redrive(event.organization_id, payload["queue"], payload["job_id"])
