"""Counts of the outbox and the spool, each kept where its rows are, and read side by side."""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

from edge.outbox.ledger import OutboxLedger, SpoolLedger, StationLedger
from edge.outbox.record import DAMAGED, StoredEvent

#: Seal of a row that was set aside; no checksum is negative.
SET_ASIDE = -1
#: Places among the refused rows of what is no message of the broker.
HERE, BEFORE, CLOUD = "outbox/", "producer/", "cloud/"
#: A fault stands as long as it is as young as this; the alarm is on record then.
FAULT_MS = 3_600_000


def counted(db: sqlite3.Connection, key: str) -> int:
    """Return a counter, 0 before it ever counted."""
    sql = "SELECT CAST(value AS INTEGER) FROM meta WHERE key = ?"
    row = db.execute(sql, (key,)).fetchone()
    return int(row[0]) if row else 0


def count(db: sqlite3.Connection, key: str, more: int) -> None:
    """Add to a counter."""
    if more:
        db.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key)"
            " DO UPDATE SET value = CAST(value AS INTEGER) + excluded.value",
            (key, str(more)),
        )


def begin_ledger(db: sqlite3.Connection) -> None:
    """Begin to count in a file from before there was a ledger; what was lost until then is not."""
    if db.execute("SELECT 1 FROM meta WHERE key = 'delivered'").fetchone():
        return
    (produced,) = db.execute("SELECT coalesce(sum(next_seq - 1), 0) FROM streams").fetchone()
    delivered = int(produced) - _pending(db)[0] - counted(db, "shed")
    db.execute("INSERT INTO meta VALUES ('delivered', ?)", (str(delivered),))


def start_ledger_over(db: sqlite3.Connection) -> None:
    """Count from nothing: the outbox has become a new one."""
    db.execute(
        "UPDATE meta SET value = '0' WHERE key IN ('delivered', 'shed', 'damaged', 'written_off')"
    )


def count_delivered(db: sqlite3.Connection, positions: Mapping[str, int]) -> None:
    """Count the rows that the cloud's cursor passes, before it is noted; back where it was set."""
    known = dict(db.execute("SELECT stream, acked_seq FROM streams").fetchall())
    for stream, seq in positions.items():
        acked = known.get(stream, 0)
        (rows,) = db.execute(
            "SELECT count(*) FROM events WHERE stream = ? AND seq > ? AND seq <= ?",
            (stream, min(acked, seq), max(acked, seq)),
        ).fetchone()
        count(db, "delivered", rows if seq > acked else -rows)


def set_row_aside(db: sqlite3.Connection, stream: str, event: StoredEvent, at_ms: int) -> None:
    """Keep what is left of a damaged row among the refused ones, once."""
    marked = db.execute(
        "UPDATE events SET seal = ? WHERE stream = ? AND seq = ? AND seal IS NOT ?",
        (SET_ASIDE, stream, event.seq, SET_ASIDE),
    )
    if marked.rowcount > 0:
        keep_refused(db, at_ms, f"{HERE}{stream}/{event.seq}", DAMAGED, event.body)
        count(db, "damaged", marked.rowcount)


def keep_refused(
    db: sqlite3.Connection, at_ms: int, place: str, reason: str, body: object = b""
) -> None:
    """Keep what is no event, or none any more."""
    db.execute("INSERT INTO refused VALUES (?, ?, ?, ?)", (at_ms, place, reason, body))


def _pending(db: sqlite3.Connection) -> tuple[int, int]:
    """Return the rows that the cloud's cursor has not passed, and how many of them are damaged.

    The first is read from the index alone: a backlog of a million rows is not looked through.
    """
    waiting = " FROM streams s CROSS JOIN events e ON e.stream = s.stream AND e.seq > s.acked_seq"
    (pending,) = db.execute(f"SELECT count(*){waiting}").fetchone()
    damaged = 0
    if counted(db, "damaged"):
        sql = f"SELECT count(*){waiting} AND e.seal IS ?"
        (damaged,) = db.execute(sql, (SET_ASIDE,)).fetchone()
    return int(pending), int(damaged)


def outbox_ledger(db: sqlite3.Connection) -> OutboxLedger:
    """Read an outbox's ledger; the caller holds a transaction."""
    (produced,) = db.execute("SELECT coalesce(sum(next_seq - 1), 0) FROM streams").fetchone()
    pending, damaged_pending = _pending(db)
    (rejected,) = db.execute(
        "SELECT count(*) FROM rejections r JOIN streams s"
        " ON s.stream = r.stream AND r.seq <= s.acked_seq"
        " WHERE r.epoch = (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'epoch')"
    ).fetchone()
    damaged = counted(db, "damaged")
    return OutboxLedger(
        produced=int(produced),
        stored=counted(db, "delivered") - (damaged - damaged_pending) - int(rejected),
        pending=pending - damaged_pending,
        shed=counted(db, "shed"),
        damaged=damaged,
        rejected=int(rejected),
        written_off=counted(db, "written_off"),
    )


def spool_ledger(path: Path) -> SpoolLedger | None:
    """Read a spool's ledger; ``None`` where nobody can."""
    try:
        with _reading(path) as db:
            words = dict(db.execute("SELECT name, value FROM words").fetchall())
            (waiting,) = db.execute("SELECT count(*) FROM spool").fetchone()
            (damaged,) = db.execute("SELECT count(*) FROM damaged").fetchone()
            produced = int(words["next_pseq"]) - 1
            return SpoolLedger(
                producer_id=str(words["producer_id"]),
                produced=produced,
                handed=int(words["handed"]),
                waiting=int(waiting),
                damaged=int(damaged),
                handed_pseq=min(int(words.get("handed_pseq", 0)), produced),
            )
    except (sqlite3.Error, KeyError, ValueError):
        return None


def station_ledger(home: Path) -> StationLedger:
    """Read spool and outbox, the spool first: what it handed over then, the outbox has now.

    Raises:
        sqlite3.Error: the outbox cannot be read now.
    """
    spool = spool_ledger(home / "spool.db") if (home / "spool.db").exists() else None
    with _reading(home / "outbox.db") as db:
        known = dict(db.execute("SELECT producer_id, pseq FROM producers").fetchall())
        return StationLedger(
            outbox=outbox_ledger(db),
            spool=spool,
            known_pseq=None if spool is None else known.get(spool.producer_id),
            holes=counted(db, "holes"),
            written_off=counted(db, "holes_written_off"),
        )


def standing_faults(home: Path, now_ms: int) -> dict[str, str]:
    """Return what a person ought to hear of: code of the alarm, and its detail.

    Raises:
        sqlite3.Error: the outbox cannot be read now.
    """
    lost = station_ledger(home).unaccounted
    with _reading(home / "outbox.db") as db:
        fresh = dict(
            db.execute(
                "SELECT CASE WHEN topic LIKE ? OR topic LIKE ? THEN 'event_damaged'"
                " ELSE 'event_refused' END AS code, max(topic) FROM refused"
                " WHERE refused_ms > ? GROUP BY code",
                (f"{HERE}%", f"{BEFORE}%", now_ms - FAULT_MS),
            ).fetchall()
        )
    return fresh | ({"events_unaccounted": str(lost)} if lost else {})


def write_off(path: Path, ledger: StationLedger) -> None:
    """Take what is unaccounted for as lost, because a person has said so.

    Raises:
        sqlite3.Error: the outbox cannot be written now.
    """
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as db:
        db.execute("PRAGMA synchronous = FULL")
        db.execute("BEGIN IMMEDIATE")
        count(db, "written_off", ledger.outbox.missing)
        count(db, "holes_written_off", max(0, ledger.lost_before))
        db.execute("COMMIT")


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        db.isolation_level = None
        db.execute("BEGIN")
        yield db
