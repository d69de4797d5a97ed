"""Learns a camera's lens from views of a board, and says when the views do not teach it.

A view counts when enough of its corners are seen; one that disagrees with all others is left out,
with the reason. What is left must cover the picture and tilt enough, or there is no calibration.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.inspection.errors import CalibrationRefusedError, TagBoardError
from edge.inspection.lens import Lens

Dropped = Literal["board_not_found", "corners_few", "size_differs", "outlier"]
Pattern = Literal["charuco", "chessboard", "aruco_grid"]
Degrees = float

_GRID = (6, 4)
_LEAST_CORNERS_COUNT = 8
_OUTLIER_FACTOR = 2.5
_OUTLIER_PX = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBoard:
    """A flat board of squares.

    ``columns_count`` and ``rows_count`` count squares of a ChArUco board, inner corners of a
    chessboard, markers of a grid. ``square_mm`` is a square's side, or marker plus gap of a grid;
    ``marker_mm`` the marker's side.
    """

    name: str
    pattern: Pattern
    columns_count: int
    rows_count: int
    square_mm: float
    marker_mm: float = 0.0
    dictionary: str = ""

    def __post_init__(self) -> None:
        """Refuse a board that cannot be printed or told apart when turned.

        Raises:
            TagBoardError: sizes contradict each other, or a ChArUco board has even rows, which
                two versions of its drawing print differently.
        """
        if min(self.columns_count, self.rows_count) < 3 or self.square_mm <= 0:
            raise TagBoardError(f"{self.name}: three by three squares of positive size at least")
        if self.pattern != "chessboard" and not 0 < self.marker_mm < self.square_mm:
            raise TagBoardError(f"{self.name}: 0 < marker_mm < square_mm does not hold")
        if self.pattern == "charuco" and self.rows_count % 2 == 0:
            raise TagBoardError(f"{self.name}: a ChArUco board needs an odd number of rows")

    @property
    def corners_count(self) -> int:
        """How many corners a whole view shows."""
        if self.pattern == "charuco":
            return (self.columns_count - 1) * (self.rows_count - 1)
        each = 4 if self.pattern == "aruco_grid" else 1
        return each * self.columns_count * self.rows_count


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoardView:
    """Corners seen in one picture: ``mm`` (N, 2) float64 on the board, ``px`` (N, 2) float64."""

    picture: str
    mm: NDArray[np.float64]
    px: NDArray[np.float64]
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationLimits:
    """What a calibration must reach."""

    least_views_count: int = 8
    most_rms_px: float = 0.3
    least_coverage_ratio: float = 0.7
    least_tilt_deg: Degrees = 10.0
    least_corners_ratio: float = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedView:
    """A picture that did not count, and why."""

    picture: str
    reason: Dropped
    rms_px: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LensFit:
    """A lens fitted to views, with each view's rms and tilt against the picture plane."""

    lens: Lens
    rms_px: float
    view_rms_px: tuple[float, ...]
    tilts_deg: tuple[Degrees, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LensCalibration:
    """A lens, how well it explains its views, and which pictures did not count."""

    fit: LensFit
    pictures: tuple[str, ...]
    dropped: tuple[DroppedView, ...]
    coverage_ratio: float


class BoardFinder(Protocol):
    """Finds the corners of a calibration board."""

    def find(
        self, frame: NDArray[np.uint8], board: CalibrationBoard, picture: str = ""
    ) -> BoardView | None:
        """Return the corners seen in ``frame`` (H, W, 3) uint8 RGB, None where no board is."""
        ...


class LensFitter(Protocol):
    """Fits a lens to views."""

    def fit(self, views: tuple[BoardView, ...]) -> LensFit:
        """Return the lens that explains all views best.

        Raises:
            CalibrationRefusedError: the numbers do not allow any.
        """
        ...


@dataclass(slots=True)
class _Sorting:
    """Views that count and those that do not."""

    kept: list[BoardView] = field(default_factory=list)
    dropped: list[DroppedView] = field(default_factory=list)


def calibrate_lens(
    seen: Mapping[str, BoardView | None],
    board: CalibrationBoard,
    fitter: LensFitter,
    limits: CalibrationLimits,
) -> LensCalibration:
    """Fit the lens to what was ``seen`` in each picture.

    Raises:
        CalibrationRefusedError: too few views, a part of the picture never covered, boards always
            seen from straight above, or an rms beyond the limit. Nothing is stored then.
    """
    sorting = _sorted(seen, board, limits)
    _enough(sorting.kept, limits)
    fit = fitter.fit(tuple(sorting.kept))
    while (worst := _outlier(fit)) is not None and len(sorting.kept) > limits.least_views_count:
        view = sorting.kept.pop(worst)
        drop = DroppedView(
            picture=view.picture, reason="outlier", rms_px=round(fit.view_rms_px[worst], 4)
        )
        sorting.dropped.append(drop)
        fit = fitter.fit(tuple(sorting.kept))
    coverage_ratio = float(covered_fields(sorting.kept).mean())
    _good(fit, coverage_ratio, limits)
    return LensCalibration(
        fit=fit,
        pictures=tuple(view.picture for view in sorting.kept),
        dropped=tuple(sorting.dropped),
        coverage_ratio=coverage_ratio,
    )


def seen_enough(
    view: BoardView | None, board: CalibrationBoard, limits: CalibrationLimits
) -> BoardView:
    """Return the view of a board that lies on the table, where it shows enough of it.

    Raises:
        CalibrationRefusedError: no board is in the picture, or too little of it.
    """
    if view is None:
        raise CalibrationRefusedError(
            "flat_board_not_found", f"{board.name} is not in the picture of the lying board"
        )
    least = _least_corners(board, limits)
    if len(view.px) < least:
        raise CalibrationRefusedError(
            "flat_corners_few",
            f"{len(view.px)} of {board.corners_count} corners of the lying board are seen, "
            f"{least:.0f} are needed",
        )
    return view


def _least_corners(board: CalibrationBoard, limits: CalibrationLimits) -> float:
    return max(_LEAST_CORNERS_COUNT, limits.least_corners_ratio * board.corners_count)


def _sorted(
    seen: Mapping[str, BoardView | None], board: CalibrationBoard, limits: CalibrationLimits
) -> _Sorting:
    """Leave out pictures without a usable board, and those of another size than most."""
    sorting = _Sorting()
    sizes = [(view.width_px, view.height_px) for view in seen.values() if view is not None]
    usual = max(set(sizes), key=sizes.count) if sizes else (0, 0)
    least = _least_corners(board, limits)
    for picture, view in seen.items():
        why: Dropped | None = None
        if view is None:
            why = "board_not_found"
        elif (view.width_px, view.height_px) != usual:
            why = "size_differs"
        elif len(view.px) < least:
            why = "corners_few"
        if view is None or why is not None:
            drop = DroppedView(picture=picture, reason=why or "board_not_found")
            sorting.dropped.append(drop)
        else:
            sorting.kept.append(view)
    return sorting


def _enough(views: list[BoardView], limits: CalibrationLimits) -> None:
    if len(views) < limits.least_views_count:
        raise CalibrationRefusedError(
            "views_few", f"{len(views)} views of the board, {limits.least_views_count} are needed"
        )


def _outlier(fit: LensFit) -> int | None:
    """Index of the view that disagrees most with all others, None where none does."""
    rms = np.asarray(fit.view_rms_px)
    limit = max(_OUTLIER_FACTOR * float(np.median(rms)), float(np.median(rms)) + _OUTLIER_PX)
    worst = int(rms.argmax())
    return worst if rms[worst] > limit else None


def covered_fields(views: Sequence[BoardView]) -> NDArray[np.bool_]:
    """Say in which of the picture's fields (4, 6) bool some corner was seen."""
    columns, rows = _GRID
    hit = np.zeros((rows, columns), dtype=bool)
    for view in views:
        x = np.clip((view.px[:, 0] / view.width_px * columns).astype(int), 0, columns - 1)
        y = np.clip((view.px[:, 1] / view.height_px * rows).astype(int), 0, rows - 1)
        hit[y, x] = True
    return hit


def _good(fit: LensFit, coverage_ratio: float, limits: CalibrationLimits) -> None:
    """Refuse a lens that its views do not support."""
    if coverage_ratio < limits.least_coverage_ratio:
        raise CalibrationRefusedError(
            "coverage_poor",
            f"the board was seen in {coverage_ratio:.0%} of the picture, "
            f"{limits.least_coverage_ratio:.0%} are needed",
        )
    steepest = max(fit.tilts_deg)
    if steepest < limits.least_tilt_deg:
        raise CalibrationRefusedError(
            "tilt_small",
            f"the board was tilted by {steepest:.0f}° at most, {limits.least_tilt_deg:.0f}° needed",
        )
    if not fit.rms_px <= limits.most_rms_px:
        raise CalibrationRefusedError(
            "rms_large", f"rms {fit.rms_px:.3f} px, {limits.most_rms_px:.3f} px are allowed"
        )
