"""Flaws that lie on cloth or go through it: holes, stains, creases, fibres."""

import cv2
import numpy as np

from cloud.infrastructure.training.rendering.canvas import Canvas, blob, cloud, curl, wander
from cloud.infrastructure.training.rendering.cloth_flaws import yarn


def hole(canvas: Canvas) -> None:
    """Cloth is gone: what lies below shows, with frayed ends around."""
    size_px = canvas.mostly_small(3.0, 0.22 * canvas.side_px)
    middle = canvas.place()
    alpha = blob(canvas.generator, canvas.cover.shape, middle, size_px, 0.35)
    level = canvas.between(3, 45) if canvas.generator.random() < 0.75 else canvas.between(180, 250)
    if abs(level - float(canvas.tone.mean())) < 25:
        level = 225.0 if level < 128 else 12.0
    rim = np.clip(cv2.GaussianBlur(alpha, (0, 0), 1.5) * 1.4 - alpha, 0, 1)
    canvas.picture *= (1 + canvas.between(-0.25, 0.35) * rim)[..., None]
    canvas.paint(alpha, np.full(3, level, np.float32))
    for _ in range(int(canvas.generator.integers(0, 6))):
        way = curl(canvas.generator, middle + canvas.generator.normal(0, size_px / 3, 2),
                   size_px * canvas.between(0.3, 0.8), 0.25)  # fmt: skip
        yarn(canvas, canvas.stroke(way, canvas.between(0.7, 1.6)), canvas.tone.copy())


def stain(canvas: Canvas) -> None:
    """A liquid that dried: even or cloudy, often with a darker rim, sometimes several drops."""
    generator, side_px = canvas.generator, canvas.side_px
    alpha = np.zeros(canvas.cover.shape, np.float32)
    middle = canvas.place()
    size_px = canvas.mostly_small(4.0, 0.45 * side_px)
    for number in range(1 + int(generator.integers(0, 4)) * int(generator.random() < 0.3)):
        spread = generator.normal(0, size_px, 2) if number else np.zeros(2)
        own_px = size_px * (canvas.between(0.1, 0.5) if number else 1.0)
        np.maximum(alpha, blob(generator, alpha.shape, middle + spread, own_px, 0.45), out=alpha)
    soft = cv2.GaussianBlur(alpha, (0, 0), canvas.between(0.6, 0.12 * size_px + 0.8))
    if generator.random() < 0.4:
        inner = cv2.GaussianBlur(alpha, (0, 0), 0.1 * size_px + 0.8)
        soft = soft * np.clip(1.5 - inner, 0.4, 1)
    if generator.random() < 0.5:
        soft = soft * np.clip(0.8 + 0.3 * cloud(generator, alpha.shape, 5), 0.1, 1)
    depth = np.clip(canvas.contrast(0.8, 4.5) / max(float(canvas.tone.mean()), 8.0), 0.06, 0.85)
    factor = 1 - depth * (1 - 0.5 * generator.random(3) * generator.random())
    if generator.random() < 0.2 and float(canvas.tone.mean()) < 140:
        factor = 1 + depth * (1 - 0.3 * generator.random(3))
    canvas.tint(soft.astype(np.float32), factor.astype(np.float32))


def oil_line(canvas: Canvas) -> None:
    """Oil of the machine along a thread: a thin dark blurred line."""
    grain = canvas.grain
    direction = grain.warp if canvas.generator.random() < 0.6 else grain.weft
    length_px = canvas.mostly_small(0.15, 1.2) * canvas.side_px
    start = canvas.place() - direction * length_px / 2
    way = wander(canvas.generator, start, direction, length_px, 1.0)
    width_px = canvas.mostly_small(1.2, 7.0)
    alpha = canvas.stroke(way, width_px, soft_px=canvas.between(0.7, 2.2))
    alpha *= np.clip(0.7 + 0.4 * cloud(canvas.generator, alpha.shape, 6), 0.0, 1)
    depth = np.clip(canvas.contrast(0.8, 4.0) / max(float(canvas.tone.mean()), 8.0), 0.08, 0.8)
    canvas.tint(alpha, np.array([1 - 0.9 * depth, 1 - 0.95 * depth, 1 - depth], np.float32))


def colour_bleed(canvas: Canvas) -> None:
    """Dye that ran: a colour that fades away to one side."""
    generator = canvas.generator
    size_px = canvas.between(0.25, 0.9) * canvas.side_px
    alpha = blob(generator, canvas.cover.shape, canvas.place(), size_px, 0.5)
    soft = cv2.GaussianBlur(alpha, (0, 0), 0.12 * size_px)
    soft = soft * np.clip(0.75 + 0.35 * cloud(generator, alpha.shape, 4), 0, 1)
    depth = float(np.clip(canvas.between(0.08, 0.5) * canvas.boldness_ratio, 0.06, 0.7))
    hue = generator.random(3)
    hue = 1 - depth * (hue - hue.min()) / max(float(np.ptp(hue)), 1e-6)
    canvas.tint(soft.astype(np.float32), hue.astype(np.float32))


def crease_mark(canvas: Canvas) -> None:
    """A sharp fold that was pressed in: a light and a dark edge side by side."""
    angle = canvas.between(0, np.pi)
    direction = np.array([np.cos(angle), np.sin(angle)])
    length_px = canvas.between(0.3, 1.3) * canvas.side_px
    start = canvas.place() - direction * length_px / 2
    way = wander(canvas.generator, start, direction, length_px, canvas.between(0.5, 4))
    normal = np.array([-direction[1], direction[0]])
    width_px = canvas.mostly_small(1.5, 7.0)
    lit = canvas.stroke(way + normal * width_px / 2, width_px, soft_px=width_px / 2.5)
    dark = canvas.stroke(way - normal * width_px / 2, width_px, soft_px=width_px / 2.5)
    depth = float(np.clip(canvas.between(0.08, 0.4) * canvas.boldness_ratio, 0.07, 0.6))
    canvas.tint(lit, np.full(3, 1 + depth, np.float32))
    canvas.tint(dark, np.full(3, 1 - depth, np.float32))


def foreign_fibre(canvas: Canvas) -> None:
    """A fibre of another colour, spun in or lying on the cloth."""
    size_px = canvas.mostly_small(6.0, 0.35 * canvas.side_px)
    way = curl(canvas.generator, canvas.place(), size_px, canvas.between(0.1, 0.5))
    alpha = canvas.stroke(way, canvas.between(0.6, 1.8))
    colour = canvas.other_tone(canvas.contrast(1.0, 5.0)) * canvas.generator.uniform(0.7, 1.3, 3)
    canvas.paint(alpha * canvas.between(0.5, 1.0), np.clip(colour, 0, 255).astype(np.float32))
