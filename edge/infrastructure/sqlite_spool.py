"""The producer's spool: SQLite, every commit flushed, bounded, with a ballast for a full disk.

One connection, used from one thread at a time; `SpoolJournal` gives it that thread.
"""

import logging
import os
import shutil
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import sqlite_utils

from edge.outbox.record import DAMAGED
from edge.outbox.spooling import SpooledEvent, SpoolPolicy
from edge.station.errors import DiskFullError
from edge.station.progress import StepRecord
from edge.station.tally import Attempt

LOG = logging.getLogger("kyndof.spool")
_FULL, _IOERR, _NOTADB, _CORRUPT = 13, 10, 26, 11
_PAGE_BYTES = 4096
_SPARE_BYTES = 1 << 20
_PROBE_BYTES = 64 << 10
_TRIM_SLICE = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event to be spooled."""

    event_id: bytes
    stream: str
    body: bytes


def _seal(pseq: int, event: NewEvent) -> int:
    """Return the checksum (CRC-32) over all of a row."""
    head = b"%d %s %s " % (pseq, event.stream.encode(), event.event_id)
    return zlib.crc32(event.body, zlib.crc32(head))


class SqliteSpool:
    """Events that the agent has not confirmed, progress of pieces, and a few words to remember."""

    def __init__(self, path: Path, policy: SpoolPolicy, new_producer_id: str) -> None:
        self.quarantined: Path | None = None
        self._path = path
        self._ballast = path.with_suffix(".ballast")
        self._policy = policy
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = self._open_whole()
        self.producer_id = self.recall("producer_id") or self._begin(new_producer_id)
        self._begin_ledger()
        #: How many events wait; counted beside each commit, so whoever gives up waiting for one
        #: cannot make it wrong.
        self.waiting_count = self.count()
        self._make_ballast()

    def _open_whole(self) -> sqlite3.Connection:
        """Open the file; a damaged one is put aside and a fresh one begun."""
        try:
            connection = self._open()
            if connection.execute("PRAGMA quick_check").fetchone()[0] == "ok":
                return connection
            connection.close()
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in {_NOTADB, _CORRUPT}:
                raise DiskFullError(str(error)) from error
        self.quarantined = self._path.parent / "quarantine" / str(self._path.stat().st_mtime_ns)
        self.quarantined.mkdir(parents=True, exist_ok=True)
        for suffix in ("", "-wal", "-shm"):
            part = self._path.with_name(self._path.name + suffix)
            if part.exists():
                part.rename(self.quarantined / part.name)
        return self._open()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, timeout=10
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {16 << 20}")
        pages = max(64, self._policy.max_bytes // _PAGE_BYTES)
        connection.execute(f"PRAGMA max_page_count = {pages}")
        tables = sqlite_utils.Database(connection)
        spool = {"pseq": int, "event_id": bytes, "stream": str, "body": bytes}
        tables["spool"].create(spool, pk="pseq", if_not_exists=True)  # type: ignore[union-attr]
        if "seal" not in tables["spool"].columns_dict:
            # Rows that are there stay without one: a full file has no room to be rewritten.
            tables["spool"].add_column("seal", int)  # type: ignore[union-attr]
        damaged = {"pseq": int, "reason": str, "body": bytes}
        tables["damaged"].create(damaged, if_not_exists=True)  # type: ignore[union-attr]
        words = {"name": str, "value": str}
        tables["words"].create(words, pk="name", if_not_exists=True)  # type: ignore[union-attr]
        progress = {
            "id": int,
            "piece_id": str,
            "step_id": str,
            "kind": str,
            "attempt": int,
            "verdict": str,
            "station": str,
            "order_unconfirmed": int,
        }
        tables["progress"].create(progress, pk="id", if_not_exists=True)  # type: ignore[union-attr]
        today = {"day": str, "piece_id": str, "step_id": str, "attempt": int, "verdict": str}
        attempt = ("piece_id", "step_id", "attempt")
        tables["today"].create(today, pk=attempt, if_not_exists=True)  # type: ignore[union-attr]
        connection.execute("DROP TABLE IF EXISTS tally")
        return connection

    def _begin(self, producer_id: str) -> str:
        with self._transaction():
            self._set("producer_id", producer_id)
            self._set("next_pseq", "1")
        return producer_id

    def _begin_ledger(self) -> None:
        """Count what is handed over; in an older file, what is gone counts as handed over."""
        if self.recall("handed"):
            return
        (damaged,) = self._connection.execute("SELECT count(*) FROM damaged").fetchone()
        gone = int(self.recall("next_pseq")) - 1 - self.count() - int(damaged)
        # Where there is no room for it nobody knows, until there is.
        with suppress(DiskFullError), self._transaction():
            self._set("handed", str(gone))

    def rename_producer(self, producer_id: str) -> None:
        """Go on under a new name: the agent knows later numbers than this file ever gave."""
        with self._transaction():
            self._set("producer_id", producer_id)
        self.producer_id = producer_id

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Commit all or nothing.

        Raises:
            DiskFullError: there is no room; nothing was written.
        """
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in {_FULL, _IOERR}:
                raise
            self._relieve()
            raise DiskFullError(str(error)) from error
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def append(
        self,
        new: Sequence[NewEvent],
        records: Sequence[StepRecord] = (),
        day: str = "",
        hlc: int = 0,
    ) -> None:
        """Give each event the next number and write all in one flushed transaction.

        Finishes count for ``day`` (YYYY-MM-DD, the floor's own) where one is named. ``hlc`` is the
        hybrid clock that no later start may fall behind.

        Raises:
            DiskFullError: there is no room; nothing was written.
        """
        with self._transaction():
            pseq = int(self.recall("next_pseq"))
            self._connection.executemany(
                "INSERT INTO spool (pseq, event_id, stream, body, seal) VALUES (?, ?, ?, ?, ?)",
                [
                    (number, e.event_id, e.stream, e.body, _seal(number, e))
                    for number, e in enumerate(new, start=pseq)
                ],
            )
            self._set("next_pseq", str(pseq + len(new)))
            if hlc:
                self._set("hlc", str(hlc))
            self._add_progress(records)
            if day:
                self._count_for(day, [r for r in records if r.kind == "finished"])
        self.waiting_count += len(new)

    def _count_for(self, day: str, finished: Sequence[StepRecord]) -> None:
        """Note a day's finished attempts, each once; only the newest day is kept."""
        if not finished:
            return
        self._connection.execute("DELETE FROM today WHERE day <> ?", (day,))
        self._connection.executemany(
            "INSERT INTO today (day, piece_id, step_id, attempt, verdict) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (piece_id, step_id, attempt) DO UPDATE SET verdict = excluded.verdict",
            [(day, r.piece_id, r.step_id, r.attempt, r.verdict) for r in finished],
        )

    def tally(self) -> tuple[str, dict[Attempt, str]] | None:
        """Return the newest day that something was finished on, and its attempts' verdicts."""
        rows = self._connection.execute(
            "SELECT day, piece_id, step_id, attempt, verdict FROM today"
        ).fetchall()
        if not rows:
            return None
        return str(rows[0][0]), {(row[1], row[2], row[3]): row[4] for row in rows}

    def add_progress(self, records: Sequence[StepRecord]) -> None:
        """Keep what neighbours told.

        Raises:
            DiskFullError: there is no room.
        """
        with self._transaction():
            self._add_progress(records)

    def _add_progress(self, records: Sequence[StepRecord]) -> None:
        self._connection.executemany(
            "INSERT INTO progress (piece_id, step_id, kind, attempt, verdict, station,"
            " order_unconfirmed) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    r.piece_id,
                    r.step_id,
                    r.kind,
                    r.attempt,
                    r.verdict,
                    r.station,
                    r.order_unconfirmed,
                )
                for r in records
            ],
        )

    def progress(self) -> list[StepRecord]:
        """Return all kept starts and finishes in the order in which they became known."""
        rows = self._connection.execute(
            "SELECT piece_id, step_id, kind, attempt, verdict, station, order_unconfirmed"
            " FROM progress ORDER BY id"
        ).fetchall()
        return [
            StepRecord(
                piece_id=row[0],
                step_id=row[1],
                kind=row[2],
                attempt=row[3],
                verdict=row[4],
                station=row[5],
                order_unconfirmed=bool(row[6]),
            )
            for row in rows
        ]

    def forget_progress(self, keep: frozenset[str]) -> None:
        """Drop the progress of pieces that no package names."""
        kept = self._connection.execute("SELECT DISTINCT piece_id FROM progress").fetchall()
        gone = [(row[0],) for row in kept if row[0] not in keep]
        if gone:
            with self._transaction():
                self._connection.executemany("DELETE FROM progress WHERE piece_id = ?", gone)

    def page(self, after_pseq: int, limit: int) -> list[SpooledEvent]:
        """Return the next events after a number, in order.

        What the disk has changed is set aside; the agent gives its number up as one that never
        comes.
        """
        while True:
            rows = self._connection.execute(
                "SELECT pseq, event_id, stream, body, seal FROM spool WHERE pseq > ?"
                " ORDER BY pseq LIMIT ?",
                (after_pseq, limit),
            ).fetchall()
            sound, damaged = self._told_apart(rows)
            if damaged:
                self._set_aside(damaged)
            if sound or not damaged:
                return sound
            after_pseq = rows[-1][0]

    @staticmethod
    def _told_apart(
        rows: list[tuple[int, bytes, str, bytes, int | None]],
    ) -> tuple[list[SpooledEvent], list[tuple[int, str, bytes]]]:
        """Return the rows that are as they were written, and those that the disk has changed."""
        sound: list[SpooledEvent] = []
        damaged: list[tuple[int, str, bytes]] = []
        for pseq, event_id, stream, body, seal in rows:
            event = NewEvent(event_id=event_id, stream=stream, body=body)
            if seal is None or seal == _seal(pseq, event):
                sound.append(SpooledEvent(pseq=pseq, stream=stream, body=body))
            else:
                damaged.append((pseq, DAMAGED, body))
        return sound, damaged

    def _set_aside(self, damaged: list[tuple[int, str, bytes]]) -> None:
        LOG.error(
            "spooled events are damaged",
            extra={"alarm": "EVENT_DAMAGED", "numbers": [pseq for pseq, _, _ in damaged]},
        )
        # Where there is no room for it they stay where they are, and are not sent.
        with suppress(DiskFullError):
            with self._transaction():
                self._connection.executemany("INSERT INTO damaged VALUES (?, ?, ?)", damaged)
                self._connection.executemany(
                    "DELETE FROM spool WHERE pseq = ?", [(pseq,) for pseq, _, _ in damaged]
                )
            self.waiting_count -= len(damaged)

    def bounds(self) -> tuple[int, int]:
        """Return the number before the oldest waiting event, and the last number given."""
        last = int(self.recall("next_pseq")) - 1
        oldest = self._connection.execute("SELECT min(pseq) FROM spool").fetchone()[0]
        return (last if oldest is None else oldest - 1), last

    def count(self) -> int:
        """Return how many events wait."""
        return int(self._connection.execute("SELECT count(*) FROM spool").fetchone()[0])

    def waits_on(self, stream: str) -> bool:
        """Say whether an event of that stream waits."""
        row = self._connection.execute(
            "SELECT 1 FROM spool WHERE stream = ? LIMIT 1", (stream,)
        ).fetchone()
        return row is not None

    def trim(self, pseq: int) -> int:
        """Drop what the agent has, in slices; return how many events that were."""
        dropped = 0
        while True:
            with self._transaction():
                slice_ = self._connection.execute(
                    "DELETE FROM spool WHERE pseq IN"
                    " (SELECT pseq FROM spool WHERE pseq <= ? ORDER BY pseq LIMIT ?)",
                    (pseq, _TRIM_SLICE),
                ).rowcount
                if slice_ and (handed := self.recall("handed")):
                    self._set("handed", str(int(handed) + slice_))
                    self._set("handed_pseq", str(pseq))
            self.waiting_count -= slice_
            dropped += slice_
            if slice_ < _TRIM_SLICE:
                return dropped

    def remember(self, name: str, value: str) -> None:
        """Keep one word.

        Raises:
            DiskFullError: there is no room.
        """
        with self._transaction():
            self._set(name, value)

    def recall(self, name: str) -> str:
        """Return a kept word, empty when there is none."""
        row = self._connection.execute("SELECT value FROM words WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def _set(self, name: str, value: str) -> None:
        self._connection.execute(
            "INSERT INTO words (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )

    # A full disk

    def probe(self) -> bool:
        """Say whether events can be written again, and put the ballast back when there is room."""
        try:
            with self._transaction():
                self._set("probe", "x" * _PROBE_BYTES)
            with self._transaction():
                self._set("probe", "")
        except DiskFullError:
            return False
        return self._make_ballast()

    def has_reserve(self) -> bool:
        """Say whether the ballast is there; it is put back as soon as there is room."""
        return self._make_ballast()

    def _relieve(self) -> None:
        """Where the disk itself is full give the ballast up, so that trimming works again."""
        if shutil.disk_usage(self._path.parent).free > _SPARE_BYTES:
            return
        self._ballast.unlink(missing_ok=True)
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _make_ballast(self) -> bool:
        """Reserve the ballast; return whether the disk has room to go on."""
        size = self._policy.ballast_bytes
        if size == 0 or self._ballast.exists():
            return True
        if shutil.disk_usage(self._path.parent).free < 2 * size:
            return False
        fresh = self._ballast.with_suffix(".ballast-new")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, size)
            finally:
                os.close(descriptor)
            fresh.rename(self._ballast)
        except OSError:
            fresh.unlink(missing_ok=True)
            return False
        return True

    def close(self) -> None:
        """Fold the log into the file and let go of it."""
        self._connection.close()
