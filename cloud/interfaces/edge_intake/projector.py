"""Carries committed facts of stations into the rooms they concern, each station's in its order."""

import asyncio
import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from cloud.commands.command import CommandContext, Source
from cloud.commands.errors import ApprovalPendingError, CommandError
from cloud.interfaces.edge_intake.admission import cloud_context, station_context
from cloud.interfaces.edge_intake.ports import Bus, EventLog
from cloud.interfaces.edge_intake.projection import IDLE, SHOWN, command_of, state_command
from cloud.stations.commands import BuryEvent, DisputeEvent
from cloud.stations.queries import LoggedEvent, StationKey

LOG = logging.getLogger("kyndof.projector")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How much at once, and how patient.

    ``tries_count`` is how often an event that breaks something, other than by a refusal, is tried
    before it is buried. What passes by itself, such as a database that restarts, does not count.
    """

    page_count: int = 1000
    stations_count: int = 4
    tries_count: int = 3
    first_pause_s: float = 0.2
    longest_pause_s: float = 10.0


class Projector:
    """Runs in `serve`: reads the log, sends commands, and moves on after each commit.

    A command is sent again when the process dies between its commit and the move; the event's id
    is its idempotency key, so it takes effect once.
    """

    def __init__(self, bus: Bus, log: EventLog, pace: Pace = Pace()) -> None:
        self._bus = bus
        self._log = log
        self._pace = pace
        self._slots = asyncio.Semaphore(pace.stations_count)
        self._busy: dict[StationKey, asyncio.Task[None]] = {}
        self._again: set[StationKey] = set()

    async def run(self) -> None:
        """Project for ever."""
        try:
            await self._catch_up()
            async for station in self._log.wakes():
                if station is None:
                    await self._catch_up()
                else:
                    self._wake(station)
        finally:
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def _catch_up(self) -> None:
        try:
            for station in await self._log.backlog():
                self._wake(station)
        except Exception as error:
            # The next sweep asks again; a projector that ends would stop every station for good.
            LOG.warning(
                "the log cannot be read",
                extra={"reason": str(error)},
                exc_info=None if self._log.passes(error) else error,
            )

    def _wake(self, station: StationKey) -> None:
        if station in self._busy:
            self._again.add(station)
            return
        task = asyncio.create_task(self._drain(station))
        self._busy[station] = task
        task.add_done_callback(lambda _: self._rest(station))

    def _rest(self, station: StationKey) -> None:
        del self._busy[station]
        if station in self._again:
            self._again.discard(station)
            self._wake(station)

    async def _drain(self, station: StationKey) -> None:
        failures = 0
        while True:
            try:
                async with self._slots:
                    events = await self._log.pending(station, self._pace.page_count, sorted(IDLE))
                    if not events:
                        return
                    await self._project(station, events)
                failures = 0
            except Exception as error:
                # Nothing that one station sends may end the projector.
                failures += 1
                pause_s = min(
                    self._pace.longest_pause_s, self._pace.first_pause_s * 2 ** min(failures, 10)
                )
                passing = self._log.passes(error)
                LOG.warning(
                    "a station's facts wait",
                    extra={"station": station.station_id, "reason": str(error)},
                    exc_info=None if passing else error,
                )
                await asyncio.sleep(pause_s)

    async def _project(self, station: StationKey, events: Sequence[LoggedEvent]) -> None:
        done = events[-1]
        for shown, run in itertools.groupby(events, key=_is_shown):
            if shown:
                await self._show(station, list(run))
                continue
            for event in run:
                if not await self._carry(station, event):
                    # A refusal leaves no stored answer: the same fact is not judged twice.
                    await self._log.move(station, event)
        await self._log.move(station, done)

    async def _show(self, station: StationKey, events: list[LoggedEvent]) -> None:
        try:
            command = state_command(station, events)
            if command is not None:
                await self._bus.send(command, station_context(station))
        except Exception as error:
            if self._log.passes(error):
                raise
            if len(events) > 1:
                # One of them is at fault; the others are shown all the same.
                for event in events:
                    await self._show(station, [event])
                return
            LOG.exception("a fact cannot be shown", extra={"event": events[0].event_id})
            await self._bury(station, events[0], error)

    async def _carry(self, station: StationKey, event: LoggedEvent) -> bool:
        """Send the command of one event; say whether it was taken."""
        for attempt in itertools.count(1):
            try:
                await self._bus.send(command_of(station, event), _context(station, event))
            except ApprovalPendingError:
                return True
            except CommandError as error:
                await self._dispute(station, event, error)
                return False
            except Exception as error:
                if self._log.passes(error):
                    raise
                if attempt < self._pace.tries_count:
                    await asyncio.sleep(self._pace.first_pause_s)
                    continue
                LOG.exception("a fact cannot be carried", extra={"event": event.event_id})
                await self._bury(station, event, error)
                return False
            return True
        return False

    async def _dispute(self, station: StationKey, event: LoggedEvent, error: CommandError) -> None:
        LOG.info("disputed", extra={"event": event.event_id, "code": error.code})
        command = DisputeEvent(
            station_id=station.station_id,
            event_id=event.event_id,
            code=error.code,
            detail=_clean(error.message),
        )
        await self._bus.send(command, cloud_context(station.organization_id))

    async def _bury(self, station: StationKey, event: LoggedEvent, error: Exception) -> None:
        command = BuryEvent(
            station_id=station.station_id,
            epoch=event.epoch,
            stream=event.stream,
            seq=event.seq,
            code="PROJECTION_FAILED",
            detail=_clean(f"{type(error).__name__}: {error}"),
        )
        await self._bus.send(command, cloud_context(station.organization_id))


def _is_shown(event: LoggedEvent) -> bool:
    return event.type in SHOWN


def _clean(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:500]


def _context(station: StationKey, event: LoggedEvent) -> CommandContext:
    """Return the worker's context: the person whose badge was scanned did it, at that station."""
    return CommandContext(
        organization_id=station.organization_id,
        user=event.worker or f"station:{station.station_id}",
        source=Source.STATION,
        idempotency_key=event.event_id,
        metadata={"station_id": station.station_id, "basis": event.basis},
    )
