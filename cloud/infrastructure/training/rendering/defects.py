"""Faults of cloth and sewing: how they look, and exactly where they are."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering.camera import (
    Degrees,
    Placement,
    Points,
    SquareMillimetres,
)
from cloud.infrastructure.training.rendering.decal import Decal, opaque
from cloud.infrastructure.training.rendering.errors import ImpossibleSceneError

DefectClass = Literal[
    "hole",
    "stain",
    "broken_end",
    "broken_pick",
    "snag",
    "loose_thread",
    "pucker",
    "uneven_stitch",
    "skipped_stitch",
]
CLOTH_DEFECTS: tuple[DefectClass, ...] = (
    "hole",
    "stain",
    "broken_end",
    "broken_pick",
    "snag",
    "loose_thread",
    "pucker",
)

_TEXEL_MM = 0.1
_MARGIN_MM = 3.0
Raster = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """A fault to draw at (`x_mm`, `y_mm`) of the panel's frame.

    `size_mm` is its longest extent; `strength_ratio` (0 to 1) how much it shows.
    """

    kind: DefectClass
    x_mm: float
    y_mm: float
    size_mm: float = 8.0
    strength_ratio: float = 0.7
    turn_deg: Degrees = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnDefect:
    """A fault as it was drawn; `outline_mm` (N, 2) float64 and `placement` in the panel's frame."""

    kind: DefectClass
    decal: Decal
    placement: Placement
    outline_mm: Points
    area_mm2: SquareMillimetres


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueDefect:
    """Where a fault is: `polygon_mm` on the table and `polygon_px`, each (N, 2) float64."""

    kind: DefectClass
    polygon_mm: Points
    polygon_px: Points
    area_mm2: SquareMillimetres


def draw_defect(
    defect: Defect, colour: Points, under: Points, generator: np.random.Generator
) -> DrawnDefect:
    """Draw one fault.

    Args:
        defect: what and where.
        colour: (3,) float64 mean shade of the cloth.
        under: (3,) float64 shade of what is seen through a hole.
        generator: of its shape.

    Raises:
        ImpossibleSceneError: the size is not positive, or the kind belongs to a seam and is
            drawn by it.
    """
    if not defect.size_mm > 0:
        raise ImpossibleSceneError(f"a {defect.kind} of {defect.size_mm} mm has no size")
    side = int(np.ceil((defect.size_mm + 2 * _MARGIN_MM) / _TEXEL_MM))
    if defect.kind in {"hole", "stain"}:
        mask = _blob(side, defect.size_mm, generator)
    elif defect.kind in {"broken_end", "broken_pick"}:
        mask = _line(side, defect.size_mm, upright=defect.kind == "broken_end", generator=generator)
    elif defect.kind in {"snag", "loose_thread"}:
        mask = _curl(side, defect.size_mm, loops=defect.kind == "loose_thread", generator=generator)
    elif defect.kind == "pucker":
        mask = _oval(side, defect.size_mm)
    else:
        raise ImpossibleSceneError(f"{defect.kind} is drawn by its seam, not laid on the cloth")
    decal = _look(defect, mask, colour, under)
    placement = Placement(x_mm=defect.x_mm, y_mm=defect.y_mm, turn_deg=defect.turn_deg)
    return DrawnDefect(
        kind=defect.kind,
        decal=decal,
        placement=placement,
        outline_mm=placement.to_table(_outline(mask)),
        area_mm2=float((mask > 0.5).sum()) * _TEXEL_MM**2,
    )


def _look(defect: Defect, mask: Raster, colour: Points, under: Points) -> Decal:
    """Turn a mask (h, w) float32 into a decal; `colour` and `under` (3,) float64."""
    left, strength = -mask.shape[1] * _TEXEL_MM / 2, defect.strength_ratio
    top = -mask.shape[0] * _TEXEL_MM / 2
    if defect.kind == "hole":
        rim = np.clip(cv2.GaussianBlur(mask, (0, 0), 4) - mask, 0, 1)
        shade = under[:, None, None] * np.ones_like(mask)
        shade = np.where(mask > 0.02, shade, np.clip(colour * 1.25, 0, 1)[:, None, None])
        alpha = np.maximum(mask, 0.5 * rim)[None]
        return opaque(
            shade.astype(np.float32),
            alpha=alpha.astype(np.float32),
            left_mm=left,
            top_mm=top,
            texel_mm=_TEXEL_MM,
        )
    if defect.kind in {"snag", "loose_thread"}:
        shadow = cv2.GaussianBlur(np.roll(mask, (4, 3), (0, 1)), (0, 0), 3) * (1 - mask)
        thread = np.clip(colour + 0.35 * strength, 0, 0.98)[:, None, None]
        cover = np.clip(mask + 0.5 * strength * shadow, 0, 1)[None]
        add = thread * mask[None]
    elif defect.kind == "pucker":
        x = (np.arange(mask.shape[1]) + 0.5) * _TEXEL_MM
        wave = np.sin(2 * np.pi * x / 6.0)[None, :] * cv2.GaussianBlur(mask, (0, 0), 12)
        depth = 0.28 * strength * wave
        cover = np.clip(depth, 0, 1)[None]
        add = colour[:, None, None] * np.clip(-depth, 0, 1)[None]
    else:
        soft = cv2.GaussianBlur(mask, (0, 0), 5 if defect.kind == "stain" else 1)
        tint = np.array([0.55, 0.5, 0.45]) if defect.kind == "stain" else np.full(3, 0.55)
        cover = (1 - (1 - strength * (1 - tint))[:, None, None]) * soft[None]
        add = np.zeros_like(cover)
    return Decal(
        cover=cover.astype(np.float32),
        add=add.astype(np.float32),
        left_mm=left,
        top_mm=top,
        texel_mm=_TEXEL_MM,
    )


def _blob(side: int, size_mm: float, generator: np.random.Generator) -> Raster:
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    radius = np.ones_like(angle)
    for order in range(2, 8):
        size = 0.32 / order
        radius += (
            size
            * generator.standard_normal()
            * np.cos(order * angle + generator.uniform(0, 2 * np.pi))
        )
    radius = np.clip(radius, 0.45, 1.6)
    radius *= size_mm / 2 / _TEXEL_MM / radius.max()
    points = np.column_stack([np.cos(angle) * radius, np.sin(angle) * radius * 0.85])
    return _filled(side, points + side / 2 - 0.5)


def _oval(side: int, size_mm: float) -> Raster:
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    radius = size_mm / 2 / _TEXEL_MM
    points = np.column_stack([np.cos(angle) * radius, np.sin(angle) * radius * 0.3])
    return _filled(side, points + side / 2 - 0.5)


def _line(side: int, size_mm: float, *, upright: bool, generator: np.random.Generator) -> Raster:
    half, width = size_mm / 2 / _TEXEL_MM, generator.uniform(0.25, 0.35) / _TEXEL_MM
    along, across = np.array([-half, half, half, -half]), np.array([-width, -width, width, width])
    points = np.column_stack([across, along] if upright else [along, across])
    return _filled(side, points + side / 2 - 0.5)


def _curl(side: int, size_mm: float, *, loops: bool, generator: np.random.Generator) -> Raster:
    """A thread of 0.5 mm on a smooth random way."""
    knots = 7 if loops else 4
    turns = np.cumsum(generator.normal(0, 0.9 if loops else 0.35, knots * 12) / 3)
    steps = np.column_stack([np.cos(turns), np.sin(turns)])
    way = np.cumsum(steps, axis=0)
    way -= (way.max(axis=0) + way.min(axis=0)) / 2
    way *= size_mm / _TEXEL_MM / np.ptp(way, axis=0).max()
    mask = np.zeros((side, side), np.uint8)
    fixed = np.round((way + side / 2 - 0.5) * 16).astype(np.int32)
    cv2.polylines(mask, [fixed], False, 255, round(0.5 / _TEXEL_MM), cv2.LINE_AA, 4)
    return np.asarray(mask / np.float32(255), dtype=np.float32)


def _filled(side: int, points: Points) -> Raster:
    """Polygon (N, 2) float64 in texels to a mask (side, side) float32, edges anti-aliased."""
    mask = np.zeros((side, side), np.uint8)
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return np.asarray(mask / np.float32(255), dtype=np.float32)


def _outline(mask: Raster) -> Points:
    """Largest contour of a mask (h, w) float32: (N, 2) float64 in mm, centred like the decal."""
    binary = (mask > 0.5).astype(np.uint8)
    contours, _ = cv2.findContours(binary, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_TC89_L1)
    largest = max(contours, key=cv2.contourArea)[:, 0, :].astype(np.float64)
    centre = np.array([mask.shape[1], mask.shape[0]]) / 2
    return np.asarray((largest + 0.5 - centre) * _TEXEL_MM)
