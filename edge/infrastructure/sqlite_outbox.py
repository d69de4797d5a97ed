"""The outbox in one SQLite file: written by one thread, flushed at every commit."""

import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge.infrastructure.sqlite_outbox_file import Ballast, open_file, page_bytes
from edge.infrastructure.sqlite_outbox_ledger import (
    BEFORE,
    CLOUD,
    HERE,
    begin_ledger,
    count,
    count_delivered,
    keep_refused,
    set_row_aside,
    start_ledger_over,
)
from edge.infrastructure.sqlite_outbox_rows import renumber, signed, unsigned
from edge.infrastructure.sqlite_outbox_salvage import salvage, unsalvaged_count
from edge.infrastructure.sqlite_outbox_trimming import (
    TRIM_SLICE,
    delete_and_note_ids,
    note_ids_and_delete,
    trim_slice,
)
from edge.outbox.errors import OutboxDamagedError, OutboxFullError
from edge.outbox.producers import Decision, ProducerTrack
from edge.outbox.record import (
    DAMAGED,
    LATEST_WINS,
    NEVER_CAME,
    STREAMS,
    AppendOutcome,
    Hole,
    IncomingEvent,
    MediaDue,
    OutboxState,
    StoredEvent,
    StreamState,
    rolling_digest,
    sealed,
)
from edge.station.ports import Clock, IdFactory

LOG = logging.getLogger("kyndof.outbox")
REFUSED_KEPT = 1000
#: Acknowledged events stay for the retention time only while half of the bound is free.
TAIL_SHARE_RATIO = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxBounds:
    """How much of the disk the outbox may take."""

    max_bytes: int
    ballast_bytes: int
    retention_ms: int


@dataclass(slots=True)
class _Head:
    next_seq: int
    digest: int


class SqliteOutbox:
    """Events of one station; every method belongs to one thread."""

    def __init__(
        self,
        path: Path,
        bounds: OutboxBounds,
        clock: Clock,
        ids: IdFactory,
        migrate: Callable[[Path], None],
    ) -> None:
        """Open the file, or quarantine a damaged one and begin afresh."""
        self._path = path
        self._bounds = bounds
        self._clock = clock
        self._ids = ids
        self._migrate = migrate
        self._ballast = Ballast(path.with_name("outbox.ballast"), bounds.ballast_bytes)
        self.quarantined: Path | None = None
        self.salvaged_count = 0
        self._tracks: dict[str, ProducerTrack] = {}
        self._open()

    def keep_for(self, retention_ms: int) -> None:
        """Keep acknowledged events so long from now on."""
        self._bounds = replace(self._bounds, retention_ms=retention_ms)

    def _open(self) -> None:
        self._db, moved = open_file(
            self._path, self._bounds.max_bytes, self._migrate, self._clock.now()
        )
        if moved is not None:
            self.quarantined = moved
        self._ballast.restore()
        with self._writing() as db:
            db.execute(
                "INSERT OR IGNORE INTO meta VALUES ('outbox_id', ?), ('epoch', '0')",
                (self._ids.new("obx"),),
            )
            for stream in STREAMS:
                db.execute("INSERT OR IGNORE INTO streams VALUES (?, 1, 0, 0, 0)", (stream,))
            begin_ledger(db)
        self._load_tracks()
        if moved is not None:
            salvaged = salvage(moved / self._path.name)
            self.salvaged_count = self.append(salvaged).appended_count
            with self._writing() as db:
                now_ms = int(self._clock.now().timestamp() * 1000)
                lost = unsalvaged_count(moved / self._path.name, salvaged)
                reason = f"{DAMAGED}; at most {lost} events went with it"
                keep_refused(db, now_ms, f"{HERE}quarantine/{moved.name}", reason)

    def _load_tracks(self) -> None:
        rows = self._db.execute("SELECT producer_id, pseq FROM producers").fetchall()
        self._tracks = {name: ProducerTrack(producer_id=name, pseq=pseq) for name, pseq in rows}

    def close(self) -> None:
        """Fold the log into the file and let go of it."""
        with contextlib.suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._db.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One durable transaction.

        Raises:
            OutboxFullError: no room; rolled back.
            OutboxDamagedError: the file failed; rolled back.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield self._db
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
                raise OutboxFullError(str(error)) from error
            raise OutboxDamagedError(str(error)) from error
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def reopen(self) -> None:
        """Open the file again after it failed; a damaged one is quarantined."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        try:
            self._open()
        except sqlite3.Error as error:
            raise OutboxDamagedError(str(error)) from error

    def append(self, events: Sequence[IncomingEvent]) -> AppendOutcome:
        """Store events, each once, in one commit."""
        now_s = self._clock.monotonic_ns() / 1e9
        now_ms = int(self._clock.now().timestamp() * 1000)
        appended = duplicates = waiting = 0
        holes: list[Hole] = []
        touched: set[str] = set()
        try:
            with self._writing() as db:
                heads = self._heads(db)
                for event in events:
                    decision, hole = self._decide(event, now_s)
                    holes += [hole] if hole else []
                    touched.add(event.producer_id)
                    if decision is Decision.WAIT:
                        waiting += 1
                    elif self._insert(db, heads[event.stream], event, now_ms):
                        appended += 1
                    else:
                        duplicates += 1
                if any(event.stream == LATEST_WINS for event in events):
                    self._drop_superseded(db, heads[LATEST_WINS].next_seq - 1, now_ms)
                self._write_heads(db, heads, touched, now_ms)
                self._note_holes(db, holes, now_ms)
        except (OutboxFullError, OutboxDamagedError):
            self._forget_progress(touched)
            raise
        return AppendOutcome(
            appended_count=appended,
            duplicate_count=duplicates,
            waiting_count=waiting,
            stored={name: t.pseq for name, t in self._tracks.items() if t.pseq is not None},
            touched=frozenset(touched),
            holes=tuple(holes),
        )

    def _forget_progress(self, touched: set[str]) -> None:
        """The commit failed, so what memory says about these producers did not happen."""
        for name in touched:
            self._tracks.pop(name, None)
        with contextlib.suppress(sqlite3.Error):
            rows = self._db.execute("SELECT producer_id, pseq FROM producers").fetchall()
            for name, pseq in rows:
                if name in touched:
                    self._tracks[name] = ProducerTrack(producer_id=name, pseq=pseq)

    def _decide(self, event: IncomingEvent, now_s: float) -> tuple[Decision, Hole | None]:
        if not event.pseq:
            return Decision.KNOWN, None
        track = self._tracks.setdefault(
            event.producer_id, ProducerTrack(producer_id=event.producer_id)
        )
        return track.decide(event.pseq, now_s)

    @staticmethod
    def _heads(db: sqlite3.Connection) -> dict[str, _Head]:
        rows = db.execute("SELECT stream, next_seq, digest FROM streams").fetchall()
        return {stream: _Head(next_seq, unsigned(digest)) for stream, next_seq, digest in rows}

    @staticmethod
    def _insert(db: sqlite3.Connection, head: _Head, event: IncomingEvent, now_ms: int) -> bool:
        if db.execute("SELECT 1 FROM seen WHERE event_id = ?", (event.event_id,)).fetchone():
            return False
        digest = rolling_digest(head.digest, event.event_id, event.payload)
        row = StoredEvent(head.next_seq, event.body, digest, event.event_id)
        inserted = db.execute(
            "INSERT INTO events (stream, seq, event_id, digest, stored_ms, body, seal)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (event_id) DO NOTHING",
            (
                event.stream,
                row.seq,
                event.event_id,
                signed(digest),
                now_ms,
                event.body,
                sealed(event.stream, row),
            ),
        )
        if inserted.rowcount != 1:
            return False
        for sha256 in event.media:
            db.execute(
                "INSERT OR IGNORE INTO media_due VALUES (?, ?, ?, ?, ?)",
                (sha256, event.event_id, event.verdict, event.stream, head.next_seq),
            )
        head.next_seq += 1
        head.digest = digest
        return True

    @staticmethod
    def _drop_superseded(db: sqlite3.Connection, newest: int, now_ms: int) -> None:
        """Of snapshots that the cloud does not have, only the newest is worth sending."""
        older = (
            "stream = ? AND seq < ? AND seq > (SELECT acked_seq FROM streams WHERE stream = ?)",
            (LATEST_WINS, newest, LATEST_WINS),
        )
        db.execute(
            f"INSERT OR IGNORE INTO seen SELECT event_id, ? FROM events WHERE {older[0]}",  # noqa: S608
            (now_ms, *older[1]),
        )
        removed = db.execute(f"DELETE FROM events WHERE {older[0]}", older[1])  # noqa: S608
        count(db, "shed", max(0, removed.rowcount))

    @staticmethod
    def _note_holes(db: sqlite3.Connection, holes: list[Hole], now_ms: int) -> None:
        """Keep which numbers of a producer were given up: nobody sends them again."""
        for hole in holes:
            place = f"{BEFORE}{hole.producer_id}/{hole.first_pseq}-{hole.last_pseq}"
            keep_refused(db, now_ms, place, NEVER_CAME)
            count(db, "holes", hole.last_pseq - hole.first_pseq + 1)

    def _write_heads(
        self, db: sqlite3.Connection, heads: dict[str, _Head], touched: set[str], now_ms: int
    ) -> None:
        db.executemany(
            "UPDATE streams SET next_seq = ?, digest = ? WHERE stream = ?",
            [(head.next_seq, signed(head.digest), name) for name, head in heads.items()],
        )
        db.executemany(
            "INSERT OR REPLACE INTO producers VALUES (?, ?, ?)",
            [
                (name, track.pseq, now_ms)
                for name in touched
                if (track := self._tracks.get(name)) is not None and track.pseq is not None
            ],
        )

    def refuse(self, topic: str, body: bytes, reason: str) -> None:
        """Keep a message that is no event, the newest thousand of them."""
        now_ms = int(self._clock.now().timestamp() * 1000)
        with self._writing() as db:
            keep_refused(db, now_ms, topic, reason, body)
            db.execute(
                "DELETE FROM refused WHERE rowid <= (SELECT max(rowid) FROM refused) - ?",
                (REFUSED_KEPT,),
            )

    def set_aside(self, stream: str, event: StoredEvent) -> None:
        """Keep what is left of a row that the disk has changed, once, and count it as damaged."""
        now_ms = int(self._clock.now().timestamp() * 1000)
        with self._writing() as db:
            set_row_aside(db, stream, event, now_ms)

    def producers(self) -> dict[str, int]:
        """Return each producer's last stored number."""
        return {name: t.pseq for name, t in self._tracks.items() if t.pseq is not None}

    def state(self) -> OutboxState:
        """Return whose outbox this is and how far it got."""
        meta = dict(self._db.execute("SELECT key, value FROM meta").fetchall())
        rows = self._db.execute(
            "SELECT stream, next_seq, acked_seq, trimmed_seq, digest FROM streams"
        ).fetchall()
        streams = tuple(
            StreamState(
                stream=stream,
                last_seq=next_seq - 1,
                acked_seq=acked,
                trimmed_seq=trimmed,
                digest=unsigned(digest),
            )
            for stream, next_seq, acked, trimmed, digest in rows
        )
        return OutboxState(outbox_id=meta["outbox_id"], epoch=int(meta["epoch"]), streams=streams)

    def set_epoch(self, epoch: int) -> None:
        """Keep the epoch that the cloud gave this outbox."""
        with self._writing() as db:
            db.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (str(epoch),))

    def read_after(
        self, stream: str, seq: int, max_events: int, max_bytes: int
    ) -> list[StoredEvent]:
        """Return the next events of a stream, at least one when there is any."""
        rows = self._db.execute(
            "SELECT seq, body, digest, event_id, seal FROM events WHERE stream = ? AND seq > ?"
            " ORDER BY seq LIMIT ?",
            (stream, seq, max_events),
        ).fetchall()
        batch: list[StoredEvent] = []
        size_bytes = 0
        for number, body, digest, event_id, seal in rows:
            size_bytes += len(body) + 8
            if batch and (size_bytes > max_bytes or number != batch[-1].seq + 1):
                break
            batch.append(StoredEvent(number, body, unsigned(digest), event_id, seal))
        return batch

    def digest_at(self, stream: str, seq: int) -> int | None:
        """Return the rolling digest at a number; ``None`` when that event is gone."""
        if seq == 0:
            return 0
        row = self._db.execute(
            "SELECT digest FROM events WHERE stream = ? AND seq = ?", (stream, seq)
        ).fetchone()
        return None if row is None else unsigned(row[0])

    def acknowledge(self, positions: dict[str, int]) -> None:
        """Note how far the cloud has committed; a cloud set back may name less than before.

        Where nothing is kept after that, what is acknowledged goes at once.
        """
        now_ms = int(self._clock.now().timestamp() * 1000)
        removed = TRIM_SLICE if self._bounds.retention_ms == 0 else 0
        try:
            with self._writing() as db:
                self._note_acknowledged(db, positions)
                if removed:
                    removed = trim_slice(db, now_ms + 1, now_ms, note_ids_and_delete)
        except OutboxFullError:
            # The note alone needs less room; without it nothing may ever be removed.
            with self._writing() as db:
                self._note_acknowledged(db, positions)
        while removed >= TRIM_SLICE:
            removed = self._trim_slice(now_ms + 1, now_ms, is_short=False)

    @staticmethod
    def _note_acknowledged(db: sqlite3.Connection, positions: dict[str, int]) -> None:
        count_delivered(db, positions)
        db.executemany(
            "UPDATE streams SET acked_seq = ? WHERE stream = ?",
            [(seq, stream) for stream, seq in positions.items()],
        )

    def unsent(self) -> int:
        """Return how many events the cloud has not committed."""
        row = self._db.execute("SELECT sum(next_seq - 1 - acked_seq) FROM streams").fetchone()
        return int(row[0] or 0)

    def note_rejections(self, stream: str, rejected: Sequence[tuple[int, str, str]]) -> None:
        """Keep why the cloud could not read some events."""
        now_ms = int(self._clock.now().timestamp() * 1000)
        with self._writing() as db:
            for seq, code, _ in rejected:
                keep_refused(db, now_ms, f"{CLOUD}{stream}/{seq}", code)
            db.executemany(
                "INSERT OR REPLACE INTO rejections VALUES"
                " ((SELECT value FROM meta WHERE key = 'epoch'), ?, ?, ?, ?)",
                [(stream, seq, code, detail) for seq, code, detail in rejected],
            )

    def start_over(self, reason: str) -> None:
        """Become a new outbox: what was not acknowledged is numbered from 1 again."""
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('started_over', ?)", (reason,))
            db.execute("UPDATE meta SET value = ? WHERE key = 'outbox_id'", (self._ids.new("obx"),))
            db.execute("UPDATE meta SET value = '0' WHERE key = 'epoch'")
            now_ms = int(self._clock.now().timestamp() * 1000)
            for state in self.state().streams:
                renumber(db, state, now_ms)
            start_ledger_over(db)

    def media_due(self, limit: int) -> list[MediaDue]:
        """Return pictures of acknowledged events that the media index has not taken over."""
        rows = self._db.execute(
            "SELECT m.sha256, m.event_id, m.verdict FROM media_due m"
            " JOIN streams s ON s.stream = m.stream AND m.seq <= s.acked_seq LIMIT ?",
            (limit,),
        ).fetchall()
        return [MediaDue(sha256=s, event_id=e, verdict=v) for s, e, v in rows]

    def media_named(self) -> set[bytes]:
        """Return all pictures that events name and the media index has not taken over."""
        return {row[0] for row in self._db.execute("SELECT sha256 FROM media_due").fetchall()}

    def media_taken(self, taken: Sequence[bytes]) -> None:
        """Forget pictures that the media index has taken over."""
        with self._writing() as db:
            db.executemany("DELETE FROM media_due WHERE sha256 = ?", [(s,) for s in taken])

    def trim(self) -> int:
        """Remove what is acknowledged and old, or acknowledged when room is short."""
        now_ms = int(self._clock.now().timestamp() * 1000)
        tail_bytes = int(self._bounds.max_bytes * TAIL_SHARE_RATIO)
        removed = 0
        while True:
            before_ms = now_ms - self._bounds.retention_ms
            is_short = page_bytes(self._db) > tail_bytes
            if is_short:
                before_ms = now_ms + 1
            slice_removed = self._trim_slice(before_ms, now_ms, is_short=is_short)
            removed += slice_removed
            if slice_removed == 0:
                return removed

    def _trim_slice(self, before_ms: int, now_ms: int, *, is_short: bool) -> int:
        """Remove one slice of each stream; where room is short, ids are noted in what was freed."""
        if not is_short:
            try:
                with self._writing() as db:
                    return trim_slice(db, before_ms, now_ms, note_ids_and_delete)
            except OutboxFullError:
                LOG.info("no room to note ids before their events are removed")
        with self._writing() as db:
            return trim_slice(db, before_ms, now_ms, delete_and_note_ids)

    def make_room(self) -> None:
        """Recover from a full disk: give up the ballast, trim, fold the log, take it back."""
        self._ballast.drop()
        try:
            self._trim_all_acknowledged()
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            raise OutboxFullError(str(error)) from error
        finally:
            self._ballast.restore()

    def has_reserve(self) -> bool:
        """Say whether the ballast is there; take it back where there is room again."""
        self._ballast.restore()
        return self._ballast.is_there

    def _trim_all_acknowledged(self) -> None:
        now_ms = int(self._clock.now().timestamp() * 1000)
        while self._trim_slice(now_ms + 1, now_ms, is_short=True):
            pass
