"""The smallest repeat of a weave, a knit or a net, drawn finely once and laid over the cloth.

A cell is (H, W, 3) float32: how much light comes back from the warp, from the weft, and how much
is open. Rows run along the weft's number, columns along the warp's: one pitch is `TEXELS` long.
"""

from functools import lru_cache
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Cell: TypeAlias = NDArray[np.float32]
Structure = Literal[
    "plain",
    "basket",
    "rib",
    "leno",
    "twill_2_1",
    "twill_2_2",
    "twill_3_1",
    "herringbone",
    "satin_5",
    "satin_8",
    "jersey",
    "rib_knit",
    "purl",
    "hexagon_net",
    "diamond_net",
    "square_net",
]
TEXELS = 16


@lru_cache(maxsize=256)
def draw_cell(structure: Structure, relief_ratio: float, gap_ratio: float, sheen: float) -> Cell:
    """Draw the repeat of a structure: (H, W, 3) float32, sides whole pitches of `TEXELS`.

    Args:
        structure: which one.
        relief_ratio: contrast of the round threads, 0 to 1.
        gap_ratio: part of the pitch that is open.
        sheen: gloss of the floats, 0 to 1.
    """
    if structure in KNITS:
        cell = _knit(structure, relief_ratio)
    elif structure in NETS:
        cell = _net(structure, relief_ratio, gap_ratio)
    else:
        cell = _weave(_lift_plan(structure), relief_ratio, gap_ratio, sheen)
    cell.setflags(write=False)
    return cell


KNITS = ("jersey", "rib_knit", "purl")
NETS = ("hexagon_net", "diamond_net", "square_net")


def _lift_plan(structure: str) -> NDArray[np.bool_]:
    """Where the warp lies on top: (picks, ends) bool."""
    if structure in {"plain", "leno"}:
        return np.array([[1, 0], [0, 1]], dtype=np.bool_)
    if structure == "basket":
        return np.kron(np.array([[1, 0], [0, 1]]), np.ones((2, 2))).astype(np.bool_)
    if structure == "rib":
        return np.kron(np.array([[1, 0], [0, 1]]), np.ones((1, 2))).astype(np.bool_)
    if structure == "herringbone":
        right = _diagonal((1, 1, 0, 0), 1)
        return np.concatenate([np.tile(right, 2), np.tile(right[:, ::-1], 2)], axis=1)
    if structure.startswith("twill"):
        over, under = (int(part) for part in structure.split("_")[1:])
        return _diagonal((1,) * over + (0,) * under, 1)
    size = int(structure.split("_")[1])
    plan = np.ones((size, size), dtype=np.bool_)
    step = {5: 2, 8: 3}[size]
    plan[np.arange(size), np.arange(size) * step % size] = False
    return plan


def _diagonal(row: tuple[int, ...], step: int) -> NDArray[np.bool_]:
    return np.stack([np.roll(row, step * index) for index in range(len(row))]).astype(np.bool_)


def _weave(
    plan: NDArray[np.bool_], relief_ratio: float, gap_ratio: float, sheen_ratio: float
) -> Cell:
    """Round threads bending over and under each other; `plan` (P, E) bool, picks and ends."""
    picks, ends = plan.shape
    v = (np.arange(picks * TEXELS) + 0.5) / TEXELS
    u = (np.arange(ends * TEXELS) + 0.5) / TEXELS
    across_warp = (u - np.floor(u) - 0.5)[None, :]
    across_weft = (v - np.floor(v) - 0.5)[:, None]
    sign = np.where(plan, 1.0, -1.0)
    crimp_warp = np.repeat(_crimp(sign, v), TEXELS, axis=1)
    crimp_weft = np.repeat(_crimp(-sign.T, u).T, TEXELS, axis=0)
    half = 0.5 * (1 - gap_ratio)
    round_warp = np.sqrt(np.clip(1 - (across_warp / half) ** 2, 0, 1))
    round_weft = np.sqrt(np.clip(1 - (across_weft / half) ** 2, 0, 1))
    inside_warp = np.abs(across_warp) < half
    inside_weft = np.abs(across_weft) < half
    height_warp = np.where(inside_warp, 0.6 * crimp_warp + 0.7 * round_warp, -9.0)
    height_weft = np.where(inside_weft, 0.6 * crimp_weft + 0.7 * round_weft, -9.0)
    warp_on_top = height_warp >= height_weft
    open_ = ~(inside_warp | inside_weft)
    shade_warp = _thread_shade(crimp_warp, round_warp, relief_ratio, sheen_ratio)
    shade_weft = _thread_shade(crimp_weft, round_weft, relief_ratio, 0.5 * sheen_ratio) * 0.96
    planes = [
        np.where(warp_on_top & ~open_, shade_warp, 0),
        np.where(~warp_on_top & ~open_, shade_weft, 0),
        open_,
    ]
    return np.stack(np.broadcast_arrays(*planes), axis=2).astype(np.float32)


def _thread_shade(
    crimp: NDArray[np.float64],
    round_: NDArray[np.float64],
    relief_ratio: float,
    sheen_ratio: float,
) -> NDArray[np.float64]:
    """Brightness of a thread, from crimp and roundness (H, W) float64.

    Dark at its sides and where it dives, glossy on its crown.
    """
    shade = 1 - relief_ratio * (0.62 * (1 - round_) + 0.3 * (1 - crimp))
    return np.asarray(shade + 0.22 * sheen_ratio * np.clip(crimp, 0, 1) ** 2 * round_**2)


def _crimp(sign: NDArray[np.float64], along: NDArray[np.float64]) -> NDArray[np.float64]:
    """Height along each thread: (len(along), threads) from +1 on top to -1 below.

    `sign` is (crossings, threads) float64, `along` (N,) float64 in pitches.
    """
    crossings = sign.shape[0]
    place = along - 0.5
    before = np.floor(place).astype(int)
    part = (place - before)[:, None]
    smooth = part * part * (3 - 2 * part)
    return np.asarray(
        sign[before % crossings] * (1 - smooth) + sign[(before + 1) % crossings] * smooth
    )


def _knit(structure: str, relief_ratio: float) -> Cell:
    """Loops; the strand is the weft, because a course is one yarn."""
    wales = 4 if structure == "rib_knit" else 2
    v = ((np.arange(2 * TEXELS) + 0.5) / TEXELS)[:, None]
    u = ((np.arange(wales * TEXELS) + 0.5) / TEXELS)[None, :]
    middle = np.abs(u - np.floor(u) - 0.5) * 2  # 0 in the middle of a wale, 1 between two
    if structure == "purl":
        arch = 0.5 * np.cos(np.pi * 2 * u)
        phase = v + 0.32 * arch
        body = 0.5 + 0.5 * np.cos(2 * np.pi * phase)
        gap = 0.25 * (1 - body) * (0.5 + 0.5 * np.cos(np.pi * 4 * u))
    else:
        phase = v + 0.62 * (1 - middle)
        body = 0.5 + 0.5 * np.cos(2 * np.pi * phase)
        gap = middle**6 + 0.55 * np.clip(1 - middle * 3.2, 0, 1)
    twist = 0.05 * np.cos(2 * np.pi * (2 * v + 3 * middle))
    shade = 1 - relief_ratio * (0.62 * (1 - body) ** 1.3 + 0.55 * gap) + twist * relief_ratio
    if structure == "rib_knit":
        valley = np.clip(np.sin(np.pi * u / 2), 0, None) ** 0.5
        shade *= 1 - 0.55 * relief_ratio * (1 - valley)
    shade = np.clip(np.broadcast_to(shade, (2 * TEXELS, wales * TEXELS)), 0.05, 1.3)
    nothing = np.zeros_like(shade)
    return np.stack([nothing, shade, nothing], axis=2).astype(np.float32)


def _net(structure: str, relief_ratio: float, gap_ratio: float) -> Cell:
    """Threads along the borders of open cells."""
    side = 2 * TEXELS
    scale = 4
    width = max(1, round((1 - gap_ratio) * TEXELS * scale * 0.55))
    canvas = np.zeros((side * scale * 3, side * scale * 3), np.uint8)
    size = side * scale
    for points in _net_lines(structure):
        for row in range(-1, 4):
            for column in range(-1, 4):
                line = (np.array(points) + np.array([column, row])) * size
                cv2.polylines(canvas, [np.round(line).astype(np.int32)], False, 255, width)
    distance = cv2.distanceTransform(canvas, cv2.DIST_L2, 3)[size : 2 * size, size : 2 * size]
    round_ = np.sqrt(np.clip(distance / (width / 2), 0, 1))
    inside = (distance > 0).astype(np.float32)
    shade = (1 - relief_ratio * 0.7 * (1 - round_)) * inside
    planes = [shade, np.zeros_like(shade), 1 - inside]
    fine = np.stack(planes, axis=2).astype(np.float32)
    return np.asarray(cv2.resize(fine, (side, side), interpolation=cv2.INTER_AREA), np.float32)


def _net_lines(structure: str) -> list[list[tuple[float, float]]]:
    """Polylines (x, y) in parts of the repeat."""
    if structure == "square_net":
        return [[(0, 0.25), (1, 0.25)], [(0, 0.75), (1, 0.75)], [(0.25, 0), (0.25, 1)],
                [(0.75, 0), (0.75, 1)]]  # fmt: skip
    if structure == "diamond_net":
        return [[(0, 0), (0.5, 0.5), (1, 1)], [(1, 0), (0.5, 0.5), (0, 1)]]
    low, high = 0.17, 0.33
    return [[(0, low), (0.5, 0), (1, low)], [(0, low), (0, 0.5)], [(0, 0.5), (0.5, 0.5 + low)],
            [(0.5, 0.5 + low), (1, 0.5)], [(0.5, 0.5 + low), (0.5, 1)],
            [(1, 0.5), (1, 0.5 - high)]]  # fmt: skip
