"""Pictures from stations: whole files, verified before anybody can see them."""

import zlib
from collections.abc import AsyncIterator

import grpc
import grpc.aio
from kyndof_wire.media.v1.media_pb2 import (
    MEDIA_DECISION_DECLINE,
    MEDIA_DECISION_HAVE,
    MEDIA_DECISION_WANT,
    CompleteMediaRequest,
    CompleteMediaResponse,
    OfferMediaRequest,
    OfferMediaResponse,
    UploadMediaRequest,
    UploadMediaResponse,
)
from kyndof_wire.media.v1.media_pb2_grpc import MediaServiceServicer
from ulid import ULID

from cloud.commands.errors import CommandError
from cloud.interfaces.edge_intake.admission import Admission, Caller
from cloud.interfaces.edge_intake.ports import Bus, PictureVault
from cloud.interfaces.edge_intake.status import refuse
from cloud.stations.commands import StoreMedia
from cloud.stations.errors import MediaUnknownError
from cloud.stations.queries import FindMedia, Upload

LARGEST_BYTES = 32 * 1024 * 1024
LARGEST_PART_BYTES = 1024 * 1024
CONTENT_TYPES = frozenset({"image/jpeg", "image/png"})
FLUSHED_BYTES = 8 * 1024 * 1024
SHA256_BYTES = 32
ULID_BYTES = 16

INVALID = grpc.StatusCode.INVALID_ARGUMENT
OfferContext = grpc.aio.ServicerContext[OfferMediaRequest, OfferMediaResponse]
UploadContext = grpc.aio.ServicerContext[UploadMediaRequest, UploadMediaResponse]
CompleteContext = grpc.aio.ServicerContext[CompleteMediaRequest, CompleteMediaResponse]


class MediaDoor(MediaServiceServicer):
    """Serves offers, uploads and completions; an upload is named by the picture's SHA-256."""

    def __init__(self, bus: Bus, admission: Admission, vault: PictureVault) -> None:
        self._bus = bus
        self._admission = admission
        self._vault = vault

    async def OfferMedia(  # noqa: N802  the wire names it
        self, request: OfferMediaRequest, context: OfferContext
    ) -> OfferMediaResponse:
        """Say whether the picture is wanted, and from which byte on."""
        caller = await self._admission.admit(context)
        if len(request.sha256) != SHA256_BYTES or len(request.event_id) not in {0, ULID_BYTES}:
            await context.abort(INVALID, "a picture is named by the 32 bytes of its SHA-256")
        if not _is_wanted(request):
            return OfferMediaResponse(decision=MEDIA_DECISION_DECLINE)
        upload = Upload(
            sha256=request.sha256.hex(),
            size_bytes=request.size_bytes,
            content_type=request.content_type,
            event_id=f"evt_{ULID(request.event_id)}" if request.event_id else "",
        )
        if await self._is_visible(caller, upload.sha256):
            return OfferMediaResponse(decision=MEDIA_DECISION_HAVE)
        if await self._vault.holds(caller.organization_id, upload.sha256, upload.size_bytes):
            # It was verified and stored, and the row was lost on the way: a crash, a refusal.
            await self._show(caller, upload, context)
            return OfferMediaResponse(decision=MEDIA_DECISION_HAVE)
        offset = await self._vault.begin(caller.key, upload)
        return OfferMediaResponse(
            decision=MEDIA_DECISION_WANT, upload_id=upload.sha256, offset_bytes=offset
        )

    async def UploadMedia(  # noqa: N802  the wire names it
        self, request_iterator: AsyncIterator[UploadMediaRequest], context: UploadContext
    ) -> UploadMediaResponse:
        """Take a picture's bytes in order."""
        caller = await self._admission.admit(context)
        upload_id, persisted, unflushed = "", 0, 0
        async for part in request_iterator:
            flaw = _flaw(part, upload_id)
            if flaw:
                await context.abort(INVALID, flaw)
            upload_id = part.upload_id
            try:
                end = await self._vault.append(caller.key, upload_id, part.offset_bytes, part.data)
            except ValueError as error:
                await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
            unflushed += len(part.data)
            if unflushed >= FLUSHED_BYTES:
                persisted, unflushed = await self._vault.flush(caller.key, upload_id), 0
            else:
                persisted = end
        if upload_id:
            persisted = await self._vault.flush(caller.key, upload_id)
        return UploadMediaResponse(persisted_offset_bytes=persisted)

    async def CompleteMedia(  # noqa: N802  the wire names it
        self, request: CompleteMediaRequest, context: CompleteContext
    ) -> CompleteMediaResponse:
        """Verify the whole picture and make it visible, in this order."""
        caller = await self._admission.admit(context)
        sha256 = request.sha256.hex()
        if request.upload_id != sha256:
            await context.abort(INVALID, "the upload belongs to another picture")
        if await self._is_visible(caller, sha256):
            await self._vault.forget(caller.key, sha256)
            return CompleteMediaResponse(stored=True)
        upload = await self._vault.find(caller.key, sha256)
        if upload is None:
            return CompleteMediaResponse(stored=False, reason="no such upload; offer it again")
        reason = await self._vault.finish(caller.key, upload)
        if reason:
            return CompleteMediaResponse(stored=False, reason=reason)
        await self._show(caller, upload, context)
        await self._vault.forget(caller.key, sha256)
        return CompleteMediaResponse(stored=True)

    async def _is_visible(self, caller: Caller, sha256: str) -> bool:
        try:
            await self._bus.ask(FindMedia(sha256=sha256), caller.context)
        except MediaUnknownError:
            return False
        return True

    async def _show(
        self, caller: Caller, upload: Upload, context: OfferContext | CompleteContext
    ) -> None:
        command = StoreMedia(
            station_id=caller.station_id,
            sha256=upload.sha256,
            size_bytes=upload.size_bytes,
            content_type=upload.content_type,
            event_id=upload.event_id,
        )
        try:
            await self._bus.send(command, caller.context)
        except CommandError as error:
            await refuse(context, error)


def _is_wanted(request: OfferMediaRequest) -> bool:
    return 0 < request.size_bytes <= LARGEST_BYTES and request.content_type in CONTENT_TYPES


def _flaw(part: UploadMediaRequest, upload_id: str) -> str:
    if upload_id and part.upload_id != upload_id:
        return "one call carries one picture"
    if len(part.upload_id) != 2 * SHA256_BYTES or not set(part.upload_id) <= set(
        "0123456789abcdef"
    ):
        return "no such upload"
    if not 0 < len(part.data) <= LARGEST_PART_BYTES:
        return f"a part has 1 to {LARGEST_PART_BYTES} bytes"
    if part.crc32 and zlib.crc32(part.data) != part.crc32:
        return "the part was damaged on its way"
    return ""
