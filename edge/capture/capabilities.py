"""What a camera lets itself be set to, and whether wished settings lie within it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge.capture.camera_settings import CameraSettings
from edge.capture.errors import BeyondCameraError, CameraLacksControlError

#: A number in the unit that the name of the setting beside it ends in.
InItsUnit = float


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRange:
    """Smallest and largest value of one setting, in the unit that its name ends in."""

    minimum: InItsUnit
    maximum: InItsUnit


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraCapabilities:
    """Ranges by the names of `CameraSettings`; no name, no such setting.

    ``sizes_px`` are the only pairs of width and height; empty where the ranges say all.
    ``profiles`` are the files of settings under firmware-config/cameras, the other two those of
    the devices beside the camera.
    """

    camera: str
    controls: Mapping[str, ControlRange] = field(default_factory=dict)
    sizes_px: tuple[tuple[int, int], ...] = ()
    profiles: tuple[str, ...] = ()
    scanner_profiles: tuple[str, ...] = ()
    light_profiles: tuple[str, ...] = ()


def check_settings(wished: CameraSettings, camera: CameraCapabilities) -> None:
    """Refuse settings that the camera cannot take.

    Raises:
        CameraLacksControlError: the camera has no such setting.
        BeyondCameraError: a value lies outside the camera's range, or it has no such size.
    """
    for name, value in wished.named().items():
        known = camera.controls.get(name)
        if known is None:
            raise CameraLacksControlError(f"{camera.camera} has no setting {name}")
        if not known.minimum <= value <= known.maximum:
            raise BeyondCameraError(
                f"{name} {value:g} is outside {known.minimum:g} to {known.maximum:g}"
                f" of {camera.camera}"
            )
    size = (wished.width_px, wished.height_px)
    if size == (None, None) or not camera.sizes_px:
        return
    if size not in camera.sizes_px:
        raise BeyondCameraError(f"{camera.camera} gives no pictures of {size[0]} x {size[1]}")
