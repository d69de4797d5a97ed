"""A style's outline with its landmarks and points of measure, as the pattern has them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.inspection.errors import StandardError

Places = NDArray[np.float64]
SPACING_MM = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplatePoint:
    """A point of measure between two landmarks: straight, or along the outline clockwise."""

    name: str
    start: str
    stop: str
    along: bool
    nominal_mm: float
    lower_mm: float
    upper_mm: float
    severity: Literal["critical", "major", "minor"]
    thickness_mm: float | None

    def __post_init__(self) -> None:
        """Refuse limits that no piece can keep.

        Raises:
            StandardError: limits or nominal contradict each other.
        """
        if not self.lower_mm <= 0 <= self.upper_mm:
            raise StandardError(f"{self.name}: lower_mm ≤ 0 ≤ upper_mm does not hold")
        if self.nominal_mm <= 0 or self.start == self.stop:
            raise StandardError(f"{self.name}: two landmarks and a positive nominal_mm are needed")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StyleTemplate:
    """``outline_mm`` (N, 2) float64, closed, clockwise as seen, x right and y down.

    ``corners`` are vertices of it, in order, by name; ``landmarks`` are places on it by name.
    """

    style: str
    outline_mm: Places
    corners: Mapping[str, int]
    landmarks: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    points: tuple[TemplatePoint, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be laid over a piece.

        Raises:
            StandardError: too few corners, not clockwise, or a point of measure without landmark.
        """
        outline = self.outline_mm
        if outline.ndim != 2 or outline.shape[1] != 2 or len(outline) < 4:
            raise StandardError(f"{self.style}: an outline has at least four places (x, y)")
        if not np.isfinite(outline).all() or area_mm2(outline) <= 0:
            raise StandardError(f"{self.style}: the outline must run clockwise, x right, y down")
        order = list(self.corners.values())
        if (
            len(order) < 3
            or order != sorted(set(order))
            or not 0 <= order[0] <= order[-1] < len(outline)
        ):
            raise StandardError(f"{self.style}: at least three corners, in the outline's order")
        known = self.corners.keys() | self.landmarks.keys()
        for point in self.points:
            missing = {point.start, point.stop} - known
            if missing:
                raise StandardError(f"{self.style}: {point.name} names {sorted(missing)}")

    def side_length_mm(self, side: int) -> float:
        """Length of one side of the pattern."""
        return float(np.hypot(*np.diff(sides_of(self)[side], axis=0).T).sum())


class TemplateSource(Protocol):
    """Where templates come from: a JSON file now, a pattern's DXF outline as well."""

    def template(self, style: str) -> StyleTemplate | None:
        """Return the style's template, None where it has none.

        Raises:
            StandardError: what is stored cannot be laid over a piece.
        """
        ...


def area_mm2(outline: Places) -> float:
    """Signed area of an outline (N, 2) float64 mm: positive when clockwise as seen."""
    x, y = outline.T
    return 0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def sides_of(template: StyleTemplate) -> list[Places]:
    """Sides from corner to corner, each (N, 2) mm, evenly sampled."""
    order = list(template.corners.values())
    count = len(template.outline_mm)
    sides = []
    for first, last in zip(order, [*order[1:], order[0] + count], strict=True):
        line = template.outline_mm[np.arange(first, last + 1) % count]
        sides.append(evenly(line, SPACING_MM))
    return sides


def evenly(line: Places, spacing_mm: float) -> Places:
    """Sample a line (N, 2) evenly, ends kept."""
    steps = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    count = max(8, round(float(steps[-1]) / spacing_mm))
    at = np.linspace(0, steps[-1], count + 1)
    return np.stack([np.interp(at, steps, line[:, axis]) for axis in (0, 1)], axis=1)
