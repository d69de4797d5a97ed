"""Bundles from the cloud: the announced plan, its chunks, the newer trusted keys."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kyndof_wire.artifacts.v1.artifacts_pb2 import (
    GetManifestRequest,
    GetTrustRequest,
    ReadChunksRequest,
    ReadChunksResponse,
)

from edge.infrastructure.bundle_check import InstallCheck
from edge.infrastructure.bundle_download import BundleDownload
from edge.infrastructure.trust_files import TrustFiles
from edge.model_bundles.errors import DownloadDamagedError
from edge.model_bundles.fetching import FetchPlan, plan_fetch

if TYPE_CHECKING:
    from grpc.aio import UnaryStreamCall
    from kyndof_wire.artifacts.v1.artifacts_pb2_grpc import ArtifactServiceAsyncStub

READ_S = 30.0
"""Longest wait for the next word of the cloud."""
CHUNK_S = 300.0
"""Longest time for one chunk: a byte now and then is no download."""
MOST_STRIKES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchTiming:
    """How long to wait, in seconds."""

    read_s: float = READ_S
    chunk_s: float = CHUNK_S


class ArtifactFetcher:
    """Brings one bundle whole into the models folder, or says why not."""

    def __init__(
        self,
        models: Path,
        trust: TrustFiles,
        check: Callable[[], InstallCheck],
        timing: FetchTiming | None = None,
    ) -> None:
        self._models = models
        self._trust = trust
        self._check = check
        self._timing = timing or FetchTiming()
        self._one_at_a_time = asyncio.Lock()

    async def fetch(
        self, stub: "ArtifactServiceAsyncStub", digest: str, station_id: str = ""
    ) -> None:
        """Fetch what is missing and install the whole; what lies here already is checked anew.

        ``station_id`` is who is asking: keys that another one pinned here say nothing.

        Raises:
            BundleError: it is refused for good; nothing of it stays.
            AioRpcError, TimeoutError: the way to the cloud was cut; what came stays.
            OSError: the disk refused.
        """
        async with self._one_at_a_time:
            await asyncio.to_thread(self._trust.belong_to, station_id)
            await self._fetch(stub, digest)

    async def _fetch(self, stub: "ArtifactServiceAsyncStub", digest: str) -> None:
        await self._follow_trust(stub)
        if (self._models / digest).is_dir():
            await asyncio.to_thread(self._check(), self._models / digest)
            return
        plan = await self._plan(stub, digest)
        download = BundleDownload(self._models, plan)
        strikes = [0] * len(plan.chunks)
        missing = await asyncio.to_thread(download.missing)
        while missing:
            for chunk in await self._read(stub, download, plan, _run(missing)):
                strikes[chunk] += 1
                if strikes[chunk] >= MOST_STRIKES:
                    await asyncio.to_thread(download.forget)
                    raise DownloadDamagedError(f"chunk {chunk} is never what was announced")
            missing = await asyncio.to_thread(download.missing)
        try:
            await asyncio.to_thread(download.install, self._check())
        except OSError:
            raise
        except Exception:
            await asyncio.to_thread(download.forget)
            raise

    async def _follow_trust(self, stub: "ArtifactServiceAsyncStub") -> None:
        known = await asyncio.to_thread(self._trust.newest)
        answer = await stub.GetTrust(
            GetTrustRequest(observed_version=0 if known is None else known.version),
            timeout=self._timing.read_s,
        )
        for version in answer.versions:
            await asyncio.to_thread(self._trust.take, version.trust_json, version.trust_sig)
        if answer.timestamp_json:
            await asyncio.to_thread(
                self._trust.take_timestamp, answer.timestamp_json, answer.timestamp_sig
            )

    async def _plan(self, stub: "ArtifactServiceAsyncStub", digest: str) -> FetchPlan:
        answer = await stub.GetManifest(
            GetManifestRequest(model_digest=digest), timeout=self._timing.read_s
        )
        announced = [(file.name, file.size_bytes, file.sha256) for file in answer.files]
        return plan_fetch(digest, announced, list(answer.chunk_sha256))

    async def _read(
        self,
        stub: "ArtifactServiceAsyncStub",
        download: BundleDownload,
        plan: FetchPlan,
        run: range,
    ) -> list[int]:
        """Read a run of chunks and return those that were not what was announced."""
        call = stub.ReadChunks(
            ReadChunksRequest(model_digest=plan.digest, first_chunk=run.start, chunk_count=len(run))
        )
        wrong: list[int] = []
        try:
            for chunk in run:
                async with asyncio.timeout(self._timing.chunk_s):
                    content = await self._chunk(call, chunk, plan.chunk_bytes(chunk))
                if content is None:
                    return [*wrong, chunk]
                if not await asyncio.to_thread(download.keep, chunk, content):
                    wrong.append(chunk)
        finally:
            call.cancel()
        return wrong

    async def _chunk(
        self,
        call: "UnaryStreamCall[ReadChunksRequest, ReadChunksResponse]",
        chunk: int,
        size_bytes: int,
    ) -> bytes | None:
        """Put one chunk together; None when its parts do not fit each other."""
        content = bytearray()
        while len(content) < size_bytes:
            part = await asyncio.wait_for(call.read(), self._timing.read_s)
            if not isinstance(part, ReadChunksResponse):
                return None
            if part.chunk != chunk or part.offset_bytes != len(content) or not part.data:
                return None
            content += part.data
        return bytes(content) if len(content) == size_bytes else None


def _run(missing: list[int]) -> range:
    """Return the first chunks that are missing without a gap between them."""
    last = missing[0]
    while last + 1 in missing:
        last += 1
    return range(missing[0], last + 1)
