"""Rows of the outbox: whether the disk has kept them, and how they get other numbers."""

import sqlite3
import struct

from google.protobuf.message import DecodeError
from kyndof_wire.sync.v1.sync_pb2 import Event

from edge.infrastructure.sqlite_outbox_ledger import set_row_aside
from edge.outbox.record import StoredEvent, StreamState, rolling_digest, sealed


def signed(number: int) -> int:
    """Return a number of 64 bits as SQLite has it: signed."""
    return number - (1 << 64) if number >= 1 << 63 else number


def unsigned(number: int) -> int:
    """Return a number of SQLite as the digest that it is."""
    return number % (1 << 64)


def is_sound(stream: str, event: StoredEvent, previous: int | None) -> bool:
    """Say whether the disk has kept a row as it was written.

    Args:
        stream: the stream that the row was read from.
        event: the row.
        previous: rolling digest before the event; ``None`` when unknown. Rows without a seal are
            told by it.
    """
    try:
        if event.seal is not None:
            return event.seal == sealed(stream, event)
        message = Event.FromString(event.body)
    except (DecodeError, TypeError, struct.error):
        # Where the disk has changed a column's type, not even a checksum can be taken.
        return False
    return previous is None or event.digest == rolling_digest(
        previous, message.event_id, message.payload
    )


def renumber(db: sqlite3.Connection, state: StreamState, now_ms: int) -> None:
    """Number what was not acknowledged from 1 again; forget what was."""
    name = state.stream
    db.execute(
        "INSERT OR IGNORE INTO seen SELECT event_id, ? FROM events WHERE stream = ? AND seq <= ?",
        (now_ms, name, state.acked_seq),
    )
    db.execute("DELETE FROM events WHERE stream = ? AND seq <= ?", (name, state.acked_seq))
    db.execute("DELETE FROM media_due WHERE stream = ? AND seq <= ?", (name, state.acked_seq))
    rows = _undamaged(db, name, now_ms)
    digest = 0
    for seq, (rowid, event_id, body) in enumerate(rows, start=1):
        digest = rolling_digest(digest, event_id, Event.FromString(body).payload)
        seal = sealed(name, StoredEvent(seq, body, digest, event_id))
        db.execute(
            "UPDATE events SET seq = ?, digest = ?, seal = ? WHERE rowid = ?",
            (seq, signed(digest), seal, rowid),
        )
    db.execute("UPDATE media_due SET seq = seq - ? WHERE stream = ?", (state.acked_seq, name))
    db.execute(
        "UPDATE streams SET next_seq = ?, digest = ?, acked_seq = 0, trimmed_seq = 0"
        " WHERE stream = ?",
        (len(rows) + 1, signed(digest), name),
    )


def _undamaged(db: sqlite3.Connection, stream: str, now_ms: int) -> list[tuple[int, bytes, bytes]]:
    """Return row, id and body of what waits; what the disk has changed is set aside."""
    kept: list[tuple[int, bytes, bytes]] = []
    damaged: list[tuple[int, int, bytes]] = []
    for rowid, seq, digest, event_id, body, seal in db.execute(
        "SELECT rowid, seq, digest, event_id, body, seal FROM events WHERE stream = ? ORDER BY seq",
        (stream,),
    ):
        row = StoredEvent(seq, body, unsigned(digest), event_id, seal)
        if is_sound(stream, row, None):
            kept.append((rowid, event_id, body))
        else:
            damaged.append((rowid, seq, body))
    for rowid, seq, body in reversed(damaged):
        set_row_aside(db, stream, StoredEvent(seq, body, 0), now_ms)
        db.execute("DELETE FROM events WHERE rowid = ?", (rowid,))
        db.execute("UPDATE media_due SET seq = seq - 1 WHERE stream = ? AND seq > ?", (stream, seq))
    return kept
