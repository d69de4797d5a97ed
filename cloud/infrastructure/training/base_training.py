"""Trains the where-head of the base bundle on rendered styles; stopped, it goes on where it was.

Every style is drawn, its good tiles give mean and whitening as teaching does, and its spoiled
tiles become departures from it with a mask. So the head learns what a flaw looks like relative to
its own cloth. The same plan on the same versions of the libraries gives the same network.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch.nn import functional

from cloud.infrastructure.training.golden_bank import CELL_PX, CHANNELS, golden_bank
from cloud.infrastructure.training.network import WhereHead, folded
from cloud.infrastructure.training.rendering import ANOMALIES, KINDS, draw_style, render_sample
from cloud.infrastructure.training.where_head import Weights

GOOD_TILES, FLAWED_TILES, SIDE_PX = 4, 6, 192
_CELLS = SIDE_PX // CELL_PX
_TILES = GOOD_TILES + FLAWED_TILES
_BATCH, _RATE, _POSITIVE_WEIGHT = 32, 3e-3, 3.0
_SHRINKAGE, _FLOOR, _LARGEST = 0.2, 1e-4, 30.0
_SHARD_STYLES, _SAVE_STEPS, _HELD_OUT_STYLES = 20, 50, 40

Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BasePlan:
    """How much to train: rendered styles, and steps of 32 tiles each."""

    seed: int = 1
    style_count: int = 800
    step_count: int = 1200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """Weights, and tile AUROC on held-out styles by the head and by the distance alone."""

    weights: Weights
    head_auroc_ratio: float
    bank_auroc_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Set:
    """Departures (N, H, W, C) float16, masks (N, H, W) bool."""

    departures: NDArray[np.float16]
    masks: NDArray[np.bool_]


def train_base(plan: BasePlan, folder: Path, told: Told) -> Trained:
    """Train; ``folder`` keeps what is needed to go on. ``told`` hears steps done and of how many.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    total = plan.style_count + plan.step_count
    shards = []
    for first in range(0, plan.style_count, _SHARD_STYLES):
        count = min(_SHARD_STYLES, plan.style_count - first)
        shards.append(
            _shard(folder / f"styles-{plan.seed}-{first:05d}.npz", plan.seed, first, count)
        )
        told(first + count, total)
    whole = _Set(
        departures=np.concatenate([shard.departures for shard in shards]),
        masks=np.concatenate([shard.masks for shard in shards]),
    )
    head = _fitted(plan, whole, folder / f"network-{plan.seed}.pt", told)
    held_out = min(_HELD_OUT_STYLES, max(1, plan.style_count // 10)) * _TILES
    return _judged(head, whole, held_out)


def _shard(path: Path, seed: int, first: int, count: int) -> _Set:
    """Render some styles, or read them where they were rendered before."""
    if not path.exists():
        session = onnxruntime.InferenceSession(
            golden_bank().SerializeToString(), providers=["CPUExecutionProvider"]
        )
        styles = [_style(np.random.default_rng([seed, first + i]), session) for i in range(count)]
        part = path.with_suffix(".part.npz")
        np.savez(
            part,
            departures=np.concatenate([style.departures for style in styles]),
            masks=np.concatenate([style.masks for style in styles]),
        )
        part.replace(path)
    with np.load(path) as kept:
        return _Set(departures=kept["departures"], masks=kept["masks"])


def _style(generator: np.random.Generator, session: onnxruntime.InferenceSession) -> _Set:
    """Draw a style, its good tiles and some with a flaw."""
    style, kinds = draw_style(generator), (*KINDS, *ANOMALIES)
    wanted = [None] * GOOD_TILES + [str(k) for k in generator.choice(kinds, FLAWED_TILES)]
    samples = [render_sample(style, generator, kind, SIDE_PX) for kind in wanted]
    tiles = np.stack([sample.picture for sample in samples])
    features: NDArray[np.float32] = session.run(["features"], {"tiles": tiles})[0]
    features = features - np.median(features, axis=(1, 2), keepdims=True)
    good = features[:GOOD_TILES].reshape(-1, CHANNELS)
    covariance = np.cov(good, rowvar=False, dtype=np.float64)
    covariance += np.diag(_SHRINKAGE * np.diag(covariance) + _FLOOR)
    sizes, axes = np.linalg.eigh(covariance)
    departures = features @ ((axes / np.sqrt(sizes)) @ axes.T).astype(np.float32)
    masks = np.stack([sample.mask for sample in samples])
    cells = masks.reshape(_TILES, _CELLS, CELL_PX, _CELLS, CELL_PX).any(axis=(2, 4))
    return _Set(
        departures=departures.clip(-_LARGEST, _LARGEST).astype(np.float16), masks=np.asarray(cells)
    )


def _fitted(plan: BasePlan, known: _Set, path: Path, told: Told) -> WhereHead:
    """Fit the head, or go on fitting it."""
    torch.manual_seed(plan.seed)
    head = WhereHead()
    optimizer = torch.optim.AdamW(head.parameters(), lr=_RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, _RATE, total_steps=plan.step_count, pct_start=0.1
    )
    done = 0
    if path.exists():
        kept = torch.load(path, weights_only=True)
        head.load_state_dict(kept["head"])
        optimizer.load_state_dict(kept["optimizer"])
        schedule.load_state_dict(kept["schedule"])
        done = int(kept["done"])
    held_out = min(_HELD_OUT_STYLES, max(1, plan.style_count // 10)) * _TILES
    taught = len(known.masks) - held_out
    head.train()
    for step in range(done, plan.step_count):
        generator = np.random.default_rng([plan.seed, 1_000_000 + step])
        _step(head, optimizer, known, generator.choice(taught, min(_BATCH, taught), replace=False))
        schedule.step()
        if (step + 1) % _SAVE_STEPS == 0 or step + 1 == plan.step_count:
            states = {
                "head": head.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
                "done": step + 1,
            }
            torch.save(states, path.with_suffix(".part"))
            path.with_suffix(".part").replace(path)
        told(plan.style_count + step + 1, plan.style_count + plan.step_count)
    head.eval()
    return head


def _step(
    head: WhereHead, optimizer: torch.optim.Optimizer, known: _Set, chosen: NDArray[np.int_]
) -> None:
    """Take one step on the ``chosen`` (N,) tiles."""
    logits = head(torch.from_numpy(known.departures[chosen].astype(np.float32)))
    mask = torch.from_numpy(known.masks[chosen].astype(np.float32))
    around = functional.max_pool2d(mask[:, None], 3, 1, 1)[:, 0]
    counted = 1 - (around - mask)
    cells = functional.binary_cross_entropy_with_logits(
        logits, mask, reduction="none", pos_weight=torch.tensor(_POSITIVE_WEIGHT)
    )
    highest = torch.logsumexp(logits.flatten(1), 1) - float(np.log(4.0))
    tiles = functional.binary_cross_entropy_with_logits(highest, mask.flatten(1).amax(1))
    loss = 8 * (cells * counted).sum() / counted.sum() + 0.3 * tiles
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(head.parameters(), 5.0)
    optimizer.step()


def _judged(head: WhereHead, known: _Set, held_out: int) -> Trained:
    """Measure on the last styles, which were not fitted."""
    departures = known.departures[-held_out:].astype(np.float32)
    bad = np.asarray(known.masks[-held_out:].any(axis=(1, 2)))
    with torch.no_grad():
        logits = head(torch.from_numpy(departures)).numpy()
    distances = np.sqrt((departures**2).mean(axis=3))
    return Trained(
        weights=folded(head),
        head_auroc_ratio=_area(_top(logits), bad),
        bank_auroc_ratio=_area(_top(distances), bad),
    )


def _top(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the four highest cells of ``maps`` (N, H, W), less that of the style's good tiles."""
    highest = np.sort(maps.reshape(len(maps), -1), axis=1)[:, -4:].mean(axis=1)
    styles = highest.reshape(-1, _TILES)
    return np.asarray(styles - styles[:, :GOOD_TILES].mean(axis=1, keepdims=True)).ravel()


def _area(scores: NDArray[np.float32], bad: NDArray[np.bool_]) -> float:
    """Area under the ROC of ``scores`` (N,) by truth ``bad`` (N,)."""
    positives = int(bad.sum())
    negatives = len(bad) - positives
    ranks = float(rankdata(scores)[bad].sum())
    return (ranks - positives * (positives + 1) / 2) / max(1, positives * negatives)
