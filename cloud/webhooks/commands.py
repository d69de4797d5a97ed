"""What may be done with webhooks."""

from dataclasses import dataclass

from cloud.commands.command import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateWebhookEndpoint(Command):
    """Open a door for the messages of one other system; the secret is told once."""

    domain = "webhooks"
    secret_answer = True
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateWebhookSecret(Command):
    """Give an endpoint or a subscription a new secret; the one before holds for ``overlap_h``."""

    domain = "webhooks"
    secret_answer = True
    owner_id: str
    overlap_h: int = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseWebhookEndpoint(Command):
    """Take no more messages at an endpoint."""

    domain = "webhooks"
    endpoint_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveWebhook(Command):
    """Take one message; ``body`` is as it came. Proven again and kept once, together."""

    domain = "webhooks"
    endpoint_id: str
    message_id: str
    timestamp: str
    signature: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateWebhookSubscription(Command):
    """Send events to ``url`` from now on; ``events`` are types, or ``*`` for all of them."""

    domain = "webhooks"
    secret_answer = True
    url: str
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeWebhookSubscription(Command):
    """Send elsewhere, send others, stop, or begin again after failures."""

    domain = "webhooks"
    subscription_id: str
    url: str
    events: tuple[str, ...]
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EndWebhookSubscription(Command):
    """Send nothing more; the log stays."""

    domain = "webhooks"
    subscription_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspendWebhookSubscription(Command):
    """Stop sending to an address that has failed too often."""

    domain = "webhooks"
    subscription_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResendWebhookDelivery(Command):
    """Send one message again, the same bytes under the same identifier."""

    domain = "webhooks"
    delivery_id: str
