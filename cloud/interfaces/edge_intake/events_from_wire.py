"""Batches as stations send them, turned into commands; what nobody can read is marked."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError, Message
from kyndof_wire.floor.v1 import floor_pb2
from kyndof_wire.sync.v1.sync_pb2 import Event, EventBatch, Rejection

from cloud.stations.commands import (
    EventColumns,
    EventEnvelope,
    EventFault,
    RecordStationEvents,
)

_Envelope = tuple[str, int, bytes, tuple[bytes, ...], str, str, str, bool]

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
    events = event_columns(batch.events)
    if batch.prev_digest or batch.first_seq == 1:
        before = batch.prev_digest.to_bytes(8, "big")
        events = replace(events, last_digest=events.rolled(before))
    return RecordStationEvents(
        station_id=station_id,
        epoch=epoch,
        stream=batch.stream,
        first_seq=batch.first_seq,
        prev_digest=batch.prev_digest,
        content_sha256=hashlib.sha256(batch.SerializeToString(deterministic=True)).hexdigest(),
        events=events,
    )


def rejections(command: RecordStationEvents) -> list[Rejection]:
    """Return which events of a batch nobody can read."""
    return [
        Rejection(seq=command.first_seq + fault.place, code=fault.code, detail=fault.detail)
        for fault in command.events.faults
    ]


@dataclass(slots=True)
class _Columns:
    """What was read of a batch, one list for each field."""

    wire_ids: list[bytes] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    hlcs: list[int] = field(default_factory=list)
    mono_ns: list[int] = field(default_factory=list)
    pseqs: list[int] = field(default_factory=list)
    moments_us: list[int | None] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    envelopes: dict[_Envelope, int] = field(default_factory=dict)
    all_moments: bool = True

    def add(self, event: Event) -> None:
        """Read one event. Nothing of it is kept but plain values, so nothing waits to be freed."""
        self.wire_ids.append(event.event_id)
        self.payloads.append(event.payload)
        self.hlcs.append(event.hlc)
        self.mono_ns.append(event.mono_ns)
        self.pseqs.append(event.pseq)
        at = event.occurred_at
        seconds, nanos = at.seconds, at.nanos
        if not _is_moment(seconds, nanos):
            self.all_moments = False
        is_said = seconds or nanos or event.HasField("occurred_at")
        self.moments_us.append(seconds * 1_000_000 + nanos // 1000 if is_said else None)
        envelope: _Envelope = (
            event.type, event.schema, event.boot_id[:64],
            tuple(event.media_sha256) if event.media_sha256 else (),
            event.producer_id, event.worker, event.basis, True,
        )  # fmt: skip
        self.places.append(self.place_of(envelope))

    def place_of(self, envelope: _Envelope) -> int:
        """Return where an envelope stands."""
        return self.envelopes.setdefault(envelope, len(self.envelopes))


def event_columns(messages: Iterable[Event]) -> EventColumns:
    """Return the events of a batch; those that nobody can read are marked with why.

    A whole batch is looked at column by column. Only where something is wrong in one of them is
    each event judged by itself.
    """
    columns = _Columns()
    for event in messages:
        columns.add(event)
    digests = tuple([hashlib.sha256(payload).digest() for payload in columns.payloads])
    faults = () if _all_sound(columns) else _set_aside(messages, columns)
    return EventColumns(
        event_ids=_identifiers(columns.wire_ids),
        envelopes=tuple([_envelope(*envelope) for envelope in columns.envelopes]),
        envelope_places=tuple(columns.places),
        hlcs=tuple(columns.hlcs),
        mono_ns=tuple(columns.mono_ns),
        payloads=tuple(columns.payloads),
        pseqs=tuple(columns.pseqs),
        moments_us=tuple(columns.moments_us),
        wire_ids=tuple(columns.wire_ids),
        content_digests=digests,
        faults=faults,
    )


def _all_sound(columns: _Columns) -> bool:
    """Say whether nothing is wrong with any event of a batch."""
    return (
        columns.all_moments
        and set(map(len, columns.wire_ids)) <= {ULID_BYTES}
        and max(map(len, columns.payloads), default=0) <= LARGEST_PAYLOAD_BYTES
        and max(columns.hlcs, default=0) <= LARGEST_NUMBER
        and max(columns.pseqs, default=0) <= LARGEST_NUMBER
        and all(_is_sound_envelope(*envelope) for envelope in columns.envelopes)
        and _all_readable(columns)
    )


def _is_sound_envelope(*envelope: Any) -> bool:  # noqa: ANN401  an _Envelope
    kind, schema, _, media, producer_id, worker, basis, _ = envelope
    texts = (producer_id, worker, basis)
    return (
        kind in PAYLOADS
        and schema <= LARGEST_SCHEMA
        and len(media) <= MOST_MEDIA
        and all(len(digest) == SHA256_BYTES for digest in media)
        and all("\0" not in text and len(text) <= LONGEST_TEXT for text in texts)
    )


def _all_readable(columns: _Columns) -> bool:
    readers = [PAYLOADS[envelope[0]].FromString for envelope in columns.envelopes]
    try:
        for place, payload in zip(columns.places, columns.payloads, strict=True):
            readers[place](payload)
    except DecodeError:
        return False
    return True


def _set_aside(messages: Iterable[Event], columns: _Columns) -> tuple[EventFault, ...]:
    """Judge each event; of one that nobody can read, keep in the columns what can be kept."""
    faults = []
    for place, event in enumerate(messages):
        code, detail = _fault(event)
        if not code:
            continue
        kept = event.payload[:KEPT_BYTES]
        faults.append(EventFault(place=place, code=code, detail=detail, payload=kept))
        # Unreadable events lie whole among the dead letters.
        columns.payloads[place] = b""
        columns.hlcs[place] = min(event.hlc, LARGEST_NUMBER)
        columns.pseqs[place] = min(event.pseq, LARGEST_NUMBER)
        columns.moments_us[place] = None
        envelope: _Envelope = (
            _clean(event.type), min(event.schema, LARGEST_NUMBER), event.boot_id[:64], (),
            _clean(event.producer_id), _clean(event.worker), _clean(event.basis), False,
        )  # fmt: skip
        columns.places[place] = columns.place_of(envelope)
    if faults:
        _forget_unused(columns)
    return tuple(faults)


def _forget_unused(columns: _Columns) -> None:
    """Leave out envelopes of unreadable events as they came: no table holds them."""
    kept = list(columns.envelopes)
    columns.envelopes = {}
    columns.places = [columns.place_of(kept[place]) for place in columns.places]


def _envelope(*envelope: Any) -> EventEnvelope:  # noqa: ANN401  an _Envelope
    kind, schema, boot_id, media, producer_id, worker, basis, readable = envelope
    return EventEnvelope(
        type=kind,
        schema_version=schema,
        boot_id=boot_id,
        media=tuple([digest.hex() for digest in media]),
        producer_id=producer_id,
        worker=worker,
        basis=basis,
        readable=readable,
    )


ULID_BYTES = 16
SHA256_BYTES = 32
_PREFIX = np.frombuffer(b"evt_", np.uint8)
_LETTERS = np.frombuffer(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ", np.uint8)
#: Where in the upper and in the lower half of an id each letter's five bits begin.
_UPPER = np.arange(61, -1, -5, dtype=np.uint64)
_LOWER = np.arange(55, -1, -5, dtype=np.uint64)
_EARLIEST_S = -62_135_596_800
_LATEST_S = 253_402_300_799


def _identifiers(wire_ids: Sequence[bytes]) -> tuple[str, ...]:
    """Return each id as text, empty where it has not 16 bytes.

    130 bits make 26 letters of five; the first letter holds three bits of the id, the 14th some of
    both halves.
    """
    whole = [wire_id if len(wire_id) == ULID_BYTES else bytes(ULID_BYTES) for wire_id in wire_ids]
    halves = np.frombuffer(b"".join(whole), ">u8").astype(np.uint64).reshape(-1, 2, 1)
    upper, lower = halves[:, 0], halves[:, 1]
    middle = upper << np.uint64(4) | lower >> np.uint64(60)
    fives = np.concatenate([upper >> _UPPER, middle, lower >> _LOWER], axis=1) & np.uint64(31)
    written = np.empty((len(whole), len(_PREFIX) + fives.shape[1]), np.uint8)
    written[:, : len(_PREFIX)] = _PREFIX
    written[:, len(_PREFIX) :] = _LETTERS[fives]
    text, width = written.tobytes().decode("ascii"), written.shape[1]
    return tuple(
        [
            text[width * place : width * (place + 1)] if len(wire_id) == ULID_BYTES else ""
            for place, wire_id in enumerate(wire_ids)
        ]
    )


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
    if media and (len(media) > MOST_MEDIA or any(len(digest) != SHA256_BYTES for digest in media)):
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
    at = event.occurred_at
    if event.HasField("occurred_at") and not _is_moment(at.seconds, at.nanos):
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


def _is_moment(seconds: int, nanos: int) -> bool:
    """Say whether seconds and nanoseconds are a moment that a calendar knows."""
    return _EARLIEST_S <= seconds <= _LATEST_S and 0 <= nanos < 1_000_000_000


def _clean(text: str) -> str:
    if "\0" not in text and len(text) <= LONGEST_TEXT:
        return text
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:LONGEST_TEXT]
