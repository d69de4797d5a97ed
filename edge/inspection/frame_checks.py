"""Is this frame worth judging at all?"""

import numpy as np
from numpy.typing import NDArray

SMALLEST_SIDE_PX = 64
_BLACK_COUNT = 14
_BLANK_COUNT = 3.0
_FINE_PX = 1
_COARSE_PX = 6
_LEAST_EDGE_COUNT = 24.0
_SHARP_RATIO = 0.24


def frame_problems(frame: NDArray[np.uint8]) -> tuple[str, ...]:
    """Return why ``frame`` (H, W, 3) uint8 cannot be judged; empty when it can.

    Blur is told by the strongest edges: how much of their whole step happens within one pixel.
    A frame without any edge tells nothing about blur.
    """
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        return ("frame_format_wrong",)
    if min(frame.shape[:2]) < SMALLEST_SIDE_PX:
        return ("frame_size_wrong",)
    step = max(1, min(frame.shape[:2]) // 300)
    rows = frame[::step].astype(np.int16).sum(axis=2)
    columns = frame[:, ::step].astype(np.int16).sum(axis=2).T
    bright = float(np.quantile(rows[:, ::4], 0.995)) / 3
    if bright < _BLACK_COUNT:
        return ("frame_black",)
    if float(rows[:, ::4].std()) / 3 < _BLANK_COUNT:
        return ("frame_blank",)
    shares = [share for share in (_edge_share(rows), _edge_share(columns)) if share is not None]
    if shares and max(shares) < _SHARP_RATIO:
        return ("frame_blurred",)
    return ()


def _edge_share(lines: NDArray[np.int16]) -> float | None:
    """Share of the strongest edges of ``lines`` (N, M) int16 that falls within one pixel."""
    coarse = np.abs(lines[:, 2 * _COARSE_PX :] - lines[:, : -2 * _COARSE_PX])
    inner = lines[:, _COARSE_PX:-_COARSE_PX]
    fine = np.abs(inner[:, _FINE_PX:] - inner[:, :-_FINE_PX])
    strong = float(np.quantile(coarse[:, ::3], 0.998)) / 3
    if strong < _LEAST_EDGE_COUNT:
        return None
    return float(np.quantile(fine, 0.998)) / 3 / strong
