"""What the cloud wishes of a station, and the work package it names."""

import asyncio
import math
from collections.abc import AsyncIterator, Iterable
from itertools import islice

import grpc
import grpc.aio
from kyndof_wire.fleet.v1 import fleet_pb2
from kyndof_wire.fleet.v1.fleet_pb2 import (
    GetConfigurationRequest,
    GetConfigurationResponse,
    GetWorkPackageRequest,
    GetWorkPackageResponse,
    ModelReport,
    ReportStateRequest,
    ReportStateResponse,
    SendLogsRequest,
    SendLogsResponse,
    TrialRules,
    TrialState,
    WatchDesiredStateRequest,
    WatchDesiredStateResponse,
)
from kyndof_wire.fleet.v1.fleet_pb2_grpc import FleetServiceServicer

from cloud.commands.errors import CommandError
from cloud.interfaces.edge_intake.admission import Admission, Caller
from cloud.interfaces.edge_intake.desired_state import DesiredState
from cloud.interfaces.edge_intake.ports import Bus
from cloud.interfaces.edge_intake.status import refuse
from cloud.rollouts.commands import RecordModelReport
from cloud.stations.commands import (
    CameraCapabilities,
    CameraControl,
    ConfigurationReport,
    LogLine,
    RecordStationLogs,
    RecordStationReport,
)
from cloud.stations.errors import StationInvalidError
from cloud.stations.queries import StationConfigurationDocument, Wish

#: A watching station's standing is looked at this often.
LOOK_S = 5.0
LARGEST_GENERATION = 2**63 - 1
LONGEST_TEXT = 500
MOST_LISTED = 200
LARGEST_LEFT_OUT = 2**31 - 1

WatchContext = grpc.aio.ServicerContext[WatchDesiredStateRequest, WatchDesiredStateResponse]
PackageContext = grpc.aio.ServicerContext[GetWorkPackageRequest, GetWorkPackageResponse]
ConfigurationContext = grpc.aio.ServicerContext[GetConfigurationRequest, GetConfigurationResponse]
LogsContext = grpc.aio.ServicerContext[SendLogsRequest, SendLogsResponse]
ReportContext = grpc.aio.ServicerContext[ReportStateRequest, ReportStateResponse]


class FleetDoor(FleetServiceServicer):
    """Serves desired state: the whole wish at connect and after each change."""

    def __init__(self, bus: Bus, admission: Admission, desired: DesiredState) -> None:
        self._bus = bus
        self._admission = admission
        self._desired = desired

    async def WatchDesiredState(  # noqa: N802  the wire names it
        self, request: WatchDesiredStateRequest, context: WatchContext
    ) -> AsyncIterator[WatchDesiredStateResponse]:
        """Tell the wish of now, and each later one."""
        caller = await self._admission.admit(context)
        told: Wish | None = None
        waiting = asyncio.create_task(self._desired.changed(caller.key, told))
        try:
            while True:
                done, _ = await asyncio.wait({waiting}, timeout=LOOK_S)
                if not done:
                    objection = await self._admission.objection(caller)
                    if objection:
                        await context.abort(grpc.StatusCode.PERMISSION_DENIED, objection)
                    continue
                told = waiting.result()
                yield _response(told)
                waiting = asyncio.create_task(self._desired.changed(caller.key, told))
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    async def GetWorkPackage(  # noqa: N802  the wire names it
        self, request: GetWorkPackageRequest, context: PackageContext
    ) -> GetWorkPackageResponse:
        """Give the package of a digest that was wished of this station."""
        caller = await self._admission.admit(context)
        try:
            package = await self._desired.package(caller.key, request.work_digest)
        except CommandError as error:
            await refuse(context, error)
        if package is None:
            await context.abort(
                grpc.StatusCode.NOT_FOUND, "no longer wished; watch for the newer one"
            )
        return GetWorkPackageResponse(work_package=package)

    async def GetConfiguration(  # noqa: N802  the wire names it
        self, request: GetConfigurationRequest, context: ConfigurationContext
    ) -> GetConfigurationResponse:
        """Give a configuration that was wished of this very station."""
        caller = await self._admission.admit(context)
        query = StationConfigurationDocument(
            station_id=caller.station_id, config_digest=_clean(request.config_digest)
        )
        try:
            document: bytes = await self._bus.ask(query, caller.context)
        except CommandError as error:
            await refuse(context, error)
        return GetConfigurationResponse(configuration=document)

    async def ReportState(  # noqa: N802  the wire names it
        self, request: ReportStateRequest, context: ReportContext
    ) -> ReportStateResponse:
        """Keep what the station made of the wish."""
        caller = await self._admission.admit(context)
        command = RecordStationReport(
            station_id=caller.station_id,
            observed_generation=min(request.observed_generation, LARGEST_GENERATION),
            work_digest=_clean(request.work_digest),
            state=_clean(request.state),
            detail=_clean(request.detail),
            configuration=ConfigurationReport(
                digest=_clean(request.config_digest),
                wished=_clean(request.config_wished),
                refusal=_clean(request.config_refusal),
                detail=_clean(request.config_detail),
            ),
            camera=_camera(request.camera) if request.HasField("camera") else None,
        )
        try:
            await self._bus.send(command, caller.context)
            if request.HasField("model"):
                await self._bus.send(_fared(caller.station_id, request.model), caller.context)
        except CommandError as error:
            await refuse(context, error)
        return ReportStateResponse()

    async def SendLogs(  # noqa: N802  the wire names it
        self, request: SendLogsRequest, context: LogsContext
    ) -> SendLogsResponse:
        """Keep the lines that somebody asked for; what is not taken ends the question too."""
        caller = await self._admission.admit(context)
        if len(request.lines) > MOST_LISTED:
            await self._end_question(caller, request.log_request_id, StationInvalidError.code)
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"at most {MOST_LISTED} lines")
        command = RecordStationLogs(
            station_id=caller.station_id,
            log_request_id=_clean(request.log_request_id),
            lines=tuple(
                LogLine(
                    at=_clean(line.at),
                    level=_clean(line.level),
                    logger=_clean(line.logger),
                    message=_clean(line.message),
                )
                for line in request.lines
            ),
            left_out_count=min(request.left_out, LARGEST_LEFT_OUT),
        )
        try:
            await self._bus.send(command, caller.context)
        except StationInvalidError as error:
            await self._end_question(caller, request.log_request_id, error.code)
            await refuse(context, error)
        except CommandError as error:
            await refuse(context, error)
        return SendLogsResponse()

    async def _end_question(self, caller: Caller, log_request_id: str, refusal: str) -> None:
        """Whoever asked hears why there is no answer, and may ask again."""
        command = RecordStationLogs(
            station_id=caller.station_id,
            log_request_id=_clean(log_request_id),
            lines=(),
            left_out_count=0,
            refusal=refusal,
        )
        await self._bus.send(command, caller.context)


def _response(wish: Wish) -> WatchDesiredStateResponse:
    trial = wish.trial
    return WatchDesiredStateResponse(
        generation=wish.generation,
        work_digest=wish.work_digest,
        config_digest=wish.config_digest,
        model_digest=wish.model_digest,
        rollout_id=wish.rollout_id,
        log_request_id=wish.log_request_id,
        trial_rules=None
        if trial is None
        else TrialRules(
            shadow_garments=trial.shadow_garments,
            shadow_s=trial.shadow_s,
            trial_garments=trial.trial_garments,
            trial_s=trial.trial_s,
            failing_restarts=trial.failing_restarts,
            error_ratio=trial.error_ratio,
            slow_ratio=trial.slow_ratio,
            override_ratio=trial.override_ratio,
            slope_ratio=trial.slope_ratio,
            upper_count=trial.upper_count,
        ),
    )


def _fared(station_id: str, report: ModelReport) -> RecordModelReport:
    # A state that a later station knows is one that this cloud cannot weigh: it stays as it was.
    name = TrialState.Name(report.state) if report.state in TrialState.values() else ""
    state = name.removeprefix("TRIAL_STATE_")
    return RecordModelReport(
        station_id=station_id,
        assigned_digest=_clean(report.assigned_digest),
        rollout_id=_clean(report.rollout_id),
        state="" if state == "UNSPECIFIED" else state,
        code=_clean(report.reason),
        running_digest=_clean(report.running_digest),
        garments=report.garments,
        rejects=report.rejects,
        errors=report.errors,
        overrides=report.overrides,
        observed_generation=min(report.observed_generation, LARGEST_GENERATION),
    )


def _clean(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:LONGEST_TEXT]


def _names(told: Iterable[str]) -> tuple[str, ...]:
    return tuple(_clean(one) for one in islice(told, MOST_LISTED))


def _camera(told: fleet_pb2.CameraCapabilities) -> CameraCapabilities:
    """Return a camera's ranges; what is no range is left out."""
    return CameraCapabilities(
        camera=_clean(told.camera),
        controls=tuple(
            CameraControl(name=_clean(one.name), minimum=one.minimum, maximum=one.maximum)
            for one in told.controls[:MOST_LISTED]
            if math.isfinite(one.minimum) and math.isfinite(one.maximum)
        ),
        sizes_px=tuple((one.width_px, one.height_px) for one in told.sizes[:MOST_LISTED]),
        profiles=_names(told.profiles),
        scanner_profiles=_names(told.scanner_profiles),
        light_profiles=_names(told.light_profiles),
    )
