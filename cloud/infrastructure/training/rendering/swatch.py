"""A length of cloth of one style, spread flat under even light; tiles are cut from it.

The repeat of the structure is laid over the cloth through two maps that say which thread is
where. Threads lie unevenly, get thicker and thinner and differ in shade; the repeat is smoothed
to the size of a pixel before it is sampled, so that fine cloths do not alias more than a sensor
would make them.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering.cells import (
    KNITS,
    NETS,
    TEXELS,
    Cell,
    draw_cell,
)
from cloud.infrastructure.training.rendering.patterns import dye_threads, lace_cover, print_cover
from cloud.infrastructure.training.rendering.style import Colour, FabricStyle, Yarns
from cloud.infrastructure.training.rendering.trims import lay_trims

Plane = NDArray[np.float32]
Picture = NDArray[np.uint8]

_PIXEL_SPREAD_PX = 0.33
_USUAL_LEVEL = 0.4


@dataclass(frozen=True, slots=True)
class Swatch:
    """Cloth (S, S, 3) uint8 RGB; the same without its trims; which trim is where.

    `trims` is (S, S) int32, 0 where there is none, None for cloth without trims.
    """

    cloth: Picture
    bare: Picture
    trims: NDArray[np.int32] | None = None


@dataclass(frozen=True, slots=True)
class ThreadMap:
    """Place of each pixel in threads: `u` counts ends, `v` picks, each (S, S) float32."""

    u: Plane
    v: Plane


def weave_swatch(style: FabricStyle, side_px: int) -> Swatch:
    """Make the swatch of a style, `side_px` on each side; the last ones made are kept."""
    return _many(style, side_px) if side_px <= _LARGE_PX else _few(style, side_px)


def _weave(style: FabricStyle, side_px: int) -> Swatch:
    generator = np.random.default_rng([style.seed, 0x5A])
    threads = _thread_map(style, side_px, generator)
    light = _lit(style.yarns, threads)
    warp = _thread_colours(style, generator, warp=True)
    weft = _thread_colours(style, generator, warp=False)
    warp_light, weft_light, open_ = cv2.split(light)
    # Knits have no warp and nets no weft: what gives no light back need not be coloured.
    colour = np.zeros_like(light)
    if style.yarns.structure not in KNITS:
        colour += _times(_spread(warp, threads.u, threads.v), warp_light)
    if style.yarns.structure not in NETS:
        colour += _times(_spread(weft, threads.v, threads.u), weft_light)
    if style.yarns.hair_ratio > 0.05:
        colour = _times(colour, _hair(style.yarns.hair_ratio, side_px, generator))
    colour += _times(np.array(_seen_through(style), np.float32), open_)
    if style.family == "lace" and style.pattern is not None:
        colour = lace_cover(style, colour, threads.u, generator)
    elif style.pattern is not None:
        colour = print_cover(style.pattern, colour, style.yarns, generator)
    colour = _exposed(colour)
    bare = _bytes(colour)
    if style.trim is None:
        return Swatch(bare, bare)
    covered, trims = lay_trims(style.trim, colour, style.seed)
    return Swatch(_bytes(covered), bare, trims)


# Ordinary swatches take a megabyte or two, the largest half a hundred.
_LARGE_PX = 1024
_many = lru_cache(maxsize=48)(_weave)
_few = lru_cache(maxsize=2)(_weave)


def _exposed(colour: Plane) -> Plane:
    """Expose (S, S, 3) float32 as whoever sets up a station does: dark cloth gets more light."""
    level = float(np.mean(cv2.mean(colour)[:3]))
    gain = float(np.clip(np.sqrt(_USUAL_LEVEL / max(level, 0.01)), 0.75, 2.2))
    return np.asarray(colour * np.float32(gain), dtype=np.float32)


def _times(colour: Plane, light: cv2.typing.MatLike) -> Plane:
    """Colour (S, S, 3) or (3,) float32 times light (S, S) float32."""
    if colour.ndim == 1:
        return np.asarray(cv2.merge([np.asarray(light) * part for part in colour]), np.float32)
    return np.asarray(cv2.multiply(colour, cv2.merge([light] * 3)), dtype=np.float32)


def _bytes(colour: Plane) -> Picture:
    picture = np.asarray(cv2.convertScaleAbs(np.clip(colour, 0, 1), alpha=255.0), np.uint8)
    picture.setflags(write=False)
    return picture


def _seen_through(style: FabricStyle) -> Colour:
    """Colour of the gaps: the table in openwork, mostly the cloth's own shadow elsewhere."""
    if style.family == "lace":
        return style.table
    warp = style.yarns.warp_colour
    red, green, blue = (
        0.3 * own + 0.12 * below for own, below in zip(warp, style.table, strict=True)
    )
    return (red, green, blue)


def _thread_map(style: FabricStyle, side_px: int, generator: np.random.Generator) -> ThreadMap:
    yarns = style.yarns
    angle = np.deg2rad(style.angle_deg)
    place = np.arange(side_px, dtype=np.float32) - side_px / 2
    x, y = place[None, :], place[:, None]
    across = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
    along = y * np.float32(np.cos(angle)) - x * np.float32(np.sin(angle))
    wander = style.view.wave_px
    across = across + wander * soft_noise(generator, side_px, 5)
    along = along + wander * soft_noise(generator, side_px, 5)
    fine = 0.6 * yarns.irregularity_ratio
    u = across / np.float32(yarns.warp_pitch_px)
    v = along / np.float32(yarns.weft_pitch_px)
    u = u + fine * soft_noise(generator, side_px, max(4, side_px // 40))
    v = v + fine * soft_noise(generator, side_px, max(4, side_px // 40))
    u = _uneven(u, 1.6 * yarns.irregularity_ratio, generator)
    return ThreadMap(u, _uneven(v, 1.6 * yarns.irregularity_ratio, generator))


def _uneven(place: Plane, spread: float, generator: np.random.Generator) -> Plane:
    """Move each thread by its own amount, at most so far that threads keep their order."""
    low = float(place.min())
    count = int(float(place.max()) - low) + 4
    own = np.clip(generator.standard_normal(count) * spread, -0.42, 0.42).astype(np.float32)
    fine = 8
    table = np.interp(np.arange(count * fine) / fine, np.arange(count), own).astype(np.float32)
    index = ((place - np.float32(low)) * fine).astype(np.intp)
    return np.asarray(place + table[index], dtype=np.float32)


def _lit(yarns: Yarns, threads: ThreadMap) -> Cell:
    """Lay the repeat over the cloth: (S, S, 3) float32 warp light, weft light, openness."""
    relief, gap, sheen = (
        round(float(ratio), 2) for ratio in (yarns.relief_ratio, yarns.gap_ratio, yarns.sheen_ratio)
    )
    cell = draw_cell(yarns.structure, relief, gap, sheen)
    height, width = cell.shape[:2]
    spread_u = _PIXEL_SPREAD_PX * TEXELS / yarns.warp_pitch_px
    spread_v = _PIXEL_SPREAD_PX * TEXELS / yarns.weft_pitch_px
    around = int(4 * max(spread_u, spread_v)) + 2
    tiled = np.pad(cell, ((around, around), (around, around), (0, 0)), mode="wrap")
    smooth = cv2.GaussianBlur(tiled, (0, 0), spread_u, sigmaY=spread_v)
    # One more texel on the far sides: sampling between the last and the first needs no wrapping.
    smooth = smooth[around : around + height + 1, around : around + width + 1]
    u = _remainder(threads.u * np.float32(TEXELS), width)
    v = _remainder(threads.v * np.float32(TEXELS), height)
    return np.asarray(cv2.remap(smooth, u, v, cv2.INTER_LINEAR), dtype=np.float32)


def _thread_colours(style: FabricStyle, generator: np.random.Generator, *, warp: bool) -> Plane:
    """Colour of each thread along its length: (threads, knots, 3) float32."""
    yarns = style.yarns
    count, knots = 256, 96
    shade = yarns.shade_ratio * generator.standard_normal((count, 1))
    shade = shade + 0.5 * yarns.slub_ratio * generator.standard_normal((count, knots))
    thick = generator.random((count, knots)) < 0.02 * yarns.slub_ratio * 4
    shade += thick * generator.uniform(0.1, 0.35)
    base = np.array(yarns.warp_colour if warp else yarns.weft_colour)
    colours = np.repeat(base[None], count, axis=0)
    if style.pattern is not None and style.pattern.name in {"stripes", "checks"}:
        pitch_px = yarns.warp_pitch_px if warp else yarns.weft_pitch_px
        colours = dye_threads(style.pattern, colours, pitch_px, warp=warp)
    return (colours[:, None] * np.clip(1 + shade, 0.4, 1.6)[..., None]).astype(np.float32)


def _spread(colours: Plane, thread: Plane, along: Plane) -> Plane:
    """Colour of each pixel (S, S, 3) float32 from the thread that it lies on."""
    count, knots = colours.shape[:2]
    wrapped = np.concatenate([colours, colours[:, :1]], axis=1)
    row = _remainder(np.floor(thread), count)
    column = _remainder(along * np.float32(0.9) + row * np.float32(7.31), knots)
    return np.asarray(cv2.remap(wrapped, column, row, cv2.INTER_LINEAR), dtype=np.float32)


def _remainder(value: Plane, divisor: int) -> Plane:
    """What is left of (S, S) float32 after whole divisors; several times faster than numpy's."""
    return np.asarray(value - np.floor(value * np.float32(1 / divisor)) * np.float32(divisor))


def _hair(hair_ratio: float, side_px: int, generator: np.random.Generator) -> Plane:
    """Fibres that stand out, lighter and darker: (S, S) float32 around 1."""
    canvas = np.full((side_px, side_px), 128, np.uint8)
    count = int(hair_ratio * side_px * side_px / 350)
    starts = generator.uniform(0, side_px, (count, 1, 2))
    turns = generator.uniform(0, 2 * np.pi, (count, 1)) + np.cumsum(
        generator.normal(0, 0.5, (count, 5)), axis=1
    )
    steps = np.stack([np.cos(turns), np.sin(turns)], axis=2)
    lengths = generator.gamma(2.0, 1.1, (count, 1, 1))
    ways = np.round((starts + np.cumsum(steps * lengths, axis=1)) * 8).astype(np.int32)
    tones = np.clip(128 + 42 * generator.standard_normal(count), 20, 235)
    for way, tone in zip(ways, tones, strict=True):
        cv2.polylines(canvas, [way], False, float(tone), 1, cv2.LINE_AA, 3)
    return np.asarray(1 + (cv2.GaussianBlur(canvas, (0, 0), 0.6) / np.float32(128) - 1) * 0.6)


def soft_noise(generator: np.random.Generator, side_px: int, knots: int) -> Plane:
    """Smooth noise (side, side) float32 of about unit spread, `knots` bumps along a side."""
    coarse = generator.standard_normal((knots, knots)).astype(np.float32)
    return spread_out(coarse, side_px)


def spread_out(coarse: Plane, side_px: int) -> Plane:
    """Enlarge a smooth field (K, K) float32 to (side, side): cubic first, then linear and fast."""
    middle_px = min(side_px, 4 * max(coarse.shape))
    smooth = cv2.resize(coarse, (middle_px, middle_px), interpolation=cv2.INTER_CUBIC)
    whole = cv2.resize(smooth, (side_px, side_px), interpolation=cv2.INTER_LINEAR)
    return np.asarray(whole, dtype=np.float32)
