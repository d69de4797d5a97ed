"""What the close look is trained on: flaws of very many styles, as pixels and as departures.

A network on pixels learns cloths by heart where it sees few of them, so every four flaws lie on a
style of their own. A flaw that nobody could see teaches nothing and is drawn anew, bolder. Shards
are kept as those of ``style_set`` are, so that a stopped training goes on.
"""

import hashlib
from collections.abc import Callable, Sequence
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
from cloud.infrastructure.training.rendering import FAMILIES, ROSE, draw_style, render_sample
from cloud.infrastructure.training.style_set import NAMES, recipe

CLOSE_PX = 192
GOOD_TILES, FLAWS = 3, 4
CELLS = CLOSE_PX // CELL_PX
_SHARD_STYLES = 100
_SHRINKAGE, _FLOOR, _LARGEST = 0.2, 1e-4, 30.0
_STREAM = 7
"""Keeps these styles apart from those of ``style_set`` of the same seed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlawSet:
    """Tiles with one flaw each, four of a style in a row.

    ``tiles`` (N, H, W, 3) uint8, ``departures`` (N, H/8, W/8, C) float16, ``masks`` (N, H/8, W/8)
    bool, ``kinds`` (N,) int8: the place in NAMES.
    """

    tiles: NDArray[np.uint8]
    departures: NDArray[np.float16]
    masks: NDArray[np.bool_]
    kinds: NDArray[np.int8]

    def __len__(self) -> int:
        """How many flaws there are."""
        return len(self.kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlawShard:
    """Where the flaws of some styles of a seed are kept."""

    path: Path
    seed: int
    first: int
    count: int


def flaw_recipe() -> str:
    """Digest of the code that draws flaws and describes them."""
    own = Path(__file__).read_bytes()
    return hashlib.sha256(recipe().encode() + own).hexdigest()[:12]


def flaw_shards_of(folder: Path, seed: int, style_count: int) -> list[FlawShard]:
    """Name the shards of so many styles."""
    code, found = flaw_recipe(), []
    for first in range(0, style_count, _SHARD_STYLES):
        count = min(_SHARD_STYLES, style_count - first)
        path = folder / f"flaws-{code}-{seed}-{first:05d}-{count}.npy"
        found.append(FlawShard(path=path, seed=seed, first=first, count=count))
    return found


def render_flaws(shards: list[FlawShard], workers: int, told: Callable[[int], None]) -> None:
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


_ROW = np.dtype(
    [
        ("tile", np.uint8, (CLOSE_PX, CLOSE_PX, 3)),
        ("departures", np.float16, (CELLS, CELLS, CHANNELS)),
        ("mask", np.bool_, (CELLS, CELLS)),
        ("kind", np.int8),
        ("family", np.int8),
    ]
)


class Flaws:
    """Flaws in shards that were rendered; pictures stay on the disk until they are asked for.

    ``kinds`` (N,) int8 is the place in NAMES, ``families`` (N,) int8 the place in FAMILIES.
    """

    def __init__(self, shards: Sequence[FlawShard]) -> None:
        self._rows = [np.load(shard.path, mmap_mode="r") for shard in shards]
        self._ends = np.cumsum([len(rows) for rows in self._rows])
        self.kinds = np.concatenate([np.array(rows["kind"]) for rows in self._rows])
        self.families = np.concatenate([np.array(rows["family"]) for rows in self._rows])

    def __len__(self) -> int:
        """How many flaws there are."""
        return len(self.kinds)

    def take(self, chosen: NDArray[np.int_]) -> FlawSet:
        """Read the ``chosen`` (N,) flaws."""
        found = np.empty(len(chosen), _ROW)
        for place, number in enumerate(chosen):
            shard = int(np.searchsorted(self._ends, number, side="right"))
            first = self._ends[shard] - len(self._rows[shard])
            found[place] = self._rows[shard][number - first]
        return FlawSet(
            tiles=found["tile"],
            departures=found["departures"],
            masks=found["mask"],
            kinds=found["kind"],
        )


def _render(shard: FlawShard) -> None:
    cv2.setNumThreads(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        golden_bank().SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    rows = np.zeros(shard.count * FLAWS, _ROW)
    for place in range(shard.count):
        _draw(rows[place * FLAWS : (place + 1) * FLAWS], shard, shard.first + place, session)
    part = shard.path.with_suffix(".part.npy")
    np.save(part, rows)
    part.replace(shard.path)


def _draw(
    rows: NDArray[np.void], shard: FlawShard, number: int, session: onnxruntime.InferenceSession
) -> None:
    """Draw a style with its flaws into ``rows`` (N,)."""
    generator = np.random.default_rng([shard.seed, number, _STREAM])
    style = draw_style(generator)
    kinds = [str(kind) for kind in generator.choice(NAMES, FLAWS)]
    wanted = [*([None] * GOOD_TILES), *kinds]
    samples = [render_sample(style, generator, kind, CLOSE_PX, ROSE) for kind in wanted]
    tiles = np.stack([sample.picture for sample in samples])
    departures = _departures(session.run(["features"], {"tiles": tiles})[0])
    masks = np.stack([sample.mask for sample in samples[GOOD_TILES:]])
    rows["tile"], rows["departures"] = tiles[GOOD_TILES:], departures[GOOD_TILES:]
    rows["mask"] = masks.reshape(FLAWS, CELLS, CELL_PX, CELLS, CELL_PX).any(axis=(2, 4))
    rows["kind"] = [NAMES.index(kind) for kind in kinds]
    rows["family"] = FAMILIES.index(style.family)


def _departures(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Whiten ``features`` (N, H, W, C) float32 of one style by its good tiles, the first ones."""
    centred = features - np.median(features, axis=(1, 2), keepdims=True)
    good = centred[:GOOD_TILES].reshape(-1, CHANNELS)
    covariance = np.cov(good, rowvar=False, dtype=np.float64)
    covariance += np.diag(_SHRINKAGE * np.diag(covariance) + _FLOOR)
    sizes, axes = np.linalg.eigh(covariance)
    departures = centred @ ((axes / np.sqrt(sizes)) @ axes.T).astype(np.float32)
    return np.asarray(departures.clip(-_LARGEST, _LARGEST), dtype=np.float32)
