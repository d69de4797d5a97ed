"""Endpoints, subscriptions, and messages in both directions."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from cloud.commands.command import Command, Query
from cloud.commands.errors import PayloadInvalidError
from cloud.commands.ports import Handler, UnitOfWork
from cloud.commands.typed import is_storable
from cloud.webhooks.commands import (
    ChangeWebhookSubscription,
    CloseWebhookEndpoint,
    CreateWebhookEndpoint,
    CreateWebhookSubscription,
    EndWebhookSubscription,
    ReceiveWebhook,
    ResendWebhookDelivery,
    RotateWebhookSecret,
    SuspendWebhookSubscription,
)
from cloud.webhooks.errors import (
    WebhookBodyInvalidError,
    WebhookDeliveryUnknownError,
    WebhookEndpointUnknownError,
    WebhookReplayedError,
    WebhookSubscriptionInvalidError,
    WebhookSubscriptionUnknownError,
)
from cloud.webhooks.events import (
    WebhookEndpointClosed,
    WebhookEndpointOpened,
    WebhookReceived,
    WebhookSecretRotated,
    WebhookSubscriptionChanged,
)
from cloud.webhooks.ports import EndpointStore, SubscriptionStore, TargetRules, WebhookSecrets
from cloud.webhooks.queries import (
    CheckWebhook,
    DeliveryView,
    EndpointView,
    FindWebhookSubscription,
    IssuedWebhookSecret,
    ListWebhookDeliveries,
    ListWebhookEndpoints,
    ListWebhookSubscriptions,
    SubscriptionView,
    WebhookAcceptance,
)
from cloud.webhooks.signature import verify
from cloud.webhooks.target import check_target

LARGEST_BYTES = 256 * 1024
_LONGEST_NAME = 100
_MOST_EVENTS = 100
_LONGEST_OVERLAP_H = 24 * 14
_EVENT = re.compile(r"^(\*|[a-z][a-z0-9_]{0,79})$")


async def create_webhook_endpoint(
    command: CreateWebhookEndpoint, unit: UnitOfWork
) -> IssuedWebhookSecret:
    """Open a door and tell its secret this once."""
    if not 0 < len(command.name.strip()) <= _LONGEST_NAME:
        raise PayloadInvalidError("name: 1 to 100 characters", field="name")
    endpoint_id, now = unit.ids.new("whe"), unit.clock.now()
    endpoint = EndpointView(
        endpoint_id=endpoint_id,
        name=command.name.strip(),
        path=f"/api/v1/hooks/{endpoint_id}",
        created_by=unit.context.user,
        created_at=now,
    )
    await unit.store(EndpointStore).add(endpoint)
    unit.record(WebhookEndpointOpened(endpoint_id=endpoint_id, name=endpoint.name))
    secret = unit.store(WebhookSecrets).fresh()
    await unit.store(WebhookSecrets).add(endpoint_id, secret, now, now)
    return IssuedWebhookSecret(owner_id=endpoint_id, secret=secret.reveal(), path=endpoint.path)


async def rotate_webhook_secret(
    command: RotateWebhookSecret, unit: UnitOfWork
) -> IssuedWebhookSecret:
    """Make a new secret; the one before holds on for a while."""
    if not 0 <= command.overlap_h <= _LONGEST_OVERLAP_H:
        raise PayloadInvalidError("overlap_h: 0 to 336", field="overlap_h")
    path, now = "", unit.clock.now()
    if command.owner_id.startswith("whe_"):
        path = (await _endpoint(command.owner_id, unit)).path
    else:
        await _subscription(command.owner_id, unit)
    secret = unit.store(WebhookSecrets).fresh()
    old_until = now + timedelta(hours=command.overlap_h)
    await unit.store(WebhookSecrets).add(command.owner_id, secret, now, old_until)
    unit.record(WebhookSecretRotated(owner_id=command.owner_id))
    return IssuedWebhookSecret(owner_id=command.owner_id, secret=secret.reveal(), path=path)


async def close_webhook_endpoint(command: CloseWebhookEndpoint, unit: UnitOfWork) -> None:
    """Close a door for good."""
    endpoint = await _endpoint(command.endpoint_id, unit)
    await unit.store(EndpointStore).close(endpoint.endpoint_id, unit.clock.now())
    unit.record(WebhookEndpointClosed(endpoint_id=endpoint.endpoint_id, name=endpoint.name))


async def check_webhook(query: CheckWebhook, unit: UnitOfWork) -> WebhookAcceptance:
    """Refuse what does not prove its sender, what is too old, what came before, and no JSON."""
    await _proven(query, unit)
    _content(query.body)
    if await unit.store(EndpointStore).has_message(query.endpoint_id, query.message_id):
        raise _replayed(query.message_id)
    return WebhookAcceptance(message_id=query.message_id)


async def receive_webhook(command: ReceiveWebhook, unit: UnitOfWork) -> WebhookAcceptance:
    """Take a message once; what it means is the business of whoever hears the event."""
    endpoint = await _proven(command, unit)
    content = _content(command.body)
    kept = await unit.store(EndpointStore).keep_message(
        command.endpoint_id, command.message_id, unit.clock.now()
    )
    if not kept:
        raise _replayed(command.message_id)
    unit.record(
        WebhookReceived(
            endpoint_id=endpoint.endpoint_id,
            name=endpoint.name,
            message_id=command.message_id,
            content=content,
        )
    )
    return WebhookAcceptance(message_id=command.message_id)


async def create_webhook_subscription(
    command: CreateWebhookSubscription, unit: UnitOfWork
) -> IssuedWebhookSecret:
    """Send events from now on, and tell the secret this once."""
    _check_wish(command.url, command.events, unit)
    now = unit.clock.now()
    view = SubscriptionView(
        subscription_id=unit.ids.new("whs"),
        url=command.url,
        events=command.events,
        state="ACTIVE",
        reason="",
        failures_count=0,
        created_by=unit.context.user,
        created_at=now,
        changed_at=now,
    )
    await unit.store(SubscriptionStore).add(view)
    _tell(view, unit)
    secret = unit.store(WebhookSecrets).fresh()
    await unit.store(WebhookSecrets).add(view.subscription_id, secret, now, now)
    return IssuedWebhookSecret(owner_id=view.subscription_id, secret=secret.reveal())


async def change_webhook_subscription(
    command: ChangeWebhookSubscription, unit: UnitOfWork
) -> SubscriptionView:
    """Change where and what; an active one begins to count failures anew."""
    before = await _subscription(command.subscription_id, unit)
    _check_wish(command.url, command.events, unit)
    return await _kept(
        replace(
            before,
            url=command.url,
            events=command.events,
            state="ACTIVE" if command.is_active else "STOPPED",
            reason="",
            failures_count=0,
        ),
        unit,
    )


async def end_webhook_subscription(command: EndWebhookSubscription, unit: UnitOfWork) -> None:
    """Send nothing more."""
    before = await _subscription(command.subscription_id, unit)
    await _kept(replace(before, state="ENDED"), unit)


async def suspend_webhook_subscription(
    command: SuspendWebhookSubscription, unit: UnitOfWork
) -> SubscriptionView:
    """Stop sending where it fails again and again; the event is the notice."""
    before = await _subscription(command.subscription_id, unit)
    if before.state != "ACTIVE":
        return before
    return await _kept(replace(before, state="SUSPENDED", reason=command.reason), unit)


async def resend_webhook_delivery(command: ResendWebhookDelivery, unit: UnitOfWork) -> DeliveryView:
    """Make a delivery due at once."""
    found = await unit.store(SubscriptionStore).resend(command.delivery_id, unit.clock.now())
    if found is None:
        raise WebhookDeliveryUnknownError(
            f"no delivery {command.delivery_id}", delivery_id=command.delivery_id
        )
    return found


async def list_webhook_endpoints(
    query: ListWebhookEndpoints, unit: UnitOfWork
) -> tuple[EndpointView, ...]:
    """Return the open doors."""
    return tuple(await unit.store(EndpointStore).open_ones())


async def list_webhook_subscriptions(
    query: ListWebhookSubscriptions, unit: UnitOfWork
) -> tuple[SubscriptionView, ...]:
    """Return where events go."""
    return tuple(await unit.store(SubscriptionStore).all())


async def find_webhook_subscription(
    query: FindWebhookSubscription, unit: UnitOfWork
) -> SubscriptionView:
    """Return one subscription."""
    return await _subscription(query.subscription_id, unit)


async def list_webhook_deliveries(
    query: ListWebhookDeliveries, unit: UnitOfWork
) -> tuple[DeliveryView, ...]:
    """Return the log of one subscription."""
    await _subscription(query.subscription_id, unit)
    limit = min(max(query.limit, 1), 501)
    return tuple(
        await unit.store(SubscriptionStore).deliveries(query.subscription_id, limit, query.before)
    )


async def _endpoint(endpoint_id: str, unit: UnitOfWork) -> EndpointView:
    found = await unit.store(EndpointStore).find(endpoint_id)
    if found is None:
        raise WebhookEndpointUnknownError(f"no endpoint {endpoint_id}", endpoint_id=endpoint_id)
    return found


async def _subscription(subscription_id: str, unit: UnitOfWork) -> SubscriptionView:
    found = await unit.store(SubscriptionStore).find(subscription_id)
    if found is None:
        raise WebhookSubscriptionUnknownError(
            f"no subscription {subscription_id}", subscription_id=subscription_id
        )
    return found


async def _proven(message: CheckWebhook | ReceiveWebhook, unit: UnitOfWork) -> EndpointView:
    endpoint, now = await _endpoint(message.endpoint_id, unit), unit.clock.now()
    secrets = await unit.store(WebhookSecrets).of(message.endpoint_id, now)
    headers = (message.message_id, message.timestamp, message.signature)
    verify([secret.reveal() for secret in secrets], headers, message.body, now)
    return endpoint


def _content(body: bytes) -> dict[str, Any]:
    if len(body) > LARGEST_BYTES:
        raise WebhookBodyInvalidError("the body is too large", largest_bytes=LARGEST_BYTES)
    try:
        text = body.decode()
        content = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise WebhookBodyInvalidError("the body is no JSON") from error
    if not isinstance(content, dict) or not all(is_storable(text) for text in _texts(content)):
        raise WebhookBodyInvalidError("the body is no JSON object that can be stored")
    return content


def _texts(content: object) -> Iterator[str]:
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            waiting += value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _replayed(message_id: str) -> WebhookReplayedError:
    return WebhookReplayedError("this message was taken before", message_id=message_id)


def _check_wish(url: str, events: tuple[str, ...], unit: UnitOfWork) -> None:
    check_target(url, allow_private=unit.store(TargetRules).allow_private)
    wrong = [event for event in events if not _EVENT.match(event)]
    if not events or wrong or len(events) > _MOST_EVENTS:
        raise WebhookSubscriptionInvalidError(
            "name one to a hundred event types, or *", events=[event[:100] for event in wrong[:5]]
        )


async def _kept(view: SubscriptionView, unit: UnitOfWork) -> SubscriptionView:
    changed = replace(view, changed_at=unit.clock.now())
    await unit.store(SubscriptionStore).change(changed)
    _tell(changed, unit)
    return changed


def _tell(view: SubscriptionView, unit: UnitOfWork) -> None:
    unit.record(
        WebhookSubscriptionChanged(
            subscription_id=view.subscription_id,
            state=view.state,
            url=view.url,
            reason=view.reason,
        )
    )


COMMANDS: dict[type[Command], Handler] = {
    CreateWebhookEndpoint: create_webhook_endpoint,
    RotateWebhookSecret: rotate_webhook_secret,
    CloseWebhookEndpoint: close_webhook_endpoint,
    ReceiveWebhook: receive_webhook,
    CreateWebhookSubscription: create_webhook_subscription,
    ChangeWebhookSubscription: change_webhook_subscription,
    EndWebhookSubscription: end_webhook_subscription,
    SuspendWebhookSubscription: suspend_webhook_subscription,
    ResendWebhookDelivery: resend_webhook_delivery,
}
QUERIES: dict[type[Query], Handler] = {
    ListWebhookEndpoints: list_webhook_endpoints,
    CheckWebhook: check_webhook,
    ListWebhookSubscriptions: list_webhook_subscriptions,
    FindWebhookSubscription: find_webhook_subscription,
    ListWebhookDeliveries: list_webhook_deliveries,
}
