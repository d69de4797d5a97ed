"""Events of an ordinary size, as a station makes them, and outboxes full of them."""

from datetime import UTC, datetime
from pathlib import Path

from kyndof_wire.floor.v1.floor_pb2 import ScanRefused
from kyndof_wire.sync.v1.sync_pb2 import Event

from edge.infrastructure.mqtt_agent import read_event
from edge.infrastructure.sqlite_outbox import OutboxBounds, SqliteOutbox
from edge.infrastructure.sqlite_outbox_schema import migrate_outbox
from edge.infrastructure.system_time import SystemClock, UlidFactory

IDS = UlidFactory()
AT_ONCE = 1000


def sample_event(pseq: int, producer: str, at: datetime) -> Event:
    """One fact about what a station shows, about 200 bytes on the wire."""
    event = Event(
        event_id=IDS.event_id(),
        type="scan_refused",
        schema=1,
        hlc=int(at.timestamp() * 1000) << 16,
        mono_ns=pseq * 1_000_000,
        boot_id=b"b" * 16,
        payload=ScanRefused(text=f"KY1:PC:{pseq:026d}", code="CODE_FOREIGN").SerializeToString(),
        producer_id=producer,
        pseq=pseq,
        worker="worker@demo.example",
        basis="b" * 64,
        stream="events",
    )
    event.occurred_at.FromDatetime(at)
    return event


def fill_outbox(path: Path, count: int, station: str, producer: str = "sample") -> list[bytes]:
    """Put so many events into an outbox of a station; return their ids."""
    bounds = OutboxBounds(max_bytes=8 << 30, ballast_bytes=0, retention_ms=86_400_000)
    outbox = SqliteOutbox(path, bounds, SystemClock(), IDS, migrate_outbox)
    topic, now, made = f"v1/{station}/evt/events", datetime.now(UTC), []
    # Made to be read, not to be kept: nobody waits for its flushes.
    outbox._db.execute("PRAGMA synchronous = OFF")
    done = outbox.producers().get(producer, 0)
    for first in range(done + 1, done + count + 1, AT_ONCE):
        events = [
            sample_event(pseq, producer, now)
            for pseq in range(first, min(first + AT_ONCE, done + count + 1))
        ]
        outbox.append([read_event(station, topic, e.SerializeToString()) for e in events])
        made += [event.event_id for event in events]
    outbox.close()
    return made
