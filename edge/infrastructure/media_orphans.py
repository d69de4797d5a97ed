"""Pictures that nothing names: the station died between a picture and its event."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from edge.infrastructure.clock_floor import BUILT_AT

_FOLDER = re.compile(r"[0-9a-f]{2}")
_NAME = re.compile(r"[0-9a-f]{62}")


def facts_wait(spool: Path) -> bool:
    """Say whether the station's spool holds facts, or cannot be asked.

    What waits there may name pictures that the outbox has not heard of yet.
    """
    if not spool.exists():
        return False
    try:
        connection = sqlite3.connect(f"file:{spool}?mode=ro", uri=True, timeout=1)
        try:
            return connection.execute("SELECT 1 FROM spool LIMIT 1").fetchone() is not None
        finally:
            connection.close()
    except sqlite3.Error:
        return True


def old_pictures(folder: Path, before_s: float) -> Iterator[tuple[bytes, Path]]:
    """Yield address and path of the pictures last written before a time (seconds since 1970)."""
    if not folder.is_dir():
        return
    made_s = BUILT_AT.timestamp()
    for shelf in folder.iterdir():
        if not _FOLDER.fullmatch(shelf.name):
            continue
        for path in shelf.iterdir():
            # A time before the program was made is a clock's error, not an age.
            if _NAME.fullmatch(path.name) and made_s <= path.stat().st_mtime < before_s:
                yield bytes.fromhex(shelf.name + path.name), path
