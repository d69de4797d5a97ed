"""A picture being spoiled, and the strokes and patches that do it."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering.grain import Grain

Plane = NDArray[np.float32]
Way = NDArray[np.float64]

_FINER = 3


@dataclass(slots=True)
class Canvas:
    """Picture (H, W, 3) float32, 0 to 255, and `cover` (H, W) float32, how much was changed where.

    `tone` (3,) float32 is the cloth's mean colour, `spread_count` its contrast in grey levels.
    `boldness_ratio` scales how much a flaw shows. `insist_ratio` is above 1 where a flaw was drawn
    that nobody could see: flaws whose strength is not one of colour then also change their form.
    """

    picture: Plane
    grain: Grain
    boldness_ratio: float
    generator: np.random.Generator
    insist_ratio: float = 1.0
    tone: NDArray[np.float32] = field(init=False)
    spread_count: float = field(init=False)
    cover: Plane = field(init=False)

    def __post_init__(self) -> None:
        """Measure the cloth."""
        small = np.ascontiguousarray(self.picture[::3, ::3])
        self.tone = np.array(cv2.mean(small)[:3], np.float32)
        _, spread = cv2.meanStdDev(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
        self.spread_count = float(np.clip(spread[0, 0], 5.0, 40.0))
        self.cover = np.zeros(self.picture.shape[:2], np.float32)

    @property
    def side_px(self) -> int:
        """Shorter side of the picture."""
        return int(min(self.picture.shape[:2]))

    def between(self, low: float, high: float) -> float:
        """A number drawn evenly."""
        return float(self.generator.uniform(low, high))

    def mostly_small(self, low: float, high: float) -> float:
        """A number whose logarithm is drawn evenly."""
        return float(np.exp(self.generator.uniform(np.log(low), np.log(high))))

    def place(self, margin_ratio: float = 0.06) -> Way:
        """A place (2,) float64, x and y in px, not quite at the border."""
        height, width = self.cover.shape
        low, high = margin_ratio, 1 - margin_ratio
        return np.array([self.between(low, high) * width, self.between(low, high) * height])

    def contrast(self, low: float = 0.7, high: float = 3.5) -> float:
        """How many grey levels a flaw differs, by the cloth's own contrast."""
        return self.boldness_ratio * self.spread_count * self.mostly_small(low, high)

    def shade(self, low: float, high: float) -> float:
        """A factor of brightness that differs from 1 by a contrast, either way."""
        change = min(self.contrast(low, high) / max(float(self.tone.mean()), 15.0), 0.5)
        return 1 + change * (1 if self.generator.random() < 0.5 else -1)

    def other_tone(self, contrast_count: float | None = None) -> NDArray[np.float32]:
        """A colour (3,) float32 near the cloth's own, lighter or darker by a contrast."""
        wanted = self.contrast() if contrast_count is None else contrast_count
        mean = float(self.tone.mean())
        darker = self.generator.random() < (0.65 if mean > 60 else 0.2)
        level = mean - wanted if darker else mean + wanted
        if not 4 < level < 250:
            level = mean + wanted if darker else mean - wanted
        scale = float(np.clip(level, 2, 253)) / max(mean, 1.0)
        return np.asarray(np.clip(self.tone * scale, 0, 255), dtype=np.float32)

    def paint(self, alpha: Plane, colour: NDArray[np.float32]) -> None:
        """Lay a colour (3,) or (H, W, 3) float32 on with alpha (H, W) float32."""
        box = box_of(alpha)
        part, own = self.picture[box], alpha[box]
        part += ((colour if colour.ndim == 1 else colour[box]) - part) * own[..., None]
        np.maximum(self.cover[box], own, out=self.cover[box])

    def tint(self, alpha: Plane, factor: NDArray[np.float32]) -> None:
        """Multiply by a factor (3,) float32 where alpha (H, W) float32 is 1."""
        box = box_of(alpha)
        self.picture[box] *= 1 + (factor - 1) * alpha[box][..., None]
        np.maximum(self.cover[box], alpha[box], out=self.cover[box])

    def move(self, x_px: Plane, y_px: Plane) -> None:
        """Show at each pixel what lies (x, y) (H, W) float32 px away."""
        height, width = self.cover.shape
        columns = np.arange(width, dtype=np.float32)[None, :] + x_px
        rows = np.arange(height, dtype=np.float32)[:, None] + y_px
        moved = cv2.remap(
            self.picture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        self.picture = np.asarray(moved, dtype=np.float32)

    def stroke(self, way: Way, width_px: float, *, soft_px: float = 0.5) -> Plane:
        """Alpha (H, W) float32 of a thread along points (N, 2), x and y in px."""
        return stroke(self.cover.shape, way, width_px, soft_px)


def box_of(alpha: Plane, around_px: int = 0) -> tuple[slice, slice]:
    """The smallest window of (H, W) float32 outside of which alpha is 0."""
    rows = np.flatnonzero(alpha.any(axis=1))
    columns = np.flatnonzero(alpha.any(axis=0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return (
        slice(max(0, int(rows[0]) - around_px), int(rows[-1]) + 1 + around_px),
        slice(max(0, int(columns[0]) - around_px), int(columns[-1]) + 1 + around_px),
    )


def stroke(shape: tuple[int, ...], way: Way, width_px: float, soft_px: float = 0.5) -> Plane:
    """Alpha (H, W) float32 of a line of any width along points (N, 2) float64, x and y in px."""
    height, width = shape[:2]
    alpha = np.zeros((height, width), np.float32)
    reach = width_px + 3 * soft_px + 2
    left, top = np.maximum(np.floor(way.min(axis=0) - reach).astype(int), 0)
    right, bottom = np.minimum(np.ceil(way.max(axis=0) + reach).astype(int), [width, height])
    if left >= right or top >= bottom:
        return alpha
    fine = np.zeros(((bottom - top) * _FINER, (right - left) * _FINER), np.uint8)
    points = np.round(((way - [left, top] + 0.5) * _FINER - 0.5) * 16).astype(np.int32)
    thickness = max(1, round(width_px * _FINER))
    cv2.polylines(fine, [points], False, 255, thickness, cv2.LINE_AA, 4)
    size = (right - left, bottom - top)
    part = cv2.resize(fine, size, interpolation=cv2.INTER_AREA)
    if soft_px > 0:
        part = cv2.GaussianBlur(part, (0, 0), soft_px)
    alpha[top:bottom, left:right] = part * np.float32(min(1.0, width_px * _FINER) / 255)
    return alpha


def wander(
    generator: np.random.Generator, start: Way, direction: Way, length_px: float, sway_px: float
) -> Way:
    """Points (N, 2) float64 of a nearly straight way that sways by `sway_px`."""
    count = max(4, int(length_px / 4))
    along = np.linspace(0, length_px, count)[:, None]
    knots = generator.standard_normal(max(3, int(length_px / 28) + 2))
    sway = np.interp(np.linspace(0, len(knots) - 1, count), np.arange(len(knots)), knots)
    sway = np.convolve(np.pad(sway, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    normal = np.array([-direction[1], direction[0]])
    return np.asarray(start + along * direction + sway_px * sway[:, None] * normal)


def curl(generator: np.random.Generator, middle: Way, size_px: float, bend: float) -> Way:
    """Points (N, 2) float64 of a free thread about `size_px` across."""
    turns = generator.uniform(0, 2 * np.pi) + np.cumsum(generator.normal(0, bend, 48))
    turns = np.convolve(np.pad(turns, 3, mode="edge"), np.ones(7) / 7, mode="valid")
    way = np.cumsum(np.column_stack([np.cos(turns), np.sin(turns)]), axis=0)
    way -= (way.max(axis=0) + way.min(axis=0)) / 2
    return np.asarray(middle + way * size_px / max(float(np.ptp(way, axis=0).max()), 1e-6))


def blob(
    generator: np.random.Generator, shape: tuple[int, ...], middle: Way, size_px: float,
    rough_ratio: float = 0.3,
) -> Plane:  # fmt: skip
    """Alpha (H, W) float32 of an irregular spot of about `size_px` across."""
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radius = np.ones_like(angle)
    for order in range(2, 8):
        phase = generator.uniform(0, 2 * np.pi)
        radius += rough_ratio / order * generator.standard_normal() * np.cos(order * angle + phase)
    radius = np.clip(radius, 0.35, 1.8) * size_px / 2
    stretch, turn = generator.uniform(0.5, 1.0), generator.uniform(0, np.pi)
    points = np.column_stack([np.cos(angle) * radius, np.sin(angle) * radius * stretch])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    canvas = np.zeros(shape[:2], np.uint8)
    fixed = np.round((points @ rotation.T + middle) * 16).astype(np.int32)
    cv2.fillPoly(canvas, [fixed], 255, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(canvas, (0, 0), 0.5)
    return np.asarray(soft * np.float32(1 / 255), dtype=np.float32)


def cloud(generator: np.random.Generator, shape: tuple[int, ...], knots: int) -> Plane:
    """Soft noise (H, W) float32 of two octaves, about unit spread."""
    height, width = shape[:2]
    total = np.zeros((height, width), np.float32)
    for scale, weight in ((1, 0.85), (3, 0.5)):
        coarse = generator.standard_normal((knots * scale, knots * scale)).astype(np.float32)
        total += weight * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return total
