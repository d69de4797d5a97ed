"""Rendered views of calibration boards through a known lens, drawn by OpenCV's own lens model."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from scipy import ndimage

from edge.infrastructure.opencv_calibration import charuco_of
from edge.inspection.calibration import CalibrationBoard

BOARD = CalibrationBoard(
    name="charuco-10x7-25",
    pattern="charuco",
    columns_count=10,
    rows_count=7,
    square_mm=25.0,
    marker_mm=18.75,
    dictionary="DICT_5X5_250",
)
_TEXEL_PER_MM = 8


@dataclass(frozen=True, kw_only=True)
class TrueLens:
    """A camera whose numbers are known."""

    focal_px: float = 1250.0
    width_px: int = 1200
    height_px: int = 900
    coefficients: tuple[float, ...] = (-0.16, 0.04, 0.0006, -0.0004, 0.0)
    shift_px: tuple[float, float] = (7.0, -5.0)

    @property
    def matrix(self) -> np.ndarray:
        """Intrinsic matrix (3, 3)."""
        across = (self.width_px - 1) / 2 + self.shift_px[0]
        down = (self.height_px - 1) / 2 + self.shift_px[1]
        return np.array([[self.focal_px, 0, across], [0, self.focal_px, down], [0, 0, 1.0]])


@cache
def _rays(lens: TrueLens) -> np.ndarray:
    """Undistorted place at distance one of every pixel, (H W, 2) float64.

    Exact every eight pixels and straight between: less than 0.005 px off.
    """
    step = 8
    rows = np.arange(0, lens.height_px + step + 1, step) - 0.5
    columns = np.arange(0, lens.width_px + step + 1, step) - 0.5
    across, down = np.meshgrid(columns, rows)
    knots = np.stack([across.ravel(), down.ravel()], axis=1)
    flat = cv2.undistortPoints(
        knots, lens.matrix, np.array(lens.coefficients), criteria=(3, 30, 1e-9)
    ).reshape(len(rows), len(columns), 2)
    fine_x = (np.arange(lens.width_px) + 0.5) / step
    fine_y = (np.arange(lens.height_px) + 0.5) / step
    map_x, map_y = np.meshgrid(fine_x, fine_y)
    both = [ndimage.map_coordinates(flat[..., i], [map_y, map_x], order=1) for i in (0, 1)]
    return np.stack([both[0].ravel(), both[1].ravel()], axis=1)


def board_view(
    lens: TrueLens,
    turn: np.ndarray,
    place_mm: np.ndarray,
    generator: np.random.Generator,
    board: CalibrationBoard = BOARD,
    blur_px: float = 0.6,
) -> np.ndarray:
    """Draw a board turned by ``turn`` (3,), its middle at ``place_mm`` (3,): (H, W, 3) uint8."""
    texel = _TEXEL_PER_MM
    size = (board.columns_count * board.square_mm, board.rows_count * board.square_mm)
    margin = 12.0
    drawn = charuco_of(board).generateImage((int(size[0] * texel), int(size[1] * texel)))
    paper = np.pad(drawn, int(margin * texel), constant_values=255).astype(np.float32)
    flat = _rays(lens)
    rotation, _ = cv2.Rodrigues(np.asarray(turn, dtype=np.float64))
    centre = np.asarray(place_mm) - rotation @ np.array([size[0] / 2, size[1] / 2, 0])
    rays = np.column_stack([flat, np.ones(len(flat))]) @ rotation
    start = -centre @ rotation
    at = start[:2] + rays[:, :2] * (-start[2] / rays[:, 2])[:, None]
    across = (
        ((at[:, 0] + margin) * texel - 0.5)
        .reshape((lens.height_px, lens.width_px))
        .astype(np.float32)
    )
    down = (
        ((at[:, 1] + margin) * texel - 0.5)
        .reshape((lens.height_px, lens.width_px))
        .astype(np.float32)
    )
    # Soft enough that one sample a pixel is fair.
    soft = cv2.GaussianBlur(paper, (0, 0), 2.6)
    shade = cv2.remap(soft, across, down, cv2.INTER_LINEAR, borderValue=70.0)
    shade = cv2.GaussianBlur(shade * 0.82 + 12, (0, 0), blur_px)
    noisy = shade + 1.5 * generator.standard_normal(shade.shape, dtype=np.float32)
    return np.repeat(np.clip(noisy, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def any_views(lens: TrueLens, count: int, seed: int) -> list[np.ndarray]:
    """Draw boards by lot, spread over the picture and tilted by up to 35 degrees."""
    lot = np.random.default_rng(seed)
    views = []
    for index in range(count):
        across, down = (index % 4) / 3 - 0.5, (index // 4 % 3) / 2 - 0.5
        far_mm = lot.uniform(380, 520)
        place = np.array([across * 0.42, down * 0.34, 1.0]) * far_mm
        turn = np.append(lot.uniform(-0.6, 0.6, 2), lot.uniform(-0.3, 0.3))
        views.append(board_view(lens, turn, place, lot))
    return views
