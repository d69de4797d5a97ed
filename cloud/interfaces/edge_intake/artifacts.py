"""Bundles for stations: only what is wished in their organization, chunk by chunk."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import grpc
import grpc.aio
from kyndof_wire.artifacts.v1.artifacts_pb2 import (
    ArtifactFile,
    GetManifestRequest,
    GetManifestResponse,
    GetTrustRequest,
    GetTrustResponse,
    ReadChunksRequest,
    ReadChunksResponse,
    TrustVersion,
)
from kyndof_wire.artifacts.v1.artifacts_pb2_grpc import ArtifactServiceServicer

from cloud.commands.errors import CommandError
from cloud.interfaces.edge_intake.admission import Admission, Caller
from cloud.interfaces.edge_intake.ports import BundleFiles, Bus
from cloud.interfaces.edge_intake.status import refuse
from cloud.rollouts.queries import FindWishedBundle, TrustAfter, TrustVersions, WishedBundle

CHUNK_BYTES = 4 * 1024 * 1024
PART_BYTES = 1024 * 1024
#: A station reads one bundle at a time; a second stream is one that it has given up.
MOST_READS = 2
LARGEST_VERSION = 2**31 - 1

_DIGEST = re.compile(r"[0-9a-f]{64}")
ManifestContext = grpc.aio.ServicerContext[GetManifestRequest, GetManifestResponse]
ChunksContext = grpc.aio.ServicerContext[ReadChunksRequest, ReadChunksResponse]
TrustContext = grpc.aio.ServicerContext[GetTrustRequest, GetTrustResponse]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Bytes of a chunk: ``length`` of them, from ``start`` of the whole bundle on."""

    chunk: int
    offset: int
    start: int
    length: int


class ArtifactDoor(ArtifactServiceServicer):
    """Serves manifests, chunks and the keys that vouch for them; nothing is kept in memory."""

    def __init__(self, bus: Bus, admission: Admission, files: BundleFiles) -> None:
        self._bus = bus
        self._admission = admission
        self._files = files
        self._reading: dict[str, int] = {}

    async def GetManifest(  # noqa: N802  the wire names it
        self, request: GetManifestRequest, context: ManifestContext
    ) -> GetManifestResponse:
        """Say what a wished bundle is made of."""
        caller = await self._admission.admit(context)
        bundle = await self._bundle(request.model_digest, caller, context)
        return GetManifestResponse(
            files=[
                ArtifactFile(name=file.name, size_bytes=file.size_bytes, sha256=file.sha256)
                for file in bundle.files
            ],
            chunk_sha256=bundle.chunk_sha256,
        )

    async def ReadChunks(  # noqa: N802  the wire names it
        self, request: ReadChunksRequest, context: ChunksContext
    ) -> AsyncIterator[ReadChunksResponse]:
        """Send chunks from one on."""
        caller = await self._admission.admit(context)
        bundle = await self._bundle(request.model_digest, caller, context)
        count = len(bundle.chunk_sha256)
        if request.first_chunk >= count:
            await context.abort(grpc.StatusCode.OUT_OF_RANGE, f"the bundle has {count} chunks")
        station = caller.station_id
        if self._reading.get(station, 0) >= MOST_READS:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED, "too many reads of this station are open"
            )
        self._reading[station] = self._reading.get(station, 0) + 1
        try:
            async for response in self._parts(request, bundle, caller, context):
                yield response
        finally:
            self._reading[station] -= 1
            if not self._reading[station]:
                del self._reading[station]

    async def GetTrust(  # noqa: N802  the wire names it
        self, request: GetTrustRequest, context: TrustContext
    ) -> GetTrustResponse:
        """Send the versions of the trusted keys that the station has not seen."""
        caller = await self._admission.admit(context)
        query = TrustAfter(version=min(request.observed_version, LARGEST_VERSION))
        try:
            found: TrustVersions = await self._bus.ask(query, caller.context)
        except CommandError as error:
            await refuse(context, error)
        return GetTrustResponse(
            versions=[
                TrustVersion(trust_json=one.trust_json, trust_sig=one.trust_sig)
                for one in found.versions
            ],
            timestamp_json=found.timestamp.timestamp_json if found.timestamp else b"",
            timestamp_sig=found.timestamp.timestamp_sig if found.timestamp else b"",
        )

    async def _parts(
        self,
        request: ReadChunksRequest,
        bundle: WishedBundle,
        caller: Caller,
        context: ChunksContext,
    ) -> AsyncIterator[ReadChunksResponse]:
        chunk = -1
        for part in _cut(request, bundle):
            if part.chunk != chunk:
                chunk = part.chunk
                # A bundle takes its time; who was shut out meanwhile gets no more of it.
                objection = await self._admission.objection(caller)
                if objection:
                    await context.abort(grpc.StatusCode.PERMISSION_DENIED, objection)
            try:
                data = await self._read(caller.organization_id, bundle, part)
            except CommandError as error:
                await refuse(context, error)
            yield ReadChunksResponse(chunk=part.chunk, offset_bytes=part.offset, data=data)

    async def _read(self, organization_id: str, bundle: WishedBundle, part: _Part) -> bytes:
        found, begun = bytearray(), 0
        end = part.start + part.length
        for file in bundle.files:
            first, last = max(part.start, begun), min(end, begun + file.size_bytes)
            if first < last:
                found += await self._files.read(
                    organization_id, file.sha256, first - begun, last - first
                )
            begun += file.size_bytes
        return bytes(found)

    async def _bundle(
        self,
        model_digest: str,
        caller: Caller,
        context: "ManifestContext | ChunksContext",
    ) -> WishedBundle:
        if not _DIGEST.fullmatch(model_digest):
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT, "a bundle is named by its SHA-256 in hex"
            )
        try:
            query = FindWishedBundle(model_digest=model_digest)
            bundle: WishedBundle = await self._bus.ask(query, caller.context)
        except CommandError as error:
            await refuse(context, error)
        return bundle


def _cut(request: ReadChunksRequest, bundle: WishedBundle) -> Iterator[_Part]:
    size = sum(file.size_bytes for file in bundle.files)
    last = len(bundle.chunk_sha256)
    if request.chunk_count:
        last = min(last, request.first_chunk + request.chunk_count)
    for chunk in range(request.first_chunk, last):
        begun, end = chunk * CHUNK_BYTES, min(size, (chunk + 1) * CHUNK_BYTES)
        for start in range(begun, end, PART_BYTES):
            yield _Part(
                chunk=chunk,
                offset=start - begun,
                start=start,
                length=min(PART_BYTES, end - start),
            )
