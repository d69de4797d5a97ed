"""One connection's life: Hello, Welcome, batches up, acknowledgements down."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC

import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp
from kyndof_wire.sync.v1.sync_pb2 import (
    GAP_REASON_CORRUPTION,
    GAP_REASON_OPERATOR,
    GAP_REASON_SUPERSEDED,
    Ack,
    ClockEcho,
    ClockReport,
    DiskReport,
    GapReason,
    GapRecord,
    Heartbeat,
    Hello,
    StreamEventsRequest,
    StreamEventsResponse,
    StreamPosition,
    Welcome,
)

from edge.infrastructure.boot_clocks import BootClocks
from edge.infrastructure.clock_floor import raise_floor
from edge.infrastructure.sqlite_outbox_rows import is_sound
from edge.infrastructure.wire_batches import (
    Call,
    Request,
    batch_request,
    open_stream,
)
from edge.outbox.delivery import (
    CursorVerdict,
    DeliveryLimits,
    DeliveryTiming,
    Window,
    judge_cursor,
)
from edge.outbox.errors import OutboxError
from edge.outbox.ports import Outbox
from edge.outbox.record import LATEST_WINS, STREAMS, OutboxState, StoredEvent
from edge.station.ports import Clock

LOG = logging.getLogger("kyndof.uplink")
PROTOCOL = 1
PERSIST_S = 0.5
#: So many are noted at once, fewer at the end of a backlog; a commit for each single event would
#: wear the disk.
MANY_EVENTS = 4000
SOME_EVENTS = 500


class LinkLostError(OutboxError):
    """The connection ended; `code` says how, `retry_after_s` when the cloud named a time."""

    def __init__(self, code: str, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkSettings:
    """What stays the same from one connection to the next."""

    limits: DeliveryLimits
    timing: DeliveryTiming
    agent_version: str
    disk: Callable[[], DiskReport]
    clocks: BootClocks


class EventUplink:
    """Sends the outbox over one channel until that ends."""

    def __init__(
        self,
        outbox: Outbox,
        clock: Clock,
        settings: UplinkSettings,
        on_welcome: Callable[[], None],
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._settings = settings
        self.timing = settings.timing
        self._on_welcome = on_welcome
        self._wake = asyncio.Event()
        self._heard = asyncio.Event()
        self._settled = asyncio.Event()
        self._resting = asyncio.Event()
        self._reset()

    def _reset(self) -> None:
        self._window = Window(self._settings.limits)
        self._batch_bytes = self._settings.limits.batch_bytes
        self._sent: dict[str, int] = {}
        self._digest: dict[str, int | None] = {}
        self._acked: dict[str, int] = {}
        self._persisted: dict[str, int] = {}
        self._paused_until_s = 0.0
        self._last_frame_s = self._now_s()
        self._writing = asyncio.Lock()
        self.welcomed_at_s: float | None = None
        self._echo: ClockEcho | None = None

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / 1e9

    def wake(self) -> None:
        """Say that there may be something to send."""
        self._wake.set()

    async def run(self, channel: grpc.aio.Channel) -> None:
        """Serve one connection; returns only by an error.

        Raises:
            LinkLostError: the connection ended or fell silent.
        """
        self._reset()
        call = open_stream(channel)
        try:
            await self._greet(call)
            # Before any event, so that the cloud can date what it is sent.
            await self._say_beat(call)
            async with asyncio.TaskGroup() as group:
                for act in (self._receive, self._send, self._beat):
                    group.create_task(act(call))
                group.create_task(self._persist_for_ever())
        except BaseExceptionGroup as errors:
            raise _first(errors) from errors
        except grpc.aio.AioRpcError as error:
            raise _lost(error.code().name, error.details() or "") from error
        finally:
            call.cancel()
            await self._persist()

    async def _greet(self, call: Call) -> None:
        state = await self._outbox.state()
        hello = Hello(
            outbox_id=state.outbox_id,
            epoch=state.epoch,
            positions=[
                StreamPosition(stream=s.stream, seq=s.last_seq, digest=s.digest)
                for s in state.streams
            ],
            protocol=PROTOCOL,
            clock=self._clock_report(),
            agent_version=self._settings.agent_version,
            disk=self._settings.disk(),
            past_clocks=await asyncio.to_thread(self._settings.clocks.past),
        )
        await self._write(call, StreamEventsRequest(hello=hello))
        response = await self._read(call)
        if response.WhichOneof("payload") == "go_away":
            raise _go_away(response)
        if response.WhichOneof("payload") != "welcome":
            raise LinkLostError("NO_WELCOME", "the cloud's first word was no welcome")
        self._note_heard(0)
        await self._welcomed(state, response.welcome)

    async def _welcomed(self, state: OutboxState, welcome: Welcome) -> None:
        raise_floor(welcome.server_time.ToDatetime(tzinfo=UTC))
        if welcome.epoch != state.epoch:
            await self._outbox.set_epoch(welcome.epoch)
        if welcome.max_batch_bytes:
            self._batch_bytes = min(self._batch_bytes, welcome.max_batch_bytes)
        self._window.allow(welcome.credit_events, welcome.credit_bytes)
        cursors = {p.stream: p for p in welcome.resume_after}
        for local in state.streams:
            cursor = cursors.get(local.stream, StreamPosition())
            digest: int | None = local.digest
            if cursor.seq != local.last_seq:
                digest = await self._outbox.digest_at(local.stream, cursor.seq)
            verdict = judge_cursor(local, cursor.seq, cursor.digest, digest)
            if verdict in {CursorVerdict.OUTBOX_IS_OLDER, CursorVerdict.DIGEST_DIVERGED}:
                await self._outbox.start_over(verdict.value)
                raise LinkLostError(verdict.name, f"stream {local.stream} at {cursor.seq}")
            if verdict is CursorVerdict.CLOUD_LOST_EVENTS:
                _alarm(
                    "CLOUD_LOST_EVENTS",
                    stream=local.stream,
                    cursor=cursor.seq,
                    trimmed=local.trimmed_seq,
                )
            self._sent[local.stream] = cursor.seq
            self._acked[local.stream] = cursor.seq
            self._digest[local.stream] = digest
        await self._persist()
        self.welcomed_at_s = self._last_frame_s = self._now_s()
        self._wake.set()
        self._on_welcome()
        LOG.info("cloud connected", extra={"epoch": welcome.epoch, "resume": dict(self._sent)})

    async def _write(self, call: Call, request: Request) -> None:
        async with self._writing:
            try:
                async with asyncio.timeout(self.timing.write_s):
                    await call.write(request)
            except TimeoutError as error:
                raise LinkLostError("LINK_SILENT", "a write got stuck") from error
            except asyncio.InvalidStateError as error:
                raise await _ended(call) from error

    async def _read(self, call: Call) -> StreamEventsResponse:
        try:
            async with asyncio.timeout(self.timing.silence_s):
                response = await call.read()
        except TimeoutError as error:
            raise LinkLostError("LINK_SILENT", "the cloud says nothing") from error
        if not isinstance(response, StreamEventsResponse):
            raise await _ended(call)
        self._last_frame_s = self._now_s()
        return response

    async def _receive(self, call: Call) -> None:
        while True:
            response = await self._read(call)
            kind = response.WhichOneof("payload")
            if kind == "ack":
                await self._acknowledged(response.ack)
            elif kind == "heartbeat":
                self._note_heard(response.heartbeat.number)
            elif kind == "throttle":
                throttle = response.throttle
                self._window.allow(throttle.credit_events, throttle.credit_bytes)
                self._paused_until_s = self._now_s() + throttle.retry_after_ms / 1000
            elif kind == "go_away":
                raise _go_away(response)

    async def _acknowledged(self, ack: Ack) -> None:
        if ack.committed_seq > self._acked.get(ack.stream, 0):
            self._acked[ack.stream] = ack.committed_seq
        self._window.acknowledged(ack.stream, ack.committed_seq)
        self._window.allow(ack.credit_events, ack.credit_bytes)
        self._heard.set()
        unnoted, is_idle = self._unnoted(), not self._window.unacked_events
        if unnoted >= MANY_EVENTS or (is_idle and unnoted >= SOME_EVENTS):
            self._settled.set()
        if ack.rejected:
            _alarm("EVENTS_REJECTED", stream=ack.stream, seqs=[r.seq for r in ack.rejected])
            await self._outbox.note_rejections(
                ack.stream, [(r.seq, r.code, r.detail) for r in ack.rejected]
            )
        self._wake.set()

    async def _send(self, call: Call) -> None:
        while True:
            self._wake.clear()
            pause_s = self._paused_until_s - self._now_s()
            if pause_s > 0:
                await asyncio.sleep(pause_s)
            # After each batch the order is judged anew: a snapshot never waits for a backlog.
            for stream in STREAMS:
                if await self._send_next(call, stream):
                    break
            else:
                self._resting.set()
                await self._wake.wait()
                self._resting.clear()

    async def _send_next(self, call: Call, stream: str) -> bool:
        room, room_bytes = self._window.room_events(), self._window.room_bytes()
        if room == 0:
            return False
        sent = self._sent[stream]
        most_bytes = min(self._batch_bytes, room_bytes)
        events = await self._outbox.read_after(stream, sent, room, most_bytes)
        if not events or not self._window.takes(sum(len(event.body) for event in events)):
            return False
        first_seq = events[0].seq
        if first_seq != sent + 1:
            newer = stream == LATEST_WINS
            reason = GAP_REASON_SUPERSEDED if newer else GAP_REASON_OPERATOR
            await self._skip(call, stream, sent + 1, first_seq - 1, reason)
        sound = self._sound(stream, events)
        if not sound:
            await self._set_aside(call, stream, events[0])
            return True
        await self._write(call, batch_request(stream, self._digest[stream] or 0, sound))
        self._note_sent(stream, sound)
        return True

    def _sound(self, stream: str, events: list[StoredEvent]) -> list[StoredEvent]:
        """Return the events up to the first that the disk has changed."""
        previous = self._digest[stream]
        for place, event in enumerate(events):
            if not is_sound(stream, event, previous):
                return events[:place]
            previous = event.digest
        return events

    async def _set_aside(self, call: Call, stream: str, event: StoredEvent) -> None:
        """Keep what is left of a damaged row, and go on behind it."""
        _alarm("EVENT_DAMAGED", stream=stream, seq=event.seq)
        await self._outbox.set_aside(stream, event)
        await self._skip(call, stream, event.seq, event.seq, GAP_REASON_CORRUPTION)

    async def _skip(
        self, call: Call, stream: str, first_seq: int, last_seq: int, reason: GapReason.ValueType
    ) -> None:
        gap = GapRecord(
            stream=stream,
            first_seq=first_seq,
            last_seq=last_seq,
            reason=reason,
            count=last_seq - first_seq + 1,
        )
        await self._write(call, StreamEventsRequest(gap=gap))
        self._sent[stream] = last_seq
        # The chain cannot be followed over what is missing.
        self._digest[stream] = None

    def _note_sent(self, stream: str, events: list[StoredEvent]) -> None:
        self._sent[stream] = events[-1].seq
        self._digest[stream] = events[-1].digest
        size_bytes = sum(len(event.body) for event in events)
        self._window.sent(stream, events[-1].seq, len(events), size_bytes)

    def _note_heard(self, number: int) -> None:
        """Remember when the cloud was heard: the next heartbeat says so, and the way is known."""
        self._echo = ClockEcho(number=number, heard_mono_ns=self._clock.monotonic_ns())

    async def _beat(self, call: Call) -> None:
        while True:
            await asyncio.sleep(self.timing.heartbeat_s)
            silent_s = self._now_s() - self._last_frame_s
            if silent_s > self.timing.silence_s:
                raise LinkLostError("LINK_SILENT", f"nothing heard for {silent_s:.0f} s")
            await self._say_beat(call)

    async def _say_beat(self, call: Call) -> None:
        sent_at = Timestamp()
        sent_at.FromDatetime(self._clock.now())
        disk = self._settings.disk()
        beat = Heartbeat(sent_at=sent_at, disk=disk, clock=self._clock_report(), echo=self._echo)
        await self._write(call, StreamEventsRequest(heartbeat=beat))

    def _clock_report(self) -> ClockReport:
        return self._settings.clocks.now(self._clock)

    async def _persist_for_ever(self) -> None:
        """Note positions twice a second, or when they have moved far."""
        while True:
            await self._heard.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PERSIST_S):
                    await self._settled.wait()
                    # What may be sent is read first: the file's one thread does both.
                    await self._resting.wait()
            self._heard.clear()
            self._settled.clear()
            await self._persist()

    def _unnoted(self) -> int:
        """Return how many acknowledged events the outbox does not know as such."""
        return sum(seq - self._persisted.get(stream, 0) for stream, seq in self._acked.items())

    async def _persist(self) -> None:
        """Keep the acknowledged positions; losing them costs nothing but trimming."""
        acked = dict(self._acked)
        if acked == self._persisted:
            return
        try:
            await self._outbox.acknowledge(acked)
            self._persisted = acked
        except OutboxError as error:
            LOG.warning("cannot note what was acknowledged", extra={"reason": str(error)})


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Name the one error that ended the others."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, grpc.aio.AioRpcError):
        return _lost(error.code().name, error.details() or "")
    return error


def _lost(code: str, detail: str) -> LinkLostError:
    """Name the end of a connection; another device that is this station is an alarm."""
    if detail == "fenced":
        _alarm("STATION_FENCED", reason="another outbox of this station is connected")
        return LinkLostError("STATION_FENCED", detail)
    return LinkLostError(code, detail)


async def _ended(call: Call) -> LinkLostError:
    code = await call.code()
    return _lost(code.name, await call.details() or "the cloud closed the stream")


def _go_away(response: StreamEventsResponse) -> LinkLostError:
    away = response.go_away
    return LinkLostError("GO_AWAY", away.reason, retry_after_s=away.retry_after_ms / 1000)


def _alarm(code: str, **facts: object) -> None:
    LOG.error(code.lower().replace("_", " "), extra={"alarm": code, **facts})
