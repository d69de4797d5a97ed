"""Styles of greige: undyed goods as they leave the loom, each thread drawn for itself.

The swatches of `draw_style` repeat one cell and paint flaws on a picture of it. Greige is woven
anew for every tile, thread by thread, so that a flaw moves threads instead of pictures: a missing
pick shifts the weave behind it, a dense place carries more threads. It is grey and slow to draw,
and stands beside the nine families in training only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering.camera import Degrees

Lift = tuple[tuple[bool, ...], ...]

# One letter a crossing: x where the warp lies on top.
_LIFTS = {
    "plain": "x. .x",
    "twill_2_1": "xx. .xx x.x",
    "twill_3_1": "xxx. .xxx x.xx xx.x",
    "twill_2_2": "xx.. .xx. ..xx x..x",
    "satin_5": "xxxx. xx.xx .xxxx xxx.x x.xxx",
    "basket": "xx.. xx.. ..xx ..xx",
}
# Plain weave is the commonest; `dobby` is any small repeat, `fleece` shows fibres, no threads.
GREIGE_STRUCTURES: tuple[str, ...] = (*_LIFTS, "dobby", "knit", "fleece")
_CHANCES = ("plain", "plain", *GREIGE_STRUCTURES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stripe:
    """Every other group of `threads` threads of one system is lighter by `depth_ratio`."""

    threads: int
    depth_ratio: float
    weft: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Threads:
    """Threads of greige; light is the logarithm of brightness, so that its parts are summed.

    `step_ratio` lightens the warp and darkens the weft, `round_ratio` darkens a thread's sides,
    `crimp_ratio` its ends of a float; `warp_shade_ratio` and `weft_shade_ratio` scatter from thread
    to thread, `slub_ratio` along one over `slub_threads` crossings; `warp_jitter_ratio` and
    `weft_jitter_ratio` are how far threads lie from their place, in pitches.
    """

    warp_pitch_px: float
    weft_pitch_px: float
    contrast_ratio: float
    step_ratio: float
    round_ratio: float
    crimp_ratio: float
    warp_shade_ratio: float
    weft_shade_ratio: float
    slub_ratio: float
    slub_threads: int
    warp_jitter_ratio: float
    weft_jitter_ratio: float
    stripe: Stripe | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """What lies over the threads: mottle, and the fibres of fleece or the loops of a knit."""

    mottle_ratio: float
    mottle_px: float
    fibre_px: float
    fibre_width_px: float
    fibre_ratio: float
    loop_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GreigeView:
    """How greige is laid and seen: `wander_px` over `wander_length_px` is how it waves."""

    angle_deg: Degrees
    skew_ratio: float
    wander_px: float
    wander_length_px: float
    level_count: float
    shade_ratio: float
    blur_px: float
    noise_count: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GreigeStyle:
    """A style of greige: structure of GREIGE_STRUCTURES and where the warp lies on top.

    `lift` has a row a pick and a column an end; knit and fleece have none.
    """

    structure: str
    lift: Lift
    threads: Threads
    surface: Surface
    view: GreigeView


def draw_greige(generator: np.random.Generator) -> GreigeStyle:
    """Draw a style of greige."""
    structure = _CHANCES[int(generator.integers(len(_CHANCES)))]
    return GreigeStyle(
        structure=structure,
        lift=_lift(generator, structure),
        threads=_threads(generator),
        surface=Surface(
            mottle_ratio=mostly_small(generator, 0.002, 0.05),
            mottle_px=mostly_small(generator, 3, 25),
            fibre_px=mostly_small(generator, 0.6, 5),
            fibre_width_px=mostly_small(generator, 0.6, 5) * mostly_small(generator, 0.2, 5),
            fibre_ratio=mostly_small(generator, 0.02, 0.2),
            loop_ratio=float(generator.uniform(0.3, 0.9)),
        ),
        view=_view(generator),
    )


def mostly_small(generator: np.random.Generator, low: float, high: float) -> float:
    """A number whose logarithm is drawn evenly."""
    return float(np.exp(generator.uniform(np.log(low), np.log(high))))


def _lift(generator: np.random.Generator, structure: str) -> Lift:
    if structure == "dobby":
        return as_lift(generator.random(tuple(generator.integers(2, 9, 2))) < 0.5)
    if structure not in _LIFTS:
        return ()
    plan = np.array([[mark == "x" for mark in row] for row in _LIFTS[structure].split()])
    if generator.random() < 0.5:
        plan = plan[:, ::-1]
    if generator.random() < 0.5:
        plan = plan.T
    return as_lift(~plan if generator.random() < 0.3 else plan)


def as_lift(plan: NDArray[np.bool_]) -> Lift:
    """Take a plan (P, E) bool for a lift."""
    return tuple(tuple(bool(mark) for mark in row) for row in plan)


def _threads(generator: np.random.Generator) -> Threads:
    pitch_px = mostly_small(generator, 2.2, 10)
    contrast = mostly_small(generator, 0.05, 0.5)
    shade, jitter = mostly_small(generator, 0.003, 0.08), mostly_small(generator, 0.02, 0.25)
    parts = generator.uniform(0.3, 1, 4)
    stripe = None
    if generator.random() < 0.15:
        stripe = Stripe(
            threads=int(generator.integers(2, 14)),
            depth_ratio=float(generator.uniform(-0.2, 0.2)),
            weft=bool(generator.random() < 0.5),
        )
    return Threads(
        warp_pitch_px=pitch_px,
        weft_pitch_px=float(np.clip(pitch_px * mostly_small(generator, 0.6, 1.7), 2, 14)),
        contrast_ratio=contrast,
        step_ratio=contrast * float(generator.uniform(-1, 1)),
        round_ratio=contrast * float(generator.uniform(0.3, 1.5)),
        crimp_ratio=contrast * float(generator.uniform(0, 1)),
        warp_shade_ratio=shade * float(parts[0]),
        weft_shade_ratio=shade * float(parts[1]),
        slub_ratio=mostly_small(generator, 0.004, 0.1),
        slub_threads=int(mostly_small(generator, 3, 20)),
        warp_jitter_ratio=jitter * float(parts[2]),
        weft_jitter_ratio=jitter * float(parts[3]),
        stripe=stripe,
    )


def _view(generator: np.random.Generator) -> GreigeView:
    straight = generator.random() < 0.85
    return GreigeView(
        angle_deg=float(generator.normal(0, 1.5) if straight else generator.uniform(-90, 90)),
        skew_ratio=float(generator.normal(0, 0.02)),
        wander_px=mostly_small(generator, 0.1, 3),
        wander_length_px=mostly_small(generator, 60, 300),
        level_count=float(generator.uniform(50, 190)),
        shade_ratio=mostly_small(generator, 0.004, 0.06),
        blur_px=float(generator.uniform(0.35, 1.1)),
        noise_count=mostly_small(generator, 0.5, 5),
    )
