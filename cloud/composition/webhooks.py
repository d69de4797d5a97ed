"""Webhooks: their stores, the book of deliveries, and the courier."""

from typing import TYPE_CHECKING

from cloud.settings import CloudSettings

if TYPE_CHECKING:
    import asyncpg

    from cloud.commands.bus import CommandBus
    from cloud.credentials.ports import Sealer
    from cloud.infrastructure.postgres.unit_of_work import StoreFactory
    from cloud.infrastructure.postgres.webhook_store import PostgresDeliveryBook
    from cloud.infrastructure.webhook_sender import HttpWebhookSender
    from cloud.interfaces.webhooks.outbound import WebhookCourier


def webhook_stores(settings: CloudSettings, sealer: "Sealer") -> "dict[type, StoreFactory]":
    """Return the stores of one transaction."""
    from cloud.infrastructure.postgres import webhook_store
    from cloud.infrastructure.postgres.webhook_secret_store import PostgresWebhookSecrets
    from cloud.webhooks.ports import TargetRules, WebhookSecrets

    sender = _sender(settings)
    return {
        **webhook_store.STORES,
        WebhookSecrets: lambda connection, organization_id: PostgresWebhookSecrets(
            connection, organization_id, sealer
        ),
        TargetRules: lambda _connection, _organization_id: sender,
    }


def delivery_book(pool: "asyncpg.Pool", sealer: "Sealer") -> "PostgresDeliveryBook":
    """Return the book of what is to be sent."""
    from cloud.infrastructure.postgres.webhook_store import PostgresDeliveryBook
    from cloud.infrastructure.system_time import SystemClock, UlidFactory

    return PostgresDeliveryBook(pool, SystemClock(), UlidFactory(), sealer)


def webhook_courier(
    settings: CloudSettings, pool: "asyncpg.Pool", bus: "CommandBus", sealer: "Sealer"
) -> "WebhookCourier":
    """Return who sends."""
    from cloud.infrastructure.system_time import SystemClock
    from cloud.interfaces.webhooks.outbound import WebhookCourier

    book = delivery_book(pool, sealer)
    return WebhookCourier(bus, book, _sender(settings), SystemClock())


def _sender(settings: CloudSettings) -> "HttpWebhookSender":
    from cloud.infrastructure.webhook_sender import HttpWebhookSender

    return HttpWebhookSender(allow_private=settings.webhooks.allow_private)
