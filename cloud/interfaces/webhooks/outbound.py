"""Delivers events to other systems: hears them in `serve`, sends them in the worker."""

import asyncio
import logging
import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud.commands.bus import CommandBus
from cloud.commands.command import CommandContext, Source
from cloud.commands.errors import CommandError
from cloud.events.event import RecordedEvent
from cloud.events.ports import Clock
from cloud.interfaces.webhooks.ports import DeliveryBook, WebhookSender
from cloud.webhooks.commands import SuspendWebhookSubscription
from cloud.webhooks.errors import WebhookTargetRefusedError
from cloud.webhooks.queries import Attempt, DueDelivery, SentAnswer

_log = logging.getLogger("kyndof.webhooks")
_LONGEST_DETAIL_COUNT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookPace:
    """How often is looked, how often tried, and how long between."""

    sweep_s: float = 1.0
    at_once_count: int = 10
    most_attempts_count: int = 8
    first_pause_s: float = 10.0
    longest_pause_s: float = 3600.0
    suspend_after_count: int = 20


class WebhookFanOut:
    """A subscriber of the outbox: each event becomes one delivery per address that wants it.

    What happens to webhooks themselves is not sent: a failing address would feed itself.
    """

    def __init__(self, book: DeliveryBook) -> None:
        self._book = book

    @property
    def name(self) -> str:
        """Return the name of the cursor."""
        return "webhooks"

    async def hear(self, event: RecordedEvent) -> None:
        """Queue one event; heard twice, it is queued once."""
        if not event.type.startswith("webhook_"):
            await self._book.queue(event)


class WebhookCourier:
    """Sends what is due, until cancelled."""

    def __init__(
        self,
        bus: CommandBus,
        book: DeliveryBook,
        sender: WebhookSender,
        clock: Clock,
        pace: WebhookPace | None = None,
    ) -> None:
        self._bus = bus
        self._book = book
        self._sender = sender
        self._clock = clock
        self._pace = pace or WebhookPace()

    async def run(self) -> None:
        """Look for deliveries that are due, and send them."""
        while True:
            try:
                sent = await self.round()
            except Exception:  # noqa: BLE001  the courier outlives whatever happens around it
                # The database may be away; what is due stays due.
                _log.exception("webhooks wait")
                sent = 0
            if not sent:
                await asyncio.sleep(self._pace.sweep_s)

    async def round(self) -> int:
        """Send everything that is due now and return how many tries were made."""
        due = await self._book.claim(self._pace.at_once_count)
        await asyncio.gather(*(self._deliver(delivery) for delivery in due))
        return len(due)

    async def _deliver(self, delivery: DueDelivery) -> None:
        begun = self._clock.now()
        answer, problem = await self._sent(delivery)
        now = self._clock.now()
        is_delivered = answer is not None and 200 <= answer.status < 300
        number = delivery.attempts_count + 1
        attempt = Attempt(
            at=begun,
            status=answer.status if answer else 0,
            detail=(answer.excerpt if answer else problem)[:_LONGEST_DETAIL_COUNT],
            elapsed_ms=(now - begun).total_seconds() * 1000,
            is_delivered=is_delivered,
            next_at=None if is_delivered else self._next(number),
        )
        failures = await self._book.note(delivery, attempt)
        if not is_delivered and failures >= self._pace.suspend_after_count:
            await self._suspend(delivery, failures)

    async def _sent(self, delivery: DueDelivery) -> tuple[SentAnswer | None, str]:
        if delivery.problem:
            return None, delivery.problem
        headers = {
            "webhook-id": delivery.event_id,
            "webhook-timestamp": delivery.timestamp,
            "webhook-signature": delivery.signature,
        }
        try:
            return await self._sender.post(delivery.url, delivery.body.encode(), headers), ""
        except WebhookTargetRefusedError as error:
            return None, f"{error.code}: {error.message}"
        except Exception as error:  # noqa: BLE001  whatever goes wrong on the way is this try's end
            return None, f"{type(error).__name__}: {error}"

    def _next(self, number: int) -> datetime | None:
        pace = self._pace
        if number >= pace.most_attempts_count:
            return None
        pause_s = min(pace.first_pause_s * 2 ** (number - 1), pace.longest_pause_s)
        # Spread, so that an address that comes back is not met by everything at once.
        return self._clock.now() + timedelta(seconds=pause_s * random.uniform(1, 1.5))  # noqa: S311

    async def _suspend(self, delivery: DueDelivery, failures: int) -> None:
        command = SuspendWebhookSubscription(
            subscription_id=delivery.subscription_id,
            reason=f"{failures} tries failed one after another",
        )
        context = CommandContext(
            organization_id=delivery.organization_id, user="system", source=Source.SYSTEM
        )
        try:
            await self._bus.send(command, context)
        except CommandError as error:
            _log.warning("a subscription could not be suspended: %s", error.code)
