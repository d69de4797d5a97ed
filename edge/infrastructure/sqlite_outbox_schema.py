"""Tables of the outbox and of the media index, made and migrated with sqlite-utils.

Imported only when a file is new or old: sqlite-utils costs 15 MB and a third of a second.
"""

from pathlib import Path

import sqlite_utils


def migrate_outbox(path: Path) -> None:
    """Bring an outbox file to the version that `SqliteOutbox` reads."""
    database = sqlite_utils.Database(path)
    try:
        _outbox_1(database)
        _outbox_2(database)
        database.conn.commit()
    finally:
        database.close()


def migrate_media(path: Path) -> None:
    """Bring a media index to the version that `SqliteMediaIndex` reads."""
    database = sqlite_utils.Database(path)
    try:
        _media_1(database)
        database.conn.commit()
    finally:
        database.close()


def _create(
    database: sqlite_utils.Database,
    name: str,
    columns: dict[str, type],
    key: str | tuple[str, ...] | None = None,
) -> None:
    """Make a table whose columns all need a value."""
    database.table(name).create(columns, pk=key, not_null=set(columns), if_not_exists=True)


def _outbox_1(database: sqlite_utils.Database) -> None:
    _create(database, "meta", {"key": str, "value": str}, "key")
    positions = {"next_seq": int, "digest": int, "acked_seq": int, "trimmed_seq": int}
    _create(database, "streams", {"stream": str, **positions}, "stream")
    heard = {"producer_id": str, "pseq": int, "heard_ms": int}
    _create(database, "producers", heard, "producer_id")
    event = {"stream": str, "seq": int, "event_id": bytes, "digest": int, "stored_ms": int}
    _create(database, "events", {**event, "body": bytes})
    events = database.table("events")
    events.create_index(["stream", "seq"], unique=True, if_not_exists=True)
    events.create_index(["event_id"], unique=True, if_not_exists=True)
    _create(database, "seen", {"event_id": bytes, "seen_ms": int}, "event_id")
    database.table("seen").create_index(["seen_ms"], if_not_exists=True)
    due = {"sha256": bytes, "event_id": bytes, "verdict": str, "stream": str, "seq": int}
    _create(database, "media_due", due, "sha256")
    _create(database, "refused", {"refused_ms": int, "topic": str, "reason": str, "body": bytes})
    rejection = {"epoch": int, "stream": str, "seq": int, "code": str, "detail": str}
    _create(database, "rejections", rejection, ("epoch", "stream", "seq"))
    database.execute("PRAGMA user_version = 1")


def _outbox_2(database: sqlite_utils.Database) -> None:
    """Seal each row. Rows that are there stay as they are: a full file has no room to be rewritten.

    They are told by the rolling digest, as before.
    """
    events = database.table("events")
    if "seal" not in events.columns_dict:
        events.add_column("seal", int)
    database.execute("PRAGMA user_version = 2")


def _media_1(database: sqlite_utils.Database) -> None:
    picture = {"sha256": bytes, "event_id": bytes, "verdict": str, "size_bytes": int}
    progress = {"state": str, "learned_ms": int, "tries": int, "next_try_ms": int}
    _create(database, "media", {**picture, **progress}, "sha256")
    database.table("media").create_index(["state", "next_try_ms"], if_not_exists=True)
    database.execute("PRAGMA user_version = 1")
