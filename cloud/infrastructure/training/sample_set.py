"""Sets of training samples: planned by a seed, rendered style by style, written to a folder.

A set is made of batches. A batch is one style and `TILES_A_STYLE` tiles of it; its randomness
comes from the set's seed and its own number alone, so that the order of work and the number of
processes do not show in the pictures.
"""

import csv
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.child_of_training import end_with_parent
from cloud.infrastructure.training.rendering import (
    ANOMALIES,
    FAMILIES,
    FITTED_KINDS,
    KINDS,
    SEAM_KINDS,
    FabricStyle,
    Sample,
    render_label,
    render_sample,
    render_seam,
    style_for,
)
from cloud.infrastructure.training.rendering.errors import ImpossibleSceneError
from cloud.infrastructure.training.rendering.fittings import LABEL_KIND, TRIM_KINDS

TILES_A_STYLE = 24
GOOD = "good"
SHEET_TILES_COUNT = 96
_GOOD_RATIO = 0.5
_SHEET_COLUMNS = 12
_INDEX = ("picture", "mask", "label", "kind", "family", "structure", "style", "mask_px")


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPlan:
    """What to render: `count` tiles of `side_px`; one family and kind, or any for None.

    `kind` is one of `all_kinds()`; without one, half of the tiles are good and the other half
    shows the kinds of the catalogue that the style can have.
    """

    count: int
    seed: int
    side_px: int = 256
    family: str | None = None
    kind: str | None = None

    @property
    def batch_count(self) -> int:
        """How many styles the set has."""
        return -(-self.count // TILES_A_STYLE)


@dataclass(frozen=True, slots=True)
class SetTile:
    """One tile of a set and the style that it shows."""

    number: int
    style: FabricStyle
    sample: Sample


def all_kinds() -> tuple[str, ...]:
    """Every kind that a plan may name."""
    return (GOOD, *KINDS, *FITTED_KINDS, *ANOMALIES)


def check_plan(plan: SetPlan) -> None:
    """Refuse a plan that cannot be rendered, before anything is.

    Raises:
        ImpossibleSceneError: no such family or kind, they do not go together, or the side is not
            within 32 to 2048 px.
    """
    if plan.kind is not None and plan.kind not in all_kinds():
        raise ImpossibleSceneError(f"no kind {plan.kind!r}; there are {', '.join(all_kinds())}")
    if plan.family is not None and plan.family not in FAMILIES:
        raise ImpossibleSceneError(f"no family {plan.family!r}; there are {', '.join(FAMILIES)}")
    if not 32 <= plan.side_px <= 2048:
        raise ImpossibleSceneError(f"a tile of {plan.side_px} px; it has 32 to 2048")
    style_for(np.random.default_rng(0), plan.kind, plan.family)


def render_batch(plan: SetPlan, batch: int) -> list[SetTile]:
    """Render one batch of a plan, counted from 0.

    Raises:
        ImpossibleSceneError: the plan cannot be rendered.
    """
    generator = np.random.default_rng([plan.seed, batch])
    style = style_for(generator, plan.kind, plan.family)
    first = batch * TILES_A_STYLE
    return [
        SetTile(number, style, _tile(plan, style, generator))
        for number in range(first, min(first + TILES_A_STYLE, plan.count))
    ]


def _tile(plan: SetPlan, style: FabricStyle, generator: np.random.Generator) -> Sample:
    kind = plan.kind
    if kind is None and generator.random() >= _GOOD_RATIO:
        kinds = _kinds_of(style, plan.side_px)
        kind = kinds[int(generator.integers(len(kinds)))]
    if kind is not None and kind != GOOD:
        return render_sample(style, generator, kind, plan.side_px)
    chance = generator.random()
    if chance < 0.12:
        return render_seam(style, generator, None, plan.side_px)
    if chance < 0.16:
        return render_label(style, generator, plan.side_px)
    return render_sample(style, generator, None, plan.side_px)


def _kinds_of(style: FabricStyle, side_px: int) -> tuple[str, ...]:
    """The kinds of the catalogue that a style can have on a tile."""
    knit = style.yarns.structure in {"jersey", "rib_knit", "purl"}
    cloth = tuple(kind for kind in KINDS if knit or kind != "dropped_stitch")
    shown = style.trim is not None and 3 * style.trim.pitch_px <= side_px
    name = style.trim.name if style.trim is not None and shown else None
    trims = tuple(kind for kind, trim in TRIM_KINDS.items() if trim == name)
    return (*cloth, *SEAM_KINDS, LABEL_KIND, *trims * 3)


def render_set(plan: SetPlan, workers: int = 1) -> Iterator[SetTile]:
    """Render the tiles of a plan in their order, by one process or by several.

    Raises:
        ImpossibleSceneError: the plan cannot be rendered.
    """
    check_plan(plan)
    if workers <= 1 or plan.batch_count == 1:
        for batch in range(plan.batch_count):
            yield from render_batch(plan, batch)
        return
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, context, _one_thread) as pool:
        numbers = range(plan.batch_count)
        for tiles in pool.map(render_batch, [plan] * len(numbers), numbers):
            yield from tiles


def _one_thread() -> None:
    """Several processes share the cores already, and none outlives the first."""
    end_with_parent()
    cv2.setNumThreads(1)


def write_set(
    folder: Path, plan: SetPlan, *, workers: int = 1, told: Callable[[SetTile], None] | None = None
) -> int:
    """Render a plan into a folder: `pictures/`, `masks/` and at last `index.csv`.

    Masks are 255 where the tile is spoiled. Returns the number of tiles with a flaw.

    Raises:
        ImpossibleSceneError: the plan cannot be rendered.
        OSError: the folder cannot be written.
    """
    check_plan(plan)
    for part in ("pictures", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    spoiled = 0
    partial = folder / "index.partial"
    with partial.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(_INDEX)
        for tile in render_set(plan, workers):
            lines.writerow(_written(folder, tile))
            spoiled += tile.sample.kind is not None
            if told is not None:
                told(tile)
    partial.replace(folder / "index.csv")
    return spoiled


def _written(folder: Path, tile: SetTile) -> tuple[str | int, ...]:
    name = f"{tile.number:06d}.png"
    sample = tile.sample
    _write_png(folder / "pictures" / name, cv2.cvtColor(sample.picture, cv2.COLOR_RGB2BGR))
    _write_png(folder / "masks" / name, sample.mask.astype(np.uint8) * 255)
    label = GOOD if sample.kind is None else "defect"
    return (
        f"pictures/{name}",
        f"masks/{name}",
        label,
        sample.kind or "",
        tile.style.family,
        tile.style.yarns.structure,
        tile.style.seed,
        int(sample.mask.sum()),
    )


def _write_png(path: Path, pixels: NDArray[np.uint8] | cv2.typing.MatLike) -> None:
    """Write (H, W) or (H, W, 3) uint8 BGR."""
    _, encoded = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    path.write_bytes(encoded.tobytes())


class Sheet:
    """An overview of a set: its first tiles side by side, flaws outlined and named."""

    def __init__(self) -> None:
        self._tiles: list[NDArray[np.uint8]] = []

    def add(self, tile: SetTile) -> None:
        """Add a tile while there is room."""
        if len(self._tiles) >= SHEET_TILES_COUNT:
            return
        shown = np.ascontiguousarray(tile.sample.picture)
        mask = tile.sample.mask.astype(np.uint8)
        around = cv2.dilate(mask, np.ones((5, 5), np.uint8))
        outlines, _ = cv2.findContours(around, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(shown, outlines, -1, (255, 40, 40), 1)
        words = f"{tile.style.family} {tile.sample.kind or GOOD}"
        for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
            cv2.putText(shown, words, (4, 14), 0, 0.4, colour, width, cv2.LINE_AA)
        self._tiles.append(np.asarray(shown, dtype=np.uint8))

    def write(self, path: Path) -> None:
        """Write the sheet as a PNG.

        Raises:
            OSError: the file cannot be written.
        """
        columns = min(_SHEET_COLUMNS, len(self._tiles))
        missing = -len(self._tiles) % columns
        tiles = [*self._tiles, *[np.zeros_like(self._tiles[0])] * missing]
        rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
        _write_png(path, cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))
