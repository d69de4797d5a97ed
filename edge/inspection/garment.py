"""Finds the piece on the table and follows its four sides.

The mask only says which edge is meant; where it is, the profiles across it say.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from edge.inspection.board import TagBoard
from edge.inspection.plane import Plane
from edge.inspection.sampling import Fit, edges, robust_fit
from edge.inspection.standard import Side
from edge.inspection.texture import CELL_PX

SIDES: tuple[Side, ...] = ("top", "right", "bottom", "left")
_SMALLEST_MM2 = 2500.0
_TAG_REACH_MM = 48.0
_BAND_MM = 28.0
_SAMPLES = 72
_REACH_MM = 6.0
_ROUGH_MM = 14.0
_TABLE_SAMPLES = 4000
_NODE_CELLS = 8
_ENDS = {"top": (0, 1), "right": (1, 2), "bottom": (3, 2), "left": (0, 3)}


def garment_mask(
    small: NDArray[np.uint8],
    plane: Plane,
    board: TagBoard,
    labels: NDArray[np.bool_],
) -> NDArray[np.bool_] | None:
    """Separate cloth from table.

    ``small`` (H, W, 3) uint8 is the frame at one px per cell, ``labels`` (H, W) bool marks
    printed labels. The table's colour is learned along the lines between the tags, where no
    piece lies, with its slow change over the table. Returns (H, W) bool, None without a piece.
    """
    shape = (small.shape[0], small.shape[1])
    x, y = _grid_mm(plane, shape)
    centres = np.array(list(board.tags.values()))
    left, top = centres.min(axis=0)
    right, bottom = centres.max(axis=0)
    beside_tag = np.zeros(shape, dtype=bool)
    for centre in centres:
        beside_tag |= (abs(x - centre[0]) < _TAG_REACH_MM) & (abs(y - centre[1]) < _TAG_REACH_MM)
    band = np.minimum(
        np.minimum(np.abs(x - left), np.abs(x - right)),
        np.minimum(np.abs(y - top), np.abs(y - bottom)),
    )
    inside = (x > left) & (x < right) & (y > top) & (y < bottom)
    table = (band < _BAND_MM) & ~beside_tag & ~labels
    if table.sum() < 100:
        return None
    different = _difference(small, table)
    eligible = inside & ~beside_tag
    departures = different[(different > 6.0) & eligible & ~labels]
    if not departures.size:
        return None
    limit = max(6.0, 0.35 * float(np.median(departures)))
    mask = _opened((different > limit) & eligible)
    return _largest(mask & ~labels, plane)


def _grid_mm(
    plane: Plane, shape: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where the cells of a (H, W) grid lie on the table, x and y (H, W) float32 mm.

    Projected at every eighth cell and drawn straight between: less than a tenth of a mm off.
    """
    rows, columns = (np.arange(0, side + _NODE_CELLS, _NODE_CELLS) for side in shape)
    down, across = np.meshgrid(rows, columns, indexing="ij")
    half = (CELL_PX - 1) / 2
    nodes = np.stack([across.ravel(), down.ravel()], axis=1).astype(np.float64)
    places = (
        plane.to_mm(nodes * CELL_PX + half).reshape(len(rows), len(columns), 2).astype(np.float32)
    )
    return _between(places[..., 0], shape), _between(places[..., 1], shape)


def _between(nodes: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Interpolate ``nodes`` (H, W) float32, eight cells apart, to a grid of that shape."""
    share = (np.arange(_NODE_CELLS, dtype=np.float32) / _NODE_CELLS)[None, :, None]
    lines = nodes[:-1, None, :] * (1 - share) + nodes[1:, None, :] * share
    lines = lines.reshape(-1, nodes.shape[1])[: shape[0]]
    share = share.reshape(1, 1, -1)
    cells = lines[:, :-1, None] * (1 - share) + lines[:, 1:, None] * share
    return np.asarray(cells.reshape(shape[0], -1)[:, : shape[1]])


def _difference(small: NDArray[np.uint8], table: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How far ``small`` (H, W, 3) uint8 departs from the colour of ``table`` (H, W) bool."""
    high, wide = table.shape
    x = (np.arange(wide, dtype=np.float64) / wide - 0.5)[None, :]
    y = (np.arange(high, dtype=np.float64) / high - 0.5)[:, None]
    places = np.flatnonzero(table)
    places = places[:: max(1, len(places) // _TABLE_SAMPLES)]
    colours = small.reshape(-1, 3)[places].astype(np.float64)
    across, down = x[0, places % wide], y[places // wide, 0]
    known = np.stack([np.ones(len(places)), across, down, across**2 + down**2], axis=1)
    keep = np.ones(len(known), dtype=bool)
    solution, spread = np.zeros((4, 3)), np.ones(3)
    for _ in range(3):
        solution = np.linalg.lstsq(known[keep], colours[keep], rcond=None)[0]
        rest = np.abs(colours - known @ solution)
        spread = np.maximum(1.4826 * np.median(rest[keep], axis=0), 1.5)
        near = rest < 4 * spread
        keep = near[:, 0] & near[:, 1] & near[:, 2]
        if keep.sum() < 50:
            break
    total = np.zeros((high, wide), dtype=np.float32)
    for channel in range(3):
        level, right, below, round_ = solution[:, channel] / spread[channel]
        columns = (level + right * x + round_ * x * x).astype(np.float32)
        rows = (below * y + round_ * y * y).astype(np.float32)
        part = small[..., channel] * np.float32(1 / spread[channel]) - (columns + rows)
        total += part * part
    return np.asarray(np.sqrt(total / 3))


def _opened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop what of ``mask`` (H, W) bool is narrower than five cells."""
    return ~shrunk(shrunk(~shrunk(shrunk(mask)), rim=True), rim=True)


def shrunk(mask: NDArray[np.bool_], *, rim: bool = False) -> NDArray[np.bool_]:
    """Take one cell off ``mask`` (H, W) bool on all sides; ``rim`` stands beyond the border."""
    padded = np.pad(mask, 1, constant_values=rim)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(inner & mask)


def _largest(mask: NDArray[np.bool_], plane: Plane) -> NDArray[np.bool_] | None:
    """Keep the largest connected part of ``mask`` (H, W), a label's hole in it filled."""
    parts, count = ndimage.label(mask)
    if not count:
        return None
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    piece = parts == int(sizes.argmax())
    if sizes.max() * (CELL_PX * plane.mm_per_px()) ** 2 < _SMALLEST_MM2:
        return None
    return _filled(piece)


def _filled(piece: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill what ``piece`` (H, W) bool encloses."""
    around, _ = ndimage.label(np.pad(~piece, 1, constant_values=True))
    return np.asarray(around[1:-1, 1:-1] != around[0, 0])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SideLine:
    """One side, followed.

    ``start_mm`` and ``stop_mm`` (2,) float64 are its ends, left to right or top to bottom;
    ``fit`` gives the distance outwards, in px, of the edge from the chord ``rough_mm`` (2, 2).
    """

    name: Side
    start_mm: NDArray[np.float64]
    stop_mm: NDArray[np.float64]
    rough_mm: NDArray[np.float64]
    outward: NDArray[np.float64]
    fit: Fit
    mm_per_px: float
    blur_px: float
    contrast_ratio: float

    def at(self, t: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return places (N, 2) mm on the edge at shares ``t`` (N,) float64 from start to stop."""
        chord = self.rough_mm[1] - self.rough_mm[0]
        length2 = float(chord @ chord)
        first = float((self.start_mm - self.rough_mm[0]) @ chord) / length2
        last = float((self.stop_mm - self.rough_mm[0]) @ chord) / length2
        share = first + (last - first) * t
        out = self.fit.at(share) * self.mm_per_px
        return np.asarray(self.rough_mm[0] + share[:, None] * chord + out[:, None] * self.outward)


def follow_sides(
    frame: NDArray[np.uint8], mask: NDArray[np.bool_], plane: Plane
) -> Mapping[Side, SideLine | None]:
    """Follow all four sides of ``mask`` (H, W) bool in ``frame`` (H, W, 3) uint8."""
    places = rim_mm(mask, plane)
    try:
        corners = _sharpened(_corners(places), places)
        found = {name: _follow(frame, plane, corners, name) for name in SIDES}
        return {name: _trimmed(line, found) for name, line in found.items()}
    except np.linalg.LinAlgError:
        # Sides that are parallel where they should cross belong to no piece with four sides.
        return dict.fromkeys(SIDES)


def rim_mm(mask: NDArray[np.bool_], plane: Plane) -> NDArray[np.float64]:
    """Places (N, 2) mm on the table of the outermost cells of ``mask`` (H, W) bool."""
    rows, columns = np.nonzero(mask & ~shrunk(mask))
    middles = np.stack([columns, rows], axis=1).astype(np.float64)
    return plane.to_mm(middles * CELL_PX + (CELL_PX - 1) / 2)


def _corners(places_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners (4, 2) of an outline (N, 2) float64 mm: top left and on, clockwise."""
    down = places_mm.sum(axis=1)
    across = places_mm[:, 0] - places_mm[:, 1]
    picks = [down.argmin(), across.argmax(), down.argmax(), across.argmin()]
    return np.asarray(places_mm[picks])


def _sharpened(
    corners_mm: NDArray[np.float64], places_mm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Replace corners (4, 2) of an outline (N, 2), both mm, by where its sides' lines meet."""
    lines = []
    for start, stop in zip(corners_mm, np.roll(corners_mm, -1, axis=0), strict=True):
        chord = stop - start
        length_mm = float(np.hypot(*chord))
        normal = np.array([-chord[1], chord[0]]) / length_mm
        share = (places_mm - start) @ chord / length_mm**2
        off = (places_mm - start) @ normal
        near = (share > 0.06) & (share < 0.94) & (np.abs(off) < _ROUGH_MM)
        fit = robust_fit(share[near], off[near], 1)
        if fit is None:
            return corners_mm
        ends = start + np.outer([0.0, 1.0], chord) + np.outer(fit.at(np.array([0.0, 1.0])), normal)
        lines.append((ends[0], ends[1] - ends[0]))
    met = []
    for before, after in zip([lines[-1], *lines[:-1]], lines, strict=True):
        steps = np.linalg.solve(np.column_stack([before[1], -after[1]]), after[0] - before[0])
        met.append(before[0] + steps[0] * before[1])
    return np.asarray(met)


def _follow(
    frame: NDArray[np.uint8], plane: Plane, corners_mm: NDArray[np.float64], name: Side
) -> SideLine | None:
    """Follow one side of the outline with ``corners_mm`` (4, 2) in ``frame`` (H, W, 3)."""
    first, last = _ENDS[name]
    rough = np.stack([corners_mm[first], corners_mm[last]])
    chord = rough[1] - rough[0]
    length_mm = float(np.hypot(*chord))
    if length_mm < 30:
        return None
    outward = np.array([chord[1], -chord[0]]) / length_mm
    if float(outward @ (rough.mean(axis=0) - corners_mm.mean(axis=0))) < 0:
        outward = -outward
    share = np.linspace(0.04, 0.96, _SAMPLES)
    places = rough[0] + share[:, None] * chord
    reach_px = _REACH_MM / plane.mm_per_px()
    step, fit, found = np.zeros(_SAMPLES), None, None
    for _ in range(2):
        shifted = places + (step * plane.mm_per_px())[:, None] * outward
        at, normals, scale = _project(plane, shifted, outward)
        found = edges(frame, at, normals, reach_px)
        outwards = found.offsets_px * scale / plane.mm_per_px() + step
        fit = robust_fit(share, outwards, 2)
        if fit is None:
            return None
        step, reach_px = fit.at(share), max(6.0, 2.0 / plane.mm_per_px())
    if fit is None or found is None:
        return None
    return SideLine(
        name=name,
        start_mm=rough[0],
        stop_mm=rough[1],
        rough_mm=rough,
        outward=outward,
        fit=fit,
        mm_per_px=plane.mm_per_px(),
        blur_px=found.width_px,
        contrast_ratio=float(np.median(found.steps)),
    )


def _project(
    plane: Plane, places_mm: NDArray[np.float64], outward: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Project ``places_mm`` (N, 2) and their ``outward`` (2,) normal; mm per px along it."""
    at = plane.to_px(places_mm)
    normals = plane.to_px(places_mm + outward) - at
    length = np.hypot(*normals.T)
    return at, normals / length[:, None], 1 / length


def _trimmed(line: SideLine | None, lines: Mapping[Side, SideLine | None]) -> SideLine | None:
    """Move the ends of a side to where it meets its neighbours."""
    if line is None:
        return None
    across: tuple[Side, Side] = (
        ("left", "right") if line.name in {"top", "bottom"} else ("top", "bottom")
    )
    first, last = lines[across[0]], lines[across[1]]
    if first is None or last is None:
        return None
    return SideLine(
        name=line.name,
        start_mm=_meeting(line, first),
        stop_mm=_meeting(line, last),
        rough_mm=line.rough_mm,
        outward=line.outward,
        fit=line.fit,
        mm_per_px=line.mm_per_px,
        blur_px=line.blur_px,
        contrast_ratio=line.contrast_ratio,
    )


def _meeting(one: SideLine, other: SideLine) -> NDArray[np.float64]:
    """Return the place (2,) mm where two sides, drawn on, cross."""
    best = one.start_mm
    share_one = 0.0 if _closer(one, other) else 1.0
    share_other = 0.0 if _closer(other, one) else 1.0
    for _ in range(4):
        p, along_p = _tangent(one, share_one)
        q, along_q = _tangent(other, share_other)
        solved = np.linalg.solve(np.column_stack([along_p, -along_q]), q - p)
        share_one += float(solved[0])
        share_other += float(solved[1])
        best = _tangent(one, share_one)[0]
    return best


def _closer(one: SideLine, other: SideLine) -> bool:
    """Say whether ``one`` starts, rather than stops, at ``other``."""
    middle = other.rough_mm.mean(axis=0)
    chord = one.rough_mm[1] - one.rough_mm[0]
    return float((middle - one.rough_mm.mean(axis=0)) @ chord) < 0


def _tangent(line: SideLine, share: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Place and derivative (2,) mm of a side at a share of its rough chord."""
    step = 1e-4
    shares = np.array([share, share + step])
    chord = line.rough_mm[1] - line.rough_mm[0]
    out = line.fit.at(shares) * line.mm_per_px
    places = line.rough_mm[0] + shares[:, None] * chord + out[:, None] * line.outward
    return places[0], (places[1] - places[0]) / step
