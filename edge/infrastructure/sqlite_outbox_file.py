"""The outbox's file: opened with care, quarantined when damaged, with room kept beside it."""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from edge.infrastructure.durable_files import sync_folder

SCHEMA_VERSION = 2
LOG_LIMIT_BYTES = 16 << 20


class Ballast:
    """A file that exists to be deleted: on a full disk SQLite cannot even delete rows."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._path = path
        self._size_bytes = size_bytes

    @property
    def is_there(self) -> bool:
        """Say whether the room is reserved, or none was asked for."""
        return self._size_bytes == 0 or self._path.exists()

    def restore(self) -> None:
        """Take the room, if as much again stays free."""
        if self._size_bytes == 0 or self._path.exists():
            return
        if shutil.disk_usage(self._path.parent).free < 2 * self._size_bytes:
            return
        try:
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._size_bytes)
        except OSError:
            self._path.unlink(missing_ok=True)

    def drop(self) -> None:
        """Give the room back to a disk that is full; leave it when the outbox's bound is."""
        if shutil.disk_usage(self._path.parent).free < 2 * LOG_LIMIT_BYTES:
            self._path.unlink(missing_ok=True)


def page_bytes(db: sqlite3.Connection) -> int:
    """Return how much of the file is in use, free pages not counted."""
    pages, free, size = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def open_file(
    path: Path, max_bytes: int, migrate: Callable[[Path], None], now: datetime
) -> tuple[sqlite3.Connection, Path | None]:
    """Open a checked, migrated file.

    Returns:
        The connection, and the folder that a damaged predecessor was moved to.
    """
    moved = None
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not _is_sound(path):
        moved = quarantine(path, now)
    if not path.exists():
        # SQLite gives its log the same mode: what workers did is nobody else's business.
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    if _version(path) != SCHEMA_VERSION:
        migrate(path)
    db = connect(path)
    db.execute(f"PRAGMA max_page_count = {max(1, max_bytes // 4096)}").fetchall()
    sync_folder(path.parent)
    return db, moved


def connect(path: Path) -> sqlite3.Connection:
    """Open a file whose commits are on the disk when they return."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL").fetchall()
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA journal_size_limit = {LOG_LIMIT_BYTES}").fetchall()
    db.execute("PRAGMA busy_timeout = 5000").fetchall()
    return db


def seal_column(db: sqlite3.Connection) -> str:
    """Return how to ask for a row's seal; files from before seals answer with none."""
    names = {row[1] for row in db.execute("PRAGMA table_info(events)").fetchall()}
    return "seal" if "seal" in names else "NULL"


def _is_sound(path: Path) -> bool:
    try:
        with contextlib.closing(sqlite3.connect(path)) as db:
            return [row[0] for row in db.execute("PRAGMA quick_check(1)").fetchall()] == ["ok"]
    except sqlite3.DatabaseError:
        return False


def _version(path: Path) -> int:
    if not path.exists():
        return 0
    with contextlib.closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def quarantine(path: Path, now: datetime) -> Path:
    """Move a damaged file and its log aside; return the folder."""
    folder = path.parent / "quarantine" / now.strftime("%Y%m%dT%H%M%S%f")
    folder.mkdir(parents=True)
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        source = path.with_name(name)
        if source.exists():
            source.rename(folder / name)
    sync_folder(folder)
    sync_folder(path.parent)
    return folder
