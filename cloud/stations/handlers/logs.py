"""A station's log, where somebody asked for it."""

import json
from dataclasses import asdict, replace
from datetime import timedelta

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
#: As JSON, where a control character is six.
LARGEST_KEPT_BYTES = 256 << 10
#: A station that has not answered by then may be asked anew: nobody waits for ever.
LONGEST_WAIT = timedelta(minutes=10)


async def ask_for_station_logs(command: AskForStationLogs, unit: UnitOfWork) -> StationLogsView:
    """Ask a station; whoever asks while a young question waits joins in it.

    Raises:
        StationUnknownError: no such station.
        StationRevokedError: it is shut out.
    """
    station = await station_of(command.station_id, unit, lock=True)
    store = unit.store(StationLogStore)
    before = await store.find(station.station_id, station.name)
    now = unit.clock.now()
    waits = before.asked_at is not None and before.answered_at is None
    if waits and before.asked_at is not None and now - before.asked_at < LONGEST_WAIT:
        return before
    asked = StationLogsView(
        station_id=station.station_id,
        station_name=station.name,
        log_request_id=unit.ids.new("log"),
        asked_by=unit.context.user,
        asked_at=now,
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
    if not _fits(command):
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
            refusal=command.refusal,
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


def _fits(command: RecordStationLogs) -> bool:
    lines = [asdict(one) for one in command.lines]
    texts = [text for one in lines for text in one.values()]
    return (
        len(lines) <= MOST_LINES
        and all(len(text) <= LONGEST_TEXT for text in [*texts, command.refusal])
        and sum(len(text.encode()) for text in texts) <= LARGEST_BYTES
        and len(json.dumps(lines, ensure_ascii=False).encode()) <= LARGEST_KEPT_BYTES
    )


async def find_station_logs(query: FindStationLogs, unit: UnitOfWork) -> StationLogsView:
    """Return what a station answered last.

    Raises:
        StationUnknownError: no such station.
    """
    station = await station_of(query.station_id, unit, revoked_too=True)
    return await unit.store(StationLogStore).find(station.station_id, station.name)
