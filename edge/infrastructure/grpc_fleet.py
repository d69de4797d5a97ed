"""What the cloud wishes of this station, made true."""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import grpc.aio
from kyndof_wire.fleet.v1.fleet_pb2 import (
    GetWorkPackageRequest,
    ReportStateRequest,
    WatchDesiredStateRequest,
    WatchDesiredStateResponse,
)
from kyndof_wire.fleet.v1.fleet_pb2_grpc import FleetServiceStub

from edge.infrastructure.configuration_courier import ConfigurationCourier
from edge.infrastructure.ending_tasks import end_tasks
from edge.infrastructure.grpc_models import ModelAgent
from edge.infrastructure.log_courier import LogCourier
from edge.infrastructure.package_store import AppliedWish, PackageStore
from edge.outbox.errors import WorkPackageDamagedError

if TYPE_CHECKING:
    from kyndof_wire.fleet.v1.fleet_pb2_grpc import FleetServiceAsyncStub

LOG = logging.getLogger("kyndof.fleet")
CALL_S = 30.0
LOOK_S = 1.0
RETRY_BASE_S = 0.5
RETRY_CAP_S = 30.0


class FleetAgent:
    """Watches desired state over one channel; asks for all of it at each connect."""

    def __init__(
        self,
        store: PackageStore,
        station_id: Callable[[], str],
        configuration: ConfigurationCourier | None = None,
        models: ModelAgent | None = None,
        logs: LogCourier | None = None,
    ) -> None:
        self._store = store
        self._station_id = station_id
        self._configuration = configuration
        self._models = models
        self._logs = logs
        self._told: ReportStateRequest | None = None

    async def run(self, channel: grpc.aio.Channel) -> None:
        """Follow desired state until the channel is closed."""
        followers = [one for one in (self._models, self._logs) if one is not None]
        beside = [asyncio.create_task(one.run(channel)) for one in followers]
        try:
            await self._follow(FleetServiceStub(channel))
        finally:
            await end_tasks(beside)

    async def _follow(self, stub: "FleetServiceAsyncStub") -> None:
        delay_s = RETRY_BASE_S
        while True:
            try:
                await self._watch(stub)
                delay_s = RETRY_BASE_S
            except WorkPackageDamagedError as error:
                LOG.error(  # noqa: TRY400 - the reason says all
                    "work package refused",
                    extra={"alarm": error.code, "reason": str(error)},
                )
            except OSError as error:
                LOG.error(  # noqa: TRY400 - the reason says all
                    "work package not written",
                    extra={"alarm": "WORK_PACKAGE_NOT_WRITTEN", "reason": str(error)},
                )
            except grpc.aio.AioRpcError as error:
                LOG.warning(
                    "desired state not heard",
                    extra={"code": error.code().name, "reason": error.details()},
                )
            await asyncio.sleep(delay_s)
            delay_s = min(RETRY_CAP_S, delay_s * 2)

    async def _watch(self, stub: "FleetServiceAsyncStub") -> None:
        applied = await asyncio.to_thread(self._store.applied, self._station_id())
        watch = stub.WatchDesiredState(
            WatchDesiredStateRequest(
                observed_generation=applied.generation,
                observed_work_digest=applied.work_digest,
            )
        )
        telling = asyncio.create_task(self._tell_changes(stub))
        try:
            async for wish in watch:
                await self._reconcile(stub, wish)
        finally:
            watch.cancel()
            await end_tasks([telling])

    async def _tell_changes(self, stub: "FleetServiceAsyncStub") -> None:
        """Tell again when what the station's own process says has changed since."""
        while True:
            await asyncio.sleep(LOOK_S)
            last = self._told
            if last is None or last == await self._worded(last):
                continue
            try:
                await self._send(stub, last)
            except grpc.aio.AioRpcError as error:
                LOG.warning("report not heard", extra={"code": error.code().name})

    async def _reconcile(
        self, stub: "FleetServiceAsyncStub", wish: WatchDesiredStateResponse
    ) -> None:
        station_id = self._station_id()
        applied = await asyncio.to_thread(self._store.applied, station_id)
        if wish.generation < applied.generation:
            LOG.error(
                "older desired state ignored",
                extra={
                    "alarm": "GENERATION_WENT_BACK",
                    "wished": wish.generation,
                    "applied": applied.generation,
                },
            )
            return
        if self._models is not None:
            self._models.wished(wish, station_id)
        if self._logs is not None:
            self._logs.wished(wish)
        if self._configuration is not None:
            await self._configuration.follow(stub, wish, station_id)
        fresh = AppliedWish(
            station_id=station_id, generation=wish.generation, work_digest=wish.work_digest
        )
        if wish.work_digest and wish.work_digest != applied.work_digest:
            try:
                await self._fetch(stub, fresh)
            except WorkPackageDamagedError as error:
                await self._report(stub, applied, "refused", f"{error.code}: {error}")
                raise
        elif fresh != applied:
            await asyncio.to_thread(self._store.note, fresh)
        await self._report(stub, fresh, "in_sync", "")

    async def _fetch(self, stub: "FleetServiceAsyncStub", wish: AppliedWish) -> None:
        response = await stub.GetWorkPackage(
            GetWorkPackageRequest(work_digest=wish.work_digest), timeout=CALL_S
        )
        await asyncio.to_thread(self._store.apply, wish, response.work_package)
        LOG.info(
            "work package applied",
            extra={"generation": wish.generation, "digest": wish.work_digest},
        )

    async def _report(
        self, stub: "FleetServiceAsyncStub", wish: AppliedWish, state: str, detail: str
    ) -> None:
        report = ReportStateRequest(
            observed_generation=wish.generation,
            work_digest=wish.work_digest,
            state=state,
            detail=detail,
        )
        await self._send(stub, report)

    async def _send(self, stub: "FleetServiceAsyncStub", report: ReportStateRequest) -> None:
        worded = await self._worded(report)
        await stub.ReportState(worded, timeout=CALL_S)
        self._told = worded

    async def _worded(self, report: ReportStateRequest) -> ReportStateRequest:
        """Return a report with what the station's own process says at this moment."""
        worded = ReportStateRequest()
        worded.CopyFrom(report)
        if self._configuration is not None:
            await self._configuration.tell(worded)
        model = None if self._models is None else await asyncio.to_thread(self._models.report)
        if model is not None:
            worded.model.CopyFrom(model)
        return worded
