"""Tiles of good cloth: a piece of the swatch laid down anew, lit, and seen by a camera."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering.canvas import Canvas
from cloud.infrastructure.training.rendering.errors import ImpossibleSceneError
from cloud.infrastructure.training.rendering.style import FabricStyle, View
from cloud.infrastructure.training.rendering.swatch import (
    Swatch,
    soft_noise,
    spread_out,
    weave_swatch,
)

Picture = NDArray[np.uint8]
Plane = NDArray[np.float32]

SMALLEST_PX, LARGEST_PX = 32, 2048
_NOISE_SAMPLES = 1 << 21
_COARSE = 64


@dataclass(frozen=True, slots=True)
class Laying:
    """Which place of the swatch each pixel shows, `x` and `y` (H, W) float32."""

    x: Plane
    y: Plane


def render_cloth(style: FabricStyle, generator: np.random.Generator, side_px: int = 256) -> Picture:
    """Render a good tile: (side, side, 3) uint8 RGB with its own light, folds and noise.

    Raises:
        ImpossibleSceneError: the side is not within 32 to 2048 px.
    """
    swatch = swatch_of(style, side_px)
    lit = light_cloth(style.view, lay(swatch, laying(style, generator, side_px)), generator)
    return see(style.view, lit, generator)


def swatch_of(style: FabricStyle, side_px: int) -> Swatch:
    """Return the style's swatch for tiles of a side.

    Raises:
        ImpossibleSceneError: the side is not within 32 to 2048 px.
    """
    if not SMALLEST_PX <= side_px <= LARGEST_PX:
        raise ImpossibleSceneError(f"a tile of {side_px} px; it has 32 to 2048")
    return weave_swatch(style, 64 * int(np.ceil(1.75 * side_px / 64)))


def laying(style: FabricStyle, generator: np.random.Generator, side_px: int) -> Laying:
    """Choose a piece of the swatch: a place, a slight turn and stretch, slight waves."""
    swatch_px = len(swatch_of(style, side_px).cloth)
    turn = np.deg2rad(float(generator.normal(0, 1.0)))
    scale = float(generator.uniform(0.97, 1.03))
    cosine, sine = np.float32(np.cos(turn) * scale), np.float32(np.sin(turn) * scale)
    place = np.arange(side_px, dtype=np.float32) - np.float32((side_px - 1) / 2)
    room = max(0.0, swatch_px - 1.08 * side_px - 8) / 2
    middle = swatch_px / 2 + generator.uniform(-room, room, 2).astype(np.float32)
    wave = np.float32(0.5 * style.view.wave_px)
    x = place[None, :] * cosine - place[:, None] * sine + middle[0]
    y = place[None, :] * sine + place[:, None] * cosine + middle[1]
    x += wave * soft_noise(generator, side_px, 4)
    y += wave * soft_noise(generator, side_px, 4)
    return Laying(x, y)


def lay(swatch: Swatch, place: Laying, *, bare: bool = False) -> Picture:
    """Show the swatch through a laying: (H, W, 3) uint8."""
    source = swatch.bare if bare else swatch.cloth
    shown = cv2.remap(source, place.x, place.y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(shown, dtype=np.uint8)


def light_cloth(view: View, cloth: Picture, generator: np.random.Generator) -> Picture:
    """Lamps, folds and uneven dyeing on cloth (H, W, 3) uint8: the same shape and type."""
    side_px = cloth.shape[0]
    place = np.linspace(-1, 1, _COARSE, dtype=np.float32)
    angle = float(generator.uniform(0, 2 * np.pi))
    slope = np.float32(view.slope_ratio * float(generator.uniform(0.3, 1.0)) / 2)
    field = slope * (
        np.float32(np.cos(angle)) * place[None, :] + np.float32(np.sin(angle)) * place[:, None]
    )
    corner = generator.uniform(-0.6, 0.6, 2).astype(np.float32)
    field -= np.float32(view.vignette_ratio / 2) * (
        (place[None, :] - corner[0]) ** 2 + (place[:, None] - corner[1]) ** 2
    )
    field += np.float32(view.drift_ratio) * soft_noise(generator, _COARSE, 3)
    if generator.random() < 0.6:
        field += np.float32(view.fold_ratio) * _folds(generator)
    gain = spread_out(field, side_px)
    gain += np.float32(view.drift_ratio * 0.5) * _streaks(generator, side_px)
    level = np.float32(view.level_ratio * float(generator.normal(1.0, 0.04)))
    gain = np.clip(level * (1 + gain), np.float32(0.05), np.float32(2.0))
    lit = cv2.multiply(cloth, cv2.merge([gain] * 3), dtype=cv2.CV_8U)
    return np.asarray(lit, dtype=np.uint8)


def _streaks(generator: np.random.Generator, side_px: int) -> Plane:
    """Density that changes from thread group to thread group: (1, S) or (S, 1) float32."""
    coarse = generator.standard_normal((1, max(4, side_px // 12))).astype(np.float32)
    line = cv2.resize(coarse, (side_px, 1), interpolation=cv2.INTER_CUBIC)
    return np.asarray(line if generator.random() < 0.7 else line.T, dtype=np.float32)


def _folds(generator: np.random.Generator) -> Plane:
    """Shade of folds that run one way, light on one side, dark on the other: (64, 64) float32."""
    height = soft_noise(generator, _COARSE, int(generator.integers(2, 6)))
    if generator.random() < 0.5:
        angle = float(generator.uniform(0, np.pi))
        place = np.linspace(-1, 1, _COARSE, dtype=np.float32)
        across = place[None, :] * np.cos(angle) + place[:, None] * np.sin(angle)
        across = across + 0.15 * height
        width = float(generator.uniform(0.06, 0.35))
        at = float(generator.uniform(-0.8, 0.8))
        height = 2.0 * np.exp(-(((across - at) / width) ** 2)).astype(np.float32)
    way = float(generator.uniform(0, 2 * np.pi))
    down, right = np.gradient(height)
    shade = (right * np.cos(way) + down * np.sin(way)).astype(np.float32)
    return np.asarray(2.0 * shade / (float(np.abs(shade).max()) + 1e-6), dtype=np.float32)


@lru_cache(maxsize=1)
def _noise() -> Plane:
    generator = np.random.default_rng(0x201)
    return generator.standard_normal(_NOISE_SAMPLES, dtype=np.float32)


def _some_noise(shape: tuple[int, ...], generator: np.random.Generator) -> Plane:
    """Noise of unit spread in a shape; from a store where that is large enough, it is costly."""
    size = int(np.prod(shape))
    if size > _NOISE_SAMPLES // 2:
        return generator.standard_normal(shape, dtype=np.float32)
    start = int(generator.integers(0, _NOISE_SAMPLES - size))
    return _noise()[start : start + size].reshape(shape)


def see(view: View, lit: Picture, generator: np.random.Generator) -> Picture:
    """Lens, sensor and sometimes compression: (H, W, 3) uint8 RGB to the same."""
    blur_px = view.blur_px * float(generator.uniform(0.75, 1.3))
    if generator.random() < 0.04:
        blur_px += float(generator.uniform(0.5, 1.6))
    blurred = cv2.GaussianBlur(lit, (0, 0), blur_px) if blur_px > 0.2 else lit
    if view.grey:
        blurred = cv2.cvtColor(blurred, cv2.COLOR_RGB2GRAY)
    noise = _some_noise(blurred.shape, generator)
    strength = view.noise_count * float(generator.uniform(0.7, 1.3))
    noisy = cv2.scaleAdd(noise, strength, blurred.astype(np.float32))
    seen = np.asarray(np.clip(noisy, 0, 255), dtype=np.uint8)
    if view.grey:
        seen = np.repeat(seen[..., None], 3, axis=2)
    return _compressed(seen, generator) if generator.random() < view.jpeg_ratio else seen


def add_sensor_noise(canvas: Canvas) -> None:
    """Give what was painted on a photograph the fine noise that the photograph has."""
    grey = cv2.cvtColor(canvas.picture[::2, ::2].copy(), cv2.COLOR_RGB2GRAY)
    rough = float(np.median(np.abs(cv2.Laplacian(grey, cv2.CV_32F))))
    strength = float(np.clip(0.12 * rough, 0.4, 3.0))
    noise = _some_noise(canvas.cover.shape, canvas.generator)
    canvas.picture += (strength * noise * canvas.cover)[..., None]


def _compressed(picture: Picture, generator: np.random.Generator) -> Picture:
    quality = int(generator.integers(60, 96))
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), dtype=np.uint8)
