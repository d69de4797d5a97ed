"""Which pictures lie here and where each stands, in one small SQLite file."""

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from edge.infrastructure.sqlite_outbox_file import open_file
from edge.outbox.record import MediaDue
from edge.outbox.retention import MediaRecord, MediaState
from edge.station.ports import Clock

LARGEST_INDEX_BYTES = 256 << 20
_COLUMNS = "sha256, event_id, verdict, size_bytes, state, learned_ms"
#: Faults first; the pictures of good pieces last.
_ORDER = "CASE verdict WHEN 'FAIL' THEN 0 WHEN 'REVIEW' THEN 1 ELSE 2 END, learned_ms DESC"


class SqliteMediaIndex:
    """The picture's path through its states; every method belongs to one thread."""

    def __init__(self, path: Path, clock: Clock, migrate: Callable[[Path], None]) -> None:
        self._clock = clock
        self._db, self.quarantined = open_file(path, LARGEST_INDEX_BYTES, migrate, clock.now())

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def roll_back(self) -> None:
        """Give up what a failed act has begun."""
        with contextlib.suppress(sqlite3.Error):
            self._db.rollback()

    def learn(self, due: Sequence[tuple[MediaDue, int]]) -> None:
        """Take over pictures with their sizes in bytes; known ones stay as they are."""
        now_ms = self._now_ms()
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(
            "INSERT INTO media (sha256, event_id, verdict, size_bytes, state, learned_ms,"
            " tries, next_try_ms) VALUES (?, ?, ?, ?, ?, ?, 0, 0) ON CONFLICT (sha256) DO NOTHING",
            [
                (d.sha256, d.event_id, d.verdict, size, MediaState.LOCAL.value, now_ms)
                for d, size in due
            ],
        )
        self._db.execute("COMMIT")

    def next_upload(self) -> MediaRecord | None:
        """Return the next picture to offer: faults first, newest first."""
        row = self._db.execute(
            f"SELECT {_COLUMNS} FROM media"  # noqa: S608 - constants
            " WHERE state IN ('LOCAL', 'OFFERED', 'UPLOADING') AND next_try_ms <= ?"
            f" ORDER BY {_ORDER} LIMIT 1",
            (self._now_ms(),),
        ).fetchone()
        return None if row is None else _record(row)

    def mark(self, sha256: bytes, state: MediaState) -> None:
        """Move a picture to a state."""
        self._db.execute("UPDATE media SET state = ? WHERE sha256 = ?", (state.value, sha256))

    def put_off(self, sha256: bytes, base_ms: int, cap_ms: int) -> int:
        """Try later, twice as late each time; return how often it was tried."""
        row = self._db.execute("SELECT tries FROM media WHERE sha256 = ?", (sha256,)).fetchone()
        tries = int(row[0]) + 1
        wait_ms = min(cap_ms, base_ms * 2 ** min(tries, 20))
        self._db.execute(
            "UPDATE media SET tries = ?, next_try_ms = ?, state = ? WHERE sha256 = ?",
            (tries, self._now_ms() + wait_ms, MediaState.LOCAL.value, sha256),
        )
        return tries

    def total_bytes(self) -> int:
        """Return how much all present pictures take."""
        row = self._db.execute(
            "SELECT sum(size_bytes) FROM media WHERE state <> 'SHED' AND size_bytes > 0"
        ).fetchone()
        return int(row[0] or 0)

    def present(self) -> list[MediaRecord]:
        """Return every picture that lies on this disk."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM media WHERE state <> 'SHED'"  # noqa: S608 - constants
        ).fetchall()
        return [_record(row) for row in rows]

    def knows(self, sha256: bytes) -> bool:
        """Say whether an event ever named this picture here."""
        found = self._db.execute("SELECT 1 FROM media WHERE sha256 = ?", (sha256,)).fetchone()
        return found is not None

    def forget(self, sha256s: Sequence[bytes]) -> None:
        """Drop pictures whose files were removed and that the cloud has or does not want."""
        self._db.executemany("DELETE FROM media WHERE sha256 = ?", [(s,) for s in sha256s])

    def now_ms(self) -> int:
        """Return the index's time in milliseconds since 1970."""
        return self._now_ms()

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def _record(row: sqlite3.Row | tuple[bytes, bytes, str, int, str, int]) -> MediaRecord:
    sha256, event_id, verdict, size_bytes, state, learned_ms = row
    return MediaRecord(
        sha256=sha256,
        event_id=event_id,
        verdict=verdict,
        size_bytes=size_bytes,
        state=MediaState(state),
        learned_ms=learned_ms,
    )
