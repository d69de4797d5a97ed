"""What the commands about a station open: enrolment, status, log lines, checks, export."""

from collections.abc import Callable, Iterator
from pathlib import Path

from edge.composition import AGENT_VERSION, run_sync
from edge.interfaces.cloud_commands.commands import CloudDoors
from edge.settings import read_settings, silence_grpc


def cloud_doors() -> CloudDoors:
    """Return what the commands about the cloud open."""
    return CloudDoors(
        sync=run_sync,
        enrol=_enrol,
        status=_status,
        logs=_logs,
        events=_events,
        export=_export,
        accept_loss=_accept_loss,
        language=lambda: read_settings().language,
    )


def _enrol(token: str, serial: str, ca_fingerprint: str) -> dict[str, str]:
    from edge.infrastructure.clock_floor import read_floor
    from edge.infrastructure.identity_by_hand import enrol_by_hand

    settings = read_settings()
    read_floor(settings.station_home / "clock.json")
    return enrol_by_hand(
        settings.station_home,
        settings.join_token_file,
        settings.cloud.enrolment_address,
        settings.station,
        (token, serial, ca_fingerprint),
    )


def _status() -> dict[str, object]:
    from edge.infrastructure.clock_floor import read_floor
    from edge.infrastructure.station_status import station_status
    from edge.infrastructure.system_time import SystemClock

    home = read_settings().station_home
    read_floor(home / "clock.json")
    return station_status(home, SystemClock().now())


def _accept_loss() -> int:
    from edge.infrastructure.station_status import accept_loss

    return accept_loss(read_settings().station_home)


def _logs(count: int, level: str, follow: bool) -> Iterator[dict[str, object]]:
    from edge.infrastructure.station_log import follow_lines, read_lines

    home = read_settings().station_home
    yield from read_lines(home, count, level)
    if follow:
        yield from follow_lines(home, level)


def compose_checks() -> dict[str, Callable[[], str]]:
    """Return what `kyndof-edge self-test --station` looks at, by name."""
    silence_grpc()
    from edge.capture.address import parse_camera
    from edge.capture.ports import FrameSource
    from edge.infrastructure.camera_desk import open_camera
    from edge.infrastructure.clock_floor import read_floor
    from edge.infrastructure.mqtt_agent import BrokerAddress
    from edge.infrastructure.station_checks import StationParts, station_checks

    settings = read_settings()
    read_floor(settings.station_home / "clock.json")

    def camera() -> FrameSource:
        return open_camera(settings.firmware_config, parse_camera(settings.camera))

    return station_checks(
        StationParts(
            home=settings.station_home,
            camera=camera,
            health_url=f"http://{settings.kiosk.host}:{settings.kiosk.port}/health",
            broker=BrokerAddress.parse(
                settings.mqtt.url,
                settings.mqtt.username or settings.station,
                settings.mqtt.password.get_secret_value(),
            ),
            cloud_address=settings.cloud.address,
        )
    )


def _export(target: Path) -> dict[str, object]:
    from dataclasses import asdict

    from edge.infrastructure.clock_floor import read_floor
    from edge.infrastructure.station_export import export_station
    from edge.infrastructure.system_time import SystemClock

    home = read_settings().station_home
    read_floor(home / "clock.json")
    return asdict(export_station(home, target.absolute(), SystemClock(), AGENT_VERSION))


def _events(stream: str, after: int) -> Iterator[dict[str, object]]:
    from edge.infrastructure.sqlite_outbox_reading import export_events

    return export_events(read_settings().station_home, stream, after)
