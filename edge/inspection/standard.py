"""What a good piece of one style and size looks like, in numbers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from edge.inspection.errors import StandardError

if TYPE_CHECKING:
    from edge.inspection.prototypes import Prototypes
    from edge.inspection.template import StyleTemplate

Severity = Literal["critical", "major", "minor"]
Axis = Literal["length", "width"]
Side = Literal["top", "right", "bottom", "left"]
Check = Literal["defects", "measure", "stitches"]
SquareMillimetres = float


@dataclass(frozen=True, slots=True, kw_only=True)
class PointOfMeasure:
    """A straight distance between two opposite sides of the piece.

    ``length`` runs from top to bottom, ``width`` from left to right. ``at_ratio`` says where
    along the two sides it starts and ends: 0 and 1 are the corners, 0.5 the middle. Limits are
    allowed deviations from nominal; lower is negative or zero. Without the cloth's thickness
    the distance cannot be measured, because cloth lies above the plane of the tags.
    """

    name: str
    axis: Axis
    at_ratio: float
    nominal_mm: float
    lower_mm: float
    upper_mm: float
    severity: Severity
    thickness_mm: float | None

    def __post_init__(self) -> None:
        """Refuse limits that no piece can keep.

        Raises:
            StandardError: limits, position or nominal contradict each other.
        """
        if not self.lower_mm <= 0 <= self.upper_mm:
            raise StandardError(f"{self.name}: lower_mm ≤ 0 ≤ upper_mm does not hold")
        if not 0 <= self.at_ratio <= 1:
            raise StandardError(f"{self.name}: at_ratio must lie between 0 and 1")
        if self.nominal_mm <= 0:
            raise StandardError(f"{self.name}: nominal_mm must be positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class StitchStandard:
    """A seam of lockstitches along one side, ``inset_mm`` inside the edge."""

    seam: str
    side: Side
    inset_mm: float
    pitch_mm: float
    lower_mm: float
    upper_mm: float
    max_cv_ratio: float
    max_skipped_count: int
    severity: Severity

    def __post_init__(self) -> None:
        """Refuse limits that no seam can keep.

        Raises:
            StandardError: limits or pitch contradict each other.
        """
        if not self.lower_mm <= 0 <= self.upper_mm:
            raise StandardError(f"{self.seam}: lower_mm ≤ 0 ≤ upper_mm does not hold")
        if self.pitch_mm <= 0 or self.inset_mm <= 0:
            raise StandardError(f"{self.seam}: pitch_mm and inset_mm must be positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class DefectStandard:
    """Area limits of a flaw in the cloth; between the two a person decides."""

    minor_below_mm2: SquareMillimetres
    major_from_mm2: SquareMillimetres

    def __post_init__(self) -> None:
        """Refuse limits in the wrong order.

        Raises:
            StandardError: a flaw would be minor and major at once.
        """
        if not 0 <= self.minor_below_mm2 <= self.major_from_mm2:
            raise StandardError("0 ≤ minor_below_mm2 ≤ major_from_mm2 does not hold")

    def severity(self, area_mm2: float) -> Severity | None:
        """Return the severity of a flaw of that area, None where a person decides."""
        if area_mm2 >= self.major_from_mm2:
            return "major"
        return "minor" if area_mm2 < self.minor_below_mm2 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionStandard:
    """Everything that one piece is judged by.

    A ``template`` brings points of measure of its own, between landmarks of the style's outline.
    ``kinds`` are what flaws are called by.
    """

    style: str
    spec_version: str
    points: tuple[PointOfMeasure, ...]
    stitches: tuple[StitchStandard, ...]
    defects: DefectStandard
    checks: frozenset[Check]
    template: "StyleTemplate | None" = None
    kinds: "tuple[Prototypes, ...]" = ()
