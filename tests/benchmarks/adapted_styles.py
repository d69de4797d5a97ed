"""Rendered styles taught both ways: a bank at once, and a judge of their own trained after it.

A style is drawn, taught from 24 good crops as a station teaches it, and then given its own judge
from the same crops (``kyndof train adapt``), about a minute of one core. Banks are kept in the
folder of the network in training, so that the known kinds and those left out are shown to the same
styles and each is adapted once.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training import adaptation, own_judge, pasted_flaws
from cloud.infrastructure.training.adaptation import AdaptationPlan, adapt
from cloud.infrastructure.training.rendering import FabricStyle, draw_style, render_sample
from edge.inspection.ports import DefectDetector
from edge.inspection.style_bank import StyleBank
from edge.inspection.teaching import Lesson, learn_style
from tests.benchmarks.left_out import FAMILIES_KNOWN, FAMILIES_LEFT_OUT
from tests.benchmarks.rendered_styles import (
    SIDE_PX,
    TEACHING_CROPS,
    Show,
    Tile,
    as_cloth,
    judged,
)

STYLE_SEED = 9103
"""Styles and what they are taught from; each benchmark draws its tiles by a seed of its own."""
INSTANT, OWN = "", "own_"
"""What begins the names of figures: of the bank alone, and of the own judge."""
_QUICK_SAMPLES, _QUICK_STEPS = 40, 20
_CODE = (adaptation, own_judge, pasted_flaws)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AdaptedStyle:
    """A drawn style and its banks by the two ways to judge."""

    number: int
    style: FabricStyle
    banks: dict[str, StyleBank]


def numbered_families(styles: int, *, quick: bool) -> list[tuple[int, str]]:
    """Number so many styles of each trained family, twice as many of each that was left out."""
    if quick:
        return [(0, FAMILIES_KNOWN[0]), (100 * len(FAMILIES_KNOWN), FAMILIES_LEFT_OUT[0])]
    return [
        (100 * place + turn, family)
        for place, family in enumerate((*FAMILIES_KNOWN, *FAMILIES_LEFT_OUT))
        for turn in range(styles if family in FAMILIES_KNOWN else 2 * styles)
    ]


def shortened(plan: AdaptationPlan, *, quick: bool) -> AdaptationPlan:
    """Shorten a plan for a quick look."""
    if not quick:
        return plan
    short = {"sample_count": _QUICK_SAMPLES, "step_count": _QUICK_STEPS}
    return AdaptationPlan(seed=plan.seed, base=plan.base, **short)


def adapted_style(
    number: int, family: str, plan: AdaptationPlan, detector: DefectDetector, folder: Path
) -> AdaptedStyle:
    """Draw a style and teach it both ways; its own judge is read from the folder where it lies."""
    generator = np.random.default_rng([STYLE_SEED, number])
    style = draw_style(generator, family)
    crops = [render_sample(style, generator, None, SIDE_PX).picture for _ in range(TEACHING_CROPS)]
    cloths, lesson = [as_cloth(crop) for crop in crops], Lesson(style=family, overkill_ratio=0.03)
    instant = learn_style(lesson, cloths, detector)
    kept = folder / f"judge-{_digest(instant, crops, plan)}.bank"
    if not kept.exists():
        own = adapt((instant, lesson), cloths, detector, plan, lambda *_: None)
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(own.to_bytes())
    own = StyleBank.from_bytes(kept.read_bytes())
    return AdaptedStyle(number=number, style=style, banks={OWN: own, INSTANT: instant})


def shown(
    taught: AdaptedStyle, show: Show, seed: int, detector: DefectDetector
) -> Iterator[tuple[str, Tile]]:
    """Judge other tiles of a style both ways."""
    generator = np.random.default_rng([seed, taught.number])
    style, number = taught.style, taught.number
    knit = style.yarns.structure in {"jersey", "rib_knit", "purl"}
    kinds = [kind for kind in show.kinds if knit or kind != "dropped_stitch"]
    chosen = [str(kind) for kind in generator.permutation(np.resize(kinds, show.flawed))]
    for kind in [None] * show.good + chosen:
        sample = render_sample(style, generator, kind, SIDE_PX, show.least_score)
        for way, bank in taught.banks.items():
            yield way, judged(sample, number, style.family, bank, detector)


def _digest(instant: StyleBank, crops: Sequence[NDArray[np.uint8]], plan: AdaptationPlan) -> str:
    """Name all that an own judge depends on: bank, crops (H, W, 3) uint8, plan, weights, code."""
    whole = hashlib.sha256(instant.to_bytes())
    settings = {name: value for name, value in asdict(plan).items() if name != "base"}
    whole.update(repr(sorted(settings.items())).encode())
    for name, values in sorted((plan.base or {}).items()):
        whole.update(name.encode() + np.ascontiguousarray(values).tobytes())
    for crop in crops:
        whole.update(crop.tobytes())
    for module in _CODE:
        whole.update(Path(str(module.__file__)).read_bytes())
    return whole.hexdigest()[:16]
