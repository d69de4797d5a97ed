"""What a person may ask of an outbox while its agent runs, read with sqlite-utils."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import sqlite_utils
from kyndof_wire.sync.v1.sync_pb2 import Event

from edge.infrastructure.sqlite_outbox_ledger import CLOUD
from edge.outbox.errors import OutboxMissingError


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[sqlite_utils.Database]:
    if not path.exists():
        raise OutboxMissingError(str(path))
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        yield sqlite_utils.Database(connection)
    finally:
        connection.close()


def read_status(home: Path) -> dict[str, object]:
    """Return streams, producers, pictures by state, and the last report about the link.

    Raises:
        OutboxMissingError: no agent has worked here yet.
    """
    with _reading(home / "outbox.db") as outbox:
        status: dict[str, object] = {
            "outbox": {row["key"]: row["value"] for row in outbox.table("meta").rows},
            "streams": list(
                outbox.query(
                    "SELECT stream, next_seq - 1 AS last_seq, acked_seq, trimmed_seq,"
                    " next_seq - 1 - acked_seq AS unsent FROM streams"
                )
            ),
            "producers": list(outbox.table("producers").rows),
            "refused": outbox.table("refused").count_where("topic NOT LIKE ?", [f"{CLOUD}%"]),
            "rejected": outbox.table("rejections").count,
        }
    if (home / "media.db").exists():
        with _reading(home / "media.db") as media:
            rows = media.query("SELECT state, count(*) AS pictures FROM media GROUP BY state")
            status["media"] = {row["state"]: row["pictures"] for row in rows}
    with contextlib.suppress(FileNotFoundError, ValueError):
        status["link"] = json.loads((home / "link.json").read_text(encoding="utf-8"))
    return status


def export_events(home: Path, stream: str, after: int) -> Iterator[dict[str, object]]:
    """Yield the stored events of a stream after a number.

    Raises:
        OutboxMissingError: no agent has worked here yet.
    """
    with _reading(home / "outbox.db") as outbox:
        rows = outbox.query(
            "SELECT seq, body FROM events WHERE stream = ? AND seq > ? ORDER BY seq",
            [stream, after],
        )
        for row in rows:
            event = Event.FromString(row["body"])
            yield {
                "seq": row["seq"],
                "event_id": event.event_id.hex(),
                "type": event.type,
                "occurred_at": event.occurred_at.ToDatetime().isoformat(),
                "worker": event.worker,
                "producer_id": event.producer_id,
                "pseq": event.pseq,
                "payload": event.payload.hex(),
                "media_sha256": [sha256.hex() for sha256 in event.media_sha256],
            }
