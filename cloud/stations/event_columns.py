"""The events of a batch, one tuple for each field."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEnvelope:
    """What many events of a batch have in common; ``readable`` ones are no dead letters."""

    type: str
    schema_version: int
    boot_id: bytes
    media: tuple[str, ...]
    producer_id: str
    worker: str
    basis: str
    readable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFault:
    """Why nobody can read the event at ``place``, counted from 0; ``payload`` is what is kept."""

    place: int
    code: str
    detail: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class EventColumns:
    """Consecutive events of a stream as the station numbered them, one tuple for each field.

    An object for each event costs more than writing it down. ``envelopes`` holds what differs
    seldom, each once, and ``envelope_places`` which of them is whose. ``event_ids`` is empty where
    the id is none. ``moments_us`` counts microseconds from 1970. ``wire_ids`` are the ids as sent
    and ``content_digests`` the SHA-256 of the payloads as sent; both feed the rolling digest.
    ``faults`` is set by the border; such events go to the dead letters. ``last_digest`` is the
    rolling digest (8 bytes) after the last event, ``None`` where the one before the first is
    unknown.
    """

    event_ids: tuple[str, ...]
    envelopes: tuple[EventEnvelope, ...]
    envelope_places: tuple[int, ...]
    hlcs: tuple[int, ...]
    mono_ns: tuple[int, ...]
    payloads: tuple[bytes, ...]
    pseqs: tuple[int, ...]
    moments_us: tuple[int | None, ...]
    wire_ids: tuple[bytes, ...]
    content_digests: tuple[bytes, ...]
    faults: tuple[EventFault, ...] = ()
    last_digest: bytes | None = None

    def __len__(self) -> int:
        """Return how many events there are."""
        return len(self.wire_ids)

    def check(self) -> None:
        """Refuse columns of different lengths.

        Raises:
            ValueError: they are no columns of one table.
        """
        lengths = {
            len(self.event_ids), len(self.envelope_places), len(self.hlcs), len(self.mono_ns),
            len(self.payloads), len(self.pseqs), len(self.moments_us), len(self.wire_ids),
            len(self.content_digests),
        }  # fmt: skip
        if len(lengths) != 1:
            raise ValueError("every column has one value for each event")

    def after(self, count: int) -> "EventColumns":
        """Return the events without the first ``count``."""
        if count == 0:
            return self
        return replace(
            self,
            event_ids=self.event_ids[count:],
            envelope_places=self.envelope_places[count:],
            hlcs=self.hlcs[count:],
            mono_ns=self.mono_ns[count:],
            payloads=self.payloads[count:],
            pseqs=self.pseqs[count:],
            moments_us=self.moments_us[count:],
            wire_ids=self.wire_ids[count:],
            content_digests=self.content_digests[count:],
            faults=tuple(
                replace(fault, place=fault.place - count)
                for fault in self.faults
                if fault.place >= count
            ),
        )

    def rolled(self, digest: bytes, count: int | None = None) -> bytes:
        """Return the rolling digest (8 bytes) after the first ``count`` events, or after all.

        Args:
            digest: the rolling digest (8 bytes) before the first.
            count: how many events to roll over.
        """
        ids, contents = self.wire_ids[:count], self.content_digests[:count]
        for event_id, content_digest in zip(ids, contents, strict=True):
            digest = hashlib.sha256(digest + event_id + content_digest).digest()[:8]
        return digest

    def followed_by(self, others: Sequence["EventColumns"]) -> "EventColumns":
        """Return these events and those that follow them."""
        parts = (self, *others)
        envelopes: dict[EventEnvelope, int] = {}
        places: list[int] = []
        faults: list[EventFault] = []
        before = 0
        for part in parts:
            new = [envelopes.setdefault(envelope, len(envelopes)) for envelope in part.envelopes]
            places += [new[place] for place in part.envelope_places]
            faults += [replace(fault, place=before + fault.place) for fault in part.faults]
            before += len(part)
        return EventColumns(
            event_ids=_chained(part.event_ids for part in parts),
            envelopes=tuple(envelopes),
            envelope_places=tuple(places),
            hlcs=_chained(part.hlcs for part in parts),
            mono_ns=_chained(part.mono_ns for part in parts),
            payloads=_chained(part.payloads for part in parts),
            pseqs=_chained(part.pseqs for part in parts),
            moments_us=_chained(part.moments_us for part in parts),
            wire_ids=_chained(part.wire_ids for part in parts),
            content_digests=_chained(part.content_digests for part in parts),
            faults=tuple(faults),
            last_digest=parts[-1].last_digest,
        )


def _chained(columns: Iterable[tuple[Value, ...]]) -> tuple[Value, ...]:
    return tuple(chain.from_iterable(columns))
