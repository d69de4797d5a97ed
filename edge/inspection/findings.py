"""Turns a map of scores into outlined places."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from edge.inspection.prototypes import UNKNOWN
from edge.inspection.texture import CELL_PX
from edge.inspection.verdict import Finding, Point

MOST_FINDINGS = 64
_LARGEST_FLAW_PX = 400
_RING_PX = 24
_UNLIKE = 4.0
_FEWEST_PX = 6
_FEWEST_AROUND_PX = 100
_MOST_GROWTH_PX = 96
_GRID_PX = 2
_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))


def findings_of(scores: NDArray[np.float32], threshold_score: float) -> tuple[Finding, ...]:
    """Outline each connected place of ``scores`` (H, W) float32 above the threshold.

    Highest first, at most 64; areas are whole cells.
    """
    flagged = scores > threshold_score
    labels, _ = ndimage.label(flagged, structure=np.ones((3, 3)))
    found = []
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        inside = labels[box] == label
        outline = _outline(inside)
        corner = np.array([box[1].start, box[0].start])
        polygon = (outline + corner) * CELL_PX - 0.5
        found.append(
            Finding(
                defect_class=UNKNOWN,
                score=round(float(scores[box][inside].max()), 3),
                polygon_px=as_points(polygon),
                area_px=float(inside.sum()) * CELL_PX**2,
            )
        )
    found.sort(key=lambda finding: -finding.score)
    return tuple(found[:MOST_FINDINGS])


def refined(
    frame: NDArray[np.uint8], finding: Finding, cells: NDArray[np.bool_] | None = None
) -> Finding:
    """Give a finding the flaw's own outline and area, seen in ``frame`` (H, W, 3) uint8.

    Counts what is connected to the finding and differs from the cloth around by more than four
    times its scatter and by half as much as the flaw mostly does, for light spreads over an edge.
    ``cells`` (h, w) bool is where cloth was judged. What shows only in the weave stays as it is.
    """
    x, y = np.array(finding.polygon_px).T
    first = np.array([max(0, round(y.min())), max(0, round(x.min()))])
    last = np.array([round(y.max()) + 1, round(x.max()) + 1])
    size = last - first
    if size.max() > _LARGEST_FLAW_PX:
        return finding
    grow = np.clip(2 * size, 2 * _RING_PX, _MOST_GROWTH_PX)
    start = np.maximum(0, first - grow - _RING_PX)
    stop = np.minimum(frame.shape[:2], last + grow + _RING_PX)
    box = np.s_[start[0] : stop[0], start[1] : stop[1]]
    shape = (int(stop[0] - start[0]), int(stop[1] - start[1]))
    own, near = (_boxed(shape, first - start, last - start, more) for more in (0 * grow, grow))
    cloth = _spread(cells, start, shape)
    unlike = _unlikeness(frame[box], cloth & ~near)
    if unlike is None:
        return finding
    parts, _ = ndimage.label((unlike > _UNLIKE) & near & (cloth | own), np.ones((3, 3)))
    known = np.bincount(parts[own], minlength=int(parts.max()) + 1)
    flaw = (known[parts] > 0) & (parts > 0)
    if not flaw.any():
        return finding
    flaw &= unlike > 0.5 * float(np.quantile(unlike[flaw], 0.75))
    area_px = float(flaw.sum())
    if area_px < _FEWEST_PX:
        return finding
    return replace(finding, polygon_px=_drawn(flaw, start), area_px=area_px)


def _boxed(
    shape: tuple[int, int], first: NDArray[np.int_], last: NDArray[np.int_], more: NDArray[np.int_]
) -> NDArray[np.bool_]:
    """Mark a box from ``first`` to ``last`` (N=2,), larger by ``more`` (N=2,), in a grid."""
    low, high = np.maximum(0, first - more), last + more
    marked = np.zeros(shape, dtype=bool)
    marked[low[0] : high[0], low[1] : high[1]] = True
    return marked


def _spread(
    cells: NDArray[np.bool_] | None, start: NDArray[np.int_], shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Say for each px of a patch that begins at ``start`` (N=2,) whether ``cells`` (H, W) hold."""
    if cells is None:
        return np.ones(shape, dtype=bool)
    rows = np.minimum((start[0] + np.arange(shape[0])) // CELL_PX, cells.shape[0] - 1)
    columns = np.minimum((start[1] + np.arange(shape[1])) // CELL_PX, cells.shape[1] - 1)
    return np.asarray(cells[rows[:, None], columns[None, :]])


def _unlikeness(patch: NDArray[np.uint8], around: NDArray[np.bool_]) -> NDArray[np.float32] | None:
    """How many scatters ``patch`` (H, W, 3) uint8 departs from its part ``around`` (H, W) bool.

    None where too little cloth is there to compare with.
    """
    smooth = ndimage.uniform_filter(patch.astype(np.float32), (3, 3, 1))
    known = smooth[around]
    if len(known) < _FEWEST_AROUND_PX:
        return None
    middle = np.median(known, axis=0)
    scatter = np.maximum(1.4826 * np.median(np.abs(known - middle), axis=0), 1.0)
    return np.asarray((np.abs(smooth - middle) / scatter).max(axis=-1), dtype=np.float32)


def _drawn(flaw: NDArray[np.bool_], start: NDArray[np.int_]) -> tuple[Point, ...]:
    """Outline the largest part of ``flaw`` (H, W) bool, on a grid of 2 px from ``start`` (N=2,)."""
    padded = np.pad(flaw, [(0, -side % _GRID_PX) for side in flaw.shape])
    high, wide = (side // _GRID_PX for side in padded.shape)
    coarse = padded.reshape(high, _GRID_PX, wide, _GRID_PX).any(axis=(1, 3))
    parts, _ = ndimage.label(coarse, np.ones((3, 3)))
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return as_points(_outline(parts == int(sizes.argmax())) * _GRID_PX + start[::-1] - 0.5)


def as_points(places: NDArray[np.float64]) -> tuple[Point, ...]:
    """Round ``places`` (N, 2) float64 px to hundredths."""
    return tuple((round(float(x), 2), round(float(y), 2)) for x, y in places)


def polygon_cells(
    polygons_px: Iterable[NDArray[np.float64]], shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Mark the cells touched by convex polygons, each (N, 2) float64 px, in a (H, W) grid."""
    marked = np.zeros(shape, dtype=bool)
    for polygon in polygons_px:
        first = np.maximum(np.floor(polygon.min(axis=0) / CELL_PX).astype(int) - 2, 0)
        last = np.maximum(np.ceil(polygon.max(axis=0) / CELL_PX).astype(int) + 2, 0)
        near = marked[first[1] : last[1], first[0] : last[0]]
        x = (np.arange(near.shape[1]) + first[0] + 0.5)[None, :] * CELL_PX
        y = (np.arange(near.shape[0]) + first[1] + 0.5)[:, None] * CELL_PX
        centre = polygon.mean(axis=0)
        inside = np.ones(near.shape, dtype=bool)
        for start, stop in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
            normal = np.array([start[1] - stop[1], stop[0] - start[0]])
            length = float(np.hypot(*normal))
            if length == 0:
                continue
            normal = normal / length * np.sign(normal @ (centre - start) or 1.0)
            reach = (x - start[0]) * normal[0] + (y - start[1]) * normal[1]
            inside &= reach > -CELL_PX
        near |= inside
    return marked


def _outline(inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Walk round the outer border of ``inside`` (H, W) bool on cell corners, (N, 2) x, y."""
    padded = np.pad(inside, 1)
    row, column = (int(v) for v in np.argwhere(padded)[0])
    start = (row, column)
    heading, place, corners = 0, start, [start]
    while True:
        heading = _turn(padded, place, heading)
        step = _STEPS[heading]
        place = (place[0] + step[0], place[1] + step[1])
        if place == start:
            break
        corners.append(place)
    outline = np.array([(c, r) for r, c in corners], dtype=np.float64) - 1
    before = outline - np.roll(outline, 1, axis=0)
    after = np.roll(outline, -1, axis=0) - outline
    return np.asarray(outline[np.abs(before - after).max(axis=1) > 0])


def _turn(padded: NDArray[np.bool_], place: tuple[int, int], heading: int) -> int:
    """Keep the place on the right hand, walking on corners of ``padded`` (H, W) bool.

    Right turns come last, so that cells touching by a corner stay in one outline.
    """
    for turn in (3, 0, 1, 2):
        candidate = (heading + turn) % 4
        right, left = _sides(padded, place, candidate)
        if right and not left:
            return candidate
    return heading


def _sides(padded: NDArray[np.bool_], place: tuple[int, int], heading: int) -> tuple[bool, bool]:
    """Return what lies right and left of the next step in ``padded`` (H, W) bool."""
    row, column = place
    around = {
        0: ((row, column), (row - 1, column)),
        1: ((row, column - 1), (row, column)),
        2: ((row - 1, column - 1), (row, column - 1)),
        3: ((row - 1, column), (row - 1, column - 1)),
    }
    right, left = around[heading]
    return bool(padded[right]), bool(padded[left])
