"""Fabric crops for training and tests: cloth from edge to edge, with or without faults."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering.camera import (
    VIEW_HEIGHT_MM,
    VIEW_WIDTH_MM,
    Camera,
    Degrees,
    Placement,
)
from cloud.infrastructure.training.rendering.defects import Defect, TrueDefect
from cloud.infrastructure.training.rendering.fabric import Colour, Fabric
from cloud.infrastructure.training.rendering.garment import Panel, on_table
from cloud.infrastructure.training.rendering.laying import Garment, cloth_shade, lay_details
from cloud.infrastructure.training.rendering.sensor import Light, Sensor, expose


@dataclass(frozen=True, slots=True, kw_only=True)
class TileSpec:
    """A square crop of `size_px` seen at `scale_mm_per_px`.

    Faults are placed in mm from the crop's middle, along the cloth's own yarns (`turn_deg`).
    """

    fabric: Fabric
    size_px: int = 512
    scale_mm_per_px: float = 0.275
    turn_deg: Degrees = 0.0
    defects: tuple[Defect, ...] = ()
    light: Light = field(default_factory=lambda: Light(vignette_ratio=0.02, gradient_ratio=0.03))
    sensor: Sensor = field(default_factory=Sensor)
    under: Colour = (0.135, 0.14, 0.145)
    roll_seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TileTruth:
    """`mask` (S, S) uint8: 0 good, n + 1 where `defects[n]` lies; `defects` in px of the crop."""

    mask: NDArray[np.uint8]
    defects: tuple[TrueDefect, ...]


def render_tile(
    spec: TileSpec, generator: np.random.Generator
) -> tuple[NDArray[np.uint8], TileTruth]:
    """Draw a crop of cloth.

    Returns:
        the picture (S, S, 3) uint8 RGB, and its truth.
    """
    size = spec.size_px
    camera = Camera(
        width_px=round(VIEW_WIDTH_MM / spec.scale_mm_per_px),
        height_px=round(VIEW_HEIGHT_MM / spec.scale_mm_per_px),
    )
    left, top = (camera.width_px - size) // 2, (camera.height_px - size) // 2
    camera = Camera(
        width_px=camera.width_px, height_px=camera.height_px, crop=(left, top, size, size)
    )
    side_mm = 1.5 * size * spec.scale_mm_per_px
    garment = Garment(
        panel=Panel(length_mm=side_mm, width_mm=side_mm),
        fabric=spec.fabric,
        pose=Placement(x_mm=VIEW_WIDTH_MM / 2, y_mm=VIEW_HEIGHT_MM / 2, turn_deg=spec.turn_deg),
        defects=spec.defects,
        roll_seed=spec.roll_seed,
    )
    pose = on_table(garment.pose, spec.fabric.thickness_mm)
    shade = cloth_shade(garment, pose, camera, (0, 0, size, size), generator)
    canvas = np.array(spec.fabric.colour, np.float32)[:, None, None] * shade
    _, defects = lay_details(canvas, camera, garment, spec.under, generator)
    mask = np.zeros((size, size), np.uint8)
    for number, defect in enumerate(defects):
        corners = np.round(defect.polygon_px * 16).astype(np.int32)
        cv2.fillPoly(mask, [corners], number + 1, cv2.LINE_8, 4)
    picture = expose(canvas, spec.light, spec.sensor, generator)
    return picture, TileTruth(mask=mask, defects=defects)
