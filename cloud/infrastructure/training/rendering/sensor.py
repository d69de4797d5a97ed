"""Light on the table and what the sensor makes of it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering.camera import Degrees

_BAND = 256
_HALO = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """The lamps.

    `level_ratio` scales all, `gradient_ratio` is the change across the picture in direction
    `gradient_deg`, `vignette_ratio` the loss in the corners, `warmth_ratio` adds red and takes blue
    (negative = cold).
    """

    level_ratio: float = 1.0
    gradient_ratio: float = 0.06
    gradient_deg: Degrees = 30.0
    vignette_ratio: float = 0.10
    warmth_ratio: float = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """The chip.

    `blur_px` is the standard deviation of the lens's spread, `noise_count` that of the noise in
    grey levels of 255.
    """

    blur_px: float = 0.7
    noise_count: float = 1.6


def light_field(light: Light, height: int, width: int) -> NDArray[np.float32]:
    """Brightness over the picture: (H, W) float32, about 1 in the middle."""
    rows, columns = 48, 64
    # Knots at the pixel centres that cv2.resize gives them.
    y = ((np.arange(rows) + 0.5) / rows * 2 - 1)[:, None] * (height / width)
    x = ((np.arange(columns) + 0.5) / columns * 2 - 1)[None, :]
    angle = np.deg2rad(light.gradient_deg)
    slope = light.gradient_ratio / 2 * (x * np.cos(angle) + y * np.sin(angle))
    corner = 1 + (height / width) ** 2
    coarse = (1 + slope) * (1 - light.vignette_ratio * (x * x + y * y) / corner)
    field = cv2.resize(
        (light.level_ratio * coarse).astype(np.float32),
        (width, height),
        interpolation=cv2.INTER_CUBIC,
    )
    return np.asarray(field, dtype=np.float32)


def expose(
    canvas: NDArray[np.float32], light: Light, sensor: Sensor, generator: np.random.Generator
) -> NDArray[np.uint8]:
    """Light, blur, noise and 8 bits.

    Args:
        canvas: (3, H, W) float32 shade, 0 to 1, R G B.
        light: of the scene.
        sensor: of the camera.
        generator: of the noise.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    _, height, width = canvas.shape
    field = light_field(light, height, width)
    gains = (1 + light.warmth_ratio, 1.0, 1 - light.warmth_ratio)
    halo = max(_HALO, int(np.ceil(4 * sensor.blur_px)))
    picture = np.empty((height, width, 3), np.uint8)
    planes = [np.empty((_BAND, width), np.uint8) for _ in range(3)]
    for top in range(0, height, _BAND):
        bottom = min(top + _BAND, height)
        above, below = max(0, top - halo), min(height, bottom + halo)
        for channel, gain in enumerate(gains):
            sharp = canvas[channel, above:below]
            if sensor.blur_px > 0:
                border = cv2.BORDER_REPLICATE
                blurred = cv2.GaussianBlur(sharp, (0, 0), sensor.blur_px, borderType=border)
                sharp = np.asarray(blurred, dtype=np.float32)
            band = sharp[top - above : bottom - above] * field[top:bottom]
            band *= np.float32(255 * gain)
            if sensor.noise_count > 0:
                noise = generator.standard_normal(band.shape, dtype=np.float32)
                noise *= np.float32(sensor.noise_count)
                band += noise
            band += np.float32(0.5)
            np.clip(band, 0, 255, out=band)
            planes[channel][: bottom - top] = band
        picture[top:bottom] = cv2.merge([plane[: bottom - top] for plane in planes])
    return picture
