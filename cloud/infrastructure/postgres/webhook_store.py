"""Webhooks in PostgreSQL: doors, subscriptions, and the book of what is to be sent."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import asyncpg

from cloud.commands.errors import CommandError
from cloud.commands.payload import canonical
from cloud.credentials.ports import Sealer
from cloud.events.event import RecordedEvent
from cloud.events.ports import Clock, IdFactory
from cloud.infrastructure.postgres.unit_of_work import StoreFactory
from cloud.infrastructure.postgres.webhook_secret_store import PostgresWebhookSecrets
from cloud.webhooks.ports import EndpointStore, SubscriptionStore, WebhookSecrets
from cloud.webhooks.queries import (
    Attempt,
    AttemptView,
    DeliveryView,
    DueDelivery,
    EndpointView,
    SubscriptionView,
)
from cloud.webhooks.signature import signed

_SET_ORGANIZATION = "SELECT set_config('kyndof.organization', $1, true)"
_CLAIM_S = 60
_ENDPOINT = """
SELECT endpoint_id, name, created_by, created_at FROM webhook_endpoints
WHERE organization_id = $1 AND closed_at IS NULL"""
_SUBSCRIPTION = """
SELECT subscription_id, url, events, state, reason, failures_count, created_by, created_at,
       changed_at
FROM webhook_subscriptions WHERE organization_id = $1 AND state <> 'ENDED'"""
_DELIVERY = """
SELECT d.delivery_id, d.subscription_id, d.event_id, d.event_type, d.sequence, d.state, d.next_at,
       d.created_at,
       (SELECT coalesce(json_agg(a ORDER BY a.number), '[]') FROM webhook_attempts a
         WHERE a.organization_id = d.organization_id AND a.delivery_id = d.delivery_id) AS attempts
FROM webhook_deliveries d WHERE d.organization_id = $1 AND """
_AFTER = """d.subscription_id = $2 AND ($4 = '' OR d.delivery_id < $4)
ORDER BY d.delivery_id DESC LIMIT $3"""
# One row for each subscription that wants the event; an event that is told twice is kept once.
_QUEUE = """
INSERT INTO webhook_deliveries (organization_id, delivery_id, subscription_id, event_id,
                                event_type, sequence, body, state, next_at, created_at)
SELECT $1, $2, $3, $4, $5, $6, $7, 'PENDING', $8, $8
ON CONFLICT (organization_id, subscription_id, event_id) DO NOTHING
"""
_WANTING = """
SELECT subscription_id FROM webhook_subscriptions
WHERE organization_id = $1 AND state = 'ACTIVE' AND ($2 = ANY(events) OR '*' = ANY(events))
"""
_DUE = "SELECT organization_id FROM lookup_due_webhooks($1)"
# Whoever claims sends; a worker that dies leaves a claim that ends by itself.
_CLAIM = """
UPDATE webhook_deliveries d SET claimed_until = $3
FROM (SELECT c.delivery_id FROM webhook_deliveries c
        JOIN webhook_subscriptions w USING (organization_id, subscription_id)
       WHERE c.organization_id = $1 AND c.state = 'PENDING' AND c.next_at <= $2
         AND (c.claimed_until IS NULL OR c.claimed_until <= $2)
         AND w.state = 'ACTIVE'
       ORDER BY c.next_at LIMIT $4 FOR UPDATE OF c SKIP LOCKED) due,
     webhook_subscriptions s
WHERE d.organization_id = $1 AND d.delivery_id = due.delivery_id
  AND s.organization_id = d.organization_id AND s.subscription_id = d.subscription_id
RETURNING d.organization_id, d.delivery_id, d.subscription_id, d.event_id, s.url, d.body,
          d.attempts_count
"""
# What waits for an address that takes nothing more has failed.
_DROP = """
UPDATE webhook_deliveries d SET state = 'FAILED', next_at = NULL, claimed_until = NULL
FROM webhook_subscriptions s
WHERE d.organization_id = $1 AND d.state = 'PENDING' AND s.organization_id = d.organization_id
  AND s.subscription_id = d.subscription_id AND s.state <> 'ACTIVE'
"""
_NOTE = """
WITH noted AS (
  UPDATE webhook_deliveries SET attempts_count = attempts_count + 1, state = $3, next_at = $4,
         claimed_until = NULL
  WHERE organization_id = $1 AND delivery_id = $2
  RETURNING subscription_id, attempts_count
), counted AS (
  UPDATE webhook_subscriptions s
  SET failures_count = CASE WHEN $3 = 'DELIVERED' THEN 0 ELSE s.failures_count + 1 END
  FROM noted WHERE s.organization_id = $1 AND s.subscription_id = noted.subscription_id
  RETURNING s.failures_count
)
INSERT INTO webhook_attempts (organization_id, delivery_id, number, at, status, detail, elapsed_ms)
SELECT $1, $2, noted.attempts_count, $5, $6, $7, $8 FROM noted, counted
RETURNING (SELECT failures_count FROM counted)
"""


class PostgresEndpointStore:
    """Doors for other systems' messages."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def add(self, endpoint: EndpointView) -> None:
        """Keep a new endpoint."""
        await self._connection.execute(
            "INSERT INTO webhook_endpoints (organization_id, endpoint_id, name, created_by,"
            " created_at) VALUES ($1, $2, $3, $4, $5)",
            self._organization_id,
            endpoint.endpoint_id,
            endpoint.name,
            endpoint.created_by,
            endpoint.created_at,
        )

    async def open_ones(self) -> Sequence[EndpointView]:
        """Return every endpoint that is open, by name."""
        rows = await self._connection.fetch(
            _ENDPOINT + " ORDER BY name, endpoint_id", self._organization_id
        )
        return [_endpoint(row) for row in rows]

    async def find(self, endpoint_id: str) -> EndpointView | None:
        """Return an open endpoint."""
        row = await self._connection.fetchrow(
            _ENDPOINT + " AND endpoint_id = $2", self._organization_id, endpoint_id
        )
        return _endpoint(row) if row else None

    async def close(self, endpoint_id: str, now: datetime) -> None:
        """Close an endpoint and forget its secrets."""
        await self._connection.execute(
            "UPDATE webhook_endpoints SET closed_at = $3"
            " WHERE organization_id = $1 AND endpoint_id = $2",
            self._organization_id,
            endpoint_id,
            now,
        )
        await self._connection.execute(
            "DELETE FROM webhook_secrets WHERE organization_id = $1 AND owner_id = $2",
            self._organization_id,
            endpoint_id,
        )

    async def has_message(self, endpoint_id: str, message_id: str) -> bool:
        """Say whether a message came before."""
        found = await self._connection.fetchval(
            "SELECT true FROM webhook_messages"
            " WHERE organization_id = $1 AND endpoint_id = $2 AND message_id = $3",
            self._organization_id,
            endpoint_id,
            message_id,
        )
        return bool(found)

    async def keep_message(self, endpoint_id: str, message_id: str, now: datetime) -> bool:
        """Keep a message's identifier; False when it came before."""
        status = await self._connection.execute(
            "INSERT INTO webhook_messages (organization_id, endpoint_id, message_id, received_at)"
            " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            self._organization_id,
            endpoint_id,
            message_id,
            now,
        )
        return bool(status == "INSERT 0 1")


class PostgresSubscriptionStore:
    """Where our events go."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def add(self, subscription: SubscriptionView) -> None:
        """Keep a new subscription."""
        await self._connection.execute(
            "INSERT INTO webhook_subscriptions (organization_id, subscription_id, url, events,"
            " state, created_by, created_at, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            self._organization_id,
            subscription.subscription_id,
            subscription.url,
            list(subscription.events),
            subscription.state,
            subscription.created_by,
            subscription.created_at,
            subscription.changed_at,
        )

    async def all(self) -> Sequence[SubscriptionView]:
        """Return every subscription that has not ended, oldest first."""
        rows = await self._connection.fetch(
            _SUBSCRIPTION + " ORDER BY subscription_id", self._organization_id
        )
        return [_subscription(row) for row in rows]

    async def find(self, subscription_id: str) -> SubscriptionView | None:
        """Return a subscription that has not ended."""
        row = await self._connection.fetchrow(
            _SUBSCRIPTION + " AND subscription_id = $2", self._organization_id, subscription_id
        )
        return _subscription(row) if row else None

    async def change(self, subscription: SubscriptionView) -> None:
        """Keep a subscription's new face."""
        await self._connection.execute(
            "UPDATE webhook_subscriptions SET url = $3, events = $4, state = $5, reason = $6,"
            " failures_count = $7, changed_at = $8"
            " WHERE organization_id = $1 AND subscription_id = $2",
            self._organization_id,
            subscription.subscription_id,
            subscription.url,
            list(subscription.events),
            subscription.state,
            subscription.reason,
            subscription.failures_count,
            subscription.changed_at,
        )

    async def deliveries(
        self, subscription_id: str, limit: int, before: str
    ) -> Sequence[DeliveryView]:
        """Return deliveries, newest first, those after ``before`` in that order."""
        statement = _DELIVERY + _AFTER
        rows = await self._connection.fetch(
            statement, self._organization_id, subscription_id, limit, before
        )
        return [_delivery(row) for row in rows]

    async def resend(self, delivery_id: str, now: datetime) -> DeliveryView | None:
        """Make a delivery due at once; None when there is none or it goes nowhere any more."""
        await self._connection.execute(
            "UPDATE webhook_deliveries d SET state = 'PENDING', next_at = $3, claimed_until = NULL"
            " FROM webhook_subscriptions s WHERE d.organization_id = $1 AND d.delivery_id = $2"
            " AND s.organization_id = $1 AND s.subscription_id = d.subscription_id"
            " AND s.state = 'ACTIVE'",
            self._organization_id,
            delivery_id,
            now,
        )
        row = await self._connection.fetchrow(
            _DELIVERY + "d.delivery_id = $2 AND d.state = 'PENDING'",
            self._organization_id,
            delivery_id,
        )
        return _delivery(row) if row else None


class PostgresDeliveryBook:
    """What is to be sent, over all organizations; each is read and written as itself."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, ids: IdFactory, sealer: Sealer) -> None:
        self._pool = pool
        self._clock = clock
        self._ids = ids
        self._sealer = sealer

    async def owner_of(self, endpoint_id: str) -> str | None:
        """Return the organization whose open endpoint this is."""
        found: str | None = await self._pool.fetchval(
            "SELECT organization_id FROM lookup_webhook_endpoint($1)", endpoint_id
        )
        return found

    async def queue(self, event: RecordedEvent) -> int:
        """Keep one delivery for each active subscription that wants ``event``; return how many."""
        organization_id, now = event.organization_id, self._clock.now()
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_SET_ORGANIZATION, organization_id)
            wanting = await connection.fetch(_WANTING, organization_id, event.type)
            for row in wanting:
                await connection.execute(
                    _QUEUE, organization_id, self._ids.new("whd"), row["subscription_id"],
                    event.event_id, event.type, event.sequence, body_of(event), now,
                )  # fmt: skip
        return len(wanting)

    async def claim(self, limit: int) -> Sequence[DueDelivery]:
        """Return deliveries that are due, claimed for a minute."""
        now = self._clock.now()
        until = now + timedelta(seconds=_CLAIM_S)
        found: list[DueDelivery] = []
        for organization in await self._pool.fetch(_DUE, now):
            organization_id = organization["organization_id"]
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(_SET_ORGANIZATION, organization_id)
                await connection.execute(_DROP, organization_id)
                rows = await connection.fetch(_CLAIM, organization_id, now, until, limit)
                # The pool lends a proxy that does everything a connection does.
                lent = cast("asyncpg.Connection", connection)
                secrets = PostgresWebhookSecrets(lent, organization_id, self._sealer)
                for row in rows:
                    found.append(await _due(row, secrets, now))
        return found

    async def note(self, delivery: DueDelivery, attempt: Attempt) -> int:
        """Write a try down; return how many of this address failed one after another."""
        state = "DELIVERED" if attempt.is_delivered else "PENDING"
        if not attempt.is_delivered and attempt.next_at is None:
            state = "FAILED"
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_SET_ORGANIZATION, delivery.organization_id)
            failures = await connection.fetchval(
                _NOTE, delivery.organization_id, delivery.delivery_id, state, attempt.next_at,
                attempt.at, attempt.status, attempt.detail, attempt.elapsed_ms,
            )  # fmt: skip
        return int(failures or 0)


def body_of(event: RecordedEvent) -> str:
    """Return what is sent of an event: the same text each time."""
    return canonical(
        {
            "id": event.event_id,
            "type": event.type,
            "sequence": event.sequence,
            "occurred_at": event.occurred_at,
            "organization_id": event.organization_id,
            "data": event.payload,
        }
    )


async def _due(row: asyncpg.Record, secrets: WebhookSecrets, now: datetime) -> DueDelivery:
    """Return a delivery signed with every secret that holds.

    Two sign while one is exchanged, so that the receiver may change when it can. Where none opens,
    that is this try's end, and nobody else's.
    """
    body, signatures, problem = row["body"].encode(), [], ""
    try:
        holding = await secrets.of(row["subscription_id"], now)
        signatures = [signed(one.reveal(), row["event_id"], now, body) for one in holding]
    except CommandError as error:
        problem = f"{error.code}: {error.message}"
    return DueDelivery(
        **dict(row),
        timestamp=str(int(now.timestamp())),
        signature=" ".join(signatures),
        problem=problem,
    )


def _endpoint(row: asyncpg.Record) -> EndpointView:
    return EndpointView(**dict(row), path=f"/api/v1/hooks/{row['endpoint_id']}")


def _subscription(row: asyncpg.Record) -> SubscriptionView:
    return SubscriptionView(**{**dict(row), "events": tuple(row["events"])})


def _delivery(row: asyncpg.Record) -> DeliveryView:
    attempts: list[dict[str, Any]] = json.loads(row["attempts"])
    return DeliveryView(
        **{
            **dict(row),
            "attempts": tuple(
                AttemptView(
                    number=one["number"],
                    at=datetime.fromisoformat(one["at"]),
                    status=one["status"],
                    detail=one["detail"],
                    elapsed_ms=one["elapsed_ms"],
                )
                for one in attempts
            ),
        }
    )


STORES: dict[type, StoreFactory] = {
    EndpointStore: PostgresEndpointStore,
    SubscriptionStore: PostgresSubscriptionStore,
}
