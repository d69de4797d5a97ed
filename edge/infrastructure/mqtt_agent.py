"""From the floor's broker into the outbox.

aiomqtt acknowledges a message before its reader has seen it and offers no public way to do so
later; this module is the one place that reaches under it. Nothing here trusts the broker: what
counts is the `Stored` that a producer reads, and a producer sends again until it has it.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiomqtt
from google.protobuf.message import DecodeError
from kyndof_wire.floor.v1.floor_pb2 import InspectionRecorded
from kyndof_wire.sync.v1.sync_pb2 import Event, Stored

from edge.infrastructure.mqtt_connection import connected
from edge.outbox.errors import EventRefusedError, OutboxDamagedError, OutboxFullError
from edge.outbox.ports import Outbox
from edge.outbox.record import LARGEST_EVENT_BYTES, STREAMS, AppendOutcome, IncomingEvent
from edge.station.ports import Clock

LOG = logging.getLogger("kyndof.mqtt")
DRAIN_COUNT = 500
DRAIN_S = 0.02
#: Under load the broker's queue here is bounded; what does not fit is sent again by its producer.
QUEUE_COUNT = 4000
#: It becomes a level of a topic.
PRODUCER = re.compile(r"[A-Za-z0-9._:-]{1,64}")
LARGEST_PSEQ = (1 << 63) - 1
RECONNECT_BASE_S = 0.25
RECONNECT_CAP_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where the broker is and who we are there."""

    host: str
    port: int
    username: str
    password: str

    @classmethod
    def parse(cls, url: str, username: str, password: str) -> "BrokerAddress":
        """Read ``mqtt://host:port``."""
        parts = urlsplit(url)
        return cls(
            host=parts.hostname or "127.0.0.1",
            port=parts.port or 1883,
            username=username,
            password=password,
        )


def read_event(station: str, topic: str, body: bytes) -> IncomingEvent:
    """Read a message of the station's topic.

    Raises:
        EventRefusedError: it is no event of this station.
    """
    prefix = f"v1/{station}/evt/"
    stream = topic.removeprefix(prefix)
    if not topic.startswith(prefix) or stream not in STREAMS:
        raise EventRefusedError(f"no stream of this station: {topic}")
    if len(body) > LARGEST_EVENT_BYTES:
        raise EventRefusedError(f"{len(body)} bytes are more than {LARGEST_EVENT_BYTES}")
    try:
        event = Event.FromString(body)
    except DecodeError as error:
        raise EventRefusedError("not a sync.v1.Event") from error
    if len(event.event_id) != 16 or not event.type or not event.producer_id:
        raise EventRefusedError("event_id of 16 bytes, type and producer_id are needed")
    if not PRODUCER.fullmatch(event.producer_id) or event.pseq > LARGEST_PSEQ:
        raise EventRefusedError("producer_id or pseq is out of bounds")
    if event.stream not in {"", stream}:
        raise EventRefusedError(f"event of stream {event.stream} came on {topic}")
    if not event.stream:
        event.stream = stream
        body = event.SerializeToString()
    return IncomingEvent(
        event_id=event.event_id,
        stream=stream,
        producer_id=event.producer_id,
        pseq=event.pseq,
        payload=event.payload,
        body=body,
        media=tuple(event.media_sha256),
        verdict=_verdict(event) if event.media_sha256 else "",
    )


def _verdict(event: Event) -> str:
    if event.type != "inspection_recorded":
        return ""
    try:
        return InspectionRecorded.FromString(event.payload).verdict
    except DecodeError:
        return ""


class MqttAgent:
    """Takes events from the broker, stores them, and tells their producers."""

    def __init__(
        self,
        station: str,
        address: BrokerAddress,
        outbox: Outbox,
        clock: Clock,
        on_stored: Callable[[], None],
    ) -> None:
        self._station = station
        self._address = address
        self._outbox = outbox
        self._clock = clock
        self._on_stored = on_stored
        self._last_drain_s = 0.0
        self._alarm = ""
        self.connected = False

    async def run(self) -> None:
        """Serve the broker for ever; come back when it went away."""
        delay_s = RECONNECT_BASE_S
        while True:
            try:
                await self._serve()
            except aiomqtt.MqttError as error:
                if self.connected:
                    delay_s = RECONNECT_BASE_S
                LOG.warning("broker away", extra={"reason": str(error)})
            finally:
                self.connected = False
            await asyncio.sleep(delay_s)
            delay_s = min(RECONNECT_CAP_S, delay_s * 2)

    async def _serve(self) -> None:
        client = aiomqtt.Client(
            self._address.host,
            self._address.port,
            username=self._address.username,
            password=self._address.password,
            keepalive=5,
            timeout=3,
            max_queued_incoming_messages=QUEUE_COUNT,
        )
        paho = client._client  # noqa: SLF001 - no public manual acknowledgement
        paho.manual_ack_set(True)
        async with connected(client):
            await client.subscribe(f"v1/{self._station}/evt/+", qos=1)
            await self._announce(client, await self._outbox.producers())
            self.connected = True
            LOG.info("broker connected")
            messages = client.messages
            while True:
                batch = await self._drain(client, await anext(messages))
                await self._store(client, batch)
                for message in batch:
                    paho.ack(message.mid, message.qos)

    async def _drain(self, client: aiomqtt.Client, first: aiomqtt.Message) -> list[aiomqtt.Message]:
        """Take what has come; under load wait a little so that one commit serves many."""
        queue = client._queue  # noqa: SLF001 - the iterator costs a task a message
        batch = [first]
        deadline_s = self._now_s() + DRAIN_S
        busy = self._now_s() - self._last_drain_s < 2 * DRAIN_S
        while len(batch) < DRAIN_COUNT:
            while len(batch) < DRAIN_COUNT and not queue.empty():
                batch.append(queue.get_nowait())
            if not busy or len(batch) >= DRAIN_COUNT or self._now_s() >= deadline_s:
                break
            await asyncio.sleep(DRAIN_S / 4)
        self._last_drain_s = self._now_s()
        return batch

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / 1e9

    async def _store(self, client: aiomqtt.Client, batch: list[aiomqtt.Message]) -> None:
        events: list[IncomingEvent] = []
        for message in batch:
            topic, body = str(message.topic), bytes(message.payload or b"")
            try:
                events.append(read_event(self._station, topic, body))
            except EventRefusedError as error:
                await self._refuse(topic, body, str(error))
        if not events:
            return
        try:
            outcome = await self._outbox.append(events)
        except (OutboxFullError, OutboxDamagedError) as error:
            self._cannot_store(error)
            await asyncio.sleep(0.5)
            return
        self._alarm = ""
        self._report(outcome)
        if outcome.appended_count:
            self._on_stored()
        await self._announce(
            client, {n: p for n, p in outcome.stored.items() if n in outcome.touched}
        )

    async def _refuse(self, topic: str, body: bytes, reason: str) -> None:
        LOG.error(
            "message refused", extra={"alarm": "EVENT_REFUSED", "topic": topic, "reason": reason}
        )
        try:
            await self._outbox.refuse(topic, body[:LARGEST_EVENT_BYTES], reason)
        except (OutboxFullError, OutboxDamagedError) as error:
            self._cannot_store(error)

    def _cannot_store(self, error: OutboxFullError | OutboxDamagedError) -> None:
        """Say it once; producers keep what we cannot take."""
        if not self._alarm:
            LOG.error("cannot store", extra={"alarm": error.code, "reason": str(error)})
        self._alarm = error.code

    def alarm(self) -> str:
        """Return the code of what is wrong with storing; empty when nothing is."""
        return self._alarm

    @staticmethod
    def _report(outcome: AppendOutcome) -> None:
        for hole in outcome.holes:
            LOG.error(
                "events of a producer never came",
                extra={
                    "alarm": "PRODUCER_HOLE",
                    "producer": hole.producer_id,
                    "first_pseq": hole.first_pseq,
                    "last_pseq": hole.last_pseq,
                },
            )
        if outcome.waiting_count:
            LOG.info("waiting for earlier events", extra={"count": outcome.waiting_count})

    async def _announce(self, client: aiomqtt.Client, stored: dict[str, int]) -> None:
        for producer_id, pseq in stored.items():
            await client.publish(
                f"v1/{self._station}/stored/{producer_id}",
                Stored(producer_id=producer_id, pseq=pseq).SerializeToString(),
                qos=0,
                retain=True,
            )
