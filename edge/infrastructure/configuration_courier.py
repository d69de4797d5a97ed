"""Carries configurations from the cloud to the station's home, and word of them back."""

import asyncio
import hashlib
import logging
from typing import TYPE_CHECKING

import grpc.aio
from kyndof_wire.fleet.v1.fleet_pb2 import (
    CameraCapabilities,
    ControlRange,
    FrameSize,
    GetConfigurationRequest,
    ReportStateRequest,
    WatchDesiredStateResponse,
)

from edge.infrastructure.configuration_document import LARGEST_BYTES
from edge.infrastructure.configuration_files import (
    ConfigurationFolder,
    ConfigurationReport,
    Configured,
)
from edge.station.errors import (
    ConfigurationDamagedError,
    ConfigurationError,
    ConfigurationTooLargeError,
)

if TYPE_CHECKING:
    from kyndof_wire.fleet.v1.fleet_pb2_grpc import FleetServiceAsyncStub

LOG = logging.getLogger("kyndof.configuration")
CALL_S = 30.0
#: A cloud that answers so has no such document, or one that no message takes.
_NOT_THERE = {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.RESOURCE_EXHAUSTED}


class ConfigurationCourier:
    """Fetches what is wished; whether it is used is decided by the station's own process."""

    def __init__(self, folder: ConfigurationFolder) -> None:
        self._folder = folder
        self._refused: ConfigurationReport | None = None

    async def follow(
        self, stub: "FleetServiceAsyncStub", wish: WatchDesiredStateResponse, station_id: str
    ) -> None:
        """Fetch the wished configuration unless it lies here.

        Raises:
            AioRpcError: the cloud did not answer.
            OSError: the disk did not take it.
        """
        if not wish.config_digest:
            return
        here = await asyncio.to_thread(self._folder.wished)
        if here is not None and here.station_id == station_id:
            if here.digest == wish.config_digest and here.is_whole:
                self._refused = None
                return
            if wish.generation < here.generation:
                LOG.error("older configuration ignored", extra={"alarm": "GENERATION_WENT_BACK"})
                return
        try:
            document = await _fetch(stub, wish.config_digest)
        except ConfigurationError as error:
            LOG.error(  # noqa: TRY400 - the reason says all
                "configuration refused", extra={"alarm": error.code, "reason": str(error)}
            )
            self._refused = ConfigurationReport(
                wished=wish.config_digest, refusal=error.code, detail=str(error)
            )
            return
        self._refused = None
        await asyncio.to_thread(
            self._folder.wish,
            Configured(
                station_id=station_id,
                generation=wish.generation,
                digest=wish.config_digest,
                document=document,
            ),
        )

    async def tell(self, report: ReportStateRequest) -> None:
        """Put into a report what the station made of it and what its camera can be set to."""
        told, camera = await asyncio.to_thread(
            lambda: (self._folder.report(), self._folder.camera())
        )
        refused = self._refused or told
        report.config_digest = told.digest
        report.config_wished = refused.wished
        report.config_refusal = refused.refusal
        report.config_detail = refused.detail
        if camera is not None:
            report.camera.CopyFrom(
                CameraCapabilities(
                    camera=camera.camera,
                    controls=[
                        ControlRange(name=name, minimum=one.minimum, maximum=one.maximum)
                        for name, one in sorted(camera.controls.items())
                    ],
                    sizes=[FrameSize(width_px=w, height_px=h) for w, h in camera.sizes_px],
                    profiles=camera.profiles,
                    scanner_profiles=camera.scanner_profiles,
                    light_profiles=camera.light_profiles,
                )
            )


async def _fetch(stub: "FleetServiceAsyncStub", digest: str) -> bytes:
    try:
        response = await stub.GetConfiguration(
            GetConfigurationRequest(config_digest=digest), timeout=CALL_S
        )
    except grpc.aio.AioRpcError as error:
        if error.code() in _NOT_THERE:
            raise ConfigurationDamagedError(error.details() or error.code().name) from error
        raise
    document = response.configuration
    if len(document) > LARGEST_BYTES:
        raise ConfigurationTooLargeError(f"{len(document)} bytes, at most {LARGEST_BYTES}")
    if hashlib.sha256(document).hexdigest() != digest:
        raise ConfigurationDamagedError(f"the document is not {digest}")
    return document
