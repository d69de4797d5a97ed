"""Flat things laid on the table or the cloth, filtered exactly by the pixel's own square.

A decal is a small raster in mm. Its summed-area table, read at sub-texel places, gives the exact
mean of the raster over any box; every pixel takes the mean over its own footprint. Edges are
therefore anti-aliased without bias, however coarse the raster (one texel for a QR module) is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering.camera import Camera, Placement, Points

Planes = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decal:
    """What a thing does to the shade under it: `out = out * (1 - cover) + add`.

    `cover` and `add` are (C, h, w) float32 with C = 1 (all channels alike) or 3 (RGB); outside the
    raster both are 0. `left_mm` and `top_mm` are the raster's outer corner in the thing's own
    frame.
    """

    cover: Planes
    add: Planes
    left_mm: float
    top_mm: float
    texel_mm: float

    @property
    def corners_mm(self) -> Points:
        """Outer corners (4, 2) float64 in mm of the own frame: TL, TR, BR, BL."""
        height, width = self.cover.shape[1:]
        right, bottom = self.left_mm + width * self.texel_mm, self.top_mm + height * self.texel_mm
        return np.array(
            [
                [self.left_mm, self.top_mm],
                [right, self.top_mm],
                [right, bottom],
                [self.left_mm, bottom],
            ]
        )


def opaque(
    shade: Planes, *, left_mm: float, top_mm: float, texel_mm: float, alpha: Planes | None = None
) -> Decal:
    """A decal that hides what lies under it.

    Args:
        shade: (C, h, w) float32, 0 to 1.
        left_mm: left outer edge in the own frame.
        top_mm: top outer edge in the own frame.
        texel_mm: side of a texel.
        alpha: (1, h, w) float32 opacity, or None for a full rectangle.
    """
    cover = np.ones((1, *shade.shape[1:]), np.float32) if alpha is None else alpha
    return Decal(cover=cover, add=shade * cover, left_mm=left_mm, top_mm=top_mm, texel_mm=texel_mm)


def window_of(outline_px: Points, canvas_shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Window `left, top, right, bottom` in px around (N, 2) float64 points, inside the canvas."""
    height, width = canvas_shape[-2:]
    low = np.floor(outline_px.min(axis=0)).astype(int) - 2
    high = np.ceil(outline_px.max(axis=0)).astype(int) + 3
    left, right = np.clip([low[0], high[0]], 0, width)
    top, bottom = np.clip([low[1], high[1]], 0, height)
    return int(left), int(top), int(right), int(bottom)


def paste(canvas: Planes, camera: Camera, placement: Placement, decal: Decal) -> None:
    """Lay a decal on the canvas, (3, H, W) float32, in place."""
    outline = camera.project(placement.to_table(_along(decal.corners_mm)), placement.height_mm)
    left, top, right, bottom = window_of(outline, canvas.shape)
    if left >= right or top >= bottom:
        return
    columns, rows = np.meshgrid(np.arange(left, right), np.arange(top, bottom))
    pixels = np.column_stack([columns.ravel(), rows.ravel()]).astype(np.float64)
    local = placement.from_table(camera.unproject(pixels, placement.height_mm))
    texels = (local - decal.corners_mm[0]) / decal.texel_mm
    half = _footprint_mm(camera, placement, decal) / decal.texel_mm / 2
    height, width = decal.cover.shape[1:]
    beyond = np.array([width, height]) + half
    near = np.flatnonzero(np.all((texels > -half) & (texels < beyond), axis=1))
    both = box_mean(np.concatenate([decal.cover, decal.add]), texels[near], half)
    cover, add = np.split(both, [len(decal.cover)])
    flat = canvas[:, top:bottom, left:right].reshape(3, -1)
    flat[:, near] = flat[:, near] * (1 - cover) + add
    canvas[:, top:bottom, left:right] = flat.reshape(3, bottom - top, right - left)


def box_mean(raster: Planes, centres: Points, half: Points) -> Planes:
    """Exact mean of a piecewise constant raster over boxes; 0 outside the raster.

    Args:
        raster: (C, h, w) float32.
        centres: (N, 2) float64, x and y in texels, the raster's outer corner being (0, 0).
        half: (2,) float64 half the box's sides in texels.

    Returns:
        (C, N) float32.
    """
    channels, height, width = raster.shape
    table = np.zeros((height + 1, width + 1, channels))
    np.cumsum(np.cumsum(raster.transpose(1, 2, 0), 0, np.float64), 1, out=table[1:, 1:])
    low = np.clip(centres - half, 0, [width, height])
    high = np.clip(centres + half, 0, [width, height])
    total = _at(table, high[:, 0], high[:, 1])
    total -= _at(table, low[:, 0], high[:, 1])
    total -= _at(table, high[:, 0], low[:, 1])
    total += _at(table, low[:, 0], low[:, 1])
    return np.asarray(total.T / (4 * half[0] * half[1]), dtype=np.float32)


def _at(table: Points, x: Points, y: Points) -> Points:
    """Read a table (h, w, C) float64 at (N,) float64 places x, y by bilinear interpolation."""
    height, width, channels = table.shape
    column = np.minimum(x.astype(np.intp), width - 2)
    row = np.minimum(y.astype(np.intp), height - 2)
    part_x, part_y = (x - column)[:, None], (y - row)[:, None]
    rows = table.reshape(-1, channels)
    first = row * width + column
    upper = rows[first] * (1 - part_x)
    upper += rows[first + 1] * part_x
    lower = rows[first + width] * (1 - part_x)
    lower += rows[first + width + 1] * part_x
    lower -= upper
    lower *= part_y
    return np.asarray(upper + lower)


def _along(corners: Points) -> Points:
    """Nine points on each side of a quadrilateral (4, 2) float64: (36, 2) float64."""
    part = np.linspace(0, 1, 9)[:, None]
    sides = [corners[i] * (1 - part) + corners[(i + 1) % 4] * part for i in range(4)]
    return np.concatenate(sides)


def _footprint_mm(camera: Camera, placement: Placement, decal: Decal) -> Points:
    """Sides (2,) float64 in mm of a pixel at the decal's middle, along the decal's own axes."""
    middle = decal.corners_mm.mean(axis=0, keepdims=True)
    at = camera.project(placement.to_table(middle), placement.height_mm)
    around = at + np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    local = placement.from_table(camera.unproject(around, placement.height_mm))
    return np.asarray(np.hypot(local[1] - local[0], local[2] - local[0]))
