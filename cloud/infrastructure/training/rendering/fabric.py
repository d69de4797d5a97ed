"""Cloth: weave and knit textures as periodic tiles of relative shade."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Weave = Literal["plain", "twill", "knit"]
Colour = tuple[float, float, float]
Tile = NDArray[np.float32]

_FINE = 2048  # samples along a tile before it is filtered
_REPEATS: dict[Weave, int] = {"plain": 2, "twill": 4, "knit": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fabric:
    """A cloth.

    `colour` is the mean shade (R, G, B), 0 to 1. `yarn_mm` is the distance from yarn to yarn (knit:
    from wale to wale). `relief_ratio` is the contrast of a yarn's round cross-section,
    `yarn_variation_ratio` the shade difference from yarn to yarn, `drape_ratio` the shade of soft
    folds and uneven dyeing.
    """

    name: str
    weave: Weave
    colour: Colour
    yarn_mm: float = 0.45
    relief_ratio: float = 0.35
    yarn_variation_ratio: float = 0.035
    drape_ratio: float = 0.025
    thickness_mm: float = 0.6


FABRICS: dict[str, Fabric] = {
    fabric.name: fabric
    for fabric in (
        Fabric(name="blue-twill", weave="twill", colour=(0.36, 0.45, 0.58)),
        Fabric(name="sand-plain", weave="plain", colour=(0.66, 0.58, 0.46), yarn_mm=0.5),
        Fabric(name="rose-plain", weave="plain", colour=(0.68, 0.44, 0.46), yarn_mm=0.4),
        Fabric(
            name="grey-knit",
            weave="knit",
            colour=(0.52, 0.53, 0.55),
            yarn_mm=1.1,
            relief_ratio=0.45,
            thickness_mm=1.0,
        ),
        Fabric(
            name="ivory-plain",
            weave="plain",
            colour=(0.83, 0.80, 0.72),
            yarn_mm=0.35,
            thickness_mm=0.4,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class FabricTile:
    """A periodic piece of texture: `shade` (T, T) float32 with mean 1, `texel_mm` per sample."""

    shade: Tile
    texel_mm: float


@lru_cache(maxsize=24)
def fabric_tile(fabric: Fabric, seed: int, footprint_mm: float) -> FabricTile:
    """Texture of a cloth, already averaged over a camera pixel of `footprint_mm`.

    The result is cached: the first scene of a cloth pays for it, the next ones do not.

    Args:
        fabric: the cloth.
        seed: of the yarns' own irregularity.
        footprint_mm: side of a camera pixel on the cloth.
    """
    generator = np.random.default_rng([seed, 0xFAB])
    repeat = _REPEATS[fabric.weave]
    yarns = repeat * max(4, round(140.0 / (fabric.yarn_mm * repeat)))
    size_mm = yarns * fabric.yarn_mm
    raised = _knit(fabric, yarns) if fabric.weave == "knit" else _woven(fabric, yarns, generator)
    mottle = _periodic_noise(generator, (_FINE, _FINE), 24)
    raised = raised * (1 + 0.15 * fabric.yarn_variation_ratio * mottle)
    size = min(_FINE, max(256, 1 << int(np.ceil(np.log2(2 * size_mm / footprint_mm)))))
    shade = cv2.resize(raised.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    texel_mm = size_mm / size
    sigma = footprint_mm / texel_mm / np.sqrt(12.0)
    pad = int(np.ceil(4 * sigma)) + 1
    shade = cv2.GaussianBlur(np.pad(shade, pad, mode="wrap"), (0, 0), sigma)[pad:-pad, pad:-pad]
    even: Tile = np.ascontiguousarray(shade / shade.mean(), dtype=np.float32)
    even.setflags(write=False)
    return FabricTile(even, texel_mm)


def _woven(fabric: Fabric, yarns: int, generator: np.random.Generator) -> Tile:
    """Two systems of yarns, crossing: (F, F) float32 relative shade."""
    place = (np.arange(_FINE) + 0.5) / _FINE * yarns
    index = place.astype(np.intp)
    across = (place - index - 0.5).astype(np.float32)
    round_ = 1 - fabric.relief_ratio * (1 - np.cos(np.pi * across))
    crown = 1 - 0.5 * fabric.relief_ratio * (1 - np.cos(np.pi * across))
    float_over = 2 if fabric.weave == "twill" else 1
    repeat = _REPEATS[fabric.weave]
    warp_on_top = (index[None, :] + index[:, None]) % repeat < float_over
    warp = _yarn_shades(fabric, yarns, generator)[index].T * round_[None, :] * crown[:, None]
    weft = _yarn_shades(fabric, yarns, generator)[index] * round_[:, None] * crown[None, :] * 0.94
    return np.asarray(np.where(warp_on_top, warp, weft), dtype=np.float32)


def _yarn_shades(fabric: Fabric, yarns: int, generator: np.random.Generator) -> Tile:
    """Shade of each yarn along its length, thick and thin places: (yarns, F) float32."""
    own = generator.standard_normal((yarns, 1)) * 0.6
    slub = cv2.resize(
        generator.standard_normal((yarns, 48)).astype(np.float32),
        (_FINE, yarns),
        interpolation=cv2.INTER_LINEAR,
    )
    return (1 + fabric.yarn_variation_ratio * (own + slub)).astype(np.float32)


def _knit(fabric: Fabric, wales: int) -> Tile:
    """Plain jersey seen from its face, rows of V-shaped loops: (F, F) float32."""
    courses = round(wales * 1.25)
    u = (np.arange(_FINE, dtype=np.float32) + 0.5) / _FINE * wales
    v = (np.arange(_FINE, dtype=np.float32) + 0.5) / _FINE * courses
    arm = np.abs(u - np.floor(u) - 0.5)  # 0 in the middle of a wale, 0.5 between two
    phase = v[:, None] + 1.4 * arm[None, :]
    strand = 0.5 + 0.5 * np.cos(2 * np.pi * phase)
    gap = np.clip(arm * 2, 0, 1) ** 6 + 0.6 * np.clip(1 - arm * 6, 0, 1)
    relief = fabric.relief_ratio
    return np.asarray(1 - relief * (0.6 * (1 - strand) + 0.7 * gap[None, :]), dtype=np.float32)


def _periodic_noise(generator: np.random.Generator, shape: tuple[int, int], knots: int) -> Tile:
    """Smooth noise (H, W) float32 of unit spread that continues over its own borders."""
    coarse = generator.standard_normal((knots, knots)).astype(np.float32)
    wrapped = np.pad(coarse, 2, mode="wrap")
    scale = shape[1] // knots + 1
    large = cv2.resize(wrapped, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)[
        2 * scale : -2 * scale, 2 * scale : -2 * scale
    ]
    return cv2.resize(large, (shape[1], shape[0]), interpolation=cv2.INTER_AREA).astype(np.float32)


def smooth_field(generator: np.random.Generator, rows: int, columns: int) -> Tile:
    """Soft folds: smooth noise (rows, columns) float32 with mean about 0 and spread about 1.

    Two scales are mixed, the coarse one leading; both are drawn from the generator.
    """
    total = np.zeros((rows, columns), dtype=np.float32)
    for knots, weight in ((5, 0.8), (12, 0.5), (30, 0.25)):
        coarse = generator.standard_normal((knots, knots)).astype(np.float32)
        total += weight * cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC)
    return total
