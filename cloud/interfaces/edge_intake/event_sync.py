"""The stream of a station's events: written down in order, once, and only then acknowledged."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from kyndof_wire.sync.v1.sync_pb2 import (
    Ack,
    EventBatch,
    GapReason,
    GapRecord,
    GoAway,
    Heartbeat,
    Hello,
    StreamEventsRequest,
    StreamEventsResponse,
    StreamPosition,
    Welcome,
)
from kyndof_wire.sync.v1.sync_pb2_grpc import EventSyncServiceServicer

from cloud.commands.errors import CommandError
from cloud.events.ports import Clock
from cloud.interfaces.edge_intake.admission import Admission, Caller
from cloud.interfaces.edge_intake.events_from_wire import record_command, rejections
from cloud.interfaces.edge_intake.live_streams import LiveStream, LiveStreams
from cloud.interfaces.edge_intake.ports import Bus, StationDoor
from cloud.interfaces.edge_intake.status import refuse
from cloud.stations.commands import (
    OpenStationStream,
    RecordStationGap,
    RecordStationPresence,
    ReportStationFault,
)
from cloud.stations.errors import DigestMismatchError, ProtocolBrokenError, StationSilentError
from cloud.stations.queries import Recorded, StreamOpening

LOG = logging.getLogger("kyndof.intake")
PROTOCOL = 1
MOST_EVENTS = 2000
LARGEST_BATCH_BYTES = 256 * 1024
CREDIT_EVENTS = 8000
CREDIT_BYTES = 4 * 1024 * 1024
Context = grpc.aio.ServicerContext[StreamEventsRequest, StreamEventsResponse]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often the cloud speaks, and how long it listens to silence."""

    heartbeat_s: float = 5.0
    silence_s: float = 15.0
    write_s: float = 15.0
    offline_after_s: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamParts:
    """What the servicer works with."""

    bus: Bus
    admission: Admission
    door: StationDoor
    live: LiveStreams
    clock: Clock
    patience: Patience = Patience()


class EventSync(EventSyncServiceServicer):
    """Serves ``StreamEvents``."""

    def __init__(self, parts: StreamParts) -> None:
        self._parts = parts
        self._farewells: set[asyncio.Task[None]] = set()

    async def StreamEvents(  # type: ignore[override]  # noqa: N802  writes, where stubs yield
        self, request_iterator: AsyncIterator[StreamEventsRequest], context: Context
    ) -> None:
        """Serve one connection of a station until either side ends it."""
        caller = await self._parts.admission.admit(context)
        try:
            hello = await _hello(request_iterator, self._parts.patience)
            stream, opening = await self._open(caller, hello)
        except CommandError as error:
            await refuse(context, error)
        try:
            await _Conversation(self._parts, caller, stream, context).hold(
                request_iterator, opening
            )
        finally:
            if self._parts.live.leave(stream):
                task = asyncio.create_task(self._farewell(caller))
                self._farewells.add(task)
                task.add_done_callback(self._farewells.discard)

    async def close(self) -> None:
        """Ask every station to come back later, and wait until what was begun is over."""
        self._parts.live.end_all("restarting")
        for task in list(self._farewells):
            task.cancel()
        await asyncio.gather(*self._farewells, return_exceptions=True)

    async def _open(self, caller: Caller, hello: Hello) -> tuple[LiveStream, StreamOpening]:
        live, bus = self._parts.live, self._parts.bus
        async with live.opening(caller.key):
            former = live.of(caller.key)
            opening: StreamOpening = await bus.send(
                OpenStationStream(
                    station_id=caller.station_id,
                    outbox_id=hello.outbox_id,
                    epoch=hello.epoch,
                    live_epoch=former.epoch if former else 0,
                    agent_version=hello.agent_version,
                    certificate_serial=caller.certificate_serial,
                ),
                caller.context,
            )
            stream = LiveStream(station=caller.key, outbox_id=hello.outbox_id, epoch=opening.epoch)
            former = live.enter(stream)
        if former is not None:
            await self._suspect(caller, former, stream)
        await bus.send(
            RecordStationPresence(station_id=caller.station_id, online=True), caller.context
        )
        return stream, opening

    async def _suspect(self, caller: Caller, former: LiveStream, stream: LiveStream) -> None:
        """Put on record what looks like two devices that are one station."""
        code, detail = "", ""
        if former.outbox_id != stream.outbox_id:
            code = "outbox_fenced"
            detail = f"epoch {former.epoch} was replaced by epoch {stream.epoch} while alive"
        elif self._parts.live.is_shared(caller.key, asyncio.get_running_loop().time()):
            code = "outbox_shared"
            detail = f"epoch {stream.epoch} is connected from several places in turn"
        if not code:
            return
        LOG.warning("two devices of one station", extra={"station": caller.station_id})
        fault = ReportStationFault(station_id=caller.station_id, code=code, detail=detail)
        await self._parts.bus.send(fault, caller.context)

    async def _farewell(self, caller: Caller) -> None:
        """Say that a station went, unless it comes back at once."""
        await asyncio.sleep(self._parts.patience.offline_after_s)
        if self._parts.live.of(caller.key) is not None:
            return
        try:
            await self._parts.bus.send(
                RecordStationPresence(station_id=caller.station_id, online=False), caller.context
            )
        except Exception:
            # The mark goes stale by itself; nothing else hangs on it.
            LOG.exception("a station's leaving was not noted")


class _Conversation:
    """One open stream: frames in, acknowledgements and heartbeats out."""

    def __init__(
        self, parts: StreamParts, caller: Caller, stream: LiveStream, context: Context
    ) -> None:
        self._parts = parts
        self._caller = caller
        self._stream = stream
        self._context = context
        self._writing = asyncio.Lock()

    async def hold(
        self, frames: AsyncIterator[StreamEventsRequest], opening: StreamOpening
    ) -> None:
        await self._write(StreamEventsResponse(welcome=self._welcome(opening)))
        tasks = [_task(self._listen(frames)), _task(self._beat())]
        try:
            ends: list[asyncio.Future[Any]] = [*tasks, self._stream.ended]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            await self._conclude(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _conclude(self, tasks: list[asyncio.Task[None]]) -> None:
        if self._stream.ended.done():
            await self._dismiss(self._stream.ended.result())
        for task in tasks:
            error = task.exception() if task.done() else None
            if isinstance(error, CommandError):
                await self._put_on_record(error)
                await refuse(self._context, error)
            if error is not None:
                # What is not a refusal passes: a database that restarts, a lock that took long.
                LOG.error("a station's stream broke", exc_info=error)
                await self._context.abort(grpc.StatusCode.UNAVAILABLE, "try again")

    async def _dismiss(self, reason: str) -> None:
        if reason == "restarting":
            away = GoAway(reason=reason, retry_after_ms=500)
            await self._write(StreamEventsResponse(go_away=away))
            await self._context.abort(grpc.StatusCode.UNAVAILABLE, reason)
        if reason in {"fenced", "replaced"}:
            await self._context.abort(grpc.StatusCode.ABORTED, reason)
        await self._context.abort(grpc.StatusCode.PERMISSION_DENIED, reason)

    async def _put_on_record(self, error: CommandError) -> None:
        if not isinstance(error, DigestMismatchError):
            return
        fault = ReportStationFault(
            station_id=self._caller.station_id, code="history_diverged", detail=error.message
        )
        await self._parts.bus.send(fault, self._caller.context)

    async def _listen(self, frames: AsyncIterator[StreamEventsRequest]) -> None:
        while True:
            try:
                frame = await asyncio.wait_for(anext(frames), self._parts.patience.silence_s)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise StationSilentError("nothing was heard for too long") from error
            kind = frame.WhichOneof("payload")
            if kind == "batch":
                await self._record(frame.batch)
            elif kind == "gap":
                await self._record_gap(frame.gap)
            elif kind == "hello":
                raise ProtocolBrokenError("a stream says hello once")

    async def _record(self, batch: EventBatch) -> None:
        if len(batch.events) > MOST_EVENTS or batch.first_seq < 1:
            raise ProtocolBrokenError(f"a batch has a number and at most {MOST_EVENTS} events")
        command = record_command(self._caller.station_id, self._stream.epoch, batch)
        recorded: Recorded = await self._parts.bus.send(command, self._caller.context)
        ack = Ack(
            stream=batch.stream,
            committed_seq=recorded.committed_seq,
            rejected=rejections(command),
            credit_bytes=CREDIT_BYTES,
            credit_events=CREDIT_EVENTS,
        )
        await self._write(StreamEventsResponse(ack=ack))

    async def _record_gap(self, gap: GapRecord) -> None:
        command = RecordStationGap(
            station_id=self._caller.station_id,
            epoch=self._stream.epoch,
            stream=gap.stream,
            first_seq=gap.first_seq,
            last_seq=gap.last_seq,
            reason=GapReason.Name(gap.reason) if gap.reason in GapReason.values() else "UNKNOWN",
        )
        recorded: Recorded = await self._parts.bus.send(command, self._caller.context)
        ack = Ack(stream=gap.stream, committed_seq=recorded.committed_seq)
        await self._write(StreamEventsResponse(ack=ack))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._parts.patience.heartbeat_s)
            objection = await self._parts.admission.objection(self._caller)
            if objection:
                self._stream.end(objection)
                return
            await self._parts.door.seen(self._caller.key)
            beat = Heartbeat()
            beat.sent_at.FromDatetime(self._parts.clock.now())
            await self._write(StreamEventsResponse(heartbeat=beat))

    def _welcome(self, opening: StreamOpening) -> Welcome:
        welcome = Welcome(
            epoch=opening.epoch,
            resume_after=[
                StreamPosition(stream=p.stream, seq=p.seq, digest=p.digest)
                for p in opening.positions
            ],
            credit_bytes=CREDIT_BYTES,
            credit_events=CREDIT_EVENTS,
            max_batch_bytes=LARGEST_BATCH_BYTES,
        )
        welcome.server_time.FromDatetime(self._parts.clock.now())
        return welcome

    async def _write(self, response: StreamEventsResponse) -> None:
        async with self._writing, asyncio.timeout(self._parts.patience.write_s):
            await self._context.write(response)


def _task(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.create_task(work)


async def _hello(frames: AsyncIterator[StreamEventsRequest], patience: Patience) -> Hello:
    try:
        frame = await asyncio.wait_for(anext(frames), patience.silence_s)
    except (StopAsyncIteration, TimeoutError) as error:
        raise StationSilentError("the first frame is hello") from error
    if frame.WhichOneof("payload") != "hello":
        raise ProtocolBrokenError("the first frame is hello")
    if frame.hello.protocol > PROTOCOL:
        raise ProtocolBrokenError(f"this cloud speaks protocol {PROTOCOL}")
    return frame.hello
