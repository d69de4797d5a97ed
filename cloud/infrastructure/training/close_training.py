"""Fits the close look on flaws of very many styles; stopped, it goes on where it was.

It learns from places as stations find them, with cells missing and cells too many. Anomalies
without a name teach it to be unsure.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional

from cloud.infrastructure.training.close_network import CloseLook, folded_close
from cloud.infrastructure.training.fitting import Fitting, fit
from cloud.infrastructure.training.flaw_set import (
    FLAWS,
    Flaws,
    FlawSet,
    flaw_recipe,
    flaw_shards_of,
    render_flaws,
)
from cloud.infrastructure.training.heads import Weights
from cloud.infrastructure.training.kind_training import Named, cooled, decided
from cloud.infrastructure.training.rendering import FAMILIES, KINDS
from cloud.infrastructure.training.style_set import NAMES
from cloud.infrastructure.training.where_training import turned

BATCH = 32
DECAY_RATIO = 1e-2
_HELD_OUT_STYLES, _ASKED_FLAWS = 600, 50
_NAMELESS_WEIGHT, _SMOOTHED = 0.5, 0.05
_LIMITS, _USUAL_LIMIT = (1.5, 2.4), 1.9
_FOUND_RATIO = 0.6
_AROUND = np.ones((3, 3), np.bool_)


def place_found(
    mask: NDArray[np.bool_], departures: NDArray[np.float32], limit: float
) -> NDArray[np.bool_]:
    """Find a flaw as a station does: places that depart by more than a limit and touch ``mask``.

    ``mask`` (H, W) bool, ``departures`` (H, W, C) float32; nothing where none departs so far.
    """
    size = np.sqrt((departures.clip(-12, 12) ** 2).mean(axis=2))
    labels, _ = ndimage.label(size > limit, structure=_AROUND)
    own = np.unique(labels[mask & (labels > 0)])
    return np.asarray(np.isin(labels, own[own > 0]))


def found_of(
    masks: NDArray[np.bool_], departures: NDArray[np.float32], generator: np.random.Generator
) -> NDArray[np.float32]:
    """Places (N, H, W) float32 as a station may find them: too little, too much, or neither."""
    found = np.zeros(masks.shape, np.float32)
    for place, mask in enumerate(masks):
        own = mask
        if generator.random() < _FOUND_RATIO:
            own = place_found(mask, departures[place], float(generator.uniform(*_LIMITS)))
        else:
            if generator.random() < 0.3:
                own = ndimage.binary_dilation(mask, _AROUND)
            own = own & (generator.random(mask.shape) < generator.uniform(0.4, 1.4))
        found[place] = own if own.any() else mask
    return found


def close_loss(network: CloseLook, flaws: FlawSet, generator: np.random.Generator) -> torch.Tensor:
    """Loss of a batch, mirrored at random; directions tell warp from weft and stay."""
    departures = flaws.departures.astype(np.float32)
    found = found_of(flaws.masks, departures, generator)
    way = int(generator.integers(4))
    departures, found = turned(departures, found, way)
    tiles = flaws.tiles
    tiles = tiles[:, ::-1] if way & 1 else tiles
    tiles = tiles[:, :, ::-1] if way & 2 else tiles
    answers = network(
        torch.from_numpy(np.ascontiguousarray(tiles, dtype=np.float32)),
        torch.from_numpy(departures),
        torch.from_numpy(found),
    )
    return kinds_loss(answers, torch.from_numpy(flaws.kinds.astype(np.int64)))


def kinds_loss(answers: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
    """Loss of ``answers`` (N, K) for ``kinds`` (N,): anomalies without a name want to be unsure."""
    logs = functional.log_softmax(answers, dim=1)
    named = kinds < len(KINDS)
    truth = kinds.clamp(max=len(KINDS) - 1)
    even = -logs.mean(dim=1)
    own = -logs.gather(1, truth[:, None])[:, 0]
    sure = (1 - _SMOOTHED) * own + _SMOOTHED * even
    return torch.where(named, sure, _NAMELESS_WEIGHT * even).mean()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePlan:
    """How much the close look learns from, and what it is never shown."""

    seed: int = 1
    style_count: int = 10000
    step_count: int = 8000
    without_kinds: tuple[str, ...] = ()
    without_families: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Names the plan and the code that draws its styles, for the files it keeps."""
        text = json.dumps([flaw_recipe(), asdict(self)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def held_out_count(self) -> int:
        """The last styles, which it is not fitted on."""
        return min(_HELD_OUT_STYLES, max(1, self.style_count // 10))

    def shown(self, flaws: Flaws, places: NDArray[np.int_]) -> NDArray[np.int_]:
        """Take those of the ``places`` (N,) whose flaws the plan does not leave out."""
        kinds = [NAMES.index(name) for name in self.without_kinds]
        families = [FAMILIES.index(name) for name in self.without_families if name in FAMILIES]
        hidden = np.isin(flaws.kinds[places], kinds) | np.isin(flaws.families[places], families)
        return places[~hidden]


def train_close(
    plan: ClosePlan, folder: Path, told: Callable[[int], None], workers: int = 1
) -> tuple[Weights, Named]:
    """Train; ``folder`` keeps what is needed to go on. ``told`` hears styles and steps done.

    Returns the weights, and how well kinds are named on styles held out, found as stations do.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shards = flaw_shards_of(folder, plan.seed, plan.style_count)
    render_flaws(shards, workers, told)
    flaws = Flaws(shards)
    first = (plan.style_count - plan.held_out_count) * FLAWS
    known = plan.shown(flaws, np.arange(first))
    held_out = plan.shown(flaws, np.arange(first, len(flaws)))
    torch.set_num_threads(1)
    torch.manual_seed(plan.seed)
    network = CloseLook(len(KINDS))
    fitting = Fitting(
        path=folder / f"close-{plan.key}.pt", step_count=plan.step_count, decay_ratio=DECAY_RATIO
    )

    def loss_of(step: int) -> torch.Tensor:
        """Loss (N=1) of a step."""
        torch.manual_seed(step)
        generator = np.random.default_rng([plan.seed, step, 3])
        chosen = generator.choice(known, min(BATCH, len(known)), replace=False)
        return close_loss(network, flaws.take(np.sort(chosen)), generator)

    fit(network, fitting, loss_of, lambda step: told(plan.style_count + step))
    logits = close_logits(network, flaws, held_out, found=True)
    temperature, named = decided(logits, flaws.kinds[held_out])
    return cooled(folded_close(network), temperature), named


def close_logits(
    network: CloseLook, flaws: Flaws, places: NDArray[np.int_], *, found: bool
) -> NDArray[np.float64]:
    """Logits (N, K) of flaws at ``places`` (N,), by the cells that are ``found``, or by the mask.

    A flaw that does not stand out is shown by its mask.
    """
    answers = [np.zeros((0, len(KINDS)))]
    for first in range(0, len(places), _ASKED_FLAWS):
        part = flaws.take(places[first : first + _ASKED_FLAWS])
        departures = part.departures.astype(np.float32)
        cells = part.masks.copy()
        for place, own in enumerate(cells if found else ()):
            seen = place_found(own, departures[place], _USUAL_LIMIT)
            cells[place] = seen if seen.any() else own
        with torch.no_grad():
            answer = network(
                torch.from_numpy(part.tiles.astype(np.float32)),
                torch.from_numpy(departures),
                torch.from_numpy(cells.astype(np.float32)),
            )
        answers.append(answer.numpy().astype(np.float64))
    return np.concatenate(answers)
