"""Is this frame worth judging at all?"""

import numpy as np
from numpy.typing import NDArray

SMALLEST_SIDE_PX = 64
_BLACK_COUNT = 14
_BLANK_COUNT = 3.0
_WHITE_COUNT = 253
_MOST_WHITE_RATIO = 0.6
_REACH_PX = 6
_LEAST_EDGE_COUNT = 24.0
_SHARP_RATIO = 0.16
_LINES = 150


def frame_problems(frame: NDArray[np.uint8]) -> tuple[str, ...]:
    """Return why ``frame`` (H, W, 3) uint8 cannot be judged; empty when it can.

    Blur is told by the strongest edges: how much of their whole step happens within one pixel.
    A frame without any edge tells nothing about blur.
    """
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        return ("frame_format_wrong",)
    if min(frame.shape[:2]) < SMALLEST_SIDE_PX:
        return ("frame_size_wrong",)
    step = max(1, min(frame.shape[:2]) // _LINES)
    rows = frame[::step, :, 1].astype(np.int16)
    columns = frame[:, ::step, 1].T.astype(np.int16)
    thin = frame[::step, :: max(1, step // 2)]
    if problem := _exposure_problem(thin):
        return (problem,)
    shares = [share for share in (_edge_share(rows), _edge_share(columns)) if share is not None]
    if shares and max(shares) < _SHARP_RATIO:
        return ("frame_blurred",)
    return ()


def _exposure_problem(thin: NDArray[np.uint8]) -> str | None:
    """Say whether pixels ``thin`` (H, W, 3) uint8 are all dark, mostly white, or all alike."""
    brightest = np.maximum(np.maximum(thin[..., 0], thin[..., 1]), thin[..., 2])
    if _level(brightest, 0.995) < _BLACK_COUNT:
        return "frame_black"
    if float((thin.min(axis=2) >= _WHITE_COUNT).mean()) > _MOST_WHITE_RATIO:
        return "frame_overexposed"
    if float(thin.std(axis=(0, 1)).max()) < _BLANK_COUNT:
        return "frame_blank"
    return None


def _level(values: NDArray[np.integer], share: float) -> float:
    """Return what that share of ``values`` (H, W) stays below or at."""
    flat = values.ravel()
    place = min(len(flat) - 1, int(share * len(flat)))
    return float(np.partition(flat, place)[place])


def _edge_share(lines: NDArray[np.int16]) -> float | None:
    """Share of the strongest edges of ``lines`` (N, M) int16 that falls within one pixel."""
    coarse = np.abs(lines[:, 2 * _REACH_PX :] - lines[:, : -2 * _REACH_PX])
    strong = _level(coarse[:, ::7], 0.998)
    if strong < _LEAST_EDGE_COUNT:
        return None
    row, start = np.nonzero(coarse >= strong)
    span = lines[row[:, None], start[:, None] + np.arange(2 * _REACH_PX + 1)]
    steepest = np.abs(np.diff(span, axis=1)).max(axis=1)
    return float(np.median(steepest / np.abs(span[:, -1] - span[:, 0])))
