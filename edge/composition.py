"""The one place where ports meet implementations."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from edge.interfaces.cloud_commands.commands import CloudDoors
from edge.settings import EdgeSettings, read_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from edge.infrastructure.grpc_uplink import UplinkSettings
    from edge.infrastructure.media_uploader import MediaUploader
    from edge.infrastructure.sqlite_outbox_thread import OutboxThread
    from edge.infrastructure.sync_agent import SyncAgent

AGENT_VERSION = "0.1.0"


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
    )


def _uplink_settings(settings: EdgeSettings) -> "UplinkSettings":
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
    )


@contextlib.asynccontextmanager
async def compose_sync(settings: EdgeSettings) -> "AsyncIterator[SyncAgent]":
    """Open what the sync agent needs; close it in reverse.

    Raises:
        StationTakenError: another agent works for this station.
        OutboxDamagedError: not even a fresh outbox can be written.
    """
    from edge.infrastructure.grpc_fleet import FleetAgent
    from edge.infrastructure.grpc_link import CloudAddresses, CloudLink
    from edge.infrastructure.grpc_uplink import EventUplink
    from edge.infrastructure.identity_enrolment import EnrolmentWatcher
    from edge.infrastructure.identity_files import IdentityFolder
    from edge.infrastructure.link_report import LinkReporter, LinkStatus
    from edge.infrastructure.mqtt_agent import BrokerAddress, MqttAgent
    from edge.infrastructure.package_store import PackageStore
    from edge.infrastructure.sync_agent import SyncAgent
    from edge.infrastructure.sync_process import sole_process
    from edge.infrastructure.system_time import SystemClock

    home, clock, status = settings.station_home, SystemClock(), LinkStatus()
    identity = IdentityFolder(home / "identity")
    outbox = _outbox(settings)
    media = _media(settings, outbox)
    uplink = EventUplink(outbox, clock, _uplink_settings(settings), status.welcomed)
    addresses = CloudAddresses(
        intake=settings.cloud.address, enrolment=settings.cloud.enrolment_address
    )
    broker = BrokerAddress.parse(
        settings.mqtt.url,
        settings.mqtt.username or settings.station,
        settings.mqtt.password.get_secret_value(),
    )
    mqtt = MqttAgent(settings.station, broker, outbox, clock, uplink.wake)
    fleet = FleetAgent(PackageStore(home / "packages"), identity.station_id)
    agent = SyncAgent(
        outbox=outbox,
        mqtt=mqtt,
        link=CloudLink(addresses, identity, (uplink, fleet, media.run), clock, status),
        enrolment=EnrolmentWatcher(
            home / "join-token.json", addresses.enrolment, settings.station, identity, status
        ),
        media=media,
        reporter=LinkReporter(home / "link.json", status, outbox.unsent, mqtt.alarm, clock),
    )
    with sole_process(home / "sync.lock"):
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
    from edge.infrastructure.sync_process import stop_requested

    settings = read_settings()
    log_to_stderr(settings.log_level)

    async def serve() -> None:
        async with (
            stop_requested(settings.parent_pipe) as stop,
            compose_sync(settings) as agent,
        ):
            await agent.run(stop)

    asyncio.run(serve())


def _enrol(token: str, serial: str, ca_fingerprint: str) -> dict[str, str]:
    from edge.infrastructure.identity_by_hand import enrol_by_hand

    settings = read_settings()
    return enrol_by_hand(
        settings.station_home,
        settings.cloud.enrolment_address,
        settings.station,
        (token, serial, ca_fingerprint),
    )


def _status() -> dict[str, object]:
    from edge.infrastructure.sqlite_outbox_reading import read_status

    return read_status(read_settings().station_home)


def _export(stream: str, after: int) -> "Iterator[dict[str, object]]":
    from edge.infrastructure.sqlite_outbox_reading import export_events

    return export_events(read_settings().station_home, stream, after)


def cloud_doors() -> CloudDoors:
    """Return what the commands about the cloud open."""
    return CloudDoors(sync=run_sync, enrol=_enrol, status=_status, export=_export)
