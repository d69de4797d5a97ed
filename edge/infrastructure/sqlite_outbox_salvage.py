"""What can still be read of a damaged outbox."""

import contextlib
import sqlite3
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError
from kyndof_wire.sync.v1.sync_pb2 import Event

from edge.infrastructure.sqlite_outbox_file import seal_column
from edge.outbox.record import (
    LATEST_WINS,
    STREAMS,
    IncomingEvent,
    StoredEvent,
    rolling_digest,
    sealed,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    stream: str
    seq: int
    digest: int
    event: Event


def salvage(path: Path) -> list[IncomingEvent]:
    """Return the readable events that the cloud had not acknowledged, in their old order.

    A row whose digest does not follow from the row before it was changed by the disk and is left
    out. Events keep their ids, so that one the cloud has after all is told apart there.
    """
    rows = sorted(_readable(path).values(), key=lambda row: (row.stream, row.seq))
    acked = _acknowledged(path)
    salvaged: list[IncomingEvent] = []
    for before, row in zip([None, *rows], rows, strict=False):
        if row.seq > acked.get(row.stream, 0) and _follows(before, row):
            salvaged.append(_incoming(row))
    return salvaged


def unsalvaged_count(path: Path, salvaged: Sequence[IncomingEvent]) -> int:
    """Return how many events may be lost with a damaged file, as far as it still says.

    Their producers may have some of them still. Snapshots are not counted: the next one says all
    that they said.
    """
    kept = sum(event.stream != LATEST_WINS for event in salvaged)
    try:
        with contextlib.closing(sqlite3.connect(path)) as db:
            (waiting,) = db.execute(
                "SELECT coalesce(sum(next_seq - 1 - acked_seq), 0) FROM streams WHERE stream <> ?",
                (LATEST_WINS,),
            ).fetchone()
            return max(0, int(waiting) - kept)
    except (sqlite3.Error, TypeError, ValueError):
        return 0


def _readable(path: Path) -> dict[int, _Row]:
    """Read from both ends: a damaged page stops a scan but not the one from the other side."""
    found: dict[int, _Row] = {}
    for order in ("ASC", "DESC"):
        with contextlib.closing(sqlite3.connect(path)) as db, contextlib.suppress(sqlite3.Error):
            rows = db.execute(
                f"SELECT rowid, stream, seq, digest, body, event_id, {seal_column(db)}"  # noqa: S608
                f" FROM events NOT INDEXED ORDER BY rowid {order}"
            )
            for rowid, stream, seq, digest, body, event_id, seal in rows:
                with contextlib.suppress(DecodeError, TypeError, ValueError, struct.error):
                    event = Event.FromString(body)
                    row = StoredEvent(seq, body, digest % (1 << 64), event_id, seal)
                    is_whole = seal is None or seal == sealed(stream, row)
                    if is_whole and stream in STREAMS and len(event.event_id) == 16:
                        found[rowid] = _Row(
                            stream=stream, seq=seq, digest=digest % (1 << 64), event=event
                        )
    return found


def _acknowledged(path: Path) -> dict[str, int]:
    try:
        with contextlib.closing(sqlite3.connect(path)) as db:
            return dict(db.execute("SELECT stream, acked_seq FROM streams").fetchall())
    except sqlite3.Error:
        return {}


def _follows(before: _Row | None, row: _Row) -> bool:
    if before is None or (before.stream, before.seq) != (row.stream, row.seq - 1):
        return True
    return row.digest == rolling_digest(before.digest, row.event.event_id, row.event.payload)


def _incoming(row: _Row) -> IncomingEvent:
    """Number 0: what its producer was told is gone with the file."""
    return IncomingEvent(
        event_id=row.event.event_id,
        stream=row.stream,
        producer_id=row.event.producer_id,
        pseq=0,
        payload=row.event.payload,
        body=row.event.SerializeToString(),
        media=tuple(row.event.media_sha256),
    )
