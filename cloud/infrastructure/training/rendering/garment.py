"""A flat panel of cloth: its outline, its pose, the true lengths between its sides."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cloud.infrastructure.training.rendering.camera import Placement, Points

Side = Literal["top", "right", "bottom", "left"]
Axis = Literal["length", "width"]

_STEP_MM = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A four-sided panel in its own frame: origin in the middle, x right, y down, mm.

    `top_width_mm` None makes a rectangle. `bow_*_mm` bend a side outwards in its middle
    (parabola).
    """

    length_mm: float
    width_mm: float
    top_width_mm: float | None = None
    bow_top_mm: float = 0.0
    bow_right_mm: float = 0.0
    bow_bottom_mm: float = 0.0
    bow_left_mm: float = 0.0

    def side(self, side: Side, ratio: Points, inset_mm: float = 0.0) -> Points:
        """Points on a side, or on the line parallel to it inside the panel.

        Args:
            side: which one.
            ratio: (N,) float64, 0 at the left (top) end of the side, 1 at its right (bottom) end.
            inset_mm: how far inside, square to the side's chord.

        Returns:
            (N, 2) float64 in mm of the panel's frame.
        """
        start, end = self._ends(side)
        chord = end - start
        outward = np.array([chord[1], -chord[0]]) / np.hypot(*chord)
        if side in {"bottom", "left"}:
            outward = -outward
        bow = {
            "top": self.bow_top_mm,
            "right": self.bow_right_mm,
            "bottom": self.bow_bottom_mm,
            "left": self.bow_left_mm,
        }[side]
        out = 4 * bow * ratio * (1 - ratio) - inset_mm
        return np.asarray(start + ratio[:, None] * chord + out[:, None] * outward)

    def side_length_mm(self, side: Side) -> float:
        """Length of a side's chord in mm."""
        start, end = self._ends(side)
        return float(np.hypot(*(end - start)))

    def outline(self) -> Points:
        """Closed outline, clockwise as seen, a point every 5 mm: (N, 2) float64 in mm."""
        pieces = []
        for side, reverse in (("top", False), ("right", False), ("bottom", True), ("left", True)):
            count = max(1, round(self.side_length_mm(side) / _STEP_MM))  # type: ignore[arg-type]
            ratio = np.arange(count) / count
            pieces.append(self.side(side, 1 - ratio if reverse else ratio))  # type: ignore[arg-type]
        return np.concatenate(pieces)

    def measure(self, axis: Axis, at_ratio: float) -> tuple[Points, Points, float]:
        """A straight distance between two opposite sides.

        Both ends lie at the same `at_ratio` of their sides: `length` from top to bottom, the ratio
        counted from the left; `width` from left to right, the ratio counted from the top.

        Returns:
            the two ends, each (2,) float64 in mm of the panel's frame, and the distance in mm.
        """
        at = np.array([at_ratio])
        first, second = ("top", "bottom") if axis == "length" else ("left", "right")
        start, end = self.side(first, at)[0], self.side(second, at)[0]  # type: ignore[arg-type]
        return start, end, float(np.hypot(*(end - start)))

    def _ends(self, side: Side) -> tuple[Points, Points]:
        top = (self.width_mm if self.top_width_mm is None else self.top_width_mm) / 2
        bottom, half = self.width_mm / 2, self.length_mm / 2
        corners = {
            "top": ((-top, -half), (top, -half)),
            "right": ((top, -half), (bottom, half)),
            "bottom": ((-bottom, half), (bottom, half)),
            "left": ((-top, -half), (-bottom, half)),
        }
        start, end = corners[side]
        return np.array(start), np.array(end)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointOfMeasure:
    """A named distance that a scene is asked to tell the truth about."""

    name: str
    axis: Axis
    at_ratio: float  # 0..1 along the sides that it joins


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueMeasure:
    """A distance as it was drawn; ends in the table's mm and in px (x, y)."""

    name: str
    value_mm: float
    from_mm: tuple[float, float]
    to_mm: tuple[float, float]
    from_px: tuple[float, float]
    to_px: tuple[float, float]


def edge_height(thickness_mm: float) -> float:
    """Height in mm above the table at which the edge of a cloth of that thickness is seen."""
    return thickness_mm / 2


def on_table(pose: Placement, thickness_mm: float) -> Placement:
    """The same pose, raised to the height of the cloth's edge."""
    return Placement(
        x_mm=pose.x_mm,
        y_mm=pose.y_mm,
        turn_deg=pose.turn_deg,
        height_mm=edge_height(thickness_mm),
    )
