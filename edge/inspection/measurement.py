"""Distances between opposite sides, each with its written-out uncertainty.

Sources of uncertainty (standard, root of summed squares, then doubled for k = 2):

* ``tag_edges``, ``tag_place``, ``tag_side``: the plane's numbers from noise, laying and printing;
* ``misfit``: tags that do not agree with each other hint at one that moved, ten times over;
* ``lens``: what one radial coefficient leaves of the lens, as a share of its correction;
* ``edge_fit``: scatter of the profiles about the line through them, at both ends;
* ``edge_response``: how far blur, light and the cloth's own fibres move an edge, both ends;
* ``height``: the edge lies between the table and the top of the cloth;
* ``camera_height``: for the parallax of that height.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.inspection.board import TagBoard
from edge.inspection.garment import SideLine
from edge.inspection.plane import Plane
from edge.inspection.registration import FollowedSide, LaidTemplate
from edge.inspection.sampling import edges, robust_fit
from edge.inspection.standard import PointOfMeasure, Side
from edge.inspection.template import TemplatePoint
from edge.inspection.verdict import Measurement, guarded

EXPANSION_COUNT = 2.0
_LOCAL_MM = 15.0
_LOCAL_SAMPLES = 41
_REACH_MM = 2.0
_LENS_SHARE_RATIO = 0.02
_USUAL_RESIDUAL_PX = 0.025
_MISFIT_LEVER_COUNT = 14.0
_EDGE_RESPONSE_PX = 0.12
_FAINTEST_STEP_RATIO = 0.03
_MOST_SCATTER_PX = 2.5
_MOST_BLUR_PX = 2.4
_TAIL_COUNT = 6.0
_CORNER_ROUND_PX = 0.25
_OTHER_STYLE_MM = 30.0
_OTHER_STYLE_RATIO = 0.12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _End:
    """One end of a distance: its place (2,) mm and the uncertainty of its edge in mm."""

    place_mm: NDArray[np.float64]
    fit_mm: float


def cannot_measure(point: PointOfMeasure | TemplatePoint, reason: str) -> Measurement:
    """Say that a distance was not measured, and why."""
    return Measurement(
        name=point.name,
        nominal_mm=point.nominal_mm,
        lower_mm=point.lower_mm,
        upper_mm=point.upper_mm,
        outcome="CANNOT_MEASURE",
        severity=point.severity,
        reason=reason,
    )


def measure(
    frame: NDArray[np.uint8],
    plane: Plane,
    board: TagBoard,
    sides: Mapping[Side, SideLine | None],
    point: PointOfMeasure,
    style: str = "",
) -> Measurement:
    """Measure one distance in ``frame`` (H, W, 3) uint8.

    A length that no piece of the style can have is none: another style lies on the table.
    """
    thickness_mm = point.thickness_mm or board.thickness_mm.get(style)
    if thickness_mm is None:
        return cannot_measure(point, "thickness_unknown")
    first: Side = "top" if point.axis == "length" else "left"
    last: Side = "bottom" if point.axis == "length" else "right"
    ends = []
    for name in (first, last):
        line = sides[name]
        end = None if line is None else _end(frame, plane, line, point.at_ratio)
        if end is None:
            return cannot_measure(point, f"edge_unclear_{name}")
        ends.append(end)
    raw_mm = float(np.hypot(*(ends[1].place_mm - ends[0].place_mm)))
    height_mm = thickness_mm / 2
    value_mm = raw_mm * (1 - height_mm / board.camera_height_mm)
    budget = _budget(plane, board, ends, (raw_mm, height_mm))
    deviation_mm = value_mm - point.nominal_mm
    if abs(deviation_mm) > max(_OTHER_STYLE_MM, _OTHER_STYLE_RATIO * point.nominal_mm):
        return cannot_measure(point, "garment_differs")
    return _measured(point, value_mm, budget, plane.to_px(np.stack([e.place_mm for e in ends])))


def _measured(
    point: PointOfMeasure | TemplatePoint,
    value_mm: float,
    budget: list[tuple[str, float]],
    places_px: NDArray[np.float64],
) -> Measurement:
    """State a value with its uncertainty and outcome; it runs through ``places_px`` (N, 2)."""
    uncertainty_mm = EXPANSION_COUNT * float(np.sqrt(sum(part**2 for _, part in budget)))
    deviation_mm = value_mm - point.nominal_mm
    return Measurement(
        name=point.name,
        nominal_mm=point.nominal_mm,
        value_mm=round(value_mm, 3),
        deviation_mm=round(deviation_mm, 3),
        uncertainty_mm=round(uncertainty_mm, 3),
        lower_mm=point.lower_mm,
        upper_mm=point.upper_mm,
        outcome=guarded(deviation_mm, uncertainty_mm, point.lower_mm, point.upper_mm),
        severity=point.severity,
        from_px=(round(float(places_px[0, 0]), 2), round(float(places_px[0, 1]), 2)),
        to_px=(round(float(places_px[-1, 0]), 2), round(float(places_px[-1, 1]), 2)),
        budget_mm=tuple((name, round(part, 4)) for name, part in budget),
    )


def _end(frame: NDArray[np.uint8], plane: Plane, line: SideLine, at_ratio: float) -> _End | None:
    """Place one end on its side by a line through the edge near it in ``frame`` (H, W, 3)."""
    if line.contrast_ratio < _FAINTEST_STEP_RATIO or line.fit.scatter_px > _MOST_SCATTER_PX:
        return None
    middle = line.at(np.array([at_ratio]))[0]
    chord = line.stop_mm - line.start_mm
    length_mm = float(np.hypot(*chord))
    local = min(_LOCAL_MM, 0.2 * length_mm)
    reach = np.linspace(-local, local, _LOCAL_SAMPLES) / length_mm
    shares = np.clip(at_ratio + reach, 0.02, 0.98)
    places = line.at(shares)
    at = plane.to_px(places)
    normals = plane.to_px(places + line.outward) - at
    scale = np.hypot(*normals.T)
    found = edges(frame, at, normals / scale[:, None], max(5.0, _REACH_MM * float(scale.mean())))
    if found.width_px > _MOST_BLUR_PX:
        return None
    fit = robust_fit((shares - at_ratio) * length_mm, found.offsets_px, 1)
    if fit is None or fit.scatter_px > _MOST_SCATTER_PX:
        return None
    mm_per_px = 1 / float(scale.mean())
    offset_mm = float(fit.at(0.0)) * mm_per_px
    # Profiles 0.75 mm apart share blur and weave: about every third one is independent.
    fit_mm = fit.scatter_px * mm_per_px / np.sqrt(max(fit.samples_count / 3, 1.0))
    return _End(place_mm=middle + offset_mm * line.outward, fit_mm=float(fit_mm))


def _budget(
    plane: Plane, board: TagBoard, ends: list[_End], length: tuple[float, float]
) -> list[tuple[str, float]]:
    """Standard uncertainties in mm by source; ``length`` is raw distance and edge height."""
    raw_mm, height_mm = length
    places_px = plane.to_px(np.stack([end.place_mm for end in ends]))
    budget = _of_plane(plane, places_px, raw_mm)
    budget.append(("edge_fit", float(np.hypot(ends[0].fit_mm, ends[1].fit_mm))))
    response_mm = _EDGE_RESPONSE_PX * plane.mm_per_px()
    budget.append(("edge_response", float(np.sqrt(2.0)) * response_mm))
    return budget + _of_height(board, raw_mm, height_mm)


def _of_plane(
    plane: Plane, places_px: NDArray[np.float64], raw_mm: float
) -> list[tuple[str, float]]:
    """Parts in mm of the length of a path through ``places_px`` (N, 2) that the plane brings."""
    budget = [
        (name, float(np.sqrt(sum(_change(plane, places_px, raw_mm, s) ** 2 for s in shifts))))
        for name, shifts in plane.errors.items()
    ]
    straight = replace(plane.shifted(np.append(np.zeros(8), -plane.numbers[8])), lens=None)
    correction = places_px - straight.to_px(plane.to_mm(places_px))
    lens_px = float(np.hypot(*np.ptp(correction, axis=0)))
    scale = plane.mm_per_px()
    misfit_px = max(0.0, plane.residual_px - _USUAL_RESIDUAL_PX)
    budget.append(("misfit", _MISFIT_LEVER_COUNT * misfit_px * scale))
    budget.append(("lens", _LENS_SHARE_RATIO * lens_px * scale))
    return budget


def _of_height(board: TagBoard, raw_mm: float, height_mm: float) -> list[tuple[str, float]]:
    """Parts in mm that the cloth's height brings."""
    budget = []
    parallax = raw_mm / board.camera_height_mm
    budget.append(("height", parallax * height_mm / np.sqrt(3.0)))
    tolerance = board.camera_height_tolerance_mm / board.camera_height_mm
    budget.append(("camera_height", parallax * height_mm * tolerance))
    return budget


def _change(
    plane: Plane, places_px: NDArray[np.float64], raw_mm: float, shift: NDArray[np.float64]
) -> float:
    """Change of a path through ``places_px`` (N, 2) when the plane's numbers shift (N=9,)."""
    return _length(plane.shifted(shift).to_mm(places_px)) - raw_mm


def _length(path_mm: NDArray[np.float64]) -> float:
    """Length of a path (N, 2) mm."""
    return float(np.hypot(*np.diff(path_mm, axis=0).T).sum())


def measure_on_template(
    plane: Plane, board: TagBoard, laid: LaidTemplate, point: TemplatePoint
) -> Measurement:
    """Measure one distance between landmarks, straight or along the outline."""
    thickness_mm = point.thickness_mm or board.thickness_mm.get(laid.template.style)
    if thickness_mm is None:
        return cannot_measure(point, "thickness_unknown")
    start, stop = laid.landmark(point.start), laid.landmark(point.stop)
    if start is None or stop is None:
        return cannot_measure(point, "landmark_unclear")
    path = laid.path(start, stop) if point.along else None
    if path is None and not point.along:
        path = np.stack([laid.place(*start), laid.place(*stop)])
    touched = _touched(laid, start, stop, along=point.along)
    if path is None or not all(_clear(side) for side in touched):
        return cannot_measure(point, "landmark_unclear")
    raw_mm, height_mm = _length(path), thickness_mm / 2
    value_mm = raw_mm * (1 - height_mm / board.camera_height_mm)
    thin = path if not point.along else path[:: max(1, len(path) // 40)]
    if point.along and not np.array_equal(thin[-1], path[-1]):
        thin = np.concatenate([thin, path[-1:]])
    places_px = plane.to_px(thin)
    budget = _of_plane(plane, places_px, _length(thin))
    ends_mm = [_end_error(laid, place, plane.mm_per_px()) for place in (start, stop)]
    budget.append(("edge_fit", float(np.hypot(ends_mm[0], ends_mm[1]))))
    chord = None if point.along else path[1] - path[0]
    pattern_mm = [_pattern_error(laid, place, chord) for place in (start, stop)]
    budget.append(("registration", float(np.hypot(pattern_mm[0], pattern_mm[1]))))
    turning = _turning(path) if point.along else 0.0
    response_mm = _EDGE_RESPONSE_PX * plane.mm_per_px()
    budget.append(("edge_response", response_mm * float(np.hypot(np.sqrt(2.0), turning))))
    budget += _of_height(board, raw_mm, height_mm)
    return _measured(point, value_mm, budget, places_px)


def _clear(side: FollowedSide | None) -> bool:
    return (
        side is not None
        and side.contrast_ratio >= _FAINTEST_STEP_RATIO
        and side.blur_px <= _MOST_BLUR_PX
    )


def _touched(
    laid: LaidTemplate, start: tuple[int, float], stop: tuple[int, float], *, along: bool
) -> list[FollowedSide | None]:
    """Sides that a measurement rests on: those of both ends, and all between when along."""
    count = len(laid.sides)
    numbers = {start[0], stop[0]}
    numbers |= {(side - 1) % count for side, share in (start, stop) if share == 0.0}
    if along:
        steps = (stop[0] - start[0]) % count or (count if stop[1] <= start[1] else 0)
        numbers |= {(start[0] + step) % count for step in range(steps)}
    return [laid.sides[number] for number in sorted(numbers)]


def _end_error(laid: LaidTemplate, end: tuple[int, float], scale: float) -> float:
    """Standard uncertainty in mm of a landmark from the scatter of its sides' profiles.

    At a corner both sides are drawn on, which doubles what each leaves open, and cross at an angle;
    blur rounds it, the more pixels the larger their ``scale`` in mm.
    """
    side, share = end
    here, before = laid.sides[side], laid.sides[side - 1]
    if here is None:
        return float("inf")
    alone_mm = 2 * here.scatter_mm / np.sqrt(_TAIL_COUNT)
    if share != 0.0 or before is None:
        return float(alone_mm)
    angle = _angle(before.places_mm[-8:], here.places_mm[:8])
    both_mm = np.hypot(alone_mm, 2 * before.scatter_mm / np.sqrt(_TAIL_COUNT))
    crossing_mm = both_mm / max(abs(np.sin(angle)), 0.2)
    return float(np.hypot(crossing_mm, _CORNER_ROUND_PX * scale))


def _pattern_error(
    laid: LaidTemplate, end: tuple[int, float], chord: NDArray[np.float64] | None
) -> float:
    """Standard uncertainty in mm that a landmark's place on its side brings, when it stretched.

    Where a side is longer than the pattern's, nobody knows where along it; corners are seen. A
    distance along ``chord`` (N=2,) square to the side hardly changes by it.
    """
    side, share = end
    followed = laid.sides[side]
    if followed is None or share == 0.0:
        return 0.0
    stretch_mm = abs(float(followed.lengths_mm()[-1]) - laid.template.side_length_mm(side))
    loose_mm = stretch_mm * share * (1 - share) * 2 / float(np.sqrt(3.0))
    if chord is None:
        return loose_mm
    near = laid.place(side, max(share - 0.02, 0.0)), laid.place(side, min(share + 0.02, 1.0))
    along = near[1] - near[0]
    lengths = float(np.hypot(*along)) * float(np.hypot(*chord))
    return loose_mm * abs(float(along @ chord)) / lengths


def _angle(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """Angle between the chords of two short paths (N, 2)."""
    one, other = before[-1] - before[0], after[-1] - after[0]
    return float(np.arctan2(one[0] * other[1] - one[1] * other[0], one @ other))


def _turning(path: NDArray[np.float64]) -> float:
    """How far a path (N, 2) turns from start to stop, in radians."""
    return abs(_angle(path[: len(path) // 8 + 2], path[-(len(path) // 8) - 2 :]))
