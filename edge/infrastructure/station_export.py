"""Everything that the cloud does not have yet, in one signed file; nothing here changes."""

import contextlib
import hashlib
import os
import sqlite3
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kyndof_wire.export.v1.export_pb2 import ExportEnd, ExportFrame, ExportHeader, ExportPicture
from kyndof_wire.sync.v1.sync_pb2 import (
    GAP_REASON_CORRUPTION,
    GAP_REASON_OPERATOR,
    GAP_REASON_SUPERSEDED,
    Event,
    EventBatch,
    GapReason,
    GapRecord,
)

from edge.infrastructure.boot_clocks import BootClocks
from edge.infrastructure.child_process import boot_id
from edge.infrastructure.durable_files import sync_folder
from edge.infrastructure.grpc_channel import Credentials
from edge.infrastructure.identity_files import sign_with
from edge.infrastructure.media_uploader import content_type, media_path
from edge.infrastructure.sqlite_outbox_file import seal_column
from edge.infrastructure.sqlite_outbox_rows import is_sound
from edge.outbox.errors import ExportNotWrittenError, NotEnrolledError, OutboxMissingError
from edge.outbox.record import LATEST_WINS, STREAMS, StoredEvent
from edge.station.ports import Clock

MAGIC = b"KYEXPT1\n"
BATCH_EVENTS = 500
BATCH_BYTES = 256 * 1024
PART_BYTES = 1 << 20
_WAITING = "('LOCAL', 'OFFERED', 'UPLOADING')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What a file holds."""

    events_count: int
    pictures_count: int
    size_bytes: int


class _File:
    """Writes frames and chains their digests."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self.chain = bytes(32)
        self.events_count = self.pictures_count = 0
        write(MAGIC)

    def add(self, frame: ExportFrame) -> None:
        content = frame.SerializeToString()
        self._write(struct.pack(">I", len(content)) + content)
        self.chain = hashlib.sha256(self.chain + content).digest()
        if frame.WhichOneof("payload") == "batch":
            self.events_count += len(frame.batch.events)


def export_station(home: Path, target: Path, clock: Clock, agent_version: str) -> Exported:
    """Write what waits into ``target``, whole or not at all.

    Raises:
        OutboxMissingError: no agent has worked here yet.
        NotEnrolledError: there is no key to sign with.
        ExportNotWrittenError: the target cannot be written.
    """
    held = Credentials.read(home / "identity" / "current")
    if held is None:
        raise NotEnrolledError("a station without a certificate has nothing to sign with")
    if not (home / "outbox.db").exists():
        raise OutboxMissingError(str(home / "outbox.db"))
    fresh = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        with fresh.open("wb") as stream:
            file = _File(stream.write)
            _write(file, home, held, (clock, agent_version))
            stream.flush()
            os.fsync(stream.fileno())
        size_bytes = fresh.stat().st_size
        fresh.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise ExportNotWrittenError(f"{target}: {error.strerror}") from error
    return Exported(
        events_count=file.events_count, pictures_count=file.pictures_count, size_bytes=size_bytes
    )


def _write(file: _File, home: Path, held: Credentials, made: tuple[Clock, str]) -> None:
    clock, agent_version = made
    with _reading(home / "outbox.db") as outbox:
        meta = dict(outbox.execute("SELECT key, value FROM meta").fetchall())
        header = ExportHeader(
            certificate_pem=held.certificate_pem,
            outbox_id=meta["outbox_id"],
            epoch=int(meta["epoch"]),
            agent_version=agent_version,
        )
        header.made_at.FromDatetime(clock.now())
        clocks = BootClocks(file=home / "boot_clocks.json", boot_id=boot_id())
        header.clocks.extend([*clocks.past(), clocks.now(clock)])
        file.add(ExportFrame(header=header))
        for stream in STREAMS:
            _write_stream(file, outbox, stream)
        for sha256, event_id in _pictures(home, outbox):
            _write_picture(file, media_path(home / "media", sha256), sha256, event_id)
    end = ExportEnd(
        chain=file.chain,
        signature=sign_with(held.key_pem, file.chain),
        events=file.events_count,
        pictures=file.pictures_count,
    )
    file.add(ExportFrame(end=end))


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Read one moment of a file that its owner goes on writing."""
    with contextlib.closing(
        sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    ) as db:
        db.execute("BEGIN")
        yield db


def _write_stream(file: _File, outbox: sqlite3.Connection, stream: str) -> None:
    (acked,) = outbox.execute(
        "SELECT acked_seq FROM streams WHERE stream = ?", (stream,)
    ).fetchone()
    row = outbox.execute(
        "SELECT digest FROM events WHERE stream = ? AND seq = ?", (stream, acked)
    ).fetchone()
    known = row[0] % (1 << 64) if row else None
    pending = _Pending(file, stream, acked, 0 if acked == 0 else known)
    for seq, body, digest, event_id, seal in outbox.execute(
        f"SELECT seq, body, digest, event_id, {seal_column(outbox)} FROM events"  # noqa: S608
        " WHERE stream = ? AND seq > ? ORDER BY seq",
        (stream, acked),
    ):
        pending.take(StoredEvent(seq, body, digest % (1 << 64), event_id, seal))
    pending.flush()


class _Pending:
    """Events of a stream on their way into batches; what is missing or damaged becomes a gap."""

    def __init__(self, file: _File, stream: str, last: int, digest: int | None) -> None:
        self._file = file
        self._stream = stream
        self._last = last
        self._digest = digest
        self._batch = EventBatch()
        self._size_bytes = 0

    def take(self, row: StoredEvent) -> None:
        seq, body = row.seq, row.body
        if seq != self._last + 1:
            newer = self._stream == LATEST_WINS
            self._skip(seq - 1, GAP_REASON_SUPERSEDED if newer else GAP_REASON_OPERATOR)
        event = _sound(self._stream, row, self._digest)
        if event is None:
            self._skip(seq, GAP_REASON_CORRUPTION)
            return
        if len(self._batch.events) >= BATCH_EVENTS or self._size_bytes + len(body) > BATCH_BYTES:
            self.flush()
        if not self._batch.events:
            self._batch.stream, self._batch.first_seq = self._stream, seq
            self._batch.prev_digest = self._digest or 0
        self._batch.events.append(event)
        self._size_bytes += len(body)
        self._last, self._digest = seq, row.digest

    def flush(self) -> None:
        if self._batch.events:
            self._file.add(ExportFrame(batch=self._batch))
        self._batch, self._size_bytes = EventBatch(), 0

    def _skip(self, last: int, reason: GapReason.ValueType) -> None:
        self.flush()
        gap = GapRecord(
            stream=self._stream,
            first_seq=self._last + 1,
            last_seq=last,
            reason=reason,
            count=last - self._last,
        )
        self._file.add(ExportFrame(gap=gap))
        # The chain cannot be followed over what is missing.
        self._last, self._digest = last, None


def _sound(stream: str, row: StoredEvent, previous: int | None) -> Event | None:
    """Return the event; ``None`` for what the disk has changed."""
    if not is_sound(stream, row, previous):
        return None
    return Event.FromString(row.body)


def _pictures(home: Path, outbox: sqlite3.Connection) -> list[tuple[bytes, bytes]]:
    """Return the pictures that the cloud does not have, with the events that name them."""
    due = dict(outbox.execute("SELECT sha256, event_id FROM media_due").fetchall())
    if (home / "media.db").exists():
        with _reading(home / "media.db") as index:
            rows = index.execute(
                f"SELECT sha256, event_id FROM media WHERE state IN {_WAITING}"  # noqa: S608
            ).fetchall()
        due |= dict(rows)
    return sorted(due.items())


def _write_picture(file: _File, path: Path, sha256: bytes, event_id: bytes) -> None:
    """Write a picture in parts; one that is gone or damaged is left to the agent to report."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    if hashlib.sha256(content).digest() != sha256:
        return
    kind = content_type(content[:8])
    for offset in range(0, len(content), PART_BYTES):
        part = ExportPicture(
            sha256=sha256,
            event_id=event_id,
            content_type=kind,
            size_bytes=len(content),
            offset_bytes=offset,
            data=content[offset : offset + PART_BYTES],
        )
        file.add(ExportFrame(picture=part))
    file.pictures_count += 1
