"""What stations say, written down."""

from dataclasses import replace

from cloud.commands.ports import UnitOfWork
from cloud.stations.commands import (
    BuryEvent,
    OpenStationStream,
    RecordStationEvents,
    RecordStationGap,
    RecordStationImport,
    RecordStationPresence,
    RecordStationReport,
    RecordStationState,
    ReportStationFault,
    StoreMedia,
)
from cloud.stations.errors import EpochFencedError, EpochUnknownError, StationInvalidError
from cloud.stations.event_log import plan_append, plan_gap
from cloud.stations.events import (
    MediaStored,
    StationConfigurationReported,
    StationFaultReported,
    StationImportTaken,
    StationStateChanged,
)
from cloud.stations.handlers.lookup import acts_for_itself, station_of
from cloud.stations.handlers.renewal import certificate_in_use
from cloud.stations.media import check_media
from cloud.stations.ports import MediaStore, StationEventStore, StationStore
from cloud.stations.queries import Position, Recorded, StreamOpening
from cloud.stations.station import Station, StationState, merge_state

#: An outbox may claim an epoch that a restored cloud has forgotten, within reason.
_FORGOTTEN_EPOCHS = 1000
#: A newer snapshot says all that an older one said.
_HARMLESS_GAPS = frozenset({"GAP_REASON_SUPERSEDED"})


async def open_station_stream(command: OpenStationStream, unit: UnitOfWork) -> StreamOpening:
    """Give an outbox its epoch and tell it where to go on.

    Raises:
        StationUnknownError: no such station.
        StationRevokedError: it is shut out.
        EpochFencedError: a newer outbox of the station is alive.
        StationInvalidError: the outbox has no usable id.
    """
    acts_for_itself(command.station_id, unit)
    if not command.outbox_id or len(command.outbox_id) > 200:
        raise StationInvalidError("an outbox id has 1 to 200 characters", field="outbox_id")
    await station_of(command.station_id, unit, lock=True)
    if command.certificate_serial:
        await certificate_in_use(command.station_id, command.certificate_serial, unit)
    log = unit.store(StationEventStore)
    epoch = await log.find_epoch(command.station_id, command.outbox_id)
    is_new = epoch is None
    if epoch is None:
        latest = await log.latest_epoch(command.station_id)
        claimed = command.epoch if command.epoch <= latest + _FORGOTTEN_EPOCHS else 0
        epoch = max(latest + 1, claimed)
        await log.add_epoch(
            command.station_id, epoch, command.outbox_id, command.agent_version[:200]
        )
    elif epoch < command.live_epoch:
        raise EpochFencedError(
            "a newer outbox of this station is connected", epoch=epoch, live=command.live_epoch
        )
    cursors = await log.cursors(command.station_id, epoch)
    positions = tuple(
        Position(stream=stream, seq=at.committed_seq, digest=int.from_bytes(at.digest, "big"))
        for stream, at in sorted(cursors.items())
    )
    return StreamOpening(epoch=epoch, is_new=is_new, positions=positions)


async def record_station_events(command: RecordStationEvents, unit: UnitOfWork) -> Recorded:
    """Append what is new of a batch and move the cursor, in this one transaction.

    Raises:
        EpochUnknownError: no outbox of the station has this epoch, or no such stream.
        SequenceGapError: events are missing before the batch.
        DigestMismatchError: the batch continues another history.
    """
    acts_for_itself(command.station_id, unit)
    log = unit.store(StationEventStore)
    cursor = await log.lock_cursor(command.station_id, command.epoch, command.stream)
    if cursor is None:
        raise EpochUnknownError(
            "no such epoch or stream", epoch=command.epoch, stream=command.stream
        )
    known = command.prev_digest != 0 or command.first_seq == 1
    plan = plan_append(
        cursor,
        command.first_seq,
        command.prev_digest.to_bytes(8, "big") if known else None,
        command.events,
    )
    if plan.events or plan.duplicates:
        await log.append(command.station_id, command.epoch, command.stream, plan)
    return Recorded(committed_seq=plan.cursor.committed_seq, duplicates=plan.duplicates)


async def record_station_gap(command: RecordStationGap, unit: UnitOfWork) -> Recorded:
    """Move the cursor over numbers that will never come; the gap itself is on record.

    What was lost is told; a snapshot that a newer one has replaced was not lost.

    Raises:
        EpochUnknownError: no outbox of the station has this epoch, or no such stream.
        SequenceGapError: numbers are missing before the gap.
    """
    acts_for_itself(command.station_id, unit)
    log = unit.store(StationEventStore)
    cursor = await log.lock_cursor(command.station_id, command.epoch, command.stream)
    if cursor is None:
        raise EpochUnknownError(
            "no such epoch or stream", epoch=command.epoch, stream=command.stream
        )
    after = plan_gap(cursor, command.first_seq, command.last_seq)
    if after != cursor:
        first_seq = cursor.committed_seq + 1
        await log.append_gap(command, first_seq, after)
        if command.reason not in _HARMLESS_GAPS:
            station = await station_of(command.station_id, unit, revoked_too=True)
            unit.record(
                StationFaultReported(
                    station_id=station.station_id,
                    station_name=station.name,
                    code="events_lost",
                    detail=f"{command.stream} {first_seq}-{command.last_seq}: {command.reason}",
                )
            )
    return Recorded(committed_seq=after.committed_seq, duplicates=0)


async def record_station_presence(command: RecordStationPresence, unit: UnitOfWork) -> None:
    """Mark a station as here or gone, and tell whoever watches.

    Raises:
        StationUnknownError: no such station.
        StationRevokedError: it is shut out.
    """
    acts_for_itself(command.station_id, unit)
    stations = unit.store(StationStore)
    station = await station_of(command.station_id, unit, lock=True, revoked_too=True)
    now = unit.clock.now()
    was_online = station.is_online(now)
    await stations.set_presence(command.station_id, command.online, now)
    if was_online != command.online:
        state = await stations.state(command.station_id) or StationState()
        unit.record(_changed(replace(station, online=command.online), state))


async def record_station_state(command: RecordStationState, unit: UnitOfWork) -> None:
    """Note what a station shows; whoever watches is told only of what can be seen.

    Raises:
        StationUnknownError: no such station.
    """
    acts_for_itself(command.station_id, unit)
    stations = unit.store(StationStore)
    station = await station_of(command.station_id, unit, revoked_too=True)
    before = await stations.state(command.station_id, lock=True)
    after = merge_state(before or StationState(), command)
    if after == before:
        return
    await stations.save_state(command.station_id, after, unit.clock.now())
    if before is None or not after.looks_like(before):
        online = station.is_online(unit.clock.now())
        unit.record(_changed(replace(station, online=online), after))


async def record_station_report(command: RecordStationReport, unit: UnitOfWork) -> None:
    """Keep what a station made of the wish; another word of its configuration is told.

    Raises:
        StationUnknownError: no such station.
    """
    acts_for_itself(command.station_id, unit)
    is_news = await unit.store(StationStore).save_report(command, unit.clock.now())
    if is_news and command.configuration is not None:
        station = await station_of(command.station_id, unit, revoked_too=True)
        told = command.configuration
        unit.record(
            StationConfigurationReported(
                station_id=station.station_id,
                station_name=station.name,
                digest=told.digest,
                wished=told.wished,
                code=told.refusal,
                detail=told.detail,
            )
        )


async def report_station_fault(command: ReportStationFault, unit: UnitOfWork) -> None:
    """Put a suspicion on record and tell whoever watches.

    Raises:
        StationUnknownError: no such station.
    """
    station = await station_of(command.station_id, unit, revoked_too=True)
    unit.record(
        StationFaultReported(
            station_id=station.station_id,
            station_name=station.name,
            code=command.code,
            detail=command.detail,
        )
    )


async def bury_event(command: BuryEvent, unit: UnitOfWork) -> None:
    """Put an event that no command can carry among the dead letters."""
    acts_for_itself(command.station_id, unit)
    await unit.store(StationEventStore).bury(command, unit.clock.now())


async def store_media(command: StoreMedia, unit: UnitOfWork) -> None:
    """Make a verified picture visible.

    Raises:
        MediaInvalidError: its address, size or kind is not acceptable.
    """
    acts_for_itself(command.station_id, unit)
    check_media(command.sha256, command.size_bytes, command.content_type)
    if await unit.store(MediaStore).add(command, unit.clock.now()):
        unit.record(
            MediaStored(
                sha256=command.sha256,
                size_bytes=command.size_bytes,
                content_type=command.content_type,
                station_id=command.station_id,
                event_id=command.event_id,
            )
        )


def _changed(station: Station, state: StationState) -> StationStateChanged:
    return StationStateChanged(
        station_id=station.station_id,
        station_name=station.name,
        online=station.online,
        worker=state.worker,
        piece_id=state.piece_id,
        step_id=state.step_id,
        phase=state.phase,
        alarms=tuple(code for code, _ in state.alarms),
        finished_count=state.finished_count,
        failed_count=state.failed_count,
        camera=state.camera,
        bundle=state.bundle,
    )


async def record_station_import(command: RecordStationImport, unit: UnitOfWork) -> None:
    """Keep on record that a file was taken in; its events have rows of their own.

    Raises:
        StationUnknownError: no such station.
    """
    station = await station_of(command.station_id, unit)
    unit.record(
        StationImportTaken(
            station_id=station.station_id,
            station_name=station.name,
            file_digest=command.file_digest,
            events_new_count=command.events_new_count,
            pictures_new_count=command.pictures_new_count,
        )
    )
