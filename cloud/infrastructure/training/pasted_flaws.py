"""Flaws pasted on a style's own good pictures, so that a network can learn the style from them.

None is of the catalogue: they are places that differ in shade, detail, texture or direction, of
any shape. What is learned is where a picture stops looking like the style's good ones, not what a
flaw is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

_SMALLEST_PX = 6
_SEEN_RATIO = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pasted:
    """A ``picture`` (H, W, 3) uint8, its flaw's ``mask`` and doubtful rim ``near`` (H, W) bool."""

    picture: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    near: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _Sheet:
    """What is pasted on: ``picture`` (H, W, 3) float32, its ``fine`` detail and its scatter."""

    generator: np.random.Generator
    picture: Plane
    fine: Plane
    scatter_score: float

    @property
    def shape(self) -> tuple[int, int]:
        return self.picture.shape[0], self.picture.shape[1]

    def between(self, low: float, high: float) -> float:
        return float(self.generator.uniform(low, high))

    def mostly_small(self, low: float, high: float) -> float:
        return float(np.exp(self.generator.uniform(np.log(low), np.log(high))))

    def chance(self, ratio: float) -> bool:
        return bool(self.generator.random() < ratio)

    def place(self) -> tuple[float, float]:
        """Somewhere, three times in ten on the picture's border."""
        height, width = self.shape
        x, y = self.between(0, width), self.between(0, height)
        if self.chance(0.3):
            away = float(self.generator.normal(0, 4))
            if self.chance(0.5):
                x = away + (width - 1) * int(self.generator.integers(2))
            else:
                y = away + (height - 1) * int(self.generator.integers(2))
        return x, y

    def way(self) -> float:
        """A direction in radians, every second time along the picture's sides."""
        turn = self.between(0, 2 * np.pi)
        return round(turn / (np.pi / 2)) * np.pi / 2 if self.chance(0.5) else turn

    def noise(self, cells: float) -> Plane:
        """Smooth noise of so many waves along the longer side."""
        longer = max(self.shape)
        size = [max(2, int(cells * side / longer)) + 1 for side in self.shape]
        coarse = self.generator.standard_normal(size).astype(np.float32)
        high, wide = self.shape
        grown = cv2.resize(coarse, (wide, high), interpolation=cv2.INTER_CUBIC)
        return np.asarray(grown, dtype=np.float32)


def paste_flaw(
    generator: np.random.Generator, picture: NDArray[np.uint8], others: Sequence[NDArray[np.uint8]]
) -> Pasted | None:
    """Paste one flaw on ``picture`` (H, W, 3) uint8; ``others`` are good pictures to cut from.

    None where what was drawn would not be seen.
    """
    own = picture.astype(np.float32)
    fine = own - cv2.GaussianBlur(own, (0, 0), 4)
    sheet = _Sheet(generator, own, np.asarray(fine, np.float32), float(fine.std()) + 1.5)
    alpha = _area(sheet)
    if sheet.chance(0.4):
        alpha = np.asarray(
            cv2.GaussianBlur(alpha, (0, 0), sheet.mostly_small(0.5, 3.0)), np.float32
        )
    filling = _filling(sheet, alpha, others)
    spoiled = own + (alpha * sheet.between(0.5, 1.0))[..., None] * (filling - own)
    spoiled = np.clip(spoiled, 0, 255).round()
    change = cv2.blur(np.abs(spoiled - own).mean(axis=2), (5, 5))
    mask = (alpha > 0.25) & (change > _SEEN_RATIO * sheet.scatter_score)
    if int(mask.sum()) < _SMALLEST_PX:
        return None
    near = (alpha > 0.02) & ~mask
    return Pasted(picture=spoiled.astype(np.uint8), mask=np.asarray(mask), near=np.asarray(near))


def _area(sheet: _Sheet) -> Plane:
    """Where: a spot, a stroke, islands, or all beyond a bent line; alpha (H, W) float32."""
    side, kind = min(sheet.shape), sheet.generator.random()
    if kind < 0.42:
        return _spot(sheet, sheet.mostly_small(5.0, max(6.0, 0.5 * side)))
    if kind < 0.7:
        return _stroke(sheet, sheet.mostly_small(10.0, max(12.0, 1.2 * side)))
    if kind < 0.82:
        field = sheet.noise(float(sheet.generator.integers(3, 7)))
        level = np.quantile(field[::4, ::4], sheet.between(0.75, 0.95))
        return np.asarray(np.clip((field - level) * sheet.between(3, 20), 0, 1), np.float32)
    return _beyond(sheet, side)


def _spot(sheet: _Sheet, size_px: float) -> Plane:
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radius = np.ones(48)
    for order in range(2, 7):
        wave = sheet.generator.standard_normal() * 0.35 / order
        radius += wave * np.cos(order * angle + sheet.between(0, 2 * np.pi))
    radius = np.clip(radius, 0.35, 1.7) * size_px / 2
    x, y = np.cos(angle) * radius, np.sin(angle) * radius * sheet.mostly_small(0.35, 1.0)
    turn = sheet.between(0, np.pi)
    middle = sheet.place()
    points = np.column_stack(
        [
            middle[0] + x * np.cos(turn) - y * np.sin(turn),
            middle[1] + x * np.sin(turn) + y * np.cos(turn),
        ]
    )
    drawn = np.zeros(sheet.shape, np.uint8)
    cv2.fillPoly(drawn, [np.round(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return np.asarray(drawn / np.float32(255), np.float32)


def _stroke(sheet: _Sheet, length_px: float) -> Plane:
    count = max(4, int(length_px / 6))
    bends = sheet.generator.normal(0, sheet.between(0.02, 0.35), count)
    turns = sheet.way() + np.cumsum(bends)
    steps = np.column_stack([np.cos(turns), np.sin(turns)]) * length_px / count
    points = np.array(sheet.place()) + np.cumsum(steps, axis=0)
    width = max(1, round(sheet.mostly_small(1.0, 7.0)))
    drawn = np.zeros(sheet.shape, np.uint8)
    fixed = np.round(points * 16).astype(np.int32)
    cv2.polylines(drawn, [fixed], False, 255, width, cv2.LINE_AA, 4)
    return np.asarray(drawn / np.float32(255), np.float32)


def _beyond(sheet: _Sheet, side: int) -> Plane:
    """A side of a bent line, sometimes only a band of it."""
    high, wide = sheet.shape
    turn = sheet.way()
    x = np.arange(wide, dtype=np.float32)[None, :] - np.float32(sheet.between(0.15, 0.85) * wide)
    y = np.arange(high, dtype=np.float32)[:, None] - np.float32(sheet.between(0.15, 0.85) * high)
    away = x * np.float32(np.cos(turn)) + y * np.float32(np.sin(turn))
    away += sheet.noise(4) * np.float32(sheet.between(0, 0.08) * side)
    alpha = np.clip(away / sheet.mostly_small(1.0, 20.0) + 0.5, 0, 1)
    if sheet.chance(0.3):
        end = sheet.between(0.15, 0.5) * side - away
        alpha = alpha * np.clip(end / sheet.mostly_small(1.0, 20.0) + 0.5, 0, 1)
    return np.asarray(alpha, np.float32)


def _filling(sheet: _Sheet, alpha: Plane, others: Sequence[NDArray[np.uint8]]) -> Plane:
    """What shows there (H, W, 3) float32, under ``alpha`` (H, W) float32."""
    own, kind = sheet.picture, sheet.generator.random()
    sign = -1.0 if sheet.chance(0.65) else 1.0
    grey = float(np.ptp(own[::8, ::8], axis=2).mean()) < 1.0
    tint = np.ones(3) if grey or sheet.chance(0.5) else 1 + sheet.generator.normal(0, 0.15, 3)
    if kind < 0.35:
        filling = _shade(sheet, sign, tint)
    elif kind < 0.5:
        gain = sheet.mostly_small(0.45, 0.85) if sign < 0 else sheet.mostly_small(1.15, 1.8)
        filling = np.asarray(own * (gain * tint), np.float32)
    elif kind < 0.75:
        filling = _other_part(sheet, alpha, others)
    elif kind < 0.88:
        low = cv2.GaussianBlur(own, (0, 0), sheet.mostly_small(1.0, 5.0))
        gain = sheet.between(0, 0.5) if sheet.chance(0.6) else sheet.mostly_small(1.7, 4.0)
        filling = low + (own - low) * gain
    else:
        longer = max(sheet.shape)
        rough = sheet.noise(sheet.mostly_small(min(12.0, longer / 3), longer / 2.5))
        level = float(np.median(own)) * sheet.between(0, 0.4) * sign
        filling = own * sheet.between(0.5, 1.0) + level
        filling = filling + (rough * sheet.scatter_score * sheet.mostly_small(1.0, 5.0))[..., None]
    return np.asarray(filling, np.float32)


def _shade(sheet: _Sheet, sign: float, tint: NDArray[np.float64]) -> Plane:
    """Another shade, ``tint`` (N=3,) by channel, through which the picture shows or not."""
    amount = sign * sheet.mostly_small(2.0, 10.0) * sheet.scatter_score
    if sheet.chance(0.5):
        return np.asarray(sheet.picture + amount * tint, np.float32)
    level = float(np.median(sheet.picture)) + amount * sheet.between(1.0, 2.5)
    grain = sheet.generator.normal(0, 1.5, sheet.shape)[..., None]
    flat = np.clip(level, 5, 250) * tint + grain
    return np.asarray(flat + sheet.between(0, 1.2) * sheet.fine, np.float32)


def _other_part(sheet: _Sheet, alpha: Plane, others: Sequence[NDArray[np.uint8]]) -> Plane:
    """A piece of one of ``others`` (H, W, 3) uint8, turned and stretched, its shade near or not."""
    other = others[int(sheet.generator.integers(len(others)))].astype(np.float32)
    if sheet.chance(0.5):
        other = np.rot90(other, int(sheet.generator.integers(4)))
    stretch = sheet.between(0.6, 1.6)
    other = np.asarray(cv2.resize(np.ascontiguousarray(other), None, fx=stretch, fy=stretch))
    high, wide = sheet.shape
    missing = [(0, max(0, high - other.shape[0])), (0, max(0, wide - other.shape[1])), (0, 0)]
    other = np.pad(other, missing, mode="symmetric")
    top = int(sheet.generator.integers(other.shape[0] - high + 1))
    left = int(sheet.generator.integers(other.shape[1] - wide + 1))
    part = other[top : top + high, left : left + wide]
    inside = alpha > 0.5
    if inside.any():
        gap = sheet.picture[inside].mean(axis=0) - part[inside].mean(axis=0)
        part = part + gap * sheet.between(0, 1)
    return np.asarray(part, np.float32)
