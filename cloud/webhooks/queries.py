"""Questions about webhooks and their answers."""

from dataclasses import dataclass
from datetime import datetime

from cloud.commands.command import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWebhookEndpoints(Query):
    """Which doors are open for other systems' messages?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckWebhook(Query):
    """Does this message prove its sender, and is it new? Asked before anything is written."""

    endpoint_id: str
    message_id: str
    timestamp: str
    signature: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWebhookSubscriptions(Query):
    """Where do our events go?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindWebhookSubscription(Query):
    """Where does one subscription send what?"""

    subscription_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWebhookDeliveries(Query):
    """What was sent, newest first? ``before`` is a page's last delivery."""

    subscription_id: str
    limit: int = 50
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointView:
    """A door for another system's messages; ``path`` is its address below ours."""

    endpoint_id: str
    name: str
    path: str
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedWebhookSecret:
    """A secret, told once and never again. ``owner_id`` is an endpoint or a subscription."""

    owner_id: str
    secret: str
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAcceptance:
    """A message is taken."""

    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionView:
    """Where events go. ``state``: ACTIVE, STOPPED by somebody, SUSPENDED after failures, ENDED."""

    subscription_id: str
    url: str
    events: tuple[str, ...]
    state: str
    reason: str
    failures_count: int
    created_by: str
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptView:
    """One try: the answer's status, 0 without one, and its beginning or the error."""

    number: int
    at: datetime
    status: int
    detail: str
    elapsed_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """One event on its way to one address. ``state``: PENDING, DELIVERED, FAILED."""

    delivery_id: str
    subscription_id: str
    event_id: str
    event_type: str
    sequence: int
    state: str
    attempts: tuple[AttemptView, ...]
    next_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDelivery:
    """A delivery that is to be tried now, claimed by whoever reads it, and already signed.

    ``problem`` says why it could not be signed; such a one is not sent.
    """

    organization_id: str
    delivery_id: str
    subscription_id: str
    event_id: str
    url: str
    body: str
    timestamp: str
    signature: str
    attempts_count: int
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What one try came to, and when the next one is due; ``next_at`` None: none is."""

    at: datetime
    status: int
    detail: str
    elapsed_ms: float
    is_delivered: bool
    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SentAnswer:
    """What an address answered: its status and the beginning of its words."""

    status: int
    excerpt: str
