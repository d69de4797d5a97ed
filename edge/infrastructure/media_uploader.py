"""Pictures to the cloud, one at a time, on a channel of their own; events never wait for them."""

import asyncio
import hashlib
import logging
import sqlite3
import zlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import grpc.aio
from kyndof_wire.media.v1.media_pb2 import (
    MEDIA_DECISION_DECLINE,
    MEDIA_DECISION_HAVE,
    MEDIA_DECISION_WANT,
    CompleteMediaRequest,
    OfferMediaRequest,
    OfferMediaResponse,
    UploadMediaRequest,
)
from kyndof_wire.media.v1.media_pb2_grpc import MediaServiceStub

from edge.infrastructure.media_index import SqliteMediaIndex
from edge.infrastructure.media_orphans import facts_wait, old_pictures
from edge.outbox.errors import MediaIndexError, OutboxError
from edge.outbox.pace import part_bytes
from edge.outbox.ports import Outbox
from edge.outbox.record import MediaDue
from edge.outbox.retention import MediaRecord, MediaState, choose_evictions

if TYPE_CHECKING:
    from kyndof_wire.media.v1.media_pb2_grpc import MediaServiceAsyncStub

LOG = logging.getLogger("kyndof.media")
CALL_S = 15.0
UPLOAD_S = 120.0
IDLE_S = 1.0
SWEEP_EVERY_S = 3600.0
#: A picture is written a moment before its event; so old and still unnamed, it never gets one.
ORPHAN_AGE_S = 7 * 24 * 3600.0
RETRY_BASE_MS = 500
RETRY_CAP_MS = 300_000
LEARN_COUNT = 200
PRIORITIES = {"FAIL": 2, "REVIEW": 1}
Result = TypeVar("Result")


def media_path(folder: Path, sha256: bytes) -> Path:
    """Return where a picture lies: ``ab/cdef…``."""
    name = sha256.hex()
    return folder / name[:2] / name[2:]


def content_type(start: bytes) -> str:
    """Tell a picture's type by its first bytes."""
    if start.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if start.startswith(b"\x89PNG"):
        return "image/png"
    return "application/octet-stream"


class MediaUploader:
    """Learns pictures from stored events, uploads them, and keeps their folder within bounds."""

    def __init__(
        self,
        folder: Path,
        make_index: Callable[[], SqliteMediaIndex],
        outbox: Outbox,
        limit_bytes: int,
        spool: Path,
    ) -> None:
        self._folder = folder
        self._make_index = make_index
        self._outbox = outbox
        self._limit_bytes = limit_bytes
        self._spool = spool
        self._bytes_per_s: Callable[[], float | None] = _unlimited
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="media")
        self._index: SqliteMediaIndex | None = None

    def tune(self, limit_bytes: int, bytes_per_s: Callable[[], float | None]) -> None:
        """Use another bound of the folder, and ask ``bytes_per_s`` how fast pictures may leave."""
        self._limit_bytes = limit_bytes
        self._bytes_per_s = bytes_per_s

    async def _run(self, act: Callable[[SqliteMediaIndex], Result]) -> Result:
        def in_thread() -> Result:
            try:
                if self._index is None:
                    self._index = self._make_index()
                return act(self._index)
            except (sqlite3.Error, OSError) as error:
                if self._index is not None:
                    self._index.roll_back()
                raise MediaIndexError(str(error)) from error

        return await asyncio.get_running_loop().run_in_executor(self._executor, in_thread)

    async def close(self) -> None:
        """Close the index and end its thread."""
        if self._index is not None:
            await self._run(SqliteMediaIndex.close)
        self._executor.shutdown(wait=False)

    async def keep_house(self) -> None:
        """Learn and prune for ever, with or without a cloud."""
        next_sweep_s = 0.0
        while True:
            try:
                await self._learn()
                if (now_s := asyncio.get_running_loop().time()) >= next_sweep_s:
                    next_sweep_s = now_s + SWEEP_EVERY_S
                    await self.sweep()
                if await self._run(SqliteMediaIndex.total_bytes) > self._limit_bytes:
                    await self._run(self._prune)
            except OutboxError as error:
                LOG.warning("media waits", extra={"reason": str(error)})
            await asyncio.sleep(IDLE_S)

    async def sweep(self) -> None:
        """Remove pictures that no event named for days: their inspection was never recorded."""
        if await asyncio.to_thread(facts_wait, self._spool):
            return
        named = await self._outbox.media_named()
        await self._run(lambda index: self._remove_orphans(index, named))

    def _remove_orphans(self, index: SqliteMediaIndex, named: set[bytes]) -> None:
        before_s = index.now_ms() / 1000 - ORPHAN_AGE_S
        for sha256, path in old_pictures(self._folder, before_s):
            if sha256 in named or index.knows(sha256):
                continue
            size_bytes = path.stat().st_size
            path.unlink(missing_ok=True)
            LOG.warning(
                "picture without inspection removed",
                extra={"sha256": sha256.hex(), "size_bytes": size_bytes},
            )

    async def _learn(self) -> None:
        due = await self._outbox.media_due(LEARN_COUNT)
        if due:
            await self._run(lambda index: self._take_over(index, due))
            await self._outbox.media_taken([d.sha256 for d in due])

    def _take_over(self, index: SqliteMediaIndex, due: list[MediaDue]) -> None:
        index.learn([(d, self._size(d.sha256)) for d in due])

    def _size(self, sha256: bytes) -> int:
        path = media_path(self._folder, sha256)
        return path.stat().st_size if path.is_file() else 0

    def _prune(self, index: SqliteMediaIndex) -> None:
        freed, shed = choose_evictions(index.present(), self._limit_bytes)
        for record in (*freed, *shed):
            media_path(self._folder, record.sha256).unlink(missing_ok=True)
        index.forget([r.sha256 for r in freed])
        for record in shed:
            self._shed(index, record, "MEDIA_SHED", "no room for pictures that wait")

    @staticmethod
    def _shed(index: SqliteMediaIndex, record: MediaRecord, alarm: str, reason: str) -> None:
        index.mark(record.sha256, MediaState.SHED)
        LOG.error(
            "picture given up",
            extra={
                "alarm": alarm,
                "sha256": record.sha256.hex(),
                "verdict": record.verdict,
                "size_bytes": record.size_bytes,
                "reason": reason,
            },
        )

    async def run(self, channel: grpc.aio.Channel) -> None:
        """Upload what waits until the channel is closed."""
        stub = MediaServiceStub(channel)
        while True:
            try:
                busy = await self._upload_next(stub)
            except OutboxError as error:
                LOG.warning("media waits", extra={"reason": str(error)})
                busy = False
            if not busy:
                await asyncio.sleep(IDLE_S)

    async def _upload_next(self, stub: "MediaServiceAsyncStub") -> bool:
        record = await self._run(SqliteMediaIndex.next_upload)
        if record is None:
            return False
        try:
            await self._upload(stub, record)
        except (grpc.aio.AioRpcError, TimeoutError) as error:
            tries = await self._put_off(record)
            LOG.warning(
                "picture waits",
                extra={"sha256": record.sha256.hex(), "tries": tries, "reason": str(error)},
            )
        return True

    async def _put_off(self, record: MediaRecord) -> int:
        return await self._run(
            lambda index: index.put_off(record.sha256, RETRY_BASE_MS, RETRY_CAP_MS)
        )

    async def _mark(self, record: MediaRecord, state: MediaState) -> None:
        await self._run(lambda index: index.mark(record.sha256, state))

    async def _upload(self, stub: "MediaServiceAsyncStub", record: MediaRecord) -> None:
        path = media_path(self._folder, record.sha256)
        flaw, kind, size_bytes = await asyncio.to_thread(_inspect, path, record.sha256)
        if flaw:
            reason = "its file is gone" if flaw == "MEDIA_MISSING" else "its file is damaged"
            await self._run(lambda index: self._shed(index, record, flaw, reason))
            return
        offer = await stub.OfferMedia(
            OfferMediaRequest(
                sha256=record.sha256,
                size_bytes=size_bytes,
                content_type=kind,
                verdict=record.verdict,
                event_id=record.event_id,
                priority=PRIORITIES.get(record.verdict, 0),
            ),
            timeout=CALL_S,
        )
        if offer.decision == MEDIA_DECISION_HAVE:
            await self._mark(record, MediaState.STORED)
        elif offer.decision == MEDIA_DECISION_DECLINE:
            await self._mark(record, MediaState.DECLINED)
        elif offer.decision == MEDIA_DECISION_WANT:
            await self._mark(record, MediaState.OFFERED)
            await self._send(stub, record, path, offer)
        else:
            await self._put_off(record)

    async def _send(
        self,
        stub: "MediaServiceAsyncStub",
        record: MediaRecord,
        path: Path,
        offer: OfferMediaResponse,
    ) -> None:
        await self._mark(record, MediaState.UPLOADING)
        slowest = self._bytes_per_s()
        patience_s = UPLOAD_S + (record.size_bytes / slowest if slowest else 0)
        parts = _parts(path, offer.upload_id, offer.offset_bytes, self._bytes_per_s)
        await stub.UploadMedia(parts, timeout=patience_s)
        answer = await stub.CompleteMedia(
            CompleteMediaRequest(upload_id=offer.upload_id, sha256=record.sha256), timeout=CALL_S
        )
        if answer.stored:
            await self._mark(record, MediaState.STORED)
            LOG.info("picture stored", extra={"sha256": record.sha256.hex()})
            return
        tries = await self._put_off(record)
        LOG.error(
            "the cloud could not verify a picture",
            extra={
                "alarm": "MEDIA_NOT_VERIFIED",
                "sha256": record.sha256.hex(),
                "tries": tries,
                "reason": answer.reason,
            },
        )


def _inspect(path: Path, sha256: bytes) -> tuple[str, str, int]:
    """Return what is wrong with a file (empty for nothing), its type and its size in bytes."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return "MEDIA_MISSING", "", 0
    if hashlib.sha256(content).digest() != sha256:
        return "MEDIA_DAMAGED", "", 0
    return "", content_type(content[:8]), len(content)


def _unlimited() -> float | None:
    return None


async def _parts(
    path: Path, upload_id: str, offset: int, bytes_per_s: Callable[[], float | None]
) -> AsyncIterator[UploadMediaRequest]:
    """Yield a file's bytes from an offset, at most 1 MiB each and never faster than allowed."""
    with path.open("rb") as file:
        file.seek(offset)
        while True:
            limit = bytes_per_s()
            data = await asyncio.to_thread(file.read, part_bytes(limit))
            if not data:
                return
            yield UploadMediaRequest(
                upload_id=upload_id, offset_bytes=offset, data=data, crc32=zlib.crc32(data)
            )
            offset += len(data)
            if limit is not None:
                await asyncio.sleep(len(data) / limit)
