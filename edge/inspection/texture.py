"""Cuts a frame into tiles, asks the detector, and joins the answers to one map.

A cell is 8 px of the full frame. A map has one number per cell; where a smaller magnification
was asked, its number stands in all cells that it covers.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edge.inspection.ports import DefectDetector, PictureScaler
from edge.inspection.style_bank import ScaleStatistics
from edge.inspection.together import Together, one_by_one

CELL_PX = 8
FACTORS = (1, 2, 4)
_TILE_CELLS = 64
_CORE_CELLS = 56
_GRAIN_CELLS = 4
# The detector looks so many cells beyond a cell before its answer no longer changes.
_MARGIN_CELLS = 7
_SMALLEST_SIDE_PX = 96
_UNSEEN = np.float32(-1e9)
_TRUSTED_CELLS = 200
_MEDIAN_CELLS = 2048

_Cell = TypeVar("_Cell", np.float32, np.bool_)


class Pyramid:
    """A frame, (H, W, 3) uint8 RGB, and its halves, made when they are first asked for."""

    def __init__(self, frame: NDArray[np.uint8], scaler: PictureScaler) -> None:
        """Start from ``frame`` (H, W, 3) uint8."""
        self._levels = {1: frame}
        self._scaler = scaler

    def level(self, factor: int) -> NDArray[np.uint8]:
        """Return the frame shrunk by ``factor``, a power of two; sides are rounded up."""
        if factor not in self._levels:
            larger = self.level(factor // 2)
            height, width = (-(-side // 2) for side in larger.shape[:2])
            self._levels[factor] = self._scaler.scaled(larger, height, width)
        return self._levels[factor]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cloth:
    """What of a frame is judged: ``cells`` (ceil(H/8), ceil(W/8)) bool.

    ``foreign`` of the same shape marks what is no cloth at all: table and labels.
    """

    pyramid: Pyramid
    cells: NDArray[np.bool_]
    foreign: NDArray[np.bool_]

    @property
    def frame(self) -> NDArray[np.uint8]:
        """The frame (H, W, 3) uint8 at full size."""
        return self.pyramid.level(1)

    def at(self, factor: int) -> "Layer":
        """Return frame and cells shrunk by ``factor``."""
        picture = self.pyramid.level(factor)
        cells = shrunk_cells(self.cells, factor)
        high, wide = (-(-side // CELL_PX) for side in picture.shape[:2])
        foreign = ~shrunk_cells(~self.foreign, factor)
        return Layer(picture=picture, cells=cells[:high, :wide], foreign=foreign[:high, :wide])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """One magnification: ``picture`` (H, W, 3) uint8, ``cells`` and ``foreign`` (H/8, W/8)."""

    picture: NDArray[np.uint8]
    cells: NDArray[np.bool_]
    foreign: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Window:
    """One tile: where it is read, how large, and which part of its answer is kept, in cells."""

    row: int
    column: int
    high: int
    wide: int
    core: tuple[slice, slice]


def windows(cells: NDArray[np.bool_]) -> list[Window]:
    """Cover all true cells of ``cells`` (H, W) bool by tiles that overlap by four cells.

    Each is no larger than what it has to see.
    """
    rows = np.flatnonzero(cells.any(axis=1))
    columns = np.flatnonzero(cells.any(axis=0))
    if not rows.size:
        return []
    height, width = cells.shape
    found = []
    for down in _cores(int(rows[0]), int(rows[-1]) + 1):
        for across in _cores(int(columns[0]), int(columns[-1]) + 1):
            inside: NDArray[np.bool_] = cells[down, across]
            if inside.any():
                core = (_shrunk(down, inside, 1), _shrunk(across, inside, 0))
                found.append(widened(core, (height, width)))
    return found


def widened(core: tuple[slice, slice], shape: tuple[int, ...]) -> Window:
    """Return the tile around a core of rows and columns, in a picture of so many cells."""
    (row, high), (column, wide) = _extent(core[0], shape[0]), _extent(core[1], shape[1])
    return Window(row, column, high, wide, core)


def _shrunk(core: slice, used: NDArray[np.bool_], over: int) -> slice:
    """Leave out the ends of a core where nothing of ``used`` (H, W) bool is true."""
    places = np.flatnonzero(used.any(axis=over))
    first = int(core.start)
    return slice(first + int(places[0]), first + int(places[-1]) + 1)


def _cores(first: int, last: int) -> list[slice]:
    """Cut a run of cells into tiles' cores; a run that fits into one tile stays whole."""
    if last - first <= _TILE_CELLS:
        return [slice(first, last)]
    return [slice(at, min(at + _CORE_CELLS, last)) for at in range(first, last, _CORE_CELLS)]


def _extent(core: slice, length: int) -> tuple[int, int]:
    """First cell and size of the tile around a core, within a picture of that length."""
    first, last = int(core.start), int(core.stop)
    margin = min(_MARGIN_CELLS, (_TILE_CELLS - (last - first)) // 2)
    start = max(0, first - margin)
    size = min(length, last + margin) - start
    size += -size % _GRAIN_CELLS
    return max(0, min(start, length - size)), size


def read_tile(layer: Layer, window: Window) -> NDArray[np.uint8]:
    """Cut ``window`` out of a picture, mirrored beyond its border.

    What is foreign takes the mean colour of the cloth beside it, so that cloth near an edge or
    a label does not look unusual. Returns (1, h, w, 3) uint8, h and w multiples of 32.
    """
    picture = layer.picture
    top, left = window.row * CELL_PX, window.column * CELL_PX
    high, wide = window.high * CELL_PX, window.wide * CELL_PX
    tile = picture[top : top + high, left : left + wide]
    cells = np.s_[
        window.row : window.row + window.high, window.column : window.column + window.wide
    ]
    if layer.foreign[cells].any():
        tile = _filled(_mirrored(tile, CELL_PX), layer.foreign[cells], layer.cells[cells])
    return np.ascontiguousarray(_mirrored(tile, _GRAIN_CELLS * CELL_PX)[None])


def _mirrored(tile: NDArray[np.uint8], grain: int) -> NDArray[np.uint8]:
    """Continue ``tile`` (H, W, 3) uint8 in the mirror to a multiple of ``grain`` px."""
    missing = [(0, -tile.shape[axis] % grain) for axis in (0, 1)]
    if not any(after for _, after in missing):
        return tile
    return np.pad(tile, [*missing, (0, 0)], mode="symmetric")


def _filled(
    tile: NDArray[np.uint8], foreign: NDArray[np.bool_], cells: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Paint ``foreign`` (h, w) cells of ``tile`` (H, W, 3) in the mean colour of ``cells``."""
    means = tile[CELL_PX // 2 :: CELL_PX, CELL_PX // 2 :: CELL_PX]
    if not cells.any():
        return tile
    colour = means[cells].mean(axis=0).round().astype(np.uint8)
    high, wide = foreign.shape
    painted = tile.copy()
    blocks = painted.reshape(high, CELL_PX, wide, CELL_PX, 3).swapaxes(1, 2)
    blocks[foreign] = colour
    return painted


def keep_core(answer: NDArray[_Cell], window: Window) -> NDArray[_Cell]:
    """Take the part of ``answer`` (H, W, ...) that the window stands for."""
    rows, columns = window.core
    return answer[
        rows.start - window.row : rows.stop - window.row,
        columns.start - window.column : columns.stop - window.column,
    ]


def shrunk_cells(cells: NDArray[np.bool_], factor: int) -> NDArray[np.bool_]:
    """Join ``factor`` by ``factor`` cells of ``cells`` (H, W) bool; true where all are."""
    if factor == 1:
        return cells
    missing = [(0, -side % factor) for side in cells.shape]
    padded = np.pad(cells, missing, mode="edge")
    height, width = padded.shape
    blocks = padded.reshape(height // factor, factor, width // factor, factor)
    return np.asarray(blocks.all(axis=(1, 3)))


def possible(shape: tuple[int, ...], factor: int) -> bool:
    """Say whether a frame of that shape is large enough to be shrunk by ``factor``."""
    return factor == 1 or min(shape[:2]) >= factor * _SMALLEST_SIDE_PX


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Glimpse:
    """One ``tile`` (1, H, W, 3) uint8, ``features`` (h, w, C) float32 and ``cells`` (h, w) bool.

    ``cells`` are those that are cloth.
    """

    window: Window
    tile: NDArray[np.uint8]
    features: NDArray[np.float32]
    cells: NDArray[np.bool_]

    @property
    def core(self) -> NDArray[np.bool_]:
        """The judged cells of the part that the tile stands for, (h, w) bool."""
        return keep_core(self.cells, self.window)

    def own(self) -> NDArray[np.float32]:
        """Features (N, C) float32 of those cells."""
        return keep_core(self.features, self.window)[self.core]


def glimpses(
    layer: Layer,
    chosen: Sequence[Window],
    detector: DefectDetector,
    together: Together = one_by_one,
) -> list[Glimpse]:
    """Describe the ``chosen`` windows."""
    found: list[Glimpse | None] = [None] * len(chosen)

    def look(place: int, window: Window) -> None:
        tile = read_tile(layer, window)
        features = detector.features(tile)[0]
        cells = np.zeros(features.shape[:2], dtype=bool)
        known = layer.cells[
            window.row : window.row + window.high, window.column : window.column + window.wide
        ]
        cells[: known.shape[0], : known.shape[1]] = known
        found[place] = Glimpse(window=window, tile=tile, features=features, cells=cells)

    together([functools.partial(look, place, window) for place, window in enumerate(chosen)])
    return [glimpse for glimpse in found if glimpse is not None]


def own_mean(features: NDArray[np.float32], mean: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the middle of a piece's own ``features`` (N, C) float32.

    A piece is mostly good, so its own middle is what its flaws depart from; lot, light and shade
    then do not matter. Where few cells were seen the style's ``mean`` (C,) counts too.
    """
    if not len(features):
        return mean
    share = len(features) / (len(features) + _TRUSTED_CELLS)
    sample = np.ascontiguousarray(features[:: max(1, len(features) // _MEDIAN_CELLS)].T)
    half = sample.shape[1] // 2
    middle = np.partition(sample, half, axis=1)[:, half]
    return np.asarray(mean + share * (middle - mean), dtype=np.float32)


def judged(
    glimpse: Glimpse,
    detector: DefectDetector,
    mean: NDArray[np.float32],
    whitening: NDArray[np.float32],
    own: bytes = b"",
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return distances and logits (h, w) float32 of a tile's core by (C,) and (C, C).

    What is not judged looks to the network like the piece's own middle. The logits are those of
    the style's ``own`` network where it has one.
    """
    features = np.where(glimpse.cells[..., None], glimpse.features, mean)
    distances, logits = detector.judge(features[None], mean, whitening)
    if own:
        departures = ((features - mean) @ whitening)[None]
        logits = detector.judge_own(own, glimpse.tile, departures, logits)
    return keep_core(distances[0], glimpse.window), keep_core(logits[0], glimpse.window)


def joint_score(
    scale: ScaleStatistics, distances: NDArray[np.float32], logits: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Sum the robust z of ``distances`` (N, ...) and ``logits`` (N, ...) of the same cells."""
    bank = (distances - scale.bank_centre_score) / scale.bank_spread_score
    head = (logits - scale.head_centre_score) / scale.head_spread_score
    return np.asarray(scale.bank_share_ratio * bank + head, dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """Scores ``joined`` (H, W) float32, and the piece's own ``middle`` (C,) float32."""

    joined: NDArray[np.float32]
    middle: NDArray[np.float32]


class TextureJudge:
    """Scores every judged cell against a style, looking closely only where it pays."""

    def __init__(
        self,
        detector: DefectDetector,
        close_tiles_count: int = 6,
        together: Together = one_by_one,
    ) -> None:
        self._detector = detector
        self._together = together
        self._close_tiles = close_tiles_count

    def score_map(
        self, cloth: Cloth, scales: tuple[ScaleStatistics, ...], own: bytes = b""
    ) -> NDArray[np.float32]:
        """Return (H/8, W/8) float32 scores in units of full size, −1e9 where not judged.

        ``own`` is the style's own network for full size, empty where it has none.

        Coarse magnifications come first and see everything; at full size only the tiles with
        the highest coarse scores are looked at when there are more than the budget allows.
        """
        return self.look(cloth, scales, own).joined

    def look(self, cloth: Cloth, scales: tuple[ScaleStatistics, ...], own: bytes = b"") -> "Look":
        """Score as :meth:`score_map` does, and keep the piece's own middle at full size."""
        full_limit, middle = scales[0].limit_score, scales[0].mean
        joined = np.full(cloth.cells.shape, _UNSEEN)
        for scale in sorted(scales, key=lambda s: -s.factor):
            if not possible(cloth.frame.shape, scale.factor):
                continue
            smaller = cloth.at(scale.factor)
            chosen = windows(smaller.cells)
            if scale.factor == 1 and len(chosen) > self._close_tiles:
                chosen.sort(key=lambda w: -float(joined[w.core].max()))
                chosen = chosen[: self._close_tiles]
            scores, mean = self._scores(smaller, scale, chosen, own if scale.factor == 1 else b"")
            middle = mean if scale.factor == 1 else middle
            scores *= full_limit / scale.limit_score
            np.maximum(joined, _spread_out(scores, scale.factor, joined.shape), out=joined)
        joined[~cloth.cells] = _UNSEEN
        return Look(joined=joined, middle=middle)

    def _scores(
        self, layer: Layer, scale: ScaleStatistics, chosen: list[Window], own_network: bytes
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        scores = np.full(layer.cells.shape, _UNSEEN)
        seen = glimpses(layer, chosen, self._detector, self._together)
        own = [glimpse.own() for glimpse in seen]
        mean = own_mean(np.concatenate(own), scale.mean) if own else scale.mean

        def judge(glimpse: Glimpse) -> None:
            """Score one tile; no two tiles share a cell."""
            answers = judged(glimpse, self._detector, mean, scale.whitening, own_network)
            core = glimpse.core
            scores[glimpse.window.core][core] = joint_score(scale, *answers)[core]

        self._together([functools.partial(judge, glimpse) for glimpse in seen])
        return scores, mean


def _spread_out(
    scores: NDArray[np.float32], factor: int, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Repeat each of ``scores`` (H, W) float32 over the cells that it covers."""
    if factor == 1:
        return scores
    return scores.repeat(factor, axis=0).repeat(factor, axis=1)[: shape[0], : shape[1]]


def small_map(scores: NDArray[np.float32], threshold_score: float) -> NDArray[np.uint8]:
    """Shrink ``scores`` (H, W) float32 to at most 128 wide, keeping peaks; 128 = threshold."""
    factor = max(1, -(-scores.shape[1] // 128))
    missing = [(0, -side % factor) for side in scores.shape]
    padded = np.pad(scores, missing, constant_values=_UNSEEN)
    blocks = padded.reshape(padded.shape[0] // factor, factor, padded.shape[1] // factor, factor)
    peaks = blocks.max(axis=(1, 3))
    shades = np.clip(peaks * (128 / max(threshold_score, 1e-6)), 0, 255)
    return np.asarray(shades, dtype=np.uint8)
