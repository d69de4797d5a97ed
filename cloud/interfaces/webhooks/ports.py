"""What the webhooks' border needs of infrastructure."""

from collections.abc import Sequence
from typing import Protocol

from cloud.events.event import RecordedEvent
from cloud.webhooks.queries import Attempt, DueDelivery, SentAnswer


class EndpointOwners(Protocol):
    """Finds whose door an endpoint is, before any organization is known."""

    async def owner_of(self, endpoint_id: str) -> str | None:
        """Return the organization; None: there is no such open endpoint."""
        ...


class DeliveryBook(Protocol):
    """What is to be sent. Keeping it is transport: nothing in it decides anything."""

    async def queue(self, event: RecordedEvent) -> int:
        """Keep one delivery for each active subscription that wants ``event``; return how many."""
        ...

    async def claim(self, limit: int) -> Sequence[DueDelivery]:
        """Return deliveries that are due, claimed for a minute."""
        ...

    async def note(self, delivery: DueDelivery, attempt: Attempt) -> int:
        """Write a try down; return how many of this address failed one after another."""
        ...


class WebhookSender(Protocol):
    """Sends one message."""

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> SentAnswer:
        """Send and return what was answered, whatever the status."""
        ...
