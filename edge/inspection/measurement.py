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
from edge.inspection.sampling import edges, robust_fit
from edge.inspection.standard import PointOfMeasure, Side
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _End:
    """One end of a distance: its place (2,) mm and the uncertainty of its edge in mm."""

    place_mm: NDArray[np.float64]
    fit_mm: float


def cannot_measure(point: PointOfMeasure, reason: str) -> Measurement:
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
) -> Measurement:
    """Measure one distance in ``frame`` (H, W, 3) uint8."""
    if point.thickness_mm is None:
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
    height_mm = point.thickness_mm / 2
    value_mm = raw_mm * (1 - height_mm / board.camera_height_mm)
    budget = _budget(plane, board, ends, (raw_mm, height_mm))
    uncertainty_mm = EXPANSION_COUNT * float(np.sqrt(sum(part**2 for _, part in budget)))
    deviation_mm = value_mm - point.nominal_mm
    places_px = plane.to_px(np.stack([end.place_mm for end in ends]))
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
        to_px=(round(float(places_px[1, 0]), 2), round(float(places_px[1, 1]), 2)),
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
    budget = [
        (name, float(np.sqrt(sum(_change(plane, places_px, raw_mm, s) ** 2 for s in shifts))))
        for name, shifts in plane.errors.items()
    ]
    straight = replace(plane.shifted(np.append(np.zeros(8), -plane.numbers[8])), lens=None)
    correction = places_px - straight.to_px(plane.to_mm(places_px))
    lens_px = float(np.hypot(*(correction[1] - correction[0])))
    scale = plane.mm_per_px()
    misfit_px = max(0.0, plane.residual_px - _USUAL_RESIDUAL_PX)
    budget.append(("misfit", _MISFIT_LEVER_COUNT * misfit_px * scale))
    budget.append(("lens", _LENS_SHARE_RATIO * lens_px * scale))
    budget.append(("edge_fit", float(np.hypot(ends[0].fit_mm, ends[1].fit_mm))))
    budget.append(("edge_response", np.sqrt(2.0) * _EDGE_RESPONSE_PX * scale))
    parallax = raw_mm / board.camera_height_mm
    budget.append(("height", parallax * height_mm / np.sqrt(3.0)))
    tolerance = board.camera_height_tolerance_mm / board.camera_height_mm
    budget.append(("camera_height", parallax * height_mm * tolerance))
    return budget


def _change(
    plane: Plane, places_px: NDArray[np.float64], raw_mm: float, shift: NDArray[np.float64]
) -> float:
    """Change of a distance between ``places_px`` (N=2, 2) when the plane's numbers shift (N=9,)."""
    moved = plane.shifted(shift).to_mm(places_px)
    return float(np.hypot(*(moved[1] - moved[0]))) - raw_mm
