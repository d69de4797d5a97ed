"""The tags on the table and the lens above it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.inspection.errors import TagBoardError
from edge.inspection.lens import Lens

_CORNER_SIGNS = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class TagBoard:
    """Tags that lie on the table for good, in the table's plane.

    ``tags`` are centres (x, y) in mm, x to the right and y down. The tolerances are standard
    uncertainties of the print and of the laying. ``camera_height_mm`` lets cloth of known
    thickness be corrected for parallax. ``reference_px`` are the corners seen when the station
    was calibrated, (4, 2) each; a camera or a tag that moved since then is noticed by them.
    ``lens`` and ``calibration_id`` come from that calibration too, and ``thickness_mm`` by style
    for points of measure that name none. ``doubt`` is a reason that every result then carries.
    """

    name: str
    dictionary: str
    side_mm: float
    tags: Mapping[int, tuple[float, float]]
    camera_height_mm: float = 1160.0
    camera_height_tolerance_mm: float = 30.0
    side_tolerance_mm: float = 0.02
    place_tolerance_mm: float = 0.05
    reference_px: Mapping[int, NDArray[np.float64]] | None = field(default=None, compare=False)
    lens: Lens | None = None
    calibration_id: str = ""
    thickness_mm: Mapping[str, float] = field(default_factory=dict)
    doubt: str | None = None

    def __post_init__(self) -> None:
        """Refuse a board that spans no plane.

        Raises:
            TagBoardError: fewer than four tags, or sizes that are not positive.
        """
        if len(self.tags) < 4:
            raise TagBoardError(f"{self.name}: four tags are needed, {len(self.tags)} are listed")
        if self.side_mm <= 0 or self.camera_height_mm <= 0:
            raise TagBoardError(f"{self.name}: side_mm and camera_height_mm must be positive")

    def corners_mm(self, tag: int) -> NDArray[np.float64]:
        """Return (4, 2) float64: top left, top right, bottom right, bottom left."""
        return np.asarray(self.tags[tag], dtype=np.float64) + _CORNER_SIGNS * self.side_mm / 2
