"""The daily check: a bar of known length is measured like a piece."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.inspection.board import TagBoard
from edge.inspection.errors import GaugeCheckError, TagBoardError
from edge.inspection.plane import fit_plane
from edge.inspection.ports import TagFinder
from edge.inspection.sampling import edges, robust_fit

MOST_ERROR_MM = 0.3
_MOST_RESIDUAL_PX = 0.15
_MOST_BLUR_PX = 2.4
_MOST_DRIFT_PX = 0.3
_SAMPLES = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class GaugeBar:
    """A rigid bar with a tag at each end, ``length_mm`` from centre to centre.

    ``thickness_mm`` is how high the tags lie above the table.
    """

    name: str
    dictionary: str
    ids: tuple[int, int]
    side_mm: float
    length_mm: float
    thickness_mm: float

    def __post_init__(self) -> None:
        """Refuse a bar that cannot be measured.

        Raises:
            TagBoardError: sizes are not positive, or both ends wear one tag.
        """
        if min(self.side_mm, self.length_mm) <= 0 or self.thickness_mm < 0:
            raise TagBoardError(f"{self.name}: side_mm and length_mm must be positive")
        if self.ids[0] == self.ids[1]:
            raise TagBoardError(f"{self.name}: both ends cannot have tag {self.ids[0]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GaugeCheck:
    """One measurement of the bar; ``checked_at`` is ISO 8601 in UTC."""

    checked_at: str
    bar: str
    length_mm: float
    measured_mm: float
    passed: bool
    calibration_id: str

    @property
    def error_mm(self) -> float:
        """Measured less true length."""
        return self.measured_mm - self.length_mm


def check_gauge(
    frame: NDArray[np.uint8], tags: TagFinder, board: TagBoard, bar: GaugeBar, checked_at: str
) -> GaugeCheck:
    """Measure the bar in ``frame`` (H, W, 3) uint8 RGB.

    Raises:
        GaugeCheckError: table or bar is not seen whole and sharp, or the camera has moved.
    """
    if bar.dictionary != board.dictionary or set(bar.ids) & set(board.tags):
        raise GaugeCheckError("bar_unusable", f"{bar.name} does not go with {board.name}")
    both = replace(board, tags={**board.tags, **dict.fromkeys(bar.ids, (0.0, 0.0))})
    corners = tags.find(frame, both)
    if set(board.tags) - set(corners):
        raise GaugeCheckError("tags_hidden", "a tag of the table is not seen")
    if set(bar.ids) - set(corners):
        raise GaugeCheckError("bar_not_found", f"both ends of {bar.name} must be seen")
    plane = fit_plane(frame, {tag: corners[tag] for tag in board.tags}, board)
    if plane.blur_px > _MOST_BLUR_PX:
        raise GaugeCheckError("frame_blurred", "the picture is not sharp")
    if plane.residual_px > _MOST_RESIDUAL_PX or plane.drift_px() > _MOST_DRIFT_PX:
        raise GaugeCheckError("tags_moved", "the camera or a tag has moved since calibration")
    centres = np.stack([tag_centre(frame, corners[tag]) for tag in bar.ids])
    ends = plane.to_mm(centres)
    raw_mm = float(np.hypot(*(ends[1] - ends[0])))
    measured_mm = raw_mm * (1 - bar.thickness_mm / board.camera_height_mm)
    return GaugeCheck(
        checked_at=checked_at,
        bar=bar.name,
        length_mm=bar.length_mm,
        measured_mm=round(measured_mm, 3),
        passed=abs(measured_mm - bar.length_mm) <= MOST_ERROR_MM,
        calibration_id=board.calibration_id,
    )


def tag_centre(frame: NDArray[np.uint8], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre (2,) px of a tag in ``frame`` (H, W, 3), whose ``corners`` (4, 2) are roughly known.

    Raises:
        GaugeCheckError: a side of the tag is not clear.
    """
    middle = corners.mean(axis=0)
    share = np.linspace(0.12, 0.88, _SAMPLES)
    lines = []
    for start, stop in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        chord = stop - start
        out = np.array([chord[1], -chord[0]]) / np.hypot(*chord)
        if float(out @ (start - middle)) < 0:
            out = -out
        places = start + share[:, None] * chord
        found = edges(frame, places, np.tile(out, (_SAMPLES, 1)), 5.0)
        fit = robust_fit(share, found.offsets_px, 1)
        if fit is None:
            raise GaugeCheckError("bar_not_clear", "an end of the bar is not clear")
        ends = start + np.outer([0.0, 1.0], chord) + np.outer(fit.at(np.array([0.0, 1.0])), out)
        lines.append(ends)
    met = [_crossing(a, b) for a, b in zip([lines[-1], *lines[:-1]], lines, strict=True)]
    return _crossing(np.stack([met[0], met[2]]), np.stack([met[1], met[3]]))


def _crossing(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the lines through two pairs of places (N=2, 2) float64 cross."""
    along, across = one[1] - one[0], other[1] - other[0]
    steps = np.linalg.solve(np.column_stack([along, -across]), other[0] - one[0])
    return np.asarray(one[0] + steps[0] * along)
