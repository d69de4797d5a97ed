"""Strangeness without a name: what no catalogue lists, made from the cloth's own picture."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering.canvas import Canvas, Plane, blob, cloud
from cloud.infrastructure.training.rendering.style import draw_style
from cloud.infrastructure.training.rendering.swatch import weave_swatch

_STORED_CLOTHS, _STORED_PX = 32, 320


def _patch(canvas: Canvas, grown_ratio: float = 1.0) -> Plane:
    """Where: a spot, a strip, or the islands of a cloud, so much larger; alpha (H, W) float32."""
    generator, side_px = canvas.generator, canvas.side_px
    shape = canvas.cover.shape
    kind = generator.random()
    if kind < 0.45:
        size_px = canvas.mostly_small(5.0 * grown_ratio, 0.5 * side_px)
        return blob(generator, shape, canvas.place(), size_px, 0.4)
    if kind < 0.75:
        length_px = canvas.mostly_small(8.0, 0.6 * side_px)
        angle = canvas.between(0, np.pi)
        way = np.array([np.cos(angle), np.sin(angle)])
        start = canvas.place()
        points = np.stack([start, start + way * length_px])
        width_px = canvas.mostly_small(2.0, 0.3 * length_px + 3)
        return canvas.stroke(points, width_px * grown_ratio)
    field = cloud(generator, shape, int(generator.integers(2, 6)))
    islands = np.clip((field - np.quantile(field[::4, ::4], canvas.between(0.8, 0.97))) * 8, 0, 1)
    window = blob(generator, shape, canvas.place(), canvas.between(0.4, 0.9) * side_px, 0.3)
    return np.asarray(islands * window, dtype=np.float32)


def cut_paste(canvas: Canvas) -> None:
    """A piece of the cloth lies elsewhere."""
    shift = canvas.generator.uniform(-0.5, 0.5, 2) * canvas.side_px
    rolled = np.roll(canvas.picture, tuple(np.round(shift).astype(int)), (0, 1))
    jitter = canvas.generator.normal(1, 0.06 * canvas.boldness_ratio, 3).astype(np.float32)
    canvas.paint(_patch(canvas), rolled * jitter)


def rotated_self(canvas: Canvas) -> None:
    """A piece of the cloth is turned."""
    height, width = canvas.cover.shape
    angle = canvas.between(12, 168)
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, canvas.between(0.9, 1.1))
    turned = cv2.warpAffine(
        canvas.picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101
    )
    patch = _patch(canvas, canvas.insist_ratio)
    canvas.paint(patch, np.asarray(turned, dtype=np.float32))


def colour_shift(canvas: Canvas) -> None:
    """A piece has another shade."""
    change = canvas.contrast(0.5, 2.5) / max(float(canvas.tone.mean()), 10.0)
    sign = 1 if canvas.generator.random() < 0.5 else -1
    own = canvas.generator.normal(0, 0.4, 3)
    factor = np.clip(1 + np.clip(change, 0.06, 0.6) * (sign + own), 0.2, 2.0)
    canvas.tint(_patch(canvas), factor.astype(np.float32))


def blur_patch(canvas: Canvas) -> None:
    """The threads of a piece are smeared."""
    blurred = cv2.GaussianBlur(canvas.picture, (0, 0), canvas.between(1.5, 5.0))
    patch = _patch(canvas, canvas.insist_ratio)
    canvas.paint(patch, blurred * np.float32(canvas.generator.normal(1, 0.05)))


def density_warp(canvas: Canvas) -> None:
    """Threads lie closer or wider over a piece."""
    height, width = canvas.cover.shape
    middle, size_px = canvas.place(0.15), canvas.between(0.08, 0.3) * canvas.side_px
    x = np.arange(width, dtype=np.float32)[None, :] - np.float32(middle[0])
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32(middle[1])
    stretch = canvas.mostly_small(0.5, 3.0)
    away = (x / (1.6 * size_px * stretch)) ** 2 + (y / (1.6 * size_px)) ** 2
    near = (np.clip(1 - away, 0, 1) ** 2).astype(np.float32)
    pull = near * np.float32(
        canvas.between(0.25, 0.75) * (1 if canvas.generator.random() < 0.5 else -1)
    )
    canvas.move(pull * x, pull * y)
    if canvas.insist_ratio > 1:
        canvas.tint(near, np.full(3, canvas.shade(0.1, 0.6), np.float32))
    np.maximum(canvas.cover, (near > 0.06).astype(np.float32), out=canvas.cover)


def foreign_texture(canvas: Canvas) -> None:
    """Another texture shows in a piece: another cloth, or waves and roughness of no cloth."""
    colour = canvas.other_tone(canvas.contrast(0.3, 2.0))
    if canvas.generator.random() < 0.6:
        texture = _other_cloth(canvas)
        texture = texture + (colour - texture.mean(axis=(0, 1))) * np.float32(canvas.between(0, 1))
    else:
        texture = colour + (_waves(canvas) * canvas.spread_count)[..., None]
    alpha = _patch(canvas) * np.float32(canvas.between(0.4, 1.0))
    canvas.paint(alpha, np.clip(texture, 0, 255).astype(np.float32))


def _waves(canvas: Canvas) -> Plane:
    """Waves and roughness (H, W) float32."""
    height, width = canvas.cover.shape
    generator = canvas.generator
    pitch, angle = canvas.mostly_small(2.5, 20.0), canvas.between(0, np.pi)
    x = np.arange(width, dtype=np.float32)[None, :]
    y = np.arange(height, dtype=np.float32)[:, None]
    way = (x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / pitch)
    wave = np.sin(way) * (1 if generator.random() < 0.5 else np.sin(x * (2.2 / pitch)))
    grainy = generator.standard_normal((height // 2 + 1, width // 2 + 1)).astype(np.float32)
    rough = cv2.resize(grainy, (width, height), interpolation=cv2.INTER_LINEAR)
    mixed = canvas.between(0, 1) * wave + canvas.between(0, 1) * rough
    return np.asarray(mixed, dtype=np.float32)


def _other_cloth(canvas: Canvas) -> Plane:
    """Some other cloth (H, W, 3) float32, mirrored where it ends."""
    height, width = canvas.cover.shape
    cloth = _stored_cloth(int(canvas.generator.integers(_STORED_CLOTHS)))
    shift = canvas.generator.integers(0, len(cloth), 2)
    cloth = np.roll(cloth, (int(shift[0]), int(shift[1])), (0, 1))
    below, right = max(0, height - len(cloth)), max(0, width - len(cloth))
    if below or right:
        cloth = np.pad(cloth, ((0, below), (0, right), (0, 0)), mode="symmetric")
    return np.asarray(cloth[:height, :width], dtype=np.float32)


@lru_cache(maxsize=_STORED_CLOTHS)
def _stored_cloth(number: int) -> NDArray[np.uint8]:
    """One of a store of cloths, each woven once in a process."""
    style = draw_style(np.random.default_rng([0xC107, number]))
    return weave_swatch(style, _STORED_PX).cloth


def thread_removal(canvas: Canvas) -> None:
    """A few threads are pressed into the place of fewer, for a while."""
    _scale_threads(canvas, canvas.between(1.5, 3.0))


def thread_thickening(canvas: Canvas) -> None:
    """A thread takes the place of more, for a while."""
    _scale_threads(canvas, canvas.between(0.25, 0.6))


def _scale_threads(canvas: Canvas, factor: float) -> None:
    """Show `factor` pitches where one was, along one of the cloth's own directions."""
    grain = canvas.grain
    warp = canvas.generator.random() < 0.5
    direction = grain.warp if warp else grain.weft
    pitch_px = grain.warp_pitch_px if warp else grain.weft_pitch_px
    height, width = canvas.cover.shape
    middle = canvas.place(0.1)
    x = np.arange(width, dtype=np.float32)[None, :] - np.float32(middle[0])
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32(middle[1])
    along = x * np.float32(direction[0]) + y * np.float32(direction[1])
    across = y * np.float32(direction[0]) - x * np.float32(direction[1])
    half_px = pitch_px * canvas.between(0.7, 2.0) * float(np.sqrt(canvas.insist_ratio))
    length_px = canvas.mostly_small(0.08, 0.8) * canvas.side_px / 2
    core = np.clip(1.5 - np.abs(across) / np.float32(half_px), 0, 1)
    ends = np.clip(3 - 3 * np.abs(along) / np.float32(length_px), 0, 1)
    near = core * ends
    pull = np.asarray(np.float32(factor - 1) * across * near, dtype=np.float32)
    canvas.move(pull * np.float32(-direction[1]), pull * np.float32(direction[0]))
    if canvas.insist_ratio > 1:
        canvas.tint(near.astype(np.float32), np.full(3, canvas.shade(0.2, 0.9), np.float32))
    np.maximum(canvas.cover, (near > 0.05).astype(np.float32), out=canvas.cover)
