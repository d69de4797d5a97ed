"""Turns a map of scores into outlined places."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from edge.inspection.texture import CELL_PX
from edge.inspection.verdict import Finding, Point

UNKNOWN = "unknown_anomaly"
MOST_FINDINGS = 64
_LARGEST_FLAW_PX = 400
_RING_PX = 24
_UNLIKE = 4.0
_FEWEST_PX = 6
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


def seen_area_px(frame: NDArray[np.uint8], finding: Finding) -> float:
    """Estimate the flaw's own area in px, of ``frame`` (H, W, 3) uint8, inside a finding.

    Counts what differs from the cloth around by more than four times the cloth's own scatter,
    after averaging 3 by 3 px. A flaw that shows only in the weave keeps the area of its cells.
    """
    x, y = np.array(finding.polygon_px).T
    left, right = max(0, round(x.min())), round(x.max())
    top, bottom = max(0, round(y.min())), round(y.max())
    if max(right - left, bottom - top) > _LARGEST_FLAW_PX:
        return finding.area_px
    first_row, first_column = max(0, top - _RING_PX), max(0, left - _RING_PX)
    patch = frame[first_row : bottom + _RING_PX, first_column : right + _RING_PX].astype(np.float64)
    smooth = ndimage.uniform_filter(patch, (3, 3, 1))
    inside = np.zeros(patch.shape[:2], dtype=bool)
    inside[top - first_row : bottom - first_row, left - first_column : right - first_column] = True
    around = smooth[~inside]
    if len(around) < 100:
        return finding.area_px
    middle = np.median(around, axis=0)
    scatter = np.maximum(1.4826 * np.median(np.abs(around - middle), axis=0), 1.0)
    unlike = (np.abs(smooth - middle) / scatter).max(axis=-1) > _UNLIKE
    area_px = float((unlike & inside).sum())
    return min(area_px, finding.area_px) if area_px >= _FEWEST_PX else finding.area_px


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
