"""What a configuration from afar changes at the running station and at its agent."""

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from edge.settings import EdgeSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from edge.capture.capabilities import CameraCapabilities
    from edge.infrastructure.camera_desk import CameraDesk
    from edge.infrastructure.configuration_document import StationConfiguration
    from edge.infrastructure.configuration_tuning import AgentTuning
    from edge.infrastructure.configuration_watch import ConfigurationWatch
    from edge.infrastructure.media_uploader import MediaUploader
    from edge.infrastructure.scanners import ScannerDesk
    from edge.infrastructure.sqlite_outbox_thread import OutboxThread
    from edge.infrastructure.station_loops import CodeWatch, StationLoops
    from edge.interfaces.kiosk.app import Kiosk
    from edge.scanning.address import ScannerAddress
    from edge.station.workstation import StationRules, Workstation

_BUSY = frozenset({"capturing", "inspecting"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """The parts of the station that a configuration acts on."""

    desk: "CameraDesk"
    station: "Workstation"
    kiosk: "Kiosk"
    codes: "CodeWatch"
    scanner: "ScannerDesk"
    light: "StationLoops"


def compose_configuration(settings: EdgeSettings, parts: Configured) -> "ConfigurationWatch":
    """Use the configuration that was in use, and return what makes the wished one true."""
    from edge.infrastructure.camera_desk import camera_profiles
    from edge.infrastructure.configuration_files import ConfigurationFolder
    from edge.infrastructure.configuration_watch import Configurable, ConfigurationWatch
    from edge.infrastructure.device_profiles import profile_names

    spoken = settings.language
    parts.codes.is_on = settings.scan_with_camera

    def capabilities() -> "CameraCapabilities | None":
        camera = parts.desk.capabilities()
        if camera is None:
            return None
        files = settings.firmware_config
        return replace(
            camera,
            # Only a device reads settings from a profile; a replay has none.
            profiles=camera_profiles(files) if parts.desk.is_device else (),
            scanner_profiles=profile_names(files, "scanners"),
            light_profiles=profile_names(files, "lights"),
        )

    def apply(wished: "StationConfiguration") -> None:
        nonlocal spoken
        # First what can fail.
        beside = wished_devices(settings.firmware_config, parts.scanner.own, wished)
        parts.desk.configure(wished.camera.profile or "", wished.camera_settings())
        parts.station.rules = configured_rules(settings, parts.station.rules, wished)
        on = wished.scanning.with_camera
        parts.codes.is_on = settings.scan_with_camera if on is None else on
        parts.scanner.configure(beside.scanner)
        parts.light.signals = beside.signals
        language = wished.kiosk.language or settings.language
        # What somebody chose at the kiosk holds until another language is wished.
        if language != spoken:
            parts.kiosk.language = spoken = language
        logging.getLogger().setLevel(wished.log.level or settings.log_level)

    watch = ConfigurationWatch(
        ConfigurationFolder(settings.station_home / "configuration"),
        Configurable(
            capabilities=capabilities,
            apply=apply,
            is_idle=lambda: parts.station.state.phase not in _BUSY,
            check=lambda wished: _checked(settings.firmware_config, parts.scanner.own, wished),
        ),
    )
    watch.start()
    parts.light.configuration_trouble = watch.trouble
    return watch


@dataclass(frozen=True, slots=True, kw_only=True)
class WishedDevices:
    """The devices beside the camera: where the scanner is, how the lamp shows each colour."""

    scanner: "ScannerAddress"
    signals: "Mapping[str, str]"


def wished_devices(
    firmware_config: "Path", own: "ScannerAddress", wished: "StationConfiguration"
) -> WishedDevices:
    """Return what the wished profiles say, and the station's own scanner without one.

    Raises:
        ConfigurationProfileError: no such profile lies here, or it is not as its schema says.
    """
    from edge.infrastructure.device_profiles import read_light_profile, read_scanner_profile
    from edge.scanning.address import ScannerAddressError, parse_scanner
    from edge.scanning.errors import ScannerProfileError
    from edge.station.errors import ConfigurationProfileError

    scanner = own
    signals: dict[str, str] = {}
    try:
        if name := wished.scanning.profile:
            scanner = parse_scanner(read_scanner_profile(firmware_config, name).address)
    except (ScannerProfileError, ScannerAddressError) as error:
        raise ConfigurationProfileError(f"scanning.profile: {error}") from error
    if name := wished.light.profile:
        signal = read_light_profile(firmware_config, name).signal
        if signal is not None:
            signals = {str(colour): shown for colour, shown in signal.colours.items()}
    return WishedDevices(scanner=scanner, signals=signals)


def _checked(
    firmware_config: "Path", own: "ScannerAddress", wished: "StationConfiguration"
) -> None:
    wished_devices(firmware_config, own, wished)


def configured_rules(
    settings: EdgeSettings, rules: "StationRules", wished: "StationConfiguration"
) -> "StationRules":
    """Return the station's rules with what is wished, and its own settings elsewhere."""
    from edge.station.worker import BadgeRules, parse_shift_end

    kiosk, own = wished.kiosk, settings.kiosk
    silence_s = own.badge_silence_s if kiosk.badge_silence_s is None else kiosk.badge_silence_s
    return replace(
        rules,
        badge=BadgeRules(
            silence=timedelta(seconds=silence_s),
            shift_end=parse_shift_end(kiosk.shift_end or own.shift_end),
        ),
        capture_timeout_s=wished.inspection.capture_timeout_s
        or settings.inspection.capture_timeout_s,
    )


def compose_tuning(
    settings: EdgeSettings, media: "MediaUploader", outbox: "OutboxThread"
) -> "AgentTuning":
    """Return what lets the agent follow the configuration in use."""
    from edge.infrastructure.configuration_files import ConfigurationFolder
    from edge.infrastructure.configuration_tuning import AgentTuning, OwnBounds, partition_bytes
    from edge.infrastructure.system_time import SystemClock

    return AgentTuning(
        ConfigurationFolder(settings.station_home / "configuration"),
        media,
        outbox,
        OwnBounds(
            media_max_mb=settings.outbox.media_max_mb,
            retention_h=settings.outbox.retention_h,
            log_level=settings.log_level,
            partition_bytes=partition_bytes(settings.home),
        ),
        SystemClock(),
    )
