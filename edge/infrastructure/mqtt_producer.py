"""The spool's way to the agent over the floor's broker, and the neighbours' events back.

The broker promises nothing: an event leaves the spool only on the agent's word.
"""

import asyncio
import contextlib
import json
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiomqtt

from edge.infrastructure.ending_tasks import end_tasks
from edge.infrastructure.mqtt_connection import connected
from edge.infrastructure.spool_journal import SpoolJournal
from edge.infrastructure.wire_events import (
    MessageUnreadableError,
    decode_heard,
    decode_stored,
    numbered,
)
from edge.outbox.spooling import SendWindow, SpooledEvent
from edge.station.errors import DiskFullError
from edge.station.ports import Clock, IdFactory
from edge.station.progress import StepRecord

_LOG = logging.getLogger(__name__)
_BACKOFF_S = (0.2, 0.5, 1, 2, 4, 8)
_AT_ONCE = 50
_PUBLISH_TIMEOUT_S = 10.0
_TELL_EACH = 100

Heard = Callable[[bytes, StepRecord], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where the broker is and who we are there."""

    url: str
    username: str
    password: str
    station: str


class MqttProducer:
    """Publishes from the spool in order, trims on the agent's word, survives any broker."""

    def __init__(
        self,
        address: BrokerAddress,
        journal: SpoolJournal,
        heard: Heard,
        clock: Clock,
        ids: IdFactory,
    ) -> None:
        self.connected = False
        self._address = address
        self._journal = journal
        self._heard = heard
        self._clock = clock
        self._ids = ids
        # Its own after a reconnect, so that the broker ends our old half; nobody else's, so that
        # a second process of this station and we do not throw each other out for ever.
        self._client_id = f"{address.station}-{ids.new('run')[-12:]}"
        self._unread_count = 0
        self._told_ahead = False
        self._window = SendWindow(stored=0, sent=0)
        self._light: str | None = None
        self._light_sent: str | None = None

    def show_light(self, colour: str, reason: str, shown: str = "") -> None:
        """Ask for the light over the table; only the latest wish counts.

        ``shown`` is how the lamp's profile shows the colour; without a profile it is left out.
        """
        wish = {"colour": colour, "reason": reason} | ({"shown": shown} if shown else {})
        self._light = json.dumps(wish)
        self._journal.grew.set()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        failures = 0
        while True:
            before = self._clock.monotonic_ns()
            try:
                await self._session()
            except (aiomqtt.MqttError, OSError, TimeoutError) as error:
                if self.connected or failures == 0:
                    _LOG.warning("broker away", extra={"reason": str(error)})
            except DiskFullError as error:
                # What the agent has stays in the spool a little longer, and is offered again.
                _LOG.warning("cannot trim the spool", extra={"reason": str(error)})
            finally:
                self.connected = False
            lasted_s = (self._clock.monotonic_ns() - before) / 1e9
            failures = 0 if lasted_s > 10 else failures + 1
            pause_s = _BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)]
            await asyncio.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311

    async def _session(self) -> None:
        parts = urlsplit(self._address.url)
        client = aiomqtt.Client(
            hostname=parts.hostname or "127.0.0.1",
            port=parts.port or 1883,
            username=self._address.username or None,
            password=self._address.password or None,
            identifier=self._client_id,
            keepalive=5,
            timeout=_PUBLISH_TIMEOUT_S,
            max_inflight_messages=200,
        )
        async with connected(client):
            stored, last = await self._journal.bounds()
            self._window = SendWindow(stored=stored, sent=stored)
            self._light_sent = None
            station, producer = self._address.station, self._journal.producer_id
            await client.subscribe(f"v1/{station}/stored/{producer}", qos=1)
            await client.subscribe("v1/+/evt/events", qos=0)
            self.connected = True
            _LOG.info("broker connected", extra={"waiting": last - stored})
            tasks = {
                asyncio.create_task(self._listen(client)),
                asyncio.create_task(self._send(client)),
            }
            # Either end means that the connection is gone: take the other one down too.
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await end_tasks(tasks)
            for task in done:
                task.result()

    async def _listen(self, client: aiomqtt.Client) -> None:
        try:
            async for message in client.messages:
                await self._take(str(message.topic), message.payload)
        except aiomqtt.MqttError as error:
            _LOG.info("listening ended", extra={"reason": str(error)})

    async def _take(self, topic: str, payload: object) -> None:
        try:
            await self._read(topic, payload if isinstance(payload, bytes) else b"")
        except MessageUnreadableError as error:
            # What cannot be read cannot be answered; the log says the first and each hundredth.
            if self._unread_count % _TELL_EACH == 0:
                _LOG.warning(
                    "unreadable message",
                    extra={"topic": topic, "reason": str(error), "count": self._unread_count + 1},
                )
            self._unread_count += 1

    async def _read(self, topic: str, payload: bytes) -> None:
        _, station, kind, *_ = topic.split("/")
        if kind == "stored":
            # An empty retained message only says that a broker was told to forget.
            if payload:
                await self._confirmed(decode_stored(payload))
        elif station != self._address.station:
            heard = decode_heard(payload, station)
            if not self._journal.hear(heard.hlc) and not self._told_ahead:
                self._told_ahead = True
                _LOG.warning(
                    "a neighbour's clock is far ahead",
                    extra={"alarm": "CLOCK_FAR_AHEAD", "station": station},
                )
            if heard.record is not None:
                await self._heard(heard.event_id, heard.record)

    async def _confirmed(self, pseq: int) -> None:
        _, last = await self._journal.bounds()
        if pseq > last:
            # This file is older than what the agent has: its numbers would be taken for known.
            await self._journal.rename_producer(self._ids.new("run"))
            _LOG.error("spool was set back", extra={"stored": pseq, "last": last})
            raise aiomqtt.MqttError("go on under a new producer name")
        if self._window.confirmed(pseq, self._clock.monotonic_ns()):
            await self._journal.trim(pseq)
            self._journal.grew.set()

    async def _send(self, client: aiomqtt.Client) -> None:
        try:
            while True:
                self._journal.grew.clear()
                sent = await self._send_page(client)
                await self._send_light(client)
                if sent:
                    continue
                if self._window.overdue(self._clock.monotonic_ns()):
                    self._window.start_over()
                    continue
                # Not wait_for: there a cancellation can get lost when the event comes with it.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        await self._journal.grew.wait()
        except aiomqtt.MqttError as error:
            _LOG.info("sending ended", extra={"reason": str(error)})

    async def _send_page(self, client: aiomqtt.Client) -> int:
        """Publish what the window allows, in order; return how many were given to the broker."""
        room = min(self._window.room(), _AT_ONCE)
        if room == 0:
            return 0
        page = await self._journal.page(self._window.sent, room)
        if not page:
            return 0
        # No TaskGroup: it would wrap the broker's going away into a group that nobody expects.
        sending = [asyncio.create_task(self._publish(client, event)) for event in page]
        for outcome in await asyncio.gather(*sending, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
        return len(page)

    async def _publish(self, client: aiomqtt.Client, event: SpooledEvent) -> None:
        # Tasks start in the order in which they were made, and paho queues before it waits.
        topic = f"v1/{self._address.station}/evt/{event.stream}"
        self._window.published(event.pseq, self._clock.monotonic_ns())
        payload = numbered(event.body, self._journal.producer_id, event.pseq)
        await client.publish(topic, payload, qos=1)

    async def _send_light(self, client: aiomqtt.Client) -> None:
        if self._light is not None and self._light != self._light_sent:
            wish = self._light
            topic = f"v1/{self._address.station}/light"
            await client.publish(topic, wish, qos=1, retain=True)
            self._light_sent = wish
