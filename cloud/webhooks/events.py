"""What happened to webhooks."""

from dataclasses import dataclass
from typing import Any

from cloud.events.event import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookReceived(DomainEvent):
    """A proven message of another system, taken once."""

    endpoint_id: str
    name: str
    message_id: str
    content: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpointOpened(DomainEvent):
    """A door for another system's messages is open."""

    endpoint_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpointClosed(DomainEvent):
    """A door for another system's messages is closed."""

    endpoint_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecretRotated(DomainEvent):
    """An endpoint or subscription has a new secret."""

    owner_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSubscriptionChanged(DomainEvent):
    """Events go to an address, or no longer; ``state``: ACTIVE, STOPPED, SUSPENDED, ENDED."""

    subscription_id: str
    state: str
    url: str
    reason: str
