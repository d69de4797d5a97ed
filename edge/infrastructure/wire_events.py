"""Facts of the station as wire messages, and a neighbour's messages as step records."""

from dataclasses import dataclass
from datetime import datetime

from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp
from kyndof_wire.floor.v1 import floor_pb2 as floor
from kyndof_wire.sync.v1 import sync_pb2 as sync

from edge.station import events
from edge.station.inspection_record import InspectionRecord, PointPx
from edge.station.progress import StepRecord

_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What stands around a payload."""

    event_id: bytes
    hlc: int
    mono_ns: int
    boot_id: bytes
    occurred_at: datetime
    stamp: events.Stamp
    stream: str


def encode_event(fact: events.Fact, envelope: Envelope) -> bytes:
    """Return the serialized ``sync.v1.Event`` without producer and number."""
    occurred_at = Timestamp()
    occurred_at.FromDatetime(envelope.occurred_at)
    media = []
    if isinstance(fact, events.InspectionRecorded) and fact.picture_sha256:
        media.append(bytes.fromhex(fact.picture_sha256))
    return sync.Event(
        event_id=envelope.event_id,
        type=fact.type,
        schema=_SCHEMA,
        hlc=envelope.hlc,
        mono_ns=envelope.mono_ns,
        boot_id=envelope.boot_id,
        payload=_payload(fact).SerializeToString(),
        media_sha256=media,
        occurred_at=occurred_at,
        worker=envelope.stamp.worker,
        basis=envelope.stamp.basis,
        stream=envelope.stream,
    ).SerializeToString()


def numbered(body: bytes, producer_id: str, pseq: int) -> bytes:
    """Add producer and number: fields of one message may be joined by joining their bytes."""
    return body + sync.Event(producer_id=producer_id, pseq=pseq).SerializeToString()


def _payload(fact: events.Fact) -> Message:
    if isinstance(fact, events.InspectionRecorded):
        return _inspection(fact)
    if isinstance(fact, events.StationCalibrated):
        return _calibration(fact)
    name = type(fact).__name__
    message: Message = getattr(floor, name)()
    for field in type(fact).__dataclass_fields__:
        value = getattr(fact, field)
        if isinstance(value, tuple):
            getattr(message, field).extend(value)
        elif field != "type":
            setattr(message, field, value)
    return message


def _calibration(fact: events.StationCalibrated) -> floor.StationCalibrated:
    board = fact.board
    return floor.StationCalibrated(
        calibration_id=fact.calibration_id,
        rms_px=fact.rms_px,
        board=floor.CalibrationBoard(
            name=board.name,
            pattern=board.pattern,
            columns_count=board.columns_count,
            rows_count=board.rows_count,
            square_mm=board.square_mm,
            marker_mm=board.marker_mm,
            dictionary=board.dictionary,
        ),
        table=fact.table,
        residual_px=fact.residual_px,
        camera_height_mm=fact.camera_height_mm,
        check_mm=fact.check_mm,
        views_count=fact.views_count,
        dropped_count=fact.dropped_count,
        coverage_ratio=fact.coverage_ratio,
    )


def _inspection(fact: events.InspectionRecorded) -> floor.InspectionRecorded:
    record = fact.record
    message = floor.InspectionRecorded(
        inspection_id=fact.inspection_id,
        piece_id=fact.piece_id,
        step_id=fact.step_id,
        stage=fact.stage,
        spec_version=fact.spec_version,
        attempt=fact.attempt,
        verdict=record.verdict,
        anomaly_score=record.anomaly_score,
        threshold_score=record.threshold_score,
        bundle=record.bundle,
        bundle_digest=record.bundle_digest,
        style=record.style,
        calibration_id=record.calibration_id,
        frame_width_px=record.frame_width_px,
        frame_height_px=record.frame_height_px,
        reasons=record.reasons,
        elapsed_ms=record.elapsed_ms,
        picture_sha256=bytes.fromhex(fact.picture_sha256),
    )
    if record.anomaly_map is not None:
        message.anomaly_map.width = record.anomaly_map.width
        message.anomaly_map.height = record.anomaly_map.height
        message.anomaly_map.values = record.anomaly_map.values
    _readings(record, message)
    return message


def _readings(record: InspectionRecord, message: floor.InspectionRecorded) -> None:
    for found in record.findings:
        message.findings.add(
            defect_class=found.defect_class,
            score=found.defect_score,
            polygon_px=[_point(p) for p in found.polygon_px],
            area_px=found.area_px,
            area_mm2=found.area_mm2,
            severity=found.severity,
            description=found.description,
        )
    for measured in record.measurements:
        message.measurements.add(
            name=measured.name,
            nominal_mm=measured.nominal_mm,
            lower_mm=measured.lower_mm,
            upper_mm=measured.upper_mm,
            value_mm=measured.value_mm,
            uncertainty_mm=measured.uncertainty_mm,
            outcome=measured.outcome,
            reason=measured.reason,
            from_px=_point(measured.from_px) if measured.from_px else None,
            to_px=_point(measured.to_px) if measured.to_px else None,
            severity=measured.severity,
        )
    for seam in record.stitches:
        message.stitches.add(
            seam=seam.seam,
            nominal_mm=seam.nominal_mm,
            lower_mm=seam.lower_mm,
            upper_mm=seam.upper_mm,
            pitch_mm=seam.pitch_mm,
            uncertainty_mm=seam.uncertainty_mm,
            cv_ratio=seam.cv_ratio,
            skipped_count=seam.skipped_count,
            outcome=seam.outcome,
            reason=seam.reason,
            seam_px=[_point(p) for p in seam.seam_px],
            severity=seam.severity,
            max_cv_ratio=seam.max_cv_ratio,
        )


def _point(point: PointPx) -> floor.Point:
    return floor.Point(x_px=point[0], y_px=point[1])


class MessageUnreadableError(Exception):
    """Bytes from the floor's broker are not the message that their topic promises."""

    code = "MESSAGE_UNREADABLE"


def decode_stored(payload: bytes) -> int:
    """Return the confirmed number.

    Raises:
        MessageUnreadableError: the bytes are no such message.
    """
    try:
        return sync.Stored.FromString(payload).pseq
    except DecodeError as error:
        raise MessageUnreadableError("not a sync.v1.Stored") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourEvent:
    """What another station said; ``record`` is its start or finish, None for anything else."""

    event_id: bytes
    hlc: int
    record: StepRecord | None


def decode_heard(payload: bytes, station: str) -> NeighbourEvent:
    """Return a neighbour's event.

    Raises:
        MessageUnreadableError: the bytes are no event.
    """
    try:
        event = sync.Event.FromString(payload)
        record = _record_of(event, station)
    except DecodeError as error:
        raise MessageUnreadableError("not an event of the floor") from error
    return NeighbourEvent(event_id=event.event_id, hlc=event.hlc, record=record)


def _record_of(event: sync.Event, station: str) -> StepRecord | None:
    if event.type == "step_started":
        begun = floor.StepStarted.FromString(event.payload)
        return StepRecord(
            piece_id=begun.piece_id,
            step_id=begun.step_id,
            kind="started",
            attempt=begun.attempt,
            station=station,
            order_unconfirmed=begun.order_unconfirmed,
        )
    if event.type == "step_finished":
        done = floor.StepFinished.FromString(event.payload)
        return StepRecord(
            piece_id=done.piece_id,
            step_id=done.step_id,
            kind="finished",
            attempt=done.attempt,
            verdict=done.verdict,
            station=station,
            order_unconfirmed=done.order_unconfirmed,
        )
    return None
