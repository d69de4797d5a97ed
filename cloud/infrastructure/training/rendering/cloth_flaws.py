"""Flaws of threads and of the weave; each paints on a canvas of real or rendered cloth."""

import cv2
import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering.canvas import (
    Canvas,
    Plane,
    Way,
    blob,
    box_of,
    curl,
    wander,
)


def broken_end(canvas: Canvas) -> None:
    """A warp thread is missing for a while: its neighbours stand apart."""
    grain = canvas.grain
    _missing_thread(canvas, grain.warp, grain.warp_pitch_px, grain.weft_pitch_px)


def broken_pick(canvas: Canvas) -> None:
    """A weft thread is missing for a while."""
    grain = canvas.grain
    _missing_thread(canvas, grain.weft, grain.weft_pitch_px, grain.warp_pitch_px)


def _missing_thread(canvas: Canvas, direction: Way, pitch_px: float, rung_px: float) -> None:
    """A gap in which the other threads show as rungs, or the thread itself where it floats."""
    generator, side_px = canvas.generator, canvas.side_px
    length_px = canvas.mostly_small(0.06, 1.3) * side_px
    width_px = float(np.clip(pitch_px * canvas.between(0.35, 1.2), 0.8, 9.0))
    sway_px = canvas.mostly_small(0.1, 0.04 * side_px)
    start = canvas.place() - direction * length_px * canvas.between(0.1, 0.9)
    way = wander(generator, start, direction, length_px, sway_px)
    alpha = canvas.stroke(way, width_px)
    along = _along(canvas, way[0], direction)
    alpha *= _fading(canvas, along, float(np.hypot(*(way[-1] - way[0]))) + 1)
    if generator.random() < 0.6:
        squeeze(canvas, alpha, direction, width_px)
    colour = canvas.other_tone()
    if generator.random() < 0.2:
        yarn(canvas, alpha * np.float32(canvas.between(0.6, 1.0)), colour)
    else:
        depth = np.float32(canvas.between(0.0, 0.45))
        rungs = 1 + depth * np.cos(along * np.float32(2 * np.pi / max(2.0, rung_px)))
        rungs *= np.float32(1 / (1 + 0.5 * depth))
        canvas.paint(alpha * np.float32(canvas.between(0.35, 0.95)), rungs[..., None] * colour)
    if generator.random() < 0.3:
        end = way[-1 if generator.random() < 0.5 else 0]
        lump(canvas, end, min(pitch_px, 8.0) * canvas.between(0.8, 2))


def _along(canvas: Canvas, start: Way, direction: Way) -> Plane:
    """Distance (H, W) float32 from a place (2,) float64 along a direction (2,) float64."""
    height, width = canvas.cover.shape
    x = np.arange(width, dtype=np.float32)[None, :] - np.float32(start[0])
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32(start[1])
    return x * np.float32(direction[0]) + y * np.float32(direction[1])


def _fading(canvas: Canvas, along: Plane, reach_px: float) -> Plane:
    """Strength (H, W) float32 of a line that shows here more and there less."""
    knots = canvas.generator.uniform(0.35, 1.25, 9).astype(np.float32)
    table = np.interp(np.linspace(0, 8, 256), np.arange(9), knots).clip(0, 1).astype(np.float32)
    index = np.clip(along * np.float32(255 / reach_px), 0, 255).astype(np.intp)
    return np.asarray(table[index], dtype=np.float32)


def squeeze(canvas: Canvas, alpha: Plane, direction: Way, width_px: float) -> None:
    """Let the neighbours of a line bend away from it or into it, alpha (H, W) float32."""
    soft = cv2.GaussianBlur(alpha, (0, 0), max(1.0, width_px))
    down, right = np.gradient(soft)
    normal = np.array([-direction[1], direction[0]], np.float32)
    slope = right * normal[0] + down * normal[1]
    push = slope * np.float32(width_px * width_px * canvas.between(-1.2, 1.6))
    canvas.move(push * normal[0], push * normal[1])


def slub(canvas: Canvas) -> None:
    """A thread is much thicker for a while."""
    warp = canvas.generator.random() < 0.4
    grain = canvas.grain
    direction = grain.warp if warp else grain.weft
    pitch_px = grain.warp_pitch_px if warp else grain.weft_pitch_px
    length_px = canvas.mostly_small(2.0, 14.0) * pitch_px + 6
    way = wander(canvas.generator, canvas.place(), direction, length_px, 0.3)
    thin = canvas.stroke(way, max(1.2, pitch_px * canvas.between(0.8, 1.2)), soft_px=0.8)
    belly = way[len(way) // 4 : -len(way) // 4]
    thick = canvas.stroke(belly, pitch_px * canvas.between(1.2, 2.2) + 1, soft_px=1.2)
    squeeze(canvas, thick, direction, pitch_px)
    yarn(canvas, np.maximum(0.8 * thin, thick), canvas.other_tone())


def yarn(canvas: Canvas, alpha: Plane, colour: NDArray[np.float32]) -> None:
    """Lay a round thread, alpha (H, W) float32, with a lit and a dark side and a shadow."""
    box = box_of(alpha, 5)
    own = alpha[box]
    depth, darkness = canvas.between(0.2, 0.9), canvas.between(0.1, 0.5)
    if min(own.shape) < 2:
        return
    light = cv2.GaussianBlur(own, (0, 0), 1.0)
    down, right = np.gradient(light)
    relief = np.clip(1 - depth * (down + right), 0.5, 1.6)
    shadow = np.roll(light, (1, 1), (0, 1)) * (1 - own)
    canvas.picture[box] *= (1 - darkness * shadow)[..., None]
    thread = np.clip(colour * relief[..., None], 0, 255).astype(np.float32)
    canvas.picture[box] += (thread - canvas.picture[box]) * own[..., None]
    np.maximum(canvas.cover[box], own, out=canvas.cover[box])


def lump(canvas: Canvas, middle: Way, size_px: float) -> None:
    """A small round thickening at a place (2,) float64."""
    alpha = blob(canvas.generator, canvas.cover.shape, middle, max(2.5, size_px), 0.4)
    yarn(canvas, alpha * canvas.between(0.6, 1.0), canvas.other_tone())


def knot(canvas: Canvas) -> None:
    """A knot, or a nep: a tiny entangled lump, sometimes with its ends."""
    middle = canvas.place()
    pitch_px = (canvas.grain.warp_pitch_px + canvas.grain.weft_pitch_px) / 2
    lump(canvas, middle, min(pitch_px, 7.0) * canvas.between(0.7, 2.2))
    if canvas.generator.random() < 0.4:
        way = curl(canvas.generator, middle, pitch_px * canvas.between(1.5, 4), 0.4)
        yarn(canvas, canvas.stroke(way, max(0.8, 0.25 * pitch_px)), canvas.other_tone())


def loose_thread(canvas: Canvas) -> None:
    """A cut end of yarn that lies on the cloth."""
    size_px = canvas.mostly_small(0.08, 0.6) * canvas.side_px
    way = curl(canvas.generator, canvas.place(), size_px, canvas.between(0.1, 0.6))
    width_px = float(np.clip(0.5 * canvas.grain.warp_pitch_px * canvas.between(0.6, 1.4), 1, 5))
    yarn(canvas, canvas.stroke(way, width_px), canvas.other_tone(canvas.contrast(1.2, 5.0)))


def snag(canvas: Canvas) -> None:
    """A thread pulled out: a loop, and the cloth drawn together along the thread."""
    grain, generator = canvas.grain, canvas.generator
    direction = grain.weft if generator.random() < 0.6 else grain.warp
    length_px = canvas.between(0.15, 0.6) * canvas.side_px
    middle = canvas.place(0.15)
    way = wander(generator, middle - direction * length_px / 2, direction, length_px, 0.5)
    line = canvas.stroke(way, grain.weft_pitch_px * 0.8, soft_px=0.8)
    _gather(canvas, middle, direction, length_px)
    squeeze(canvas, line, direction, grain.weft_pitch_px)
    canvas.paint(line * canvas.between(0.25, 0.7), canvas.other_tone())
    loop = curl(generator, middle, canvas.between(4, 14), 0.7)
    yarn(canvas, canvas.stroke(loop, canvas.between(1.0, 2.4)), canvas.other_tone())


def _gather(canvas: Canvas, middle: Way, direction: Way, length_px: float) -> None:
    height, width = canvas.cover.shape
    x = np.arange(width, dtype=np.float32)[None, :] - np.float32(middle[0])
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32(middle[1])
    along = x * np.float32(direction[0]) + y * np.float32(direction[1])
    across = y * np.float32(direction[0]) - x * np.float32(direction[1])
    near = np.exp(-((along / (0.35 * length_px)) ** 2) - (across / (0.08 * length_px + 3)) ** 2)
    pull = (near * along * np.float32(canvas.between(0.15, 0.5))).astype(np.float32)
    canvas.move(pull * np.float32(direction[0]), pull * np.float32(direction[1]))
    np.maximum(canvas.cover, 0.5 * near * (near > 0.35), out=canvas.cover)


def misweave(canvas: Canvas) -> None:
    """Threads cross in the wrong order over a strip: the cloth shifted by part of a repeat.

    Drawn again to be seen, they float: the crossings between them fade, and they shine or dull.
    """
    grain, generator = canvas.grain, canvas.generator
    direction, other = grain.warp, grain.weft
    pitch_px, other_pitch_px = grain.warp_pitch_px, grain.weft_pitch_px
    if generator.random() < 0.5:
        direction, other, pitch_px, other_pitch_px = other, direction, other_pitch_px, pitch_px
    length_px = canvas.mostly_small(0.12, 0.9) * canvas.side_px
    start = canvas.place() - direction * length_px / 2
    way = wander(generator, start, direction, length_px, 0.2)
    threads = int(generator.integers(1, 6))
    alpha = canvas.stroke(way, threads * pitch_px + 1.0, soft_px=0.6)
    shift = direction * other_pitch_px * canvas.between(0.35, 0.65)
    shift = shift + other * pitch_px * canvas.between(-0.2, 0.2)
    before = canvas.picture
    nothing = np.zeros(canvas.cover.shape, np.float32)
    canvas.move(nothing + np.float32(shift[0]), nothing + np.float32(shift[1]))
    moved, canvas.picture = canvas.picture, before.copy()
    if canvas.insist_ratio > 1:
        moved = (moved + before) * np.float32(0.5 * canvas.shade(0.15, 0.6))
    canvas.paint(alpha, moved * np.float32(canvas.between(0.9, 1.1)))
