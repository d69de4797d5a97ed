"""Fits the what-head, and finds from which confidence on it may name a kind.

It is asked only where something was found, so it learns kinds on the cells of flaws alone.
Anomalies without a name teach it to be unsure: their answer is to be spread evenly over the kinds.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from torch.nn import functional

from cloud.infrastructure.training.heads import Weights
from cloud.infrastructure.training.network import Head
from cloud.infrastructure.training.rendering import KINDS
from cloud.infrastructure.training.style_set import StyleSet
from cloud.infrastructure.training.where_training import asked, turned

BATCH = 24
UNKNOWN_KEPT_RATIO, RIGHT_RATIO = 0.8, 0.8
"""Shares on held-out styles: nameless anomalies that stay so, and names that must be right."""
DECAY_RATIO = 1e-2
_SCALES, _ROUGHNESS = (0.75, 1.33), 0.2
_NAMELESS_WEIGHT, _CELL_WEIGHT, _ASKED_TILES = 0.5, 0.3, 100
_TEMPERATURES = (0.25, 8.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """How well kinds are told apart on held-out styles, and the confidence asked for a name.

    ``accuracy_ratio`` is over all flaws of known kinds; ``named_ratio`` is the share of them that
    is confident enough, ``precision_ratio`` the share of these that is right, and
    ``unknown_ratio`` the share of nameless anomalies that stay unknown.
    """

    confidence_ratio: float
    accuracy_ratio: float
    named_ratio: float
    precision_ratio: float
    unknown_ratio: float
    flaw_count: int


def with_a_flaw_of_the_catalogue(known: StyleSet) -> StyleSet:
    """Take the tiles that teach kinds: flaws of KINDS and nameless anomalies that can be seen."""
    places = np.flatnonzero((known.kinds >= 0) & known.masks.any(axis=(1, 2)))
    return known.part(places)


def kind_loss(head: Head, flaws: StyleSet, generator: np.random.Generator) -> torch.Tensor:
    """Loss of a batch, drawn and mirrored at random; directions tell warp from weft and stay."""
    chosen = generator.choice(len(flaws), min(BATCH, len(flaws)), replace=False)
    cells = _some(flaws.masks[chosen], generator).astype(np.float32)
    departures, cells = turned(
        _varied(flaws.departures[chosen], generator), cells, int(generator.integers(4))
    )
    answers, inside = head(torch.from_numpy(departures)), torch.from_numpy(cells)
    logs = functional.log_softmax(_pooled(answers, inside), dim=1)
    kinds = torch.from_numpy(flaws.kinds[chosen].astype(np.int64))
    named = kinds < len(KINDS)
    truth = kinds.clamp(max=len(KINDS) - 1)
    each = torch.where(
        named, -logs.gather(1, truth[:, None])[:, 0], -_NAMELESS_WEIGHT * logs.mean(dim=1)
    )
    by_cell = functional.cross_entropy(
        answers, truth[:, None, None].expand(inside.shape), reduction="none"
    )
    counted = inside * named[:, None, None]
    own = (by_cell * counted).sum() / counted.sum().clamp(min=1.0)
    return each.mean() + _CELL_WEIGHT * own


def _varied(departures: NDArray[np.float16], generator: np.random.Generator) -> NDArray[np.float32]:
    """Make each of ``departures`` (N, H, W, C) bolder or fainter, and a little rougher."""
    scales = generator.uniform(*_SCALES, (len(departures), 1, 1, 1)).astype(np.float32)
    rough = generator.standard_normal(departures.shape, dtype=np.float32)
    return np.asarray(departures * scales + np.float32(_ROUGHNESS) * rough, dtype=np.float32)


def _some(masks: NDArray[np.bool_], generator: np.random.Generator) -> NDArray[np.bool_]:
    """Leave out some cells of ``masks`` (N, H, W): a station seldom finds all of a flaw."""
    kept = masks & (generator.random(masks.shape) < generator.uniform(0.4, 1.0))
    empty = ~kept.any(axis=(1, 2))
    kept[empty] = masks[empty]
    return kept


def _pooled(answers: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """Mean (N, K) of ``answers`` (N, K, H, W) over the cells ``inside`` (N, H, W)."""
    weights = inside[:, None]
    return (answers * weights).sum(dim=(2, 3)) / weights.sum(dim=(2, 3)).clamp(min=1.0)


def calibrated(head: Head, weights: Weights, held_out: StyleSet) -> tuple[Weights, Named]:
    """Divide the answers by the temperature that fits best, and choose the confidence."""
    flaws = with_a_flaw_of_the_catalogue(held_out)
    answers = np.concatenate(
        [
            _means(head, flaws.part(slice(first, first + _ASKED_TILES)))
            for first in range(0, len(flaws), _ASKED_TILES)
        ]
        or [np.zeros((0, len(KINDS)))]
    )
    temperature, named = decided(answers, flaws.kinds)
    return cooled(weights, temperature), named


def cooled(weights: Weights, temperature_ratio: float) -> Weights:
    """Divide the answers of a network by a temperature."""
    colder = dict(weights)
    for name in ("answer_w", "answer_b"):
        colder[name] = (weights[name] / temperature_ratio).astype(np.float32)
    return colder


def decided(logits: NDArray[np.float64], kinds: NDArray[np.int8]) -> tuple[float, Named]:
    """Find the temperature that fits ``logits`` (N, K) of flaws of ``kinds`` (N,) best.

    Then choose the confidence from which on a kind is named.
    """
    named = kinds < len(KINDS)
    truth = kinds[named].astype(np.intp)

    def unlikely(temperature: float) -> float:
        return -float(
            np.log(_shares(logits[named] / temperature) + 1e-12)[np.arange(len(truth)), truth].sum()
        )

    temperature = 1.0
    if len(truth):
        found = minimize_scalar(unlikely, bounds=_TEMPERATURES, method="bounded")
        temperature = float(found.x)
    return temperature, _chosen(_shares(logits / temperature), kinds)


def _means(head: Head, flaws: StyleSet) -> NDArray[np.float64]:
    """Mean logits (N, K) over each flaw's cells."""
    answers = asked(head, flaws.departures).astype(np.float64)
    inside = flaws.masks[:, None]
    return np.asarray((answers * inside).sum(axis=(2, 3)) / inside.sum(axis=(2, 3)))


def _shares(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Softmax of ``logits`` (N, K)."""
    lifted = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(lifted / lifted.sum(axis=1, keepdims=True))


def _chosen(shares: NDArray[np.float64], kinds: NDArray[np.int8]) -> Named:
    """Choose the confidence by ``shares`` (N, K) of flaws of ``kinds`` (N,)."""
    named, sure = kinds < len(KINDS), shares.max(axis=1, initial=0.0)
    nameless = sure[~named]
    right = shares[named].argmax(axis=1) == kinds[named] if named.any() else np.zeros(0, np.bool_)
    confidence = float(np.quantile(nameless, UNKNOWN_KEPT_RATIO)) if len(nameless) else 0.5
    confidence = max(confidence, _least_sure(sure[named], right))
    said = sure[named] > confidence
    return Named(
        confidence_ratio=round(confidence, 4),
        accuracy_ratio=_share_of(right),
        named_ratio=_share_of(said),
        precision_ratio=_share_of(right[said]),
        unknown_ratio=_share_of(nameless <= confidence),
        flaw_count=int(named.sum()),
    )


def _least_sure(sure: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """The confidence above which enough of the names are right, by ``sure`` and ``right`` (N,)."""
    order = np.argsort(-sure)
    shares = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(shares >= RIGHT_RATIO)
    if not len(enough):
        return 1.0
    last = int(enough[-1])
    return float(sure[order][last + 1]) if last + 1 < len(order) else 0.0


def _share_of(truths: NDArray[np.bool_]) -> float:
    """Share of ``truths`` (N,) that hold; 0 of none."""
    return float(truths.mean()) if len(truths) else 0.0
