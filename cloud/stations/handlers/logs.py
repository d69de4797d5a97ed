"""A station's log, where somebody asked for it."""

from dataclasses import replace

from cloud.commands.ports import UnitOfWork
from cloud.stations.commands import AskForStationLogs, RecordStationLogs
from cloud.stations.errors import StationInvalidError
from cloud.stations.events import StationLogsAsked, StationLogsTold
from cloud.stations.handlers.lookup import acts_for_itself, station_of
from cloud.stations.ports import StationLogStore
from cloud.stations.queries import FindStationLogs, StationLogsView

MOST_LINES = 200
LONGEST_TEXT = 500
LARGEST_BYTES = 128 << 10


async def ask_for_station_logs(command: AskForStationLogs, unit: UnitOfWork) -> StationLogsView:
    """Ask a station; whoever asks while a question waits joins in it.

    Raises:
        StationUnknownError: no such station.
        StationRevokedError: it is shut out.
    """
    station = await station_of(command.station_id, unit, lock=True)
    store = unit.store(StationLogStore)
    before = await store.find(station.station_id, station.name)
    if before.log_request_id and before.answered_at is None:
        return before
    asked = StationLogsView(
        station_id=station.station_id,
        station_name=station.name,
        log_request_id=unit.ids.new("log"),
        asked_by=unit.context.user,
        asked_at=unit.clock.now(),
    )
    await store.keep(asked)
    unit.record(
        StationLogsAsked(
            station_id=station.station_id,
            station_name=station.name,
            log_request_id=asked.log_request_id,
            asked_by=asked.asked_by,
        )
    )
    return asked


async def record_station_logs(command: RecordStationLogs, unit: UnitOfWork) -> None:
    """Keep an answer; the one before is gone.

    Raises:
        ForbiddenError: a station speaks for another one.
        StationUnknownError: no such station.
        StationInvalidError: more or longer lines than a station sends.
    """
    acts_for_itself(command.station_id, unit)
    station = await station_of(command.station_id, unit, lock=True)
    texts = [text for one in command.lines for text in (one.at, one.level, one.logger, one.message)]
    too_long = any(len(text) > LONGEST_TEXT for text in texts)
    size_bytes = sum(len(text.encode()) for text in texts)
    if len(command.lines) > MOST_LINES or too_long or size_bytes > LARGEST_BYTES:
        raise StationInvalidError("that is more than a station sends", field="lines")
    store = unit.store(StationLogStore)
    waiting = await store.find(station.station_id, station.name)
    if waiting.log_request_id != command.log_request_id or waiting.answered_at is not None:
        return
    await store.keep(
        replace(
            waiting,
            answered_at=unit.clock.now(),
            lines=command.lines,
            left_out_count=max(0, command.left_out_count),
        )
    )
    unit.record(
        StationLogsTold(
            station_id=station.station_id,
            station_name=station.name,
            log_request_id=command.log_request_id,
            lines_count=len(command.lines),
        )
    )


async def find_station_logs(query: FindStationLogs, unit: UnitOfWork) -> StationLogsView:
    """Return what a station answered last.

    Raises:
        StationUnknownError: no such station.
    """
    station = await station_of(query.station_id, unit, revoked_too=True)
    return await unit.store(StationLogStore).find(station.station_id, station.name)
