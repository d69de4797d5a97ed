"""What a configuration from afar changes at the running station and at its agent."""

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from edge.settings import EdgeSettings

if TYPE_CHECKING:
    from edge.capture.capabilities import CameraCapabilities
    from edge.infrastructure.camera_desk import CameraDesk
    from edge.infrastructure.configuration_document import StationConfiguration
    from edge.infrastructure.configuration_tuning import AgentTuning
    from edge.infrastructure.configuration_watch import ConfigurationWatch
    from edge.infrastructure.media_uploader import MediaUploader
    from edge.infrastructure.sqlite_outbox_thread import OutboxThread
    from edge.infrastructure.station_loops import CodeWatch
    from edge.interfaces.kiosk.app import Kiosk
    from edge.station.workstation import StationRules, Workstation

_BUSY = frozenset({"capturing", "inspecting"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """The parts of the station that a configuration acts on."""

    desk: "CameraDesk"
    station: "Workstation"
    kiosk: "Kiosk"
    codes: "CodeWatch"


def compose_configuration(settings: EdgeSettings, parts: Configured) -> "ConfigurationWatch":
    """Use the configuration that was in use, and return what makes the wished one true."""
    from edge.infrastructure.camera_desk import camera_profiles
    from edge.infrastructure.configuration_files import ConfigurationFolder
    from edge.infrastructure.configuration_watch import Configurable, ConfigurationWatch

    spoken = settings.language
    parts.codes.is_on = settings.scan_with_camera

    def capabilities() -> "CameraCapabilities | None":
        camera = parts.desk.capabilities()
        profiles = camera_profiles(settings.firmware_config)
        # Only a device reads settings from a profile; a replay has none.
        return replace(camera, profiles=profiles) if camera and parts.desk.is_device else camera

    def apply(wished: "StationConfiguration") -> None:
        nonlocal spoken
        # First what can fail.
        parts.desk.configure(wished.camera.profile or "", wished.camera_settings())
        parts.station.rules = configured_rules(settings, parts.station.rules, wished)
        on = wished.scanning.with_camera
        parts.codes.is_on = settings.scan_with_camera if on is None else on
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
        ),
    )
    watch.start()
    return watch


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
    from edge.infrastructure.configuration_tuning import AgentTuning, OwnBounds
    from edge.infrastructure.system_time import SystemClock

    return AgentTuning(
        ConfigurationFolder(settings.station_home / "configuration"),
        media,
        outbox,
        OwnBounds(
            media_max_mb=settings.outbox.media_max_mb,
            retention_h=settings.outbox.retention_h,
            log_level=settings.log_level,
        ),
        SystemClock(),
    )
