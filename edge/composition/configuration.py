"""What a configuration from afar changes at the running station."""

from dataclasses import replace
from typing import TYPE_CHECKING

from edge.settings import EdgeSettings

if TYPE_CHECKING:
    from edge.capture.capabilities import CameraCapabilities
    from edge.infrastructure.camera_desk import CameraDesk
    from edge.infrastructure.configuration_document import StationConfiguration
    from edge.infrastructure.configuration_watch import ConfigurationWatch
    from edge.station.workstation import Workstation

_BUSY = frozenset({"capturing", "inspecting"})


def compose_configuration(
    settings: EdgeSettings, desk: "CameraDesk", station: "Workstation"
) -> "ConfigurationWatch":
    """Use the configuration that was in use, and return what makes the wished one true."""
    from edge.infrastructure.camera_desk import camera_profiles
    from edge.infrastructure.configuration_files import ConfigurationFolder
    from edge.infrastructure.configuration_watch import Configurable, ConfigurationWatch

    def capabilities() -> "CameraCapabilities | None":
        camera = desk.capabilities()
        profiles = camera_profiles(settings.firmware_config)
        # Only a device has settings that a profile could name.
        return replace(camera, profiles=profiles) if camera and camera.controls else camera

    def apply(wished: "StationConfiguration") -> None:
        desk.configure(wished.camera.profile or "", wished.camera_settings())

    watch = ConfigurationWatch(
        ConfigurationFolder(settings.station_home / "configuration"),
        Configurable(
            capabilities=capabilities,
            apply=apply,
            is_idle=lambda: station.state.phase not in _BUSY,
        ),
    )
    watch.start()
    return watch
