"""One open stream of a station: frames in, acknowledgements and heartbeats out."""

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
    StreamEventsRequest,
    StreamEventsResponse,
    StreamPosition,
    Throttle,
    Welcome,
)

from cloud.commands.errors import CommandError
from cloud.events.ports import Clock
from cloud.interfaces.edge_intake.admission import Admission, Caller
from cloud.interfaces.edge_intake.clock_words import ClockWords
from cloud.interfaces.edge_intake.events_from_wire import record_command, rejections
from cloud.interfaces.edge_intake.live_streams import LiveStream, LiveStreams
from cloud.interfaces.edge_intake.pacing import Allowance, Inbox, Intake
from cloud.interfaces.edge_intake.ports import Bus, StationDoor
from cloud.interfaces.edge_intake.status import refuse
from cloud.interfaces.edge_intake.waiting_work import Work, together
from cloud.stations.commands import RecordStationEvents, RecordStationGap, ReportStationFault
from cloud.stations.errors import DigestMismatchError, ProtocolBrokenError, StationSilentError
from cloud.stations.queries import Recorded, StreamOpening

LOG = logging.getLogger("kyndof.intake")
MOST_EVENTS = 2000
LARGEST_BATCH_BYTES = 256 * 1024
#: A station that does not read what it is told is not written for any further.
MOST_ACKS = 16
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
    intake: Intake
    patience: Patience = Patience()


class Conversation:
    """Holds one stream until either side ends it.

    While one batch is being committed the next ones are read; what is acknowledged is committed.
    """

    def __init__(
        self, parts: StreamParts, caller: Caller, stream: LiveStream, context: Context
    ) -> None:
        self._parts = parts
        self._caller = caller
        self._stream = stream
        self._context = context
        self._writing = asyncio.Lock()
        self._allowance = Allowance(parts.intake)
        self._inbox = Inbox(parts.intake.pacing.most_events)
        self._committed: asyncio.Queue[Ack | None] = asyncio.Queue(MOST_ACKS)
        self._at_work: Work | None = None
        self._clock_words = ClockWords(parts.clock, asyncio.get_running_loop().time)

    async def hold(
        self, frames: AsyncIterator[StreamEventsRequest], opening: StreamOpening
    ) -> None:
        """Welcome the station and serve it until either side ends the stream."""
        others = [_task(self._listen(frames)), _task(self._record_for_ever())]
        last = [_task(self._acknowledge_for_ever()), _task(self._beat())]
        tasks = [*others, *last]
        self._parts.intake.stations_count += 1
        try:
            await self._write(StreamEventsResponse(welcome=self._welcome(opening)))
            # What came before a station hung up is written down all the same.
            ends: list[asyncio.Future[Any]] = [*last, self._stream.ended]
            waiting = set[asyncio.Future[Any]]([*tasks, self._stream.ended])
            while not any(one.done() for one in ends) and not _broken(tasks):
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            await self._conclude(tasks)
        finally:
            self._parts.intake.stations_count -= 1
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
        now_s = asyncio.get_running_loop().time
        while True:
            try:
                frame = await asyncio.wait_for(anext(frames), self._parts.patience.silence_s)
            except StopAsyncIteration:
                await self._inbox.close()
                return
            except TimeoutError as error:
                raise StationSilentError("nothing was heard for too long") from error
            kind = frame.WhichOneof("payload")
            if kind == "batch":
                if len(frame.batch.events) > MOST_EVENTS or frame.batch.first_seq < 1:
                    raise ProtocolBrokenError(
                        f"a batch has a number and at most {MOST_EVENTS} events"
                    )
                await self._take_in(frame.batch)
            elif kind == "gap":
                await self._inbox.put(Work(command=self._gap(frame.gap), came_s=now_s()))
            elif kind == "heartbeat":
                exchange = self._clock_words.heard(frame.heartbeat)
                if exchange is not None:
                    # Before what comes after it is written down, its time is known.
                    await self._parts.door.note_exchange(self._caller.key, exchange)
            elif kind == "hello":
                raise ProtocolBrokenError("a stream says hello once")

    async def _take_in(self, batch: EventBatch) -> None:
        """Read a batch while those before it are committed: both then have work at any time."""
        came_s = asyncio.get_running_loop().time()
        await self._inbox.room()
        command = record_command(self._caller.station_id, self._stream.epoch, batch)
        size_bytes = sum(map(len, command.events.payloads))
        await self._inbox.put(Work(command=command, came_s=came_s, size_bytes=size_bytes))

    async def _record_for_ever(self) -> None:
        intake, now_s = self._parts.intake, asyncio.get_running_loop().time
        free_since_s = 0.0
        while (work := await self._inbox.next()) is not None:
            self._at_work = work
            async with intake.turns:
                group = await self._inbox.take(*intake.most_together())
                command = together(group)
                recorded: Recorded = await self._parts.bus.send(command, self._caller.context)
            self._at_work = None
            began_s, free_since_s = max(group[0].came_s, free_since_s), now_s()
            events_count = sum(work.events_count for work in group)
            self._allowance.served(events_count, free_since_s - began_s)
            await self._committed.put(self._acknowledgement(command, recorded))
        await self._committed.put(None)

    async def _acknowledge_for_ever(self) -> None:
        while (ack := await self._committed.get()) is not None:
            await self._write(StreamEventsResponse(ack=ack))

    def _acknowledgement(
        self, command: RecordStationEvents | RecordStationGap, recorded: Recorded
    ) -> Ack:
        credit = self._allowance.credit()
        return Ack(
            stream=command.stream,
            committed_seq=recorded.committed_seq,
            rejected=rejections(command) if isinstance(command, RecordStationEvents) else (),
            credit_bytes=credit.size_bytes,
            credit_events=credit.events,
        )

    def _gap(self, gap: GapRecord) -> RecordStationGap:
        return RecordStationGap(
            station_id=self._caller.station_id,
            epoch=self._stream.epoch,
            stream=gap.stream,
            first_seq=gap.first_seq,
            last_seq=gap.last_seq,
            reason=GapReason.Name(gap.reason) if gap.reason in GapReason.values() else "UNKNOWN",
        )

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._parts.patience.heartbeat_s)
            objection = await self._parts.admission.objection(self._caller)
            if objection:
                self._stream.end(objection)
                return
            await self._parts.door.seen(self._caller.key)
            beat = Heartbeat(number=self._clock_words.say())
            beat.sent_at.FromDatetime(self._parts.clock.now())
            await self._write(StreamEventsResponse(heartbeat=beat))
            await self._throttle()

    async def _throttle(self) -> None:
        """Lower the credit while a batch gets nowhere: its acknowledgement would come too late."""
        work = self._at_work
        if work is None:
            return
        waits_s = asyncio.get_running_loop().time() - work.came_s
        if self._allowance.stuck(work.events_count, waits_s):
            credit = self._allowance.credit()
            throttle = Throttle(credit_events=credit.events, credit_bytes=credit.size_bytes)
            await self._write(StreamEventsResponse(throttle=throttle))

    def _welcome(self, opening: StreamOpening) -> Welcome:
        credit = self._allowance.credit()
        welcome = Welcome(
            epoch=opening.epoch,
            resume_after=[
                StreamPosition(stream=p.stream, seq=p.seq, digest=p.digest)
                for p in opening.positions
            ],
            credit_bytes=credit.size_bytes,
            credit_events=credit.events,
            max_batch_bytes=LARGEST_BATCH_BYTES,
        )
        self._clock_words.say()
        welcome.server_time.FromDatetime(self._parts.clock.now())
        return welcome

    async def _write(self, response: StreamEventsResponse) -> None:
        async with self._writing, asyncio.timeout(self._parts.patience.write_s):
            await self._context.write(response)


def _task(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.create_task(work)


def _broken(tasks: list[asyncio.Task[None]]) -> bool:
    return any(task.done() and (task.cancelled() or task.exception()) for task in tasks)
