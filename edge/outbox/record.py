"""What lies in the outbox: events in an order of their own, chained by a digest."""

import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import NamedTuple

#: Order in which streams are served: a snapshot of the present before the long history.
STREAMS = ("state", "events")
#: In this stream the newest event says all that the earlier ones said.
LATEST_WINS = "state"
LARGEST_EVENT_BYTES = 1 << 20
#: Why a stored event lies among the refused ones.
DAMAGED = "the disk has changed it after it was stored"
#: Why a number of a producer lies there.
NEVER_CAME = "its producer sent later ones and never this one"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingEvent:
    """An event as a producer handed it over, not stored yet."""

    event_id: bytes
    stream: str
    producer_id: str
    pseq: int
    payload: bytes
    body: bytes
    media: tuple[bytes, ...] = ()
    verdict: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaDue:
    """A picture that a stored event names."""

    sha256: bytes
    event_id: bytes
    verdict: str


class StoredEvent(NamedTuple):
    """An event with its place in its stream.

    ``digest`` is the rolling digest over everything up to and including this event. ``seal`` is
    what `sealed` says of the row; ``None`` in rows from before there were seals.
    """

    seq: int
    body: bytes
    digest: int
    event_id: bytes = b""
    seal: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """How far one stream got: written, acknowledged by the cloud, and removed from this disk."""

    stream: str
    last_seq: int
    acked_seq: int
    trimmed_seq: int
    digest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxState:
    """Whose outbox this is and how far each stream got."""

    outbox_id: str
    epoch: int
    streams: tuple[StreamState, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Numbers of a producer that never came."""

    producer_id: str
    first_pseq: int
    last_pseq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendOutcome:
    """What one commit did.

    ``stored`` holds each producer's last number that is safe together with all before it.
    ``touched`` names the producers that ought to be told, repeated events included.
    """

    appended_count: int
    duplicate_count: int
    waiting_count: int
    stored: dict[str, int]
    touched: frozenset[str]
    holes: tuple[Hole, ...]


_NUMBERS = struct.Struct(">QQ")


def sealed(stream: str, event: StoredEvent) -> int:
    """Return the checksum (CRC-32) over all of a row that travels or decides what travels."""
    head = stream.encode() + event.event_id + _NUMBERS.pack(event.seq, event.digest)
    return zlib.crc32(event.body, zlib.crc32(head))


def rolling_digest(previous: int, event_id: bytes, payload: bytes) -> int:
    """Return the digest after one more event, an unsigned number of 64 bits.

    Args:
        previous: digest before the event, 0 at the start of a stream.
        event_id: the 16 bytes of the event's ULID.
        payload: the event's payload, without its envelope.
    """
    chained = previous.to_bytes(8, "big") + event_id + hashlib.sha256(payload).digest()
    return int.from_bytes(hashlib.sha256(chained).digest()[:8], "big")
