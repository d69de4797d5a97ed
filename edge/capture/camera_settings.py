"""Exposure and white balance of a camera, locked so that pictures stay comparable."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSettings:
    """What `firmware-config/cameras/<name>.toml` says; None leaves the camera's own value."""

    width_px: int | None = None
    height_px: int | None = None
    exposure_us: float | None = None
    gain_ratio: float | None = None
    white_balance_red_ratio: float | None = None
    white_balance_blue_ratio: float | None = None
    white_balance_kelvin: int | None = None
    focus: int | None = None
