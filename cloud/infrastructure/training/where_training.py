"""Fits the where-head, and judges it as a station does."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch.nn import functional

from cloud.infrastructure.training.golden_bank import DIRECTION_CHANNELS
from cloud.infrastructure.training.network import Head
from cloud.infrastructure.training.style_set import GOOD_TILES, TILES, StyleSet

BATCH = 32
_POSITIVE_WEIGHT = 3.0
_TOP_CELLS, _DRAWS, _ASKED_TILES = 4, 400, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Tile AUROC and its 95 % interval, styles drawn anew."""

    auroc_ratio: float
    low_ratio: float
    high_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How well tiles with and without a flaw are told apart by the head, the distance, and both."""

    head: Area
    bank: Area
    both: Area


def where_loss(head: Head, known: StyleSet, generator: np.random.Generator) -> torch.Tensor:
    """Loss of a batch, drawn and turned at random."""
    chosen = generator.choice(len(known), min(BATCH, len(known)), replace=False)
    departures, masks = turned(
        known.departures[chosen].astype(np.float32),
        known.masks[chosen].astype(np.float32),
        int(generator.integers(8)),
    )
    return tile_loss(head(torch.from_numpy(departures))[:, 0], torch.from_numpy(masks))


def tile_loss(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Loss (1) of ``logits`` (N, H, W) where ``mask`` (N, H, W) says 1; its border is left open."""
    around = functional.max_pool2d(mask[:, None], 3, 1, 1)[:, 0]
    counted = 1 - (around - mask)
    cells = functional.binary_cross_entropy_with_logits(
        logits, mask, reduction="none", pos_weight=torch.tensor(_POSITIVE_WEIGHT)
    )
    highest = torch.logsumexp(logits.flatten(1), 1) - float(np.log(_TOP_CELLS))
    tiles = functional.binary_cross_entropy_with_logits(highest, mask.flatten(1).amax(1))
    return 8 * (cells * counted).sum() / counted.sum() + 0.3 * tiles


def turned(
    departures: NDArray[np.float32], masks: NDArray[np.float32], way: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mirror and turn ``departures`` (N, H, W, C) and ``masks`` (N, H, W) by one of eight ways.

    The energies along directions change places as they would in the picture.
    """
    order = np.arange(departures.shape[-1])
    if bool(way & 1) != bool(way & 2):
        order = _swapped(order, 1, 3)
    if way & 1:
        departures, masks = departures[:, ::-1], masks[:, ::-1]
    if way & 2:
        departures, masks = departures[:, :, ::-1], masks[:, :, ::-1]
    if way & 4:
        order = _swapped(order, 0, 2)
        departures, masks = departures.swapaxes(1, 2), masks.swapaxes(1, 2)
    return np.ascontiguousarray(departures[..., order]), np.ascontiguousarray(masks)


def _swapped(order: NDArray[np.int_], one: int, other: int) -> NDArray[np.int_]:
    """Swap two directions at both levels of ``order`` (C,)."""
    changed = order.copy()
    for first in DIRECTION_CHANNELS:
        changed[first + one], changed[first + other] = order[first + other], order[first + one]
    return changed


def judge_where(head: Head, held_out: StyleSet, seed: int) -> Judged:
    """Judge whole styles that were held out."""
    departures = held_out.departures
    logits = np.concatenate(
        [
            asked(head, departures[first : first + _ASKED_TILES])[:, 0]
            for first in range(0, len(departures), _ASKED_TILES)
        ]
    )
    wide = departures.astype(np.float32)
    distances = np.sqrt((wide * wide).mean(axis=3))
    bad = np.asarray(held_out.masks.any(axis=(1, 2)))
    both = _robust(logits) + _robust(distances)
    head_area, bank_area, both_area = (
        _area_of(_top(maps), bad, seed) for maps in (logits, distances, both)
    )
    return Judged(head=head_area, bank=bank_area, both=both_area)


def asked(head: Head, departures: NDArray[np.float16]) -> NDArray[np.float32]:
    """Ask a head about ``departures`` (N, H, W, C): (N, K, H, W) float32 logits."""
    with torch.no_grad():
        answer: NDArray[np.float32] = head(torch.from_numpy(departures.astype(np.float32))).numpy()
    return answer


def _robust(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Robust z of ``maps`` (N, H, W) by the good tiles of each style."""
    styles = maps.reshape(-1, TILES, *maps.shape[1:])
    good = styles[:, :GOOD_TILES].reshape(len(styles), -1)
    centre = np.median(good, axis=1)
    spread = 1.4826 * np.median(np.abs(good - centre[:, None]), axis=1) + 1e-6
    shape = (-1, 1, 1, 1)
    scores = (styles - centre.reshape(shape)) / spread.reshape(shape)
    return np.asarray(scores.reshape(maps.shape), dtype=np.float32)


def _top(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the four highest cells of ``maps`` (N, H, W), less that of the style's good tiles."""
    highest = np.sort(maps.reshape(len(maps), -1), axis=1)[:, -_TOP_CELLS:].mean(axis=1)
    styles = highest.reshape(-1, TILES)
    return np.asarray(styles - styles[:, :GOOD_TILES].mean(axis=1, keepdims=True)).ravel()


def _area_of(scores: NDArray[np.float32], bad: NDArray[np.bool_], seed: int) -> Area:
    """Area under the ROC of ``scores`` (N,) by truth ``bad`` (N,), whole styles drawn anew."""
    generator, styles = np.random.default_rng(seed), np.arange(len(bad)).reshape(-1, TILES)
    drawn = []
    for _ in range(_DRAWS):
        places = styles[generator.integers(0, len(styles), len(styles))].ravel()
        drawn.append(area(scores[places], bad[places]))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Area(auroc_ratio=area(scores, bad), low_ratio=float(low), high_ratio=float(high))


def area(scores: NDArray[np.float32], bad: NDArray[np.bool_]) -> float:
    """Area under the ROC of ``scores`` (N,) by truth ``bad`` (N,)."""
    positives = int(bad.sum())
    negatives = len(bad) - positives
    ranks = float(rankdata(scores)[bad].sum())
    return (ranks - positives * (positives + 1) / 2) / max(1, positives * negatives)
