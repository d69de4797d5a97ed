"""What the networks are trained on: styles drawn at random, each tile as departures from its own.

Every style is drawn, its good tiles give mean and whitening as teaching does, and its spoiled
tiles become departures from it with a mask. So a head learns what a flaw looks like relative to
its own cloth. Half of the styles are of the nine families, half are greige.

Styles are kept in shards, so that a stopped training goes on. A shard's name holds all that its
content depends on: the seed, which styles, and a digest of the code that draws and describes them.
"""

import hashlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from cloud.infrastructure.training.child_of_training import end_with_parent
from cloud.infrastructure.training.golden_bank import CELL_PX, CHANNELS, golden_bank
from cloud.infrastructure.training.rendering import (
    ANOMALIES,
    FAMILIES,
    GREIGE_FLAWS,
    KINDS,
    Sample,
    draw_greige,
    draw_style,
    render_greige,
    render_sample,
)

GOOD_TILES, FLAWED_TILES, SIDE_PX = 4, 6, 192
TILES = GOOD_TILES + FLAWED_TILES
GREIGE = len(FAMILIES)
"""The family of greige, one after those of FAMILIES."""
NAMES = (*KINDS, *ANOMALIES)
GOOD, NAMELESS = -1, -2
_CELLS = SIDE_PX // CELL_PX
_SHRINKAGE, _FLOOR, _LARGEST = 0.2, 1e-4, 30.0
_SHARD_STYLES = 20
_CODE = ("rendering", "golden_bank.py", "graph.py", "style_set.py")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StyleSet:
    """Tiles of styles, ten of each in a row, the first four of them good.

    ``departures`` (N, H, W, C) float16, ``masks`` (N, H, W) bool, ``kinds`` (N,) int8: the place in
    NAMES, GOOD, or NAMELESS for greige's flaws; ``families`` (N,) int8: the place in FAMILIES.
    """

    departures: NDArray[np.float16]
    masks: NDArray[np.bool_]
    kinds: NDArray[np.int8]
    families: NDArray[np.int8]

    def __len__(self) -> int:
        """How many tiles there are."""
        return len(self.masks)

    def part(self, chosen: slice | NDArray[np.int_]) -> "StyleSet":
        """Take the ``chosen`` (N,) tiles."""
        return StyleSet(
            departures=self.departures[chosen],
            masks=self.masks[chosen],
            kinds=self.kinds[chosen],
            families=self.families[chosen],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Where some styles of a seed are kept; `least_score` is how well their flaws can be seen."""

    path: Path
    seed: int
    first: int
    count: int
    least_score: float | None = None


def recipe() -> str:
    """Digest of the code that draws styles and describes them."""
    whole = hashlib.sha256()
    for name in _CODE:
        place = Path(__file__).parent / name
        for file in sorted(place.glob("*.py")) if place.is_dir() else [place]:
            whole.update(file.name.encode() + file.read_bytes())
    return whole.hexdigest()[:12]


def shards_of(
    folder: Path, seed: int, style_count: int, least_score: float | None = None
) -> list[Shard]:
    """Name the shards of so many styles; with a `least_score` their flaws can be seen so well."""
    code = recipe() if least_score is None else f"{recipe()}-seen{least_score:g}"
    found = []
    for first in range(0, style_count, _SHARD_STYLES):
        count = min(_SHARD_STYLES, style_count - first)
        path = folder / f"styles-{code}-{seed}-{first:05d}-{count}.npz"
        found.append(Shard(path=path, seed=seed, first=first, count=count, least_score=least_score))
    return found


def render_shards(shards: list[Shard], workers: int, told: Callable[[int], None]) -> None:
    """Render what is missing of the shards; ``told`` hears how many styles are done.

    Raises:
        OSError: the folder cannot be written.
    """
    missing = [shard for shard in shards if not shard.path.exists()]
    done = sum(shard.count for shard in shards) - sum(shard.count for shard in missing)
    told(done)
    if workers <= 1 or len(missing) <= 1:
        for shard in missing:
            _render(shard)
            done += shard.count
            told(done)
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), end_with_parent) as pool:
        waiting = {pool.submit(_render, shard): shard for shard in missing}
        for finished in as_completed(waiting):
            finished.result()
            done += waiting[finished].count
            told(done)


def read_shards(shards: list[Shard]) -> StyleSet:
    """Join shards that were rendered."""
    total = sum(shard.count for shard in shards) * TILES
    whole = StyleSet(
        departures=np.empty((total, _CELLS, _CELLS, CHANNELS), np.float16),
        masks=np.empty((total, _CELLS, _CELLS), np.bool_),
        kinds=np.empty(total, np.int8),
        families=np.empty(total, np.int8),
    )
    for shard in shards:
        rows = slice(shard.first * TILES, (shard.first + shard.count) * TILES)
        with np.load(shard.path) as kept:
            whole.departures[rows] = kept["departures"]
            whole.masks[rows] = kept["masks"]
            whole.kinds[rows] = kept["kinds"]
            whole.families[rows] = kept["families"]
    return whole


def _render(shard: Shard) -> None:
    """Render a shard's styles and keep them."""
    cv2.setNumThreads(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        golden_bank().SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    styles = [_style(shard, shard.first + place, session) for place in range(shard.count)]
    part = shard.path.with_suffix(".part.npz")
    np.savez(
        part,
        departures=np.concatenate([style.departures for style in styles]),
        masks=np.concatenate([style.masks for style in styles]),
        kinds=np.concatenate([style.kinds for style in styles]),
        families=np.concatenate([style.families for style in styles]),
    )
    part.replace(shard.path)


def _style(shard: Shard, number: int, session: onnxruntime.InferenceSession) -> StyleSet:
    """Draw a style, its good tiles and some with a flaw; odd numbers are greige."""
    generator = np.random.default_rng([shard.seed, number])
    if number % 2:
        family, samples = GREIGE, _greige_samples(generator)
        kinds = [GOOD] * GOOD_TILES + [NAMELESS] * FLAWED_TILES
    else:
        family, samples = _samples(generator, shard.least_score)
        kinds = [GOOD if s.kind is None else NAMES.index(s.kind) for s in samples]
    masks = np.stack([sample.mask for sample in samples])
    cells = masks.reshape(TILES, _CELLS, CELL_PX, _CELLS, CELL_PX).any(axis=(2, 4))
    tiles = np.stack([sample.picture for sample in samples])
    return StyleSet(
        departures=_departures(session.run(["features"], {"tiles": tiles})[0]),
        masks=np.asarray(cells),
        kinds=np.array(kinds, np.int8),
        families=np.full(TILES, family, np.int8),
    )


def _samples(generator: np.random.Generator, least_score: float | None) -> tuple[int, list[Sample]]:
    """Draw one of the nine families and its tiles."""
    style = draw_style(generator)
    wanted = [None] * GOOD_TILES + [str(k) for k in generator.choice(NAMES, FLAWED_TILES)]
    samples = [render_sample(style, generator, k, SIDE_PX, least_score) for k in wanted]
    return FAMILIES.index(style.family), samples


def _greige_samples(generator: np.random.Generator) -> list[Sample]:
    """Draw greige and its tiles, each flaw at most once."""
    style = draw_greige(generator)
    flaws = generator.choice(GREIGE_FLAWS, FLAWED_TILES, replace=False)
    wanted = [None] * GOOD_TILES + [str(flaw) for flaw in flaws]
    return [render_greige(style, generator, flaw, SIDE_PX) for flaw in wanted]


def _departures(features: NDArray[np.float32]) -> NDArray[np.float16]:
    """Whiten ``features`` (N, H, W, C) float32 of one style by its good tiles, the first ones."""
    centred = features - np.median(features, axis=(1, 2), keepdims=True)
    good = centred[:GOOD_TILES].reshape(-1, CHANNELS)
    covariance = np.cov(good, rowvar=False, dtype=np.float64)
    covariance += np.diag(_SHRINKAGE * np.diag(covariance) + _FLOOR)
    sizes, axes = np.linalg.eigh(covariance)
    departures = centred @ ((axes / np.sqrt(sizes)) @ axes.T).astype(np.float32)
    return np.asarray(departures.clip(-_LARGEST, _LARGEST), dtype=np.float16)
