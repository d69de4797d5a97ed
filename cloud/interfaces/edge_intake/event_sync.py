"""The stream of a station's events: written down in order, once, and only then acknowledged."""

import asyncio
import logging
from collections.abc import AsyncIterator

from kyndof_wire.sync.v1.sync_pb2 import Hello, StreamEventsRequest
from kyndof_wire.sync.v1.sync_pb2_grpc import EventSyncServiceServicer

from cloud.commands.errors import CommandError
from cloud.interfaces.edge_intake.admission import Caller
from cloud.interfaces.edge_intake.clock_words import past_clocks
from cloud.interfaces.edge_intake.conversation import (
    Context,
    Conversation,
    Patience,
    StreamParts,
)
from cloud.interfaces.edge_intake.live_streams import LiveStream
from cloud.interfaces.edge_intake.status import refuse
from cloud.stations.commands import (
    OpenStationStream,
    RecordStationPresence,
    ReportStationFault,
)
from cloud.stations.errors import ProtocolBrokenError, StationSilentError
from cloud.stations.queries import StreamOpening

LOG = logging.getLogger("kyndof.intake")
PROTOCOL = 1


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
            await Conversation(self._parts, caller, stream, context).hold(request_iterator, opening)
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
        known = past_clocks(hello)
        if known:
            await self._parts.door.note_words(caller.key, known)
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
