"""A station's configuration as the cloud sends it; what is left open stays the station's own."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from edge.capture.camera_settings import CameraSettings
from edge.station.errors import ConfigurationInvalidError, ConfigurationTooLargeError

#: The cloud keeps none that is larger.
LARGEST_BYTES = 64 * 1024

Ratio = Annotated[float, Field(gt=0, le=64)]
Profile = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _together(*groups: tuple[str, ...]) -> ConfigDict:
    """Say in the schema that these settings mean something only together."""
    return ConfigDict(json_schema_extra={"dependentRequired": {**_needs(groups)}})


def _needs(groups: tuple[tuple[str, ...], ...]) -> dict[str, JsonValue]:
    return {one: [other for other in group if other != one] for group in groups for one in group}


class _Joined(_Part):
    """Settings of which some mean something only together; says so as the schema does."""

    together: ClassVar[tuple[tuple[str, ...], ...]] = ()

    @model_validator(mode="after")
    def _whole(self) -> "_Joined":
        for group in self.together:
            missing = [name for name in group if getattr(self, name) is None]
            if missing and len(missing) < len(group):
                raise ValueError(f"{', '.join(group)}: {', '.join(missing)} is missing")
        return self


class CameraPart(_Joined):
    """The camera; its own ranges are narrower than these."""

    together = (
        ("width_px", "height_px"),
        ("white_balance_red_ratio", "white_balance_blue_ratio"),
    )
    model_config = _together(*together)

    profile: Profile | None = None
    exposure_us: Annotated[float, Field(gt=0, le=10_000_000)] | None = None
    gain_ratio: Annotated[float, Field(ge=0, le=1000)] | None = None
    white_balance_red_ratio: Ratio | None = None
    white_balance_blue_ratio: Ratio | None = None
    white_balance_kelvin: Annotated[int, Field(ge=1000, le=20_000)] | None = None
    focus: Annotated[int, Field(ge=0, le=10_000)] | None = None
    width_px: Annotated[int, Field(ge=16, le=20_000)] | None = None
    height_px: Annotated[int, Field(ge=16, le=20_000)] | None = None
    frames_per_s: Annotated[float, Field(gt=0, le=240)] | None = None


class ScanningPart(_Part):
    """Where codes come from; a profile names the scanner's address."""

    with_camera: bool | None = None
    profile: Profile | None = None


class LightPart(_Part):
    """The light over the table; its profile says how the lamp shows each wish."""

    profile: Profile | None = None


class InspectionPart(_Part):
    """Judging a piece."""

    capture_timeout_s: Annotated[float, Field(gt=0, le=30)] | None = None


class KioskPart(_Part):
    """The station's own page; the language is the one that it begins with."""

    language: Literal["ko", "en"] | None = None
    badge_silence_s: Annotated[float, Field(ge=30, le=86_400)] | None = None
    shift_end: TimeOfDay | None = None


class UploadPart(_Joined):
    """How fast pictures leave; during the shift, by the clock on the wall, the other limit."""

    together = (("shift_from", "shift_until", "shift_limit_kib_per_s"),)
    model_config = _together(*together)

    limit_kib_per_s: Annotated[float, Field(ge=16, le=1_000_000)] | None = None
    shift_from: TimeOfDay | None = None
    shift_until: TimeOfDay | None = None
    shift_limit_kib_per_s: Annotated[float, Field(ge=16, le=1_000_000)] | None = None


class DiskPart(_Part):
    """How much and how long is kept at the station; of two bounds the smaller holds."""

    pictures_max_mb: Annotated[int, Field(ge=16, le=10_000_000)] | None = None
    pictures_max_ratio: Annotated[float, Field(ge=0.01, le=0.9)] | None = None
    retention_h: Annotated[float, Field(ge=0, le=8760)] | None = None


class LogPart(_Part):
    """How much the station writes down about itself."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] | None = None


class StationConfiguration(_Part):
    """Everything that can be set at a station from afar."""

    camera: CameraPart = CameraPart()
    scanning: ScanningPart = ScanningPart()
    light: LightPart = LightPart()
    inspection: InspectionPart = InspectionPart()
    kiosk: KioskPart = KioskPart()
    upload: UploadPart = UploadPart()
    disk: DiskPart = DiskPart()
    log: LogPart = LogPart()

    def camera_settings(self) -> CameraSettings:
        """Return what is wished of the camera."""
        return CameraSettings(**self.camera.model_dump(exclude={"profile"}))


def parse_configuration(document: bytes) -> StationConfiguration:
    """Read a document.

    Raises:
        ConfigurationTooLargeError: it is larger than any that the cloud keeps.
        ConfigurationInvalidError: it is no JSON, or not what the schema says; names the field.
    """
    if len(document) > LARGEST_BYTES:
        raise ConfigurationTooLargeError(f"{len(document)} bytes, at most {LARGEST_BYTES}")
    try:
        return StationConfiguration.model_validate_json(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigurationInvalidError(
            f"{place}: {first['msg']}" if place else first["msg"]
        ) from error
