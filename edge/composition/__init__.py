"""The one place where ports meet implementations."""

import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from edge.composition.bundles import Judging, compose_judging, compose_model_agent
from edge.composition.configuration import Configured, compose_configuration, compose_tuning
from edge.composition.desk import compose_desk, compose_learned, tell_calibrations
from edge.composition.vision import (
    compose_board,
    compose_calibration,
    compose_inspection,
    compose_offline,
    compose_reader,
    compose_ruler,
    draw_scanner_sheet,
)
from edge.settings import (
    EdgeSettings,
    child_environment,
    read_settings,
    service_manager_address,
    silence_grpc,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Mapping

    from edge.infrastructure.boot_clocks import BootClocks
    from edge.infrastructure.camera_desk import CameraDesk
    from edge.infrastructure.grpc_uplink import UplinkSettings
    from edge.infrastructure.media_uploader import MediaUploader
    from edge.infrastructure.mqtt_producer import BrokerAddress
    from edge.infrastructure.picture_folder import PictureFolder
    from edge.infrastructure.spool_journal import SpoolJournal
    from edge.infrastructure.sqlite_outbox_thread import OutboxThread
    from edge.infrastructure.sqlite_spool import SqliteSpool
    from edge.infrastructure.station_loops import CodeWatch, ScanQueue, StationLoops
    from edge.infrastructure.sync_agent import SyncAgent
    from edge.interfaces.kiosk.app import Kiosk
    from edge.interfaces.kiosk.desk import Desk
    from edge.station.ports import Inspector
    from edge.station.workstation import Workstation

    Loops = dict[str, Coroutine[object, object, None]]

__all__ = [
    "compose_board",
    "compose_calibration",
    "compose_inspection",
    "compose_offline",
    "compose_reader",
    "compose_station",
    "compose_sync",
    "draw_scanner_sheet",
    "run_station",
    "run_sync",
]

AGENT_VERSION = "0.1.0"
# All of the station hangs when one of these does.
_LOOPS = ("watch", "tick")


# sync: the agent between the floor's broker and the cloud


def _migrate_outbox(path: Path) -> None:
    from edge.infrastructure.sqlite_outbox_schema import migrate_outbox

    migrate_outbox(path)


def _migrate_media(path: Path) -> None:
    from edge.infrastructure.sqlite_outbox_schema import migrate_media

    migrate_media(path)


def _outbox(settings: EdgeSettings) -> "OutboxThread":
    from edge.infrastructure.sqlite_outbox import OutboxBounds, SqliteOutbox
    from edge.infrastructure.sqlite_outbox_thread import OutboxThread
    from edge.infrastructure.system_time import SystemClock, UlidFactory

    path = settings.station_home / "outbox.db"
    bounds = OutboxBounds(
        max_bytes=settings.outbox.max_mb << 20,
        ballast_bytes=settings.outbox.ballast_mb << 20,
        retention_ms=int(settings.outbox.retention_h * 3_600_000),
    )
    return OutboxThread(
        lambda: SqliteOutbox(path, bounds, SystemClock(), UlidFactory(), _migrate_outbox)
    )


def _media(settings: EdgeSettings, outbox: "OutboxThread") -> "MediaUploader":
    from edge.infrastructure.media_index import SqliteMediaIndex
    from edge.infrastructure.media_uploader import MediaUploader
    from edge.infrastructure.system_time import SystemClock

    home = settings.station_home
    return MediaUploader(
        home / "media",
        lambda: SqliteMediaIndex(home / "media.db", SystemClock(), _migrate_media),
        outbox,
        settings.outbox.media_max_mb << 20,
        home / "spool.db",
    )


def _boot_clocks(settings: EdgeSettings) -> "BootClocks":
    from edge.infrastructure.boot_clocks import BootClocks
    from edge.infrastructure.child_process import boot_id

    return BootClocks(file=settings.station_home / "boot_clocks.json", boot_id=boot_id())


def _uplink_settings(settings: EdgeSettings, clocks: "BootClocks") -> "UplinkSettings":
    from edge.infrastructure.grpc_uplink import UplinkSettings
    from edge.infrastructure.sync_agent import disk_report
    from edge.outbox.delivery import DeliveryLimits, DeliveryTiming

    return UplinkSettings(
        limits=DeliveryLimits(),
        timing=DeliveryTiming(
            heartbeat_s=settings.cloud.heartbeat_s,
            silence_s=settings.cloud.silence_s,
            write_s=settings.cloud.silence_s,
            backoff_cap_s=settings.cloud.reconnect_max_s,
        ),
        agent_version=AGENT_VERSION,
        disk=lambda: disk_report(settings.station_home),
        clocks=clocks,
    )


@contextlib.asynccontextmanager
async def compose_sync(settings: EdgeSettings) -> "AsyncIterator[SyncAgent]":
    """Open what the sync agent needs; close it in reverse.

    Raises:
        StationTakenError: another agent works for this station.
        OutboxDamagedError: not even a fresh outbox can be written.
    """
    from edge.infrastructure.clock_floor import read_floor
    from edge.infrastructure.configuration_courier import ConfigurationCourier
    from edge.infrastructure.configuration_files import ConfigurationFolder
    from edge.infrastructure.grpc_fleet import FleetAgent
    from edge.infrastructure.grpc_link import CloudAddresses, CloudLink
    from edge.infrastructure.grpc_uplink import EventUplink
    from edge.infrastructure.identity_enrolment import EnrolmentWatcher
    from edge.infrastructure.identity_files import IdentityFolder
    from edge.infrastructure.identity_rotation import IdentityRotation, RotationRules
    from edge.infrastructure.link_report import LinkReporter, LinkStatus
    from edge.infrastructure.log_courier import LogCourier
    from edge.infrastructure.mqtt_agent import BrokerAddress, MqttAgent
    from edge.infrastructure.package_store import PackageStore
    from edge.infrastructure.sync_agent import SyncAgent, trim_interval_s
    from edge.infrastructure.sync_process import sole_process
    from edge.infrastructure.system_time import SystemClock
    from edge.infrastructure.systemd_notify import service_manager

    home, clock, status = settings.station_home, SystemClock(), LinkStatus()
    clocks = _boot_clocks(settings)
    read_floor(home / "clock.json")
    identity = IdentityFolder(home / "identity")
    outbox = _outbox(settings)
    media = _media(settings, outbox)
    uplink = EventUplink(outbox, clock, _uplink_settings(settings, clocks), status.welcomed)
    addresses = CloudAddresses(
        intake=settings.cloud.address, enrolment=settings.cloud.enrolment_address
    )
    broker = BrokerAddress.parse(
        settings.mqtt.url,
        settings.mqtt.username or settings.station,
        settings.mqtt.password.get_secret_value(),
    )
    mqtt = MqttAgent(settings.station, broker, outbox, clock, uplink.wake)
    fleet = FleetAgent(
        PackageStore(home / "packages"),
        identity.station_id,
        ConfigurationCourier(ConfigurationFolder(home / "configuration")),
        compose_model_agent(settings, AGENT_VERSION),
        LogCourier(home),
    )
    agent = SyncAgent(
        outbox=outbox,
        mqtt=mqtt,
        link=CloudLink(addresses, identity, (uplink, fleet, media.run), clock, status),
        enrolment=EnrolmentWatcher(
            settings.join_token_file,
            addresses.enrolment,
            settings.station,
            identity,
            status,
        ),
        rotation=IdentityRotation(
            addresses, identity, clock, status, RotationRules(check_s=settings.cloud.renew_check_s)
        ),
        media=media,
        reporter=LinkReporter(home / "link.json", status, outbox, mqtt.alarm, clock),
        clock_file=home / "clock.json",
        clocks=clocks,
        tuning=compose_tuning(settings, media, outbox),
        trim_s=trim_interval_s(settings.outbox.retention_h * 3600),
    )
    with (
        sole_process(home / "sync.lock"),
        service_manager(service_manager_address(), ("report",)) as status.manager,
    ):
        identity.settle()
        await outbox.open()
        try:
            yield agent
        finally:
            await media.close()
            await outbox.close()


def run_sync() -> None:
    """Run the sync agent until it is told to stop."""
    import asyncio

    from edge.infrastructure.json_log import log_to_stderr
    from edge.infrastructure.station_log import log_to_files
    from edge.infrastructure.sync_process import stop_requested

    silence_grpc()
    settings = read_settings()
    log_to_stderr(settings.log_level)
    log_to_files(settings.station_home, "sync")

    async def serve() -> None:
        async with (
            stop_requested(settings.parent_pipe) as stop,
            compose_sync(settings) as agent,
        ):
            await agent.run(stop)

    try:
        asyncio.run(serve())
    except ExceptionGroup as errors:
        # Whoever started us starts us again; a damaged file is found and moved aside then.
        logging.getLogger("kyndof.sync").exception("agent failed")
        raise SystemExit(1) from errors


# run: camera, scanner, guide, kiosk, spool and producer


def run_station() -> None:
    """Be one station until a signal or the parent's end.

    Raises:
        StationTakenError: another process is this station already.
        CaptureError, ScannerAddressError: the setting is not understood.
        KioskPortTakenError: the kiosk's port is taken.
    """
    import asyncio

    from edge.infrastructure.clock_floor import read_floor
    from edge.infrastructure.json_log import log_to_stderr
    from edge.infrastructure.station_log import log_to_files
    from edge.infrastructure.station_loops import run_until
    from edge.infrastructure.sync_process import stop_requested

    settings = read_settings()
    log_to_stderr(settings.log_level)
    log_to_files(settings.station_home, "run")
    read_floor(settings.station_home / "clock.json")

    async def serve() -> None:
        async with (
            stop_requested(settings.parent_pipe) as stop,
            compose_station(settings) as loops,
        ):
            await run_until(stop, loops)

    asyncio.run(serve())


@contextlib.asynccontextmanager
async def compose_station(settings: EdgeSettings) -> "AsyncIterator[Loops]":
    """Open everything that a station is made of and close it in reverse."""
    from edge.capture.address import parse_camera
    from edge.infrastructure.camera_desk import CameraDesk, open_camera
    from edge.infrastructure.child_process import AgentChild
    from edge.infrastructure.mqtt_producer import MqttProducer
    from edge.infrastructure.picture_folder import PictureFolder
    from edge.infrastructure.scanners import ScannerDesk
    from edge.infrastructure.station_files import StationFiles
    from edge.infrastructure.station_loops import ScanQueue, StationLoops, Surroundings
    from edge.infrastructure.sync_process import sole_process
    from edge.infrastructure.system_time import SystemClock, UlidFactory
    from edge.infrastructure.systemd_notify import service_manager
    from edge.interfaces.kiosk.server import KioskServer, listen
    from edge.scanning.address import parse_scanner

    home, clock = settings.station_home, SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(sole_process(home / "run.lock"))
        door = stack.enter_context(listen(settings.kiosk.host, settings.kiosk.port))
        spool, journal = _journal(settings)
        stack.push_async_callback(journal.close)
        desk = CameraDesk(
            parse_camera(settings.camera), lambda a: open_camera(settings.firmware_config, a)
        )
        stack.callback(desk.close)
        pictures = PictureFolder(home / "media")
        learned = compose_learned(settings, compose_ruler(settings))
        judging = compose_judging(settings, learned)
        station = _workstation(settings, (spool, journal), (desk, pictures, judging.inspector))
        producer = MqttProducer(_broker(settings), journal, station.heard, clock, UlidFactory())
        scans = ScanQueue(station)
        scanner = ScannerDesk(parse_scanner(settings.scanner), scans.offer)
        around = Surroundings(
            files=StationFiles(home, clock, settings.release_note),
            desk=desk,
            producer=producer,
            scanner_plugged=scanner.plugged,
            manager=stack.enter_context(service_manager(service_manager_address(), _LOOPS)),
        )
        loops = StationLoops(station, around)
        await _look_first(loops, station, spool, judging)
        agent = AgentChild(
            lambda pipe, told: child_environment(KYNDOF_PARENT_PIPE=str(pipe), NOTIFY_SOCKET=told)
        )
        acts = compose_desk(settings, station, desk, judging.inspector, learned)
        kiosk = _kiosk(settings, acts, desk, pictures, loops)
        configured = Configured(
            desk=desk,
            station=station,
            kiosk=kiosk,
            codes=_codes(station, desk, scans),
            scanner=scanner,
            light=loops,
        )
        server = KioskServer(kiosk, door)
        stack.callback(server.stop)
        parts: Loops = {
            "kiosk": server.run(),
            "producer": producer.run(),
            "watch": loops.watch(),
            "tick": loops.tick(),
            "scans": scans.run(),
            "agent": agent.run(),
            "codes": configured.codes.run(),
            "calibrations": tell_calibrations(settings, station),
            "scanner": scanner.run(),
            "configuration": compose_configuration(settings, configured).run(),
        }
        yield parts | judging.loops(station)


def _broker(settings: EdgeSettings) -> "BrokerAddress":
    from edge.infrastructure.mqtt_producer import BrokerAddress

    return BrokerAddress(
        url=settings.mqtt.url,
        username=settings.mqtt.username or settings.station,
        password=settings.mqtt.password.get_secret_value(),
        station=settings.station,
    )


async def _look_first(
    loops: "StationLoops", station: "Workstation", spool: "SqliteSpool", judging: Judging
) -> None:
    """Raise the alarms of what could not be opened as it should, and read what work there is."""
    from edge.infrastructure.pipeline_inspector import PipelineInspector, RefusingInspector

    inspector = judging.inspector
    if judging.trouble is not None:
        await station.alarm("bundle_corrupt", on=True, detail=str(judging.trouble))
    blind = isinstance(inspector, PipelineInspector) and not inspector.measures
    await station.alarm("calibration_missing", on=blind)
    await station.alarm("spool_quarantined", on=spool.quarantined is not None)
    if isinstance(inspector, RefusingInspector):
        code = "bundle_corrupt" if inspector.code.startswith("BUNDLE") else "inspection_unavailable"
        await station.alarm(code, on=True, detail=inspector.reason)
    await loops.look_first()


def _journal(settings: EdgeSettings) -> "tuple[SqliteSpool, SpoolJournal]":
    from edge.infrastructure.child_process import boot_id
    from edge.infrastructure.spool_journal import JournalOrigin, SpoolJournal
    from edge.infrastructure.sqlite_spool import SqliteSpool
    from edge.infrastructure.system_time import SystemClock, UlidFactory
    from edge.outbox.spooling import SpoolPolicy

    clock, ids = SystemClock(), UlidFactory()
    policy = SpoolPolicy(
        max_bytes=settings.outbox.max_mb << 20, ballast_bytes=settings.outbox.ballast_mb << 20
    )
    spool = SqliteSpool(settings.station_home / "spool.db", policy, ids.new("run"))
    origin = JournalOrigin(station=settings.station, boot_id=boot_id(), clock=clock, ids=ids)
    return spool, SpoolJournal(spool, origin)


def _workstation(
    settings: EdgeSettings,
    records: "tuple[SqliteSpool, SpoolJournal]",
    sight: "tuple[CameraDesk, PictureFolder, Inspector]",
) -> "Workstation":
    from datetime import timedelta

    from edge.infrastructure.spool_journal import restored_tally, restored_worker
    from edge.infrastructure.system_time import SystemClock, UlidFactory
    from edge.station.progress import Progress
    from edge.station.worker import BadgeRules, parse_shift_end
    from edge.station.workstation import StationRules, Workstation, WorkstationPorts

    spool, journal = records
    desk, pictures, inspector = sight
    return Workstation(
        WorkstationPorts(
            clock=SystemClock(),
            ids=UlidFactory(),
            camera=desk,
            inspector=inspector,
            pictures=pictures,
            journal=journal,
            memory=journal,
        ),
        StationRules(
            name=settings.station,
            badge=BadgeRules(
                silence=timedelta(seconds=settings.kiosk.badge_silence_s),
                shift_end=parse_shift_end(settings.kiosk.shift_end),
            ),
            capture_timeout_s=settings.inspection.capture_timeout_s,
        ),
        progress=Progress(spool.progress()),
        worker=restored_worker(spool),
        tally=restored_tally(spool),
    )


def _kiosk(
    settings: EdgeSettings,
    acts: "Desk",
    desk: "CameraDesk",
    pictures: "PictureFolder",
    loops: "StationLoops",
) -> "Kiosk":
    from edge.infrastructure.frame_pictures import shrink_picture
    from edge.interfaces.kiosk.app import Kiosk, KioskDoors

    def picture(digest: str) -> bytes | None:
        path = pictures.path(digest)
        return shrink_picture(path.read_bytes()) if path.is_file() else None

    def health() -> "Mapping[str, object]":
        return loops.health() | {"station": settings.station}

    doors = KioskDoors(
        preview=desk.preview, picture=picture, unsent=lambda: loops.cloud_unsent, health=health
    )
    return Kiosk(acts.station, doors, acts, host=settings.kiosk.host, language=settings.language)


def _codes(station: "Workstation", desk: "CameraDesk", scans: "ScanQueue") -> "CodeWatch":
    """Return the loop that reads codes from the camera's frames."""
    from edge.infrastructure.camera_codes import CameraCodes
    from edge.infrastructure.station_loops import CodeWatch

    return CodeWatch(station, desk, CameraCodes(compose_reader()).read, scans.offer)
