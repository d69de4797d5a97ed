"""Pictures arrive whole or not at all, and are seen by their own organization only."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import cv2
import grpc
import numpy as np
import pytest
from kyndof_wire.media.v1 import media_pb2
from kyndof_wire.media.v1.media_pb2_grpc import MediaServiceStub

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.object_storage.picture_vault import (
    ObjectStoreSettingError,
    open_store,
)
from cloud.stations.errors import MediaUnknownError
from cloud.stations.queries import FindMedia
from tests.fakes.core import DEMO, OTHER, context_of
from tests.fakes.intake import Device, IntakeWorld, intake_over

pytestmark = [pytest.mark.requirement("SYN"), pytest.mark.timeout(60)]
WANT, HAVE = media_pb2.MEDIA_DECISION_WANT, media_pb2.MEDIA_DECISION_HAVE
DECLINE = media_pb2.MEDIA_DECISION_DECLINE


def picture(width: int = 800, seed: int = 1) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 255, (600, width, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", noise)[1].tobytes()


class Sender:
    def __init__(self, stub: MediaServiceStub) -> None:
        self.stub = stub

    async def offer(
        self, content: bytes, kind: str = "image/jpeg", size: int | None = None
    ) -> media_pb2.OfferMediaResponse:
        return await self.stub.OfferMedia(
            media_pb2.OfferMediaRequest(
                sha256=hashlib.sha256(content).digest(),
                size_bytes=len(content) if size is None else size,
                content_type=kind,
                event_id=bytes(16),
            )
        )

    async def upload(
        self, upload_id: str, content: bytes, start: int = 0, part: int = 65_536
    ) -> int:
        async def parts() -> AsyncIterator[media_pb2.UploadMediaRequest]:
            for offset in range(start, len(content), part):
                yield media_pb2.UploadMediaRequest(
                    upload_id=upload_id, offset_bytes=offset, data=content[offset : offset + part]
                )

        return (await self.stub.UploadMedia(parts())).persisted_offset_bytes

    async def complete(self, content: bytes) -> media_pb2.CompleteMediaResponse:
        digest = hashlib.sha256(content).digest()
        return await self.stub.CompleteMedia(
            media_pb2.CompleteMediaRequest(upload_id=digest.hex(), sha256=digest)
        )


@asynccontextmanager
async def sender(world: IntakeWorld, device: Device) -> AsyncIterator[Sender]:
    async with world.channel(device) as channel:
        yield Sender(MediaServiceStub(channel))


@pytest.fixture
async def world(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[IntakeWorld]:
    async with intake_over(database, tmp_path) as opened:
        yield opened


def objects(world: IntakeWorld) -> list[str]:
    root = world.folder / "objects"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


async def test_a_picture_is_verified_stored_by_its_digest_and_told(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    content = picture()
    name = hashlib.sha256(content).hexdigest()
    async with sender(world, device) as station:
        offer = await station.offer(content)
        assert (offer.decision, offer.offset_bytes) == (WANT, 0)
        assert await station.upload(offer.upload_id, content) == len(content)
        assert objects(world) == []
        assert (await station.complete(content)).stored
        assert (await station.offer(content)).decision == HAVE
        assert (await station.complete(content)).stored
    assert objects(world) == [f"{DEMO}/{name[:2]}/{name[2:]}"]
    assert await world.vault.read(DEMO, name, None) == content
    told = await world.rows("SELECT payload FROM events WHERE type = 'media_stored'")
    assert len(told) == 1
    assert not list((world.folder / "uploads").rglob("*.json"))


async def test_another_organization_neither_sees_nor_has_the_picture(world: IntakeWorld) -> None:
    _, ours = await world.enrolled()
    _, theirs = await world.enrolled("CUT-01", OTHER)
    content = picture()
    async with sender(world, ours) as station:
        offer = await station.offer(content)
        await station.upload(offer.upload_id, content)
        await station.complete(content)
    async with sender(world, theirs) as station:
        assert (await station.offer(content)).decision == WANT
    query = FindMedia(sha256=hashlib.sha256(content).hexdigest())
    assert (await world.core.bus.ask(query, context_of())).size_bytes == len(content)
    with pytest.raises(MediaUnknownError):
        await world.core.bus.ask(query, context_of(organization_id=OTHER))


async def test_a_broken_upload_goes_on_where_it_stopped(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    content = picture(1600)
    async with sender(world, device) as station:
        offer = await station.offer(content)
        await station.upload(offer.upload_id, content[:100_000])
        answer = await station.complete(content)
        assert not answer.stored
        assert answer.reason == f"100000 of {len(content)} bytes are here"
        again = await station.offer(content)
        assert (again.decision, again.offset_bytes) == (WANT, 100_000)
        await station.upload(again.upload_id, content, start=100_000)
        assert (await station.complete(content)).stored


async def test_bytes_that_do_not_match_are_thrown_away(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    content = picture()
    async with sender(world, device) as station:
        offer = await station.offer(content)
        await station.upload(offer.upload_id, content[:-1] + b"!")
        answer = await station.complete(content)
        assert (answer.stored, answer.reason) == (False, "the SHA-256 differs")
        assert (await station.offer(content)).offset_bytes == 0
    assert objects(world) == []
    assert await world.rows("SELECT 1 FROM media") == []


async def test_what_is_no_picture_of_ours_is_declined(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    async with sender(world, device) as station:
        assert (await station.offer(b"x", "text/html")).decision == DECLINE
        assert (await station.offer(b"x", size=33 * 1024 * 1024)).decision == DECLINE
        assert (await station.offer(b"", size=0)).decision == DECLINE
        lie = b"<script>" * 100
        offer = await station.offer(lie)
        await station.upload(offer.upload_id, lie)
        assert "no image/jpeg" in (await station.complete(lie)).reason


async def test_an_upload_keeps_to_what_was_announced(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    content = picture()
    async with sender(world, device) as station:
        for upload_id, sent, start in (
            ("0" * 64, content, 0),
            ("../../etc/passwd", content, 0),
            ((await station.offer(content)).upload_id, content + b"more", 0),
            ((await station.offer(content)).upload_id, content, 7),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await station.upload(upload_id, sent, start, part=500_000)
            assert caught.value.code() in {
                grpc.StatusCode.FAILED_PRECONDITION,
                grpc.StatusCode.INVALID_ARGUMENT,
            }


async def test_a_row_lost_in_a_crash_is_written_at_the_next_offer(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    content = picture()
    async with sender(world, device) as station:
        offer = await station.offer(content)
        await station.upload(offer.upload_id, content)
        await station.complete(content)
        async with world.core.pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT set_config('kyndof.organization', $1, true)", DEMO)
            await connection.execute("DELETE FROM media")
        assert (await station.offer(content)).decision == HAVE
    assert len(await world.rows("SELECT 1 FROM media")) == 1


async def test_a_smaller_variant_is_made_once_and_kept(world: IntakeWorld) -> None:
    _, device = await world.enrolled()
    content = picture(1600)
    name = hashlib.sha256(content).hexdigest()
    async with sender(world, device) as station:
        offer = await station.offer(content)
        await station.upload(offer.upload_id, content)
        await station.complete(content)
    small = await world.vault.read(DEMO, name, 300)
    assert cv2.imdecode(np.frombuffer(small, np.uint8), cv2.IMREAD_COLOR).shape == (120, 320, 3)
    assert await world.vault.read(DEMO, name, 320) == small
    assert len(objects(world)) == 2
    with pytest.raises(MediaUnknownError):
        await world.vault.read(OTHER, name, None)


def test_an_object_store_that_is_none_is_named_with_its_setting() -> None:
    with pytest.raises(ObjectStoreSettingError, match="KYNDOF_OBJECT_STORE"):
        open_store("ftp://pictures")
