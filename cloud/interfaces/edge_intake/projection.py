"""Which command a fact from the floor becomes."""

import base64
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.message import Message
from kyndof_wire.floor.v1.floor_pb2 import (
    AlarmCleared,
    AlarmRaised,
    BadgeScanned,
    Finding,
    FlawNamed,
    InspectionRecorded,
    Measurement,
    Point,
    StationCalibrated,
    StepFinished,
    StepStarted,
    StitchReading,
    StyleTaught,
)
from kyndof_wire.floor.v1.floor_pb2 import StationSnapshot as SnapshotMessage

from cloud.commands.command import Command
from cloud.commands.typed import read
from cloud.inspection.commands import RecordInspection
from cloud.learning.commands import NameFlaw, RecordCalibration, TeachStyle
from cloud.production.commands import FinishStep, StartStep
from cloud.stations.commands import AlarmChange, RecordStationState, StationSnapshot
from cloud.stations.queries import LoggedEvent, StationKey

#: Facts about what a station shows. They change nothing in production and may be told together.
SHOWN = frozenset(
    {
        "badge_scanned",
        "badge_ended",
        "alarm_raised",
        "alarm_cleared",
        "station_snapshot",
    }
)
#: Facts that are kept and concern no room: nothing becomes of them.
IDLE = frozenset({"scan_refused"})
#: 128 numbers of four bytes.
LARGEST_DESCRIPTION_BYTES = 512


def command_of(station: StationKey, event: LoggedEvent) -> Command:
    """Return the command that an event becomes.

    Raises:
        PayloadInvalidError: a value is not one that the command knows.
        KeyError: events of this type become no command.
        DecodeError: the payload cannot be read.
    """
    kind, fields = COMMANDS[event.type]
    command: Command = read(kind, fields(station, event))
    return command


def state_command(station: StationKey, events: Sequence[LoggedEvent]) -> RecordStationState | None:
    """Return what a run of shown facts comes to, ``None`` when it is nothing that is shown."""
    worker: str | None = None
    snapshot: StationSnapshot | None = None
    alarms: list[AlarmChange] = []
    for event in events:
        if event.type == "badge_scanned":
            worker = BadgeScanned.FromString(event.payload).login
        elif event.type == "badge_ended":
            worker = ""
        elif event.type == "alarm_raised":
            raised = AlarmRaised.FromString(event.payload)
            alarms.append(AlarmChange(code=raised.code, detail=raised.detail, raised=True))
        elif event.type == "alarm_cleared":
            cleared = AlarmCleared.FromString(event.payload)
            alarms.append(AlarmChange(code=cleared.code, detail="", raised=False))
        elif event.type == "station_snapshot":
            snapshot = _snapshot(SnapshotMessage.FromString(event.payload))
    if worker is None and snapshot is None and not alarms:
        return None
    return RecordStationState(
        station_id=station.station_id,
        epoch=events[-1].epoch,
        seq=events[-1].seq,
        snapshot=snapshot,
        worker=worker,
        alarms=tuple(alarms),
    )


def _snapshot(message: SnapshotMessage) -> StationSnapshot:
    return StationSnapshot(
        worker=message.worker,
        piece_id=message.piece_id,
        step_id=message.step_id,
        phase=message.phase,
        alarms=tuple(message.alarms),
        finished_count=message.finished_count,
        failed_count=message.failed_count,
        spool_count=message.spool_count,
        bundle=message.bundle,
        package_digest=message.package_digest,
        camera=message.camera,
    )


def _started(station: StationKey, event: LoggedEvent) -> dict[str, Any]:
    message = StepStarted.FromString(event.payload)
    return {
        "piece_id": message.piece_id,
        "step_id": message.step_id,
        "stage": message.stage,
        "attempt": message.attempt,
        "spec_version": message.spec_version,
        "station_id": station.station_id,
        "started_at": event.event_time,
        "started_err_ms": event.event_time_err_ms,
        "order_unconfirmed": message.order_unconfirmed,
    }


def _finished(station: StationKey, event: LoggedEvent) -> dict[str, Any]:
    message = StepFinished.FromString(event.payload)
    return {
        "piece_id": message.piece_id,
        "step_id": message.step_id,
        "stage": message.stage,
        "attempt": message.attempt,
        "spec_version": message.spec_version,
        "station_id": station.station_id,
        "finished_at": event.event_time,
        "finished_err_ms": event.event_time_err_ms,
        "inspection_id": message.inspection_id,
        "verdict": message.verdict or "NONE",
        "order_unconfirmed": message.order_unconfirmed,
    }


def _inspected(station: StationKey, event: LoggedEvent) -> dict[str, Any]:
    message = InspectionRecorded.FromString(event.payload)
    plain = (
        "inspection_id piece_id step_id stage spec_version attempt verdict anomaly_score "
        "threshold_score bundle bundle_digest style calibration_id frame_width_px frame_height_px "
        "elapsed_ms"
    )
    return {name: getattr(message, name) for name in plain.split()} | {
        "station_id": station.station_id,
        "worker": event.worker,
        "findings": [_finding(finding) for finding in message.findings],
        "measurements": [_measurement(reading) for reading in message.measurements],
        "stitches": [_stitch(reading) for reading in message.stitches],
        "anomaly_map": {
            "width": message.anomaly_map.width,
            "height": message.anomaly_map.height,
            "values": message.anomaly_map.values,
        },
        "reasons": list(message.reasons),
        "picture_sha256": message.picture_sha256.hex(),
        "inspected_at": event.event_time,
    }


def _named(station: StationKey, event: LoggedEvent) -> dict[str, Any]:
    message = FlawNamed.FromString(event.payload)
    return {
        "naming_id": f"nam_{event.event_id.removeprefix('evt_')}",
        "station_id": station.station_id,
        "inspection_id": message.inspection_id,
        "finding_index": message.finding_index,
        "kind": message.kind,
        "bundle_digest": message.bundle_digest,
        "description": message.description,
        "named_at": event.event_time,
    }


def _taught(station: StationKey, event: LoggedEvent) -> dict[str, Any]:
    message = StyleTaught.FromString(event.payload)
    return {
        "bank_id": f"bnk_{event.event_id.removeprefix('evt_')}",
        "station_id": station.station_id,
        "style": message.style,
        "bank": message.bank,
        "taught_at": event.event_time,
    }


def _calibrated(station: StationKey, event: LoggedEvent) -> dict[str, Any]:
    message = StationCalibrated.FromString(event.payload)
    board = message.board
    plain = (
        "calibration_id rms_px table residual_px camera_height_mm views_count dropped_count "
        "coverage_ratio"
    )
    of_board = "name pattern columns_count rows_count square_mm marker_mm dictionary"
    return {name: getattr(message, name) for name in plain.split()} | {
        "station_id": station.station_id,
        "calibrated_at": event.event_time,
        "board": {name: getattr(board, name) for name in of_board.split()},
        "check_mm": _given(message, "check_mm"),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "defect_class": finding.defect_class,
        "score": finding.score,
        "polygon_px": [_point(point) for point in finding.polygon_px],
        "area_px": finding.area_px,
        "area_mm2": _given(finding, "area_mm2"),
        "severity": finding.severity,
        "description": _described(finding.description),
    }


def _described(content: bytes) -> str:
    """Return a description as text; one of an impossible length is left out, not its inspection."""
    is_possible = len(content) <= LARGEST_DESCRIPTION_BYTES and len(content) % 4 == 0
    return base64.b64encode(content).decode("ascii") if is_possible else ""


def _measurement(reading: Measurement) -> dict[str, Any]:
    plain = ("name", "nominal_mm", "lower_mm", "upper_mm", "outcome", "reason", "severity")
    return {name: getattr(reading, name) for name in plain} | {
        "value_mm": _given(reading, "value_mm"),
        "uncertainty_mm": _given(reading, "uncertainty_mm"),
        "from_px": _point(reading.from_px) if reading.HasField("from_px") else None,
        "to_px": _point(reading.to_px) if reading.HasField("to_px") else None,
    }


def _stitch(reading: StitchReading) -> dict[str, Any]:
    plain = "seam nominal_mm lower_mm upper_mm outcome reason severity max_cv_ratio"
    optional = ("pitch_mm", "uncertainty_mm", "cv_ratio", "skipped_count")
    fields: dict[str, Any] = {name: getattr(reading, name) for name in plain.split()}
    fields |= {name: _given(reading, name) for name in optional}
    return fields | {"seam_px": [_point(point) for point in reading.seam_px]}


def _given(message: Message, name: str) -> Any:  # noqa: ANN401  the field's own type
    return getattr(message, name) if message.HasField(name) else None


def _point(point: Point) -> dict[str, float]:
    return {"x_px": point.x_px, "y_px": point.y_px}


Fields = Callable[[StationKey, LoggedEvent], dict[str, Any]]
COMMANDS: dict[str, tuple[type[Command], Fields]] = {
    "step_started": (StartStep, _started),
    "inspection_recorded": (RecordInspection, _inspected),
    "step_finished": (FinishStep, _finished),
    "flaw_named": (NameFlaw, _named),
    "style_taught": (TeachStyle, _taught),
    "station_calibrated": (RecordCalibration, _calibrated),
}
