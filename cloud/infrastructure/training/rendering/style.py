"""Styles of cloth drawn at random: what a fabric is made of and how a camera happens to see it.

A style is only numbers. `draw_style` takes them from wide but possible ranges; the same numbers
give the same cloth. Lengths are pixels of the picture, because a network never sees millimetres.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias, get_args

import numpy as np

from cloud.infrastructure.training.rendering.camera import Degrees
from cloud.infrastructure.training.rendering.cells import Structure
from cloud.infrastructure.training.rendering.errors import ImpossibleSceneError

Colour: TypeAlias = tuple[float, float, float]

FAMILIES: tuple[str, ...] = (
    "woven",
    "twill",
    "knit",
    "satin",
    "denim",
    "lace",
    "sequin",
    "print",
    "technical",
)
STRUCTURES: tuple[str, ...] = get_args(Structure)
PATTERNS = ("stripes", "checks", "dots", "motifs", "gradient")
TRIMS = ("sequin", "bead", "hotfix")


@dataclass(frozen=True, slots=True, kw_only=True)
class Yarns:
    """Threads of a cloth.

    `warp_pitch_px` is the distance from end to end (knit: from wale to wale), `weft_pitch_px` from
    pick to pick (knit: from course to course). `gap_ratio` is the part of a pitch left open,
    `relief_ratio` the contrast of the round threads, `irregularity_ratio` how unevenly they lie,
    `slub_ratio` thick and thin places, `shade_ratio` the difference from thread to thread,
    `hair_ratio` the fibres that stand out, `sheen_ratio` the gloss of floats.
    """

    structure: Structure
    warp_pitch_px: float
    weft_pitch_px: float
    warp_colour: Colour
    weft_colour: Colour
    gap_ratio: float = 0.06
    relief_ratio: float = 0.4
    irregularity_ratio: float = 0.05
    slub_ratio: float = 0.05
    shade_ratio: float = 0.04
    hair_ratio: float = 0.0
    sheen_ratio: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A print, or stripes and checks of dyed yarns: `name` of PATTERNS, repeat in px, inks."""

    name: str
    pitch_px: float
    inks: tuple[Colour, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trim:
    """What is sewn or glued on: `name` of TRIMS, side of one and distance between them in px."""

    name: str
    size_px: float
    pitch_px: float
    colour: Colour


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How camera and lamps see the cloth; every picture varies around it.

    `blur_px` and `noise_count` (grey levels of 255) are the sensor's, `slope_ratio` the change of
    light across a picture, `vignette_ratio` the loss in the corners, `fold_ratio` the shade of
    folds, `drift_ratio` of uneven dyeing and density, `wave_px` how far threads wander from their
    straight line, `jpeg_ratio` how often a picture was compressed.
    """

    grey: bool = False
    level_ratio: float = 1.0
    blur_px: float = 0.5
    noise_count: float = 2.0
    slope_ratio: float = 0.08
    vignette_ratio: float = 0.05
    fold_ratio: float = 0.04
    drift_ratio: float = 0.02
    wave_px: float = 1.0
    jpeg_ratio: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class FabricStyle:
    """A style: family of FAMILIES, seed of its irregularities, threads, decoration, view.

    `angle_deg` is how far the warp is turned from upright. `table` is the colour seen through
    holes and openwork.
    """

    family: str
    seed: int
    angle_deg: Degrees
    yarns: Yarns
    table: Colour = (0.1, 0.1, 0.11)
    pattern: Pattern | None = None
    trim: Trim | None = None
    view: View = field(default_factory=View)


def draw_style(generator: np.random.Generator, family: str | None = None) -> FabricStyle:
    """Draw a style, of a random family unless one of FAMILIES is named.

    Raises:
        ImpossibleSceneError: there is no such family.
    """
    if family is None:
        family = FAMILIES[int(generator.integers(len(FAMILIES)))]
    if family not in _MAKERS:
        raise ImpossibleSceneError(f"no family {family!r}; there are {', '.join(FAMILIES)}")
    return _MAKERS[family](generator)


def _between(generator: np.random.Generator, low: float, high: float) -> float:
    return float(generator.uniform(low, high))


def _log_between(generator: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(generator.uniform(np.log(low), np.log(high))))


def _colour(generator: np.random.Generator, low: float = 0.06, high: float = 0.9) -> Colour:
    """Any cloth colour; many cloths are nearly grey."""
    level = _between(generator, low, high)
    chroma = 0.0 if generator.random() < 0.25 else abs(float(generator.normal(0, 0.22)))
    way = generator.standard_normal(3)
    way -= way.mean()
    way /= float(np.abs(way).max()) + 1e-6
    red, green, blue = np.clip(level * (1 + chroma * way * 2.0), 0.02, 0.95)
    return (float(red), float(green), float(blue))


def _near(generator: np.random.Generator, colour: Colour, spread_ratio: float) -> Colour:
    level = 1 + spread_ratio * float(generator.normal())
    red, green, blue = (
        float(np.clip(part * level * (1 + 0.25 * spread_ratio * generator.normal()), 0.02, 0.97))
        for part in colour
    )
    return (red, green, blue)


def _sunk(generator: np.random.Generator, colour: Colour) -> Colour:
    """Often one system of threads lies deeper and darker than the other."""
    if generator.random() < 0.4:
        return colour
    depth = _between(generator, 0.3, 0.9)
    return (colour[0] * depth, colour[1] * depth, colour[2] * depth)


def _view(generator: np.random.Generator, *, grey_chance_ratio: float = 0.15) -> View:
    return View(
        grey=bool(generator.random() < grey_chance_ratio),
        level_ratio=_between(generator, 0.7, 1.1),
        blur_px=_between(generator, 0.25, 1.1),
        noise_count=_log_between(generator, 0.6, 6.0),
        slope_ratio=abs(float(generator.normal(0, 0.12))),
        vignette_ratio=_between(generator, 0.0, 0.15),
        fold_ratio=_log_between(generator, 0.005, 0.12),
        drift_ratio=_log_between(generator, 0.004, 0.06),
        wave_px=_log_between(generator, 0.2, 4.0),
        jpeg_ratio=0.5 if generator.random() < 0.2 else 0.0,
    )


def _angle(generator: np.random.Generator) -> float:
    """Cloth is mostly laid straight, sometimes anyhow."""
    if generator.random() < 0.7:
        return float(generator.normal(0, 2.0))
    return _between(generator, -90.0, 90.0)


def _seed(generator: np.random.Generator) -> int:
    return int(generator.integers(2**31))


def _threads(
    generator: np.random.Generator, structures: tuple[Structure, ...], warp: Colour, weft: Colour
) -> Yarns:
    pitch_px = _log_between(generator, 2.2, 11.0)
    return Yarns(
        structure=structures[int(generator.integers(len(structures)))],
        warp_pitch_px=pitch_px,
        weft_pitch_px=pitch_px * _log_between(generator, 0.6, 1.6),
        warp_colour=warp,
        weft_colour=weft,
        gap_ratio=_between(generator, 0.0, 0.22),
        relief_ratio=_between(generator, 0.12, 0.75),
        irregularity_ratio=_log_between(generator, 0.01, 0.18),
        slub_ratio=_log_between(generator, 0.01, 0.2),
        shade_ratio=_log_between(generator, 0.01, 0.1),
        hair_ratio=max(0.0, float(generator.normal(0.0, 0.35))),
        sheen_ratio=_between(generator, 0.0, 0.3),
    )


def _woven(generator: np.random.Generator) -> FabricStyle:
    warp = _colour(generator)
    spread = 0.25 if generator.random() < 0.3 else 0.05
    weft = _sunk(generator, _near(generator, warp, spread))
    yarns = _threads(generator, ("plain", "plain", "basket", "rib", "leno"), warp, weft)
    return FabricStyle(
        family="woven",
        seed=_seed(generator),
        angle_deg=_angle(generator),
        yarns=yarns,
        table=_colour(generator, 0.03, 0.9),
        view=_view(generator),
    )


def _twill(generator: np.random.Generator) -> FabricStyle:
    warp = _colour(generator)
    yarns = _threads(
        generator,
        ("twill_2_1", "twill_2_2", "twill_3_1", "herringbone"),
        warp,
        _near(generator, warp, 0.12),
    )
    return FabricStyle(
        family="twill",
        seed=_seed(generator),
        angle_deg=_angle(generator),
        yarns=yarns,
        view=_view(generator),
    )


def _knit(generator: np.random.Generator) -> FabricStyle:
    yarn = _colour(generator)
    base = _threads(generator, ("jersey", "jersey", "rib_knit", "purl"), yarn, yarn)
    wale_px = _log_between(generator, 4.0, 14.0)
    yarns = Yarns(
        structure=base.structure,
        warp_pitch_px=wale_px,
        weft_pitch_px=wale_px * _between(generator, 0.6, 0.95),
        warp_colour=yarn,
        weft_colour=yarn,
        relief_ratio=_between(generator, 0.25, 0.8),
        irregularity_ratio=base.irregularity_ratio,
        slub_ratio=base.slub_ratio,
        shade_ratio=base.shade_ratio,
        hair_ratio=base.hair_ratio * 1.5,
    )
    return FabricStyle(
        family="knit",
        seed=_seed(generator),
        angle_deg=_angle(generator),
        yarns=yarns,
        view=_view(generator),
    )


def _satin(generator: np.random.Generator) -> FabricStyle:
    warp = _colour(generator, 0.15, 0.85)
    base = _threads(generator, ("satin_5", "satin_8"), warp, _near(generator, warp, 0.15))
    yarns = Yarns(
        structure=base.structure,
        warp_pitch_px=_log_between(generator, 2.0, 6.0),
        weft_pitch_px=_log_between(generator, 2.0, 6.0),
        warp_colour=base.warp_colour,
        weft_colour=base.weft_colour,
        gap_ratio=0.0,
        relief_ratio=_between(generator, 0.1, 0.45),
        irregularity_ratio=base.irregularity_ratio * 0.6,
        slub_ratio=base.slub_ratio * 0.4,
        shade_ratio=base.shade_ratio * 0.6,
        sheen_ratio=_between(generator, 0.3, 1.0),
    )
    return FabricStyle(
        family="satin",
        seed=_seed(generator),
        angle_deg=_angle(generator),
        yarns=yarns,
        view=_view(generator),
    )


def _denim(generator: np.random.Generator) -> FabricStyle:
    depth = _between(generator, 0.08, 0.35)
    indigo = (depth * 0.62, depth * 0.78, depth * _between(generator, 1.1, 1.7))
    if generator.random() < 0.15:
        indigo = (depth * 0.5, depth * 0.5, depth * 0.52)
    white = _near(generator, (0.74, 0.73, 0.68), 0.08)
    base = _threads(generator, ("twill_3_1", "twill_3_1", "twill_2_1"), indigo, white)
    pitch_px = _log_between(generator, 2.6, 9.0)
    yarns = Yarns(
        structure=base.structure,
        warp_pitch_px=pitch_px,
        weft_pitch_px=pitch_px * _between(generator, 1.0, 1.5),
        warp_colour=indigo,
        weft_colour=white,
        gap_ratio=0.02,
        relief_ratio=_between(generator, 0.3, 0.8),
        irregularity_ratio=_between(generator, 0.05, 0.2),
        slub_ratio=_between(generator, 0.08, 0.4),
        shade_ratio=_between(generator, 0.05, 0.2),
        hair_ratio=_between(generator, 0.0, 0.5),
    )
    return FabricStyle(
        family="denim",
        seed=_seed(generator),
        angle_deg=_angle(generator),
        yarns=yarns,
        view=_view(generator, grey_chance_ratio=0.05),
    )


def _lace(generator: np.random.Generator) -> FabricStyle:
    yarn = _colour(generator, 0.4, 0.95) if generator.random() < 0.7 else _colour(generator)
    table = _colour(generator, 0.02, 0.9)
    table = _near(generator, (sum(table) / 3,) * 3, 0.1)
    if abs(sum(table) - sum(yarn)) < 0.6:
        table = (0.06, 0.06, 0.07) if sum(yarn) > 1.2 else (0.8, 0.8, 0.78)
    base = _threads(generator, ("hexagon_net", "diamond_net", "square_net"), yarn, yarn)
    mesh_px = _log_between(generator, 5.0, 16.0)
    yarns = Yarns(
        structure=base.structure,
        warp_pitch_px=mesh_px,
        weft_pitch_px=mesh_px * _between(generator, 0.8, 1.2),
        warp_colour=yarn,
        weft_colour=yarn,
        gap_ratio=_between(generator, 0.45, 0.8),
        relief_ratio=_between(generator, 0.2, 0.6),
        irregularity_ratio=_between(generator, 0.03, 0.15),
        slub_ratio=base.slub_ratio,
        shade_ratio=base.shade_ratio,
    )
    motifs = Pattern(name="motifs", pitch_px=_between(generator, 60.0, 180.0), inks=(yarn,))
    return FabricStyle(
        family="lace",
        seed=_seed(generator),
        angle_deg=_angle(generator),
        yarns=yarns,
        table=table,
        pattern=motifs if generator.random() < 0.8 else None,
        view=_view(generator),
    )


def _sequin(generator: np.random.Generator) -> FabricStyle:
    return draw_trimmed(generator, TRIMS[int(generator.choice(3, p=[0.5, 0.25, 0.25]))])


def draw_trimmed(generator: np.random.Generator, name: str) -> FabricStyle:
    """Draw a style of the family `sequin` that carries a trim of TRIMS."""
    woven = _woven(generator)
    size_px = _log_between(generator, 9.0, 30.0)
    spacing = _between(generator, 0.62, 0.8) if name == "sequin" else _between(generator, 1.1, 2.5)
    if name == "bead":
        size_px *= 0.5
    trim = Trim(
        name=name,
        size_px=size_px,
        pitch_px=size_px * spacing,
        colour=_colour(generator, 0.2, 0.85),
    )
    return FabricStyle(
        family="sequin",
        seed=woven.seed,
        angle_deg=woven.angle_deg,
        yarns=woven.yarns,
        table=woven.table,
        trim=trim,
        view=woven.view,
    )


def _print(generator: np.random.Generator) -> FabricStyle:
    makers = (_woven, _woven, _twill, _knit, _satin)
    ground = makers[int(generator.integers(len(makers)))](generator)
    count = int(generator.integers(1, 4))
    pattern = Pattern(
        name=PATTERNS[int(generator.integers(len(PATTERNS)))],
        pitch_px=_log_between(generator, 14.0, 120.0),
        inks=tuple(_colour(generator) for _ in range(count)),
    )
    return FabricStyle(
        family="print",
        seed=ground.seed,
        angle_deg=ground.angle_deg,
        yarns=ground.yarns,
        table=ground.table,
        pattern=pattern,
        view=ground.view,
    )


def _technical(generator: np.random.Generator) -> FabricStyle:
    """Grey uncoated cloth under a line-scan camera: a fine grid, little light to spare."""
    level = _between(generator, 0.18, 0.7)
    yarn = (level, level, level)
    pitch_px = _log_between(generator, 2.4, 8.0)
    base = _threads(generator, ("plain", "plain", "basket", "twill_2_2", "rib"), yarn, yarn)
    yarns = Yarns(
        structure=base.structure,
        warp_pitch_px=pitch_px,
        weft_pitch_px=pitch_px * _between(generator, 0.75, 1.3),
        warp_colour=yarn,
        weft_colour=_sunk(generator, _near(generator, yarn, 0.06)),
        gap_ratio=_between(generator, 0.05, 0.3),
        relief_ratio=_between(generator, 0.3, 1.0),
        irregularity_ratio=_log_between(generator, 0.02, 0.12),
        slub_ratio=_log_between(generator, 0.03, 0.35),
        shade_ratio=_log_between(generator, 0.01, 0.07),
    )
    view = View(
        grey=True,
        level_ratio=_between(generator, 0.8, 1.1),
        blur_px=_between(generator, 0.25, 0.9),
        noise_count=_log_between(generator, 1.0, 6.0),
        slope_ratio=abs(float(generator.normal(0, 0.05))),
        vignette_ratio=_between(generator, 0.0, 0.06),
        fold_ratio=_log_between(generator, 0.002, 0.03),
        drift_ratio=_log_between(generator, 0.005, 0.05),
        wave_px=_log_between(generator, 0.2, 3.0),
        jpeg_ratio=0.3 if generator.random() < 0.2 else 0.0,
    )
    return FabricStyle(
        family="technical",
        seed=_seed(generator),
        angle_deg=float(generator.normal(0, 1.5)),
        yarns=yarns,
        table=(0.05, 0.05, 0.05),
        view=view,
    )


_MAKERS: dict[str, Callable[[np.random.Generator], FabricStyle]] = {
    "woven": _woven,
    "twill": _twill,
    "knit": _knit,
    "satin": _satin,
    "denim": _denim,
    "lace": _lace,
    "sequin": _sequin,
    "print": _print,
    "technical": _technical,
}
