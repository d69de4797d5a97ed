"""Batches as stations send them, turned into commands; what nobody can read is marked."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from google.protobuf.message import DecodeError, Message
from kyndof_wire.floor.v1 import floor_pb2
from kyndof_wire.sync.v1.sync_pb2 import Event, EventBatch, Rejection

from cloud.stations.commands import RecordStationEvents, StationEvent

#: Every event's payload is one of these, named by the event's type.
PAYLOADS: dict[str, type[Message]] = {
    "badge_scanned": floor_pb2.BadgeScanned,
    "badge_ended": floor_pb2.BadgeEnded,
    "step_started": floor_pb2.StepStarted,
    "inspection_recorded": floor_pb2.InspectionRecorded,
    "step_finished": floor_pb2.StepFinished,
    "scan_refused": floor_pb2.ScanRefused,
    "alarm_raised": floor_pb2.AlarmRaised,
    "alarm_cleared": floor_pb2.AlarmCleared,
    "station_snapshot": floor_pb2.StationSnapshot,
    "flaw_named": floor_pb2.FlawNamed,
    "style_taught": floor_pb2.StyleTaught,
    "station_calibrated": floor_pb2.StationCalibrated,
}
LARGEST_PAYLOAD_BYTES = 1024 * 1024
#: Of a payload that is too large, this much is kept for whoever looks.
KEPT_BYTES = 64 * 1024
LARGEST_NUMBER = 2**63 - 1
LONGEST_TEXT = 500
LARGEST_SCHEMA = 1
MOST_MEDIA = 16


def record_command(station_id: str, epoch: int, batch: EventBatch) -> RecordStationEvents:
    """Return the command that writes a batch down."""
    return RecordStationEvents(
        station_id=station_id,
        epoch=epoch,
        stream=batch.stream,
        first_seq=batch.first_seq,
        prev_digest=batch.prev_digest,
        content_sha256=hashlib.sha256(batch.SerializeToString(deterministic=True)).hexdigest(),
        events=tuple(read_event(event) for event in batch.events),
    )


def rejections(command: RecordStationEvents) -> list[Rejection]:
    """Return which events of a batch nobody can read."""
    return [
        Rejection(seq=seq, code=event.fault_code, detail=event.fault_detail)
        for seq, event in enumerate(command.events, start=command.first_seq)
        if event.fault_code
    ]


def read_event(event: Event) -> StationEvent:
    """Return an event, or the same event marked with why nobody can read it."""
    fault_code, fault_detail = _fault(event)
    if fault_code:
        return _marked(event, fault_code, fault_detail)
    return StationEvent(
        event_id=f"evt_{_ulid(event.event_id)}",
        type=event.type,
        schema_version=event.schema,
        hlc=event.hlc,
        mono_ns=event.mono_ns,
        boot_id=event.boot_id[:64],
        payload=event.payload,
        media=tuple([digest.hex() for digest in event.media_sha256]),
        producer_id=event.producer_id,
        pseq=event.pseq,
        occurred_at=_moment(event),
        worker=event.worker,
        basis=event.basis,
        wire_id=event.event_id,
        content_digest=hashlib.sha256(event.payload).digest(),
    )


def _marked(event: Event, fault_code: str, fault_detail: str) -> StationEvent:
    """Return what can be kept of an event that nobody can read."""
    return StationEvent(
        event_id=f"evt_{_ulid(event.event_id)}" if len(event.event_id) == ULID_BYTES else "",
        type=_clean(event.type),
        schema_version=min(event.schema, LARGEST_NUMBER),
        hlc=min(event.hlc, LARGEST_NUMBER),
        mono_ns=event.mono_ns,
        boot_id=event.boot_id[:64],
        payload=event.payload[:KEPT_BYTES],
        media=(),
        producer_id=_clean(event.producer_id),
        pseq=min(event.pseq, LARGEST_NUMBER),
        occurred_at=None,
        worker=_clean(event.worker),
        basis=_clean(event.basis),
        wire_id=event.event_id,
        content_digest=hashlib.sha256(event.payload).digest(),
        fault_code=fault_code,
        fault_detail=fault_detail,
    )


ULID_BYTES = 16
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
#: Two letters of a ULID for each ten bits.
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
_TENS = range(120, -10, -10)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_S = 253_402_300_799


def _ulid(content: bytes) -> str:
    """Return the 26 letters of 16 bytes; the first of them holds three bits."""
    number = int.from_bytes(content, "big")
    return "".join([_PAIRS[number >> shift & 1023] for shift in _TENS])


def _fault(event: Event) -> tuple[str, str]:
    for check in CHECKS:
        found = check(event)
        if found:
            return found
    return "", ""


def _identifier(event: Event) -> tuple[str, str] | None:
    if len(event.event_id) != ULID_BYTES:
        return "EVENT_ID_INVALID", f"an event id has 16 bytes, this one {len(event.event_id)}"
    return None


def _size(event: Event) -> tuple[str, str] | None:
    if len(event.payload) > LARGEST_PAYLOAD_BYTES:
        return "PAYLOAD_TOO_LARGE", f"{len(event.payload)} bytes"
    media = event.media_sha256
    if media and (len(media) > MOST_MEDIA or any(len(digest) != 32 for digest in media)):
        return "MEDIA_INVALID", "a picture is named by the 32 bytes of its SHA-256"
    return None


def _kind(event: Event) -> tuple[str, str] | None:
    if event.type not in PAYLOADS:
        return "TYPE_UNKNOWN", f"no event is called {_clean(event.type)[:80]}"
    if event.schema > LARGEST_SCHEMA:
        return "SCHEMA_UNKNOWN", f"schema {event.schema} of {event.type} is newer than this cloud"
    return None


def _numbers(event: Event) -> tuple[str, str] | None:
    if event.hlc > LARGEST_NUMBER or event.pseq > LARGEST_NUMBER:
        return "NUMBER_TOO_LARGE", "hlc and pseq have 63 bits"
    return None


def _texts(event: Event) -> tuple[str, str] | None:
    for text in (event.producer_id, event.worker, event.basis):
        if "\0" in text or len(text) > LONGEST_TEXT:
            return "TEXT_INVALID", "a text holds a zero byte or is too long"
    return None


def _time(event: Event) -> tuple[str, str] | None:
    try:
        _moment(event)
    except (ValueError, OverflowError):
        return "TIME_INVALID", "occurred_at is no moment"
    return None


def _payload(event: Event) -> tuple[str, str] | None:
    try:
        PAYLOADS[event.type].FromString(event.payload)
    except DecodeError:
        return "PAYLOAD_UNREADABLE", f"the payload is no {event.type}"
    return None


CHECKS: tuple[Callable[[Event], tuple[str, str] | None], ...] = (
    _identifier,
    _size,
    _kind,
    _numbers,
    _texts,
    _time,
    _payload,
)


def _moment(event: Event) -> datetime | None:
    if not event.HasField("occurred_at"):
        return None
    at = event.occurred_at
    if not (0 <= at.nanos < 1_000_000_000 and at.seconds <= _LATEST_S):
        raise ValueError("no moment")
    return _EPOCH + timedelta(seconds=at.seconds, microseconds=at.nanos // 1000)


def _clean(text: str) -> str:
    if "\0" not in text and len(text) <= LONGEST_TEXT:
        return text
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:LONGEST_TEXT]
