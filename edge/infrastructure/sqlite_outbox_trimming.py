"""How events leave the outbox once the cloud has them: their ids stay, for what comes again."""

import sqlite3
from collections.abc import Callable

TRIM_SLICE = 5000
SEEN_KEPT = 1_000_000
SEEN_KEPT_MS = 24 * 3600 * 1000
#: Removes a stream's events up to a number and notes their ids as seen at a moment.
Remove = Callable[[sqlite3.Connection, str, int, int], None]


def trim_slice(db: sqlite3.Connection, before_ms: int, now_ms: int, remove: Remove) -> int:
    """Remove a slice of what is acknowledged and older than ``before_ms``; return its length."""
    removed = 0
    for stream, acked_seq in db.execute("SELECT stream, acked_seq FROM streams").fetchall():
        last, count = db.execute(
            "SELECT max(seq), count(*) FROM (SELECT seq FROM events WHERE stream = ?"
            " AND seq <= ? AND stored_ms < ? ORDER BY seq LIMIT ?)",
            (stream, acked_seq, before_ms, TRIM_SLICE),
        ).fetchone()
        if not count:
            continue
        remove(db, stream, last, now_ms)
        db.execute("UPDATE streams SET trimmed_seq = ? WHERE stream = ?", (last, stream))
        removed += int(count)
    if removed:
        # Ids stay for a day or the last million, whichever is more.
        db.execute(
            "DELETE FROM seen WHERE seen_ms < ? AND rowid <= (SELECT max(rowid) FROM seen) - ?",
            (now_ms - SEEN_KEPT_MS, SEEN_KEPT),
        )
    return removed


def note_ids_and_delete(db: sqlite3.Connection, stream: str, last: int, now_ms: int) -> None:
    """Note ids without taking them out of the database, then remove the events."""
    db.execute(
        "INSERT OR IGNORE INTO seen SELECT event_id, ? FROM events WHERE stream = ? AND seq <= ?",
        (now_ms, stream, last),
    )
    db.execute("DELETE FROM events WHERE stream = ? AND seq <= ?", (stream, last))


def delete_and_note_ids(db: sqlite3.Connection, stream: str, last: int, now_ms: int) -> None:
    """Do the same in twice the time: a file at its bound has room for ids only after that."""
    ids = db.execute(
        "SELECT event_id FROM events WHERE stream = ? AND seq <= ?", (stream, last)
    ).fetchall()
    db.execute("DELETE FROM events WHERE stream = ? AND seq <= ?", (stream, last))
    db.executemany(
        "INSERT OR IGNORE INTO seen VALUES (?, ?)", [(event_id, now_ms) for (event_id,) in ids]
    )
