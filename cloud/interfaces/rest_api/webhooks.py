"""Webhook endpoints, subscriptions and the log of deliveries, for people and programs."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from cloud.commands.bus import CommandBus
from cloud.interfaces.rest_api.access import Asker
from cloud.interfaces.rest_api.conditional import Expected, tagged
from cloud.interfaces.rest_api.pages import Paged
from cloud.webhooks.commands import (
    ChangeWebhookSubscription,
    CloseWebhookEndpoint,
    CreateWebhookEndpoint,
    CreateWebhookSubscription,
    EndWebhookSubscription,
    ResendWebhookDelivery,
    RotateWebhookSecret,
)
from cloud.webhooks.queries import (
    DeliveryView,
    EndpointView,
    FindWebhookSubscription,
    IssuedWebhookSecret,
    ListWebhookDeliveries,
    ListWebhookEndpoints,
    ListWebhookSubscriptions,
    SubscriptionView,
)

_ULID = "[0-9A-HJKMNP-TV-Z]{26}$"
EndpointId = Annotated[str, Path(pattern=f"^whe_{_ULID}")]
SubscriptionId = Annotated[str, Path(pattern=f"^whs_{_ULID}")]
DeliveryId = Annotated[str, Path(pattern=f"^whd_{_ULID}")]
OwnerId = Annotated[str, Path(pattern=f"^wh[es]_{_ULID}")]


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationRequest:
    """For how many hours the secret before holds on."""

    overlap_h: int = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRequest:
    """Where events go, which, and whether they go at all."""

    url: str
    events: tuple[str, ...]
    is_active: bool = True


def router(bus: CommandBus) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["webhooks"])
    _add_endpoints(routes, bus)
    _add_subscriptions(routes, bus)
    _add_deliveries(routes, bus)
    return routes


def _add_endpoints(routes: APIRouter, bus: CommandBus) -> None:
    @routes.get("/webhooks/endpoints")
    async def endpoints(context: Asker, turn: Paged) -> list[EndpointView]:
        """Return the open doors for other systems' messages."""
        found = await bus.ask(ListWebhookEndpoints(), context)
        return turn.page(found, lambda endpoint: endpoint.endpoint_id)

    @routes.post("/webhooks/endpoints", status_code=201)
    async def open_one(body: CreateWebhookEndpoint, context: Asker) -> IssuedWebhookSecret:
        """Open a door for another system; its secret is told here and never again."""
        issued: IssuedWebhookSecret = await bus.send(body, context)
        return issued

    @routes.delete("/webhooks/endpoints/{endpoint_id}", status_code=204)
    async def close_one(endpoint_id: EndpointId, context: Asker) -> None:
        """Close a door for good."""
        await bus.send(CloseWebhookEndpoint(endpoint_id=endpoint_id), context)

    @routes.post("/webhooks/secrets/{owner_id}/rotation", status_code=201)
    async def rotate(
        owner_id: OwnerId, body: RotationRequest, context: Asker
    ) -> IssuedWebhookSecret:
        """Make a new secret for an endpoint or a subscription; the old one holds on for a while."""
        command = RotateWebhookSecret(owner_id=owner_id, overlap_h=body.overlap_h)
        issued: IssuedWebhookSecret = await bus.send(command, context)
        return issued


def _add_subscriptions(routes: APIRouter, bus: CommandBus) -> None:
    @routes.get("/webhooks/subscriptions")
    async def subscriptions(context: Asker, turn: Paged) -> list[SubscriptionView]:
        """Return where our events go."""
        found = await bus.ask(ListWebhookSubscriptions(), context)
        return turn.page(found, lambda subscription: subscription.subscription_id)

    @routes.post("/webhooks/subscriptions", status_code=201)
    async def subscribe(body: CreateWebhookSubscription, context: Asker) -> IssuedWebhookSecret:
        """Send events to an address; the secret that signs them is told here and never again."""
        issued: IssuedWebhookSecret = await bus.send(body, context)
        return issued

    @routes.get("/webhooks/subscriptions/{subscription_id}", response_model=SubscriptionView)
    async def one(subscription_id: SubscriptionId, context: Asker, request: Request) -> Response:
        """Return one subscription; the ETag is needed to change it."""
        found = await bus.ask(FindWebhookSubscription(subscription_id=subscription_id), context)
        return tagged(found, request)

    @routes.put("/webhooks/subscriptions/{subscription_id}")
    async def change(
        subscription_id: SubscriptionId,
        body: SubscriptionRequest,
        context: Asker,
        expected: Expected,
    ) -> SubscriptionView:
        """Change where and what is sent; If-Match is needed."""
        command = ChangeWebhookSubscription(
            subscription_id=subscription_id,
            url=body.url,
            events=body.events,
            is_active=body.is_active,
        )
        question = FindWebhookSubscription(subscription_id=subscription_id)
        changed: SubscriptionView = await bus.send(
            command, context, expected.of(question, needed=True)
        )
        return changed

    @routes.delete("/webhooks/subscriptions/{subscription_id}", status_code=204)
    async def end(subscription_id: SubscriptionId, context: Asker) -> None:
        """Send nothing more; the log stays."""
        await bus.send(EndWebhookSubscription(subscription_id=subscription_id), context)


def _add_deliveries(routes: APIRouter, bus: CommandBus) -> None:
    @routes.get("/webhooks/subscriptions/{subscription_id}/deliveries")
    async def deliveries(
        subscription_id: SubscriptionId, context: Asker, turn: Paged
    ) -> list[DeliveryView]:
        """Return what was sent, newest first, with every try."""
        query = ListWebhookDeliveries(
            subscription_id=subscription_id, limit=turn.one_more, before=turn.after
        )
        return turn.begun(await bus.ask(query, context), lambda delivery: delivery.delivery_id)

    @routes.post("/webhooks/deliveries/{delivery_id}/resend")
    async def resend(delivery_id: DeliveryId, context: Asker) -> DeliveryView:
        """Send one message again, the same bytes under the same identifier."""
        sent: DeliveryView = await bus.send(ResendWebhookDelivery(delivery_id=delivery_id), context)
        return sent
