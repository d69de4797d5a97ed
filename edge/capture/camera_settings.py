"""Exposure and white balance of a camera, locked so that pictures stay comparable."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSettings:
    """What `firmware-config/cameras/<name>.toml` says; None leaves the camera's own value."""

    width_px: int | None = None
    height_px: int | None = None
    frames_per_s: float | None = None
    exposure_us: float | None = None
    gain_ratio: float | None = None
    white_balance_red_ratio: float | None = None
    white_balance_blue_ratio: float | None = None
    white_balance_kelvin: int | None = None
    focus: int | None = None

    def named(self) -> dict[str, float]:
        """Return what is set, by name, in the unit that the name ends in."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def over(self, own: "CameraSettings") -> "CameraSettings":
        """Return these settings, and ``own`` where these leave something open."""
        return CameraSettings(**own.named() | self.named())  # type: ignore[arg-type]
