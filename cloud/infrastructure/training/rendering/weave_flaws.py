"""Flaws of whole groups of threads and of their fibres."""

import cv2
import numpy as np

from cloud.infrastructure.training.rendering.canvas import Canvas, Plane, Way, blob, curl, wander
from cloud.infrastructure.training.rendering.cloth_flaws import squeeze, yarn


def weft_curl(canvas: Canvas) -> None:
    """A pick that was not held: it stands out in one or a few tiny curls."""
    pitch_px = min(canvas.grain.weft_pitch_px, 8.0)
    middle = canvas.place()
    for number in range(1 + int(canvas.generator.integers(0, 3))):
        shift = canvas.grain.weft * number * pitch_px * canvas.between(1.0, 3.0)
        way = curl(canvas.generator, middle + shift, pitch_px * canvas.between(1.0, 3.0), 0.9)
        alpha = canvas.stroke(way, max(1.0, pitch_px * canvas.between(0.3, 0.7)))
        yarn(canvas, alpha, canvas.other_tone())


def fuzzy_ball(canvas: Canvas) -> None:
    """Fibres rubbed into a soft ball, with hairs around."""
    middle, size_px = canvas.place(), canvas.mostly_small(4.0, 0.12 * canvas.side_px + 4)
    colour = canvas.other_tone()
    core = blob(canvas.generator, canvas.cover.shape, middle, size_px * 0.7, 0.4)
    soft = cv2.GaussianBlur(core, (0, 0), 0.12 * size_px + 0.6)
    yarn(canvas, np.asarray(soft * canvas.between(0.5, 0.9), dtype=np.float32), colour)
    hairs = np.zeros(canvas.cover.shape, np.float32)
    for _ in range(int(canvas.generator.integers(3, 9))):
        place = middle + canvas.generator.normal(0, size_px / 5, 2)
        way = curl(canvas.generator, place, size_px * canvas.between(0.5, 1.1), 0.4)
        np.maximum(hairs, canvas.stroke(way, canvas.between(0.4, 0.9)), out=hairs)
    canvas.paint(hairs * canvas.between(0.4, 0.9), colour)


def cut_selvage(canvas: Canvas) -> None:
    """A cut that runs in from the border: an opening that narrows, with frayed lips."""
    generator, side_px = canvas.generator, canvas.side_px
    height, width = canvas.cover.shape
    left = generator.random() < 0.5
    length_px = canvas.mostly_small(0.08, 0.6) * side_px
    start = np.array([0.0 if left else width, canvas.between(0.08, 0.92) * height])
    direction = canvas.grain.weft if left else -canvas.grain.weft
    way = wander(generator, start, direction, length_px, canvas.between(0.3, 3))
    open_px = canvas.mostly_small(1.5, 0.05 * side_px + 2)
    taper = np.linspace(1.0, 0.05, len(way))[:, None] * open_px / 2
    normal = np.array([-direction[1], direction[0]])
    ragged = generator.uniform(0.6, 1.4, (2, len(way), 1))
    lips = np.concatenate(
        [way + normal * taper * ragged[0], (way - normal * taper * ragged[1])[::-1]]
    )
    opening = np.zeros((height, width), np.uint8)
    cv2.fillPoly(opening, [np.round(lips * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    alpha = np.asarray(cv2.GaussianBlur(opening, (0, 0), 0.6) / np.float32(255), dtype=np.float32)
    squeeze(canvas, alpha, direction, 2.0)
    level = canvas.between(3, 40) if float(canvas.tone.mean()) > 70 else canvas.between(150, 250)
    canvas.paint(alpha, np.full(3, level, np.float32))
    for place in way[:: max(1, len(way) // 5)]:
        hair = curl(generator, place, canvas.between(3, 9), 0.3)
        yarn(canvas, canvas.stroke(hair, canvas.between(0.6, 1.4)), canvas.tone.copy())


def density_bar(canvas: Canvas) -> None:
    """A reed mark or a starting mark: threads lie closer or wider over a band."""
    warp = canvas.generator.random() < 0.5
    grain = canvas.grain
    direction = grain.warp if warp else grain.weft
    pitch_px = grain.warp_pitch_px if warp else grain.weft_pitch_px
    across, _ = _band_place(canvas, direction)
    half_px = pitch_px * canvas.between(1.0, 6.0)
    near = np.clip(1 - (across / (1.6 * half_px)) ** 2, 0, 1) ** 2
    pull = np.float32(canvas.between(0.25, 0.7) * (1 if canvas.generator.random() < 0.5 else -1))
    normal = np.array([-direction[1], direction[0]], np.float32)
    canvas.move(pull * near * across * normal[0], pull * near * across * normal[1])
    change = np.clip(canvas.contrast(0.1, 0.9) / max(float(canvas.tone.mean()), 20.0), 0.0, 0.3)
    canvas.tint(near, np.full(3, 1 + np.sign(pull) * change, np.float32))
    np.maximum(canvas.cover, (near > 0.06).astype(np.float32), out=canvas.cover)


def shade_bar(canvas: Canvas) -> None:
    """Threads of another lot or tension: a band of another shade, as straight as the threads."""
    direction = canvas.grain.weft if canvas.generator.random() < 0.7 else canvas.grain.warp
    across, _ = _band_place(canvas, direction)
    half_px = canvas.mostly_small(1.5, 0.12 * canvas.side_px)
    alpha = np.clip((half_px - np.abs(across)) / 1.2 + 0.5, 0, 1).astype(np.float32)
    change = np.clip(canvas.contrast(0.3, 1.6) / max(float(canvas.tone.mean()), 15.0), 0.05, 0.5)
    sign = 1 if canvas.generator.random() < 0.5 else -1
    own = canvas.generator.normal(0, 0.15, 3)
    canvas.tint(alpha, (1 + change * (sign + own)).astype(np.float32))


def dropped_stitch(canvas: Canvas) -> None:
    """A loop slipped: its wale runs down to a ladder of bare rungs."""
    grain = canvas.grain
    length_px = canvas.mostly_small(0.15, 1.2) * canvas.side_px
    start = canvas.place() - grain.warp * length_px / 2
    way = wander(canvas.generator, start, grain.warp, length_px, 0.4)
    alpha = canvas.stroke(
        way, max(2.0, grain.warp_pitch_px * canvas.between(0.7, 1.2)), soft_px=0.6
    )
    squeeze(canvas, alpha, grain.warp, grain.warp_pitch_px * 0.8)
    _, along = _band_place(canvas, grain.warp, way[0])
    rungs = 0.5 + 0.5 * np.cos(along * np.float32(2 * np.pi / max(2.5, grain.weft_pitch_px)))
    dark = canvas.tone * canvas.between(0.25, 0.6)
    light = canvas.tone * canvas.between(0.75, 1.1)
    colour = dark + (light - dark) * (rungs**2)[..., None]
    canvas.paint(alpha * canvas.between(0.6, 0.95), colour.astype(np.float32))


def _band_place(canvas: Canvas, direction: Way, through: Way | None = None) -> tuple[Plane, Plane]:
    """Distance across and along a line (H, W) float32, through a place (2,) float64 or any."""
    height, width = canvas.cover.shape
    middle = canvas.place(0.1) if through is None else through
    x = np.arange(width, dtype=np.float32)[None, :] - np.float32(middle[0])
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32(middle[1])
    along = x * np.float32(direction[0]) + y * np.float32(direction[1])
    across = y * np.float32(direction[0]) - x * np.float32(direction[1])
    return across, along
