"""Lays a style's template over the piece on the table.

The template comes from the pattern. It is laid over the mask by a similarity, bent to it by a
thin-plate spline, and then every side between two corners is followed to a fraction of a pixel. A
corner is where the two followed sides next to it cross; any other landmark keeps its share of its
side. A mask says which edge is meant, never where it is.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LSQUnivariateSpline, RBFInterpolator
from scipy.spatial import cKDTree

from edge.inspection.plane import Plane
from edge.inspection.sampling import edges
from edge.inspection.template import SPACING_MM, Places, StyleTemplate, evenly, sides_of

_RIM_SPACING_MM = 6.0
_TURNS_DEG = (0.0, 180.0)
_MOST_TURN_DEG = 40.0
_SCALES = (0.9, 1.1)
_MOST_MISFIT_MM = 9.0
_MOST_MISFIT_RATIO = 0.015
# How far to look and how far from corners to stay, in mm, pass by pass.
_ROUGH = ((7.0, 6.0), (2.5, 6.0))
_CLOSE = ((1.5, 3.0), (1.5, 2.0))
_FAR_CORNER_MM = 20.0
_CLOSE_CORNER_MM = 5.0
_MOST_STRETCH_MM = 15.0
_MOST_STRETCH_RATIO = 0.1
_KNOT_MM = 30.0
_LEAST_SHARE = 0.7
_TAIL_MM = 18.0
_REJECT_FACTOR = 4.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FollowedSide:
    """One side between two corners, as seen.

    ``places_mm`` (N, 2) float64 run from corner to corner; ``scatter_mm`` is how far single
    profiles lie from them, ``effective_count`` how many of them are independent.
    """

    places_mm: Places
    scatter_mm: float
    effective_count: float
    contrast_ratio: float
    blur_px: float

    def lengths_mm(self) -> Places:
        """Length from the start to each place, (N,)."""
        steps = np.hypot(*np.diff(self.places_mm, axis=0).T)
        return np.concatenate([[0.0], np.cumsum(steps)])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LaidTemplate:
    """A template on a piece: its sides as followed, None where one is not clear."""

    template: StyleTemplate
    sides: tuple[FollowedSide | None, ...]
    misfit_mm: float

    def landmark(self, name: str) -> tuple[int, float] | None:
        """Return side and share of a landmark, None where its side is not clear."""
        side, share = _address(self.template, name)
        return None if self.sides[side] is None else (side, share)

    def place(self, side: int, share: float) -> Places:
        """Return the place (2,) mm at a share of a side's length."""
        followed = self.sides[side]
        assert followed is not None  # noqa: S101 - `landmark` was asked before
        lengths = followed.lengths_mm()
        at = share * lengths[-1]
        return np.array([np.interp(at, lengths, followed.places_mm[:, axis]) for axis in (0, 1)])

    def path(self, start: tuple[int, float], stop: tuple[int, float]) -> Places | None:
        """Return places (N, 2) mm along the outline, clockwise; None where a side is not clear."""
        parts = []
        side, share = start
        if stop[1] == 0.0:
            stop = ((stop[0] - 1) % len(self.sides), 1.0)
        for _ in range(len(self.sides) + 1):
            followed = self.sides[side]
            if followed is None:
                return None
            last = side == stop[0] and share < stop[1]
            until = stop[1] if last else 1.0
            lengths = followed.lengths_mm() / followed.lengths_mm()[-1]
            inside = (lengths > share) & (lengths < until)
            ends = [self.place(side, share)[None], followed.places_mm[inside]]
            parts += [*ends, self.place(side, until)[None]]
            if last:
                return np.concatenate(parts)
            side, share = (side + 1) % len(self.sides), 0.0
        return None


def lay_template(
    frame: NDArray[np.uint8], plane: Plane, rim_mm: Places, template: StyleTemplate
) -> LaidTemplate | None:
    """Lay a template over the piece whose mask has its rim at ``rim_mm`` (M, 2) float64.

    ``frame`` is (H, W, 3) uint8. None where the piece has another shape: the wrong style.
    """
    sides = sides_of(template)
    outline = np.concatenate([side[:-1] for side in sides])
    moved = _similar(outline, rim_mm)
    if moved is None:
        return None
    tree = cKDTree(rim_mm)
    away, _ = tree.query(moved)
    size_mm = float(np.hypot(*np.ptp(template.outline_mm, axis=0)))
    misfit_mm = float(np.sqrt(np.mean(away**2)))
    back, _ = cKDTree(moved).query(rim_mm)
    limit_mm = max(_MOST_MISFIT_MM, _MOST_MISFIT_RATIO * size_mm)
    if max(misfit_mm, float(np.sqrt(np.mean(back**2)))) > limit_mm:
        return None
    bent = _bent(moved, tree, rim_mm)
    starts = np.cumsum([0, *(len(side) - 1 for side in sides)])
    curves = []
    for first, last in itertools.pairwise(starts):
        index = np.arange(first, last + 1) % len(bent)
        curves.append(_followed(frame, plane, bent[index], _ROUGH))
    # Now that the corners are known, the sides are followed again, close up to them.
    rough = _joined(curves, _FAR_CORNER_MM)
    curves = [
        None if side is None else _followed(frame, plane, side.places_mm, _CLOSE) for side in rough
    ]
    joined = tuple(
        None if seen is None or _other_length(seen, drawn) else seen
        for seen, drawn in zip(_joined(curves, _CLOSE_CORNER_MM), sides, strict=True)
    )
    return LaidTemplate(template=template, sides=joined, misfit_mm=misfit_mm)


def _other_length(seen: FollowedSide, drawn: Places) -> bool:
    """Say whether a side is so much longer or shorter than the pattern's (N, 2) that it is none."""
    pattern_mm = float(np.hypot(*np.diff(drawn, axis=0).T).sum())
    limit_mm = max(_MOST_STRETCH_MM, _MOST_STRETCH_RATIO * pattern_mm)
    return abs(float(seen.lengths_mm()[-1]) - pattern_mm) > limit_mm


def _address(template: StyleTemplate, name: str) -> tuple[int, float]:
    """Side and share of the side's length at which a landmark lies."""
    names = list(template.corners)
    if name in template.corners:
        return names.index(name), 0.0
    place = np.asarray(template.landmarks[name], dtype=np.float64)
    best = (np.inf, 0, 0.0)
    for number, side in enumerate(sides_of(template)):
        away = np.hypot(*(side - place).T)
        nearest = int(away.argmin())
        best = min(best, (float(away[nearest]), number, nearest / (len(side) - 1)))
    return best[1], best[2]


def _similar(outline: Places, rim: Places) -> Places | None:
    """Lay ``outline`` (N, 2) over ``rim`` (M, 2) by turn, shift and a scale near one."""
    tree = cKDTree(rim)
    best: tuple[float, Places] | None = None
    centre = (rim.min(axis=0) + rim.max(axis=0)) / 2
    start = outline - (outline.min(axis=0) + outline.max(axis=0)) / 2
    for degrees in (*_TURNS_DEG, 15.0, -15.0):
        angle = np.deg2rad(degrees)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        moved = start @ turn + centre
        for _ in range(25):
            _, nearest = tree.query(moved)
            moved = _umeyama(outline, rim[nearest])
        away, _ = tree.query(moved)
        error = float(np.sqrt(np.mean(away**2)))
        if best is None or error < best[0]:
            best = (error, moved)
    return None if best is None else best[1]


def _umeyama(start: Places, goal: Places) -> Places:
    """Move ``start`` (N, 2) by the similarity that brings it closest to ``goal`` (N, 2)."""
    middle, target = start.mean(axis=0), goal.mean(axis=0)
    first, sizes, last = np.linalg.svd((start - middle).T @ (goal - target))
    sign = np.sign(np.linalg.det(first @ last)) or 1.0
    turn = first @ np.diag([1.0, sign]) @ last
    scale = float(sizes[0] + sign * sizes[1]) / float(((start - middle) ** 2).sum())
    return np.asarray((start - middle) @ turn * np.clip(scale, *_SCALES) + target)


def _bent(moved: Places, tree: cKDTree, rim: Places) -> Places:
    """Bend a laid outline (N, 2) to the mask's rim (M, 2) by a thin-plate spline."""
    step = max(1, round(_RIM_SPACING_MM / SPACING_MM))
    nodes = moved[::step]
    bent = moved
    for _ in range(3):
        _, nearest = tree.query(bent[::step])
        pull = RBFInterpolator(
            nodes, rim[nearest] - nodes, kernel="thin_plate_spline", smoothing=40.0
        )
        bent = np.asarray(moved + pull(moved), dtype=np.float64)
    return bent


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Curve:
    """A followed side before its ends are known, by splines through the edge's places."""

    base_mm: Places
    along_mm: Places
    splines: tuple[LSQUnivariateSpline, LSQUnivariateSpline]
    first_mm: float
    last_mm: float
    scatter_mm: float
    effective_count: float
    contrast_ratio: float
    blur_px: float

    def at(self, along_mm: Places) -> Places:
        """Return places (N, 2) mm at ``along_mm`` (N,), beside the pattern beyond what was seen."""
        inside = np.clip(along_mm, self.first_mm, self.last_mm)
        seen = np.stack([spline(inside) for spline in self.splines], axis=1)
        beyond = [
            np.interp(along_mm, self.along_mm, b) - np.interp(inside, self.along_mm, b)
            for b in self.base_mm.T
        ]
        return np.asarray(seen + np.stack(beyond, axis=1), dtype=np.float64)


def _followed(
    frame: NDArray[np.uint8], plane: Plane, side: Places, passes: tuple[tuple[float, float], ...]
) -> _Curve | None:
    """Follow one side (N, 2) mm in ``frame`` (H, W, 3) uint8."""
    base = side
    curve: _Curve | None = None
    for reach_mm, gap_mm in passes:
        base = _smooth(base)
        along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(base, axis=0).T))])
        tangents = np.gradient(base, along, axis=0)
        tangents /= np.hypot(*tangents.T)[:, None]
        normals = np.stack([tangents[:, 1], -tangents[:, 0]], axis=1)
        curve = _curve(frame, plane, (base, normals, along), (reach_mm, gap_mm))
        if curve is None:
            return None
        base = evenly(curve.at(along), SPACING_MM)
    return curve


def _smooth(line: Places) -> Places:
    """Take the steps of single cells out of a line (N, 2), ends kept."""
    size = min(9, (len(line) // 2) * 2 - 1)
    if size < 3:
        return line
    kernel = np.hanning(size + 2)[1:-1]
    kernel /= kernel.sum()
    half = size // 2
    padded = np.concatenate(
        [2 * line[0] - line[half:0:-1], line, 2 * line[-1] - line[-2 : -half - 2 : -1]]
    )
    return np.stack([np.convolve(axis, kernel, mode="valid") for axis in padded.T], axis=1)


def _curve(
    frame: NDArray[np.uint8],
    plane: Plane,
    line: tuple[Places, Places, Places],
    limits: tuple[float, float],
) -> _Curve | None:
    """Meet the edge of ``frame`` (H, W, 3) along a line's normals and fit a spline to it.

    ``limits`` are how far to look, and how far from corners to stay, in mm.
    """
    reach_mm, gap_mm = limits
    base, normals, along = line
    at = plane.to_px(base)
    out = plane.to_px(base + normals) - at
    scale = np.hypot(*out.T)
    reach_px = max(5.0, reach_mm * float(scale.mean()))
    found = edges(frame, at, out / scale[:, None], reach_px)
    offsets = found.offsets_px / scale
    inner = (along >= gap_mm) & (along <= along[-1] - gap_mm)
    keep = inner & np.isfinite(offsets)
    if keep.sum() < max(8.0, _LEAST_SHARE * inner.sum()):
        return None
    places = base + np.nan_to_num(offsets)[:, None] * normals
    fitted = _splines(along, places, normals, keep)
    if fitted is None:
        return None
    splines, keep, scatter = fitted
    if keep.sum() < max(8.0, _LEAST_SHARE * inner.sum()):
        return None
    return _Curve(
        base_mm=base,
        along_mm=along,
        splines=splines,
        first_mm=float(along[keep][0]),
        last_mm=float(along[keep][-1]),
        scatter_mm=scatter,
        effective_count=float(keep.sum()) / 2,
        contrast_ratio=float(np.median(found.steps[keep])),
        blur_px=found.width_px,
    )


def _splines(
    along: Places, places: Places, normals: Places, keep: NDArray[np.bool_]
) -> tuple[tuple[LSQUnivariateSpline, LSQUnivariateSpline], NDArray[np.bool_], float] | None:
    """Fit cubics to ``places`` (N, 2) over ``along`` (N,), leaving out what does not agree.

    ``normals`` (N, 2) tell what disagreement is: only across the edge.
    """
    scatter = 0.0
    both: tuple[LSQUnivariateSpline, LSQUnivariateSpline] | None = None
    for _ in range(4):
        if keep.sum() < 8:
            return None
        known = along[keep]
        count = int((known[-1] - known[0]) / _KNOT_MM)
        knots = np.linspace(known[0], known[-1], count + 2)[1:-1]
        try:
            x, y = (LSQUnivariateSpline(known, axis[keep], knots, k=3) for axis in places.T)
        except ValueError:
            return None
        both = (x, y)
        off = places - np.stack([x(along), y(along)], axis=1)
        rest = np.abs((off * normals).sum(axis=1))
        scatter = max(1.4826 * float(np.median(rest[keep])), 0.003)
        keep = keep & (rest <= _REJECT_FACTOR * scatter)
    return None if both is None else (both, keep, scatter)


def _joined(curves: list[_Curve | None], reach_mm: float) -> tuple[FollowedSide | None, ...]:
    """Cut or lengthen each side to where it crosses its neighbours."""
    count = len(curves)
    met: list[Places | None] = []
    for number in range(count):
        before, after = curves[number - 1], curves[number]
        met.append(None if before is None or after is None else _crossing(before, after, reach_mm))
    sides: list[FollowedSide | None] = []
    for number, curve in enumerate(curves):
        start, stop = met[number], met[(number + 1) % count]
        sides.append(
            None if curve is None or start is None or stop is None else _cut(curve, start, stop)
        )
    return tuple(sides)


def _crossing(before: _Curve, after: _Curve, reach_mm: float) -> Places | None:
    """Where one side's end, drawn on by ``reach_mm`` at most, meets the next one's start, (2,)."""
    last, along_last = _tail(before, before.last_mm, -1.0)
    first, along_first = _tail(after, after.first_mm, 1.0)
    matrix = np.column_stack([along_last[0], -along_first[0]])
    if abs(float(np.linalg.det(matrix))) < 0.15:
        return None
    place = np.zeros(2)
    steps = np.zeros(2)
    for _ in range(8):
        one = last + along_last[0] * steps[0] + along_last[1] * steps[0] ** 2
        other = first + along_first[0] * steps[1] + along_first[1] * steps[1] ** 2
        slope_one = along_last[0] + 2 * along_last[1] * steps[0]
        slope_other = along_first[0] + 2 * along_first[1] * steps[1]
        try:
            steps = steps + np.linalg.solve(np.column_stack([slope_one, -slope_other]), other - one)
        except np.linalg.LinAlgError:
            return None
        place = last + along_last[0] * steps[0] + along_last[1] * steps[0] ** 2
    return place if bool((np.abs(steps) < reach_mm).all()) else None


def _tail(curve: _Curve, end_mm: float, inwards: float) -> tuple[Places, tuple[Places, Places]]:
    """Quadratic through a side's last part: place, and first and second term per mm, (2,) each.

    The parameter grows along the side, whichever end it is.
    """
    reach = min(_TAIL_MM, 0.4 * (curve.last_mm - curve.first_mm))
    along = end_mm + inwards * np.linspace(0, reach, 25)
    places = curve.at(along)
    terms = np.polynomial.polynomial.polyfit(along - end_mm, places, 2)
    return terms[0], (terms[1], terms[2])


def _cut(curve: _Curve, start: Places, stop: Places) -> FollowedSide:
    """Places from corner to corner."""
    inner = np.linspace(
        curve.first_mm, curve.last_mm, max(8, int((curve.last_mm - curve.first_mm) / SPACING_MM))
    )
    places = curve.at(inner)
    chords = np.array([places[1] - places[0], places[-1] - places[-2]])
    # A corner that lies inside what was followed takes the overshoot off.
    keep = ((places - start) @ chords[0] > 0) & ((places - stop) @ chords[1] < 0)
    middle = places[keep]
    return FollowedSide(
        places_mm=np.concatenate([start[None], middle, stop[None]]),
        scatter_mm=curve.scatter_mm,
        effective_count=curve.effective_count,
        contrast_ratio=curve.contrast_ratio,
        blur_px=curve.blur_px,
    )
