"""What webhooks need of the outside."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from cloud.commands.secret import Secret
from cloud.webhooks.queries import DeliveryView, EndpointView, SubscriptionView


class WebhookSecrets(Protocol):
    """Keeps secrets sealed; several of one owner hold at once while one is exchanged."""

    async def of(self, owner_id: str, now: datetime) -> tuple[Secret, ...]:
        """Return the secrets that hold now, the newest first.

        Raises WebhookSecretMissingError when none does, or whatever opening one raises.
        """
        ...

    async def add(self, owner_id: str, secret: Secret, now: datetime, old_until: datetime) -> None:
        """Keep a new secret; all before it hold until ``old_until`` at most."""
        ...

    def fresh(self) -> Secret:
        """Return a new secret."""
        ...


class EndpointStore(Protocol):
    """Doors for other systems' messages, and which messages came."""

    async def add(self, endpoint: EndpointView) -> None:
        """Keep a new endpoint."""
        ...

    async def open_ones(self) -> Sequence[EndpointView]:
        """Return every endpoint that is open, by name."""
        ...

    async def find(self, endpoint_id: str) -> EndpointView | None:
        """Return an open endpoint."""
        ...

    async def close(self, endpoint_id: str, now: datetime) -> None:
        """Close an endpoint."""
        ...

    async def has_message(self, endpoint_id: str, message_id: str) -> bool:
        """Say whether a message came before."""
        ...

    async def keep_message(self, endpoint_id: str, message_id: str, now: datetime) -> bool:
        """Keep a message's identifier; False when it came before."""
        ...


class SubscriptionStore(Protocol):
    """Where our events go."""

    async def add(self, subscription: SubscriptionView) -> None:
        """Keep a new subscription."""
        ...

    async def all(self) -> Sequence[SubscriptionView]:
        """Return every subscription that has not ended, oldest first."""
        ...

    async def find(self, subscription_id: str) -> SubscriptionView | None:
        """Return a subscription that has not ended, kept from others in a writing transaction."""
        ...

    async def change(self, subscription: SubscriptionView) -> None:
        """Keep a subscription's new face."""
        ...

    async def deliveries(
        self, subscription_id: str, limit: int, before: str
    ) -> Sequence[DeliveryView]:
        """Return deliveries, newest first, those after ``before`` in that order."""
        ...

    async def resend(self, delivery_id: str, now: datetime) -> DeliveryView | None:
        """Make a delivery due at once, whatever became of it; None when there is none."""
        ...


class TargetRules(Protocol):
    """Where may be sent to."""

    @property
    def allow_private(self) -> bool:
        """Say whether addresses inside our own networks are allowed."""
        ...
