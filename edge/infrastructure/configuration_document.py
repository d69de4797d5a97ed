"""A station's configuration as the cloud sends it; what is left open stays the station's own."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.capture.camera_settings import CameraSettings
from edge.station.errors import ConfigurationInvalidError, ConfigurationTooLargeError

#: The cloud keeps none that is larger.
LARGEST_BYTES = 64 * 1024

Ratio = Annotated[float, Field(gt=0, le=64)]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class CameraPart(_Part):
    """The camera; its own ranges are narrower than these."""

    profile: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")] | None = None
    exposure_us: Annotated[float, Field(gt=0, le=10_000_000)] | None = None
    gain_ratio: Annotated[float, Field(ge=0, le=1000)] | None = None
    white_balance_red_ratio: Ratio | None = None
    white_balance_blue_ratio: Ratio | None = None
    white_balance_kelvin: Annotated[int, Field(ge=1000, le=20_000)] | None = None
    focus: Annotated[int, Field(ge=0, le=10_000)] | None = None
    width_px: Annotated[int, Field(ge=16, le=20_000)] | None = None
    height_px: Annotated[int, Field(ge=16, le=20_000)] | None = None
    frames_per_s: Annotated[float, Field(gt=0, le=240)] | None = None


class StationConfiguration(_Part):
    """Everything that can be set at a station from afar."""

    camera: CameraPart = CameraPart()

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
