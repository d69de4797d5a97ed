"""Reads brightness between pixels and finds edges to a fraction of a pixel.

Pixel centres have whole coordinates; brightness is 0 to 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_STEP_PX = 0.5
_CLOSE_PX = 3.5
_PATCH_RATIO = 6


def brightness(
    frame: NDArray[np.uint8], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Interpolate ``frame`` (H, W, 3) uint8 RGB at ``x`` and ``y`` (...) float64 px.

    Returns brightness of the shape of ``x``; places outside take the nearest border.
    """
    height, width = frame.shape[:2]
    x = np.clip(x, 0, width - 1.001)
    y = np.clip(y, 0, height - 1.001)
    left, top = x.astype(np.intp), y.astype(np.intp)
    right_share = (x - left).astype(np.float32)
    low_share = (y - top).astype(np.float32)
    total, first, (right, down) = _totals(frame, left, top)
    upper = total[first] * (1 - right_share) + total[first + right] * right_share
    lower = total[first + down] * (1 - right_share) + total[first + (right + down)] * right_share
    light = (upper * (1 - low_share) + lower * low_share) / np.float32(765)
    return np.asarray(light, dtype=np.float32)


def _totals(
    frame: NDArray[np.uint8], left: NDArray[np.intp], top: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.intp], tuple[int, int]]:
    """Add the colours of ``frame`` (H, W, 3) uint8 at and beside ``left`` and ``top`` (...).

    Returns the sums (N,) float32, each place's index in them, and the steps right and down.
    Many places close together are read from one patch, few that are scattered one by one.
    """
    if not left.size:
        return np.zeros(1, dtype=np.float32), left, (0, 0)
    first_row, first_column = int(top.min()), int(left.min())
    part = frame[first_row : int(top.max()) + 2, first_column : int(left.max()) + 2]
    wide = part.shape[1]
    if part.shape[0] * wide <= _PATCH_RATIO * left.size:
        total = part[..., 0].astype(np.float32)
        total += part[..., 1]
        total += part[..., 2]
        return total.ravel(), (top - first_row) * wide + (left - first_column), (1, wide)
    near = np.stack([frame[top + down, left + across] for down in (0, 1) for across in (0, 1)])
    total = near.astype(np.float32).sum(axis=-1, dtype=np.float32)
    index = np.arange(left.size, dtype=np.intp).reshape(left.shape)
    return total.ravel(), index, (left.size, 2 * left.size)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EdgeSamples:
    """Edges met by short profiles.

    ``offsets_px`` (N,) float64 is where along its normal each profile met the edge, nan where it
    met none; ``steps`` (N,) float64 the difference of brightness; ``width_px`` the median
    standard deviation of the gradient, which tells blur.
    """

    offsets_px: NDArray[np.float64]
    steps: NDArray[np.float64]
    width_px: float


def edges(
    frame: NDArray[np.uint8],
    places: NDArray[np.float64],
    normals: NDArray[np.float64],
    reach_px: float,
) -> EdgeSamples:
    """Find the strongest edge along each normal.

    ``frame`` (H, W, 3) uint8, ``places`` and unit ``normals`` (N, 2) float64 px. All profiles
    must step the same way (dark to bright, or bright to dark); those that do not give nan.
    """
    along = np.arange(-reach_px, reach_px + _STEP_PX / 2, _STEP_PX)
    x = places[:, :1] + normals[:, :1] * along
    y = places[:, 1:] + normals[:, 1:] * along
    light = brightness(frame, x, y).astype(np.float64)
    slopes = np.diff(light, axis=1)
    middles = (along[:-1] + along[1:]) / 2
    direction = np.sign(np.median(_ends(light))) or 1.0
    slopes = np.clip(slopes * direction, 0, None)
    smooth = slopes.copy()
    smooth[:, 1:-1] = (slopes[:, :-2] + 2 * slopes[:, 1:-1] + slopes[:, 2:]) / 4
    peaks = middles[np.argmax(smooth, axis=1)]
    offsets, spread = _centroids(slopes, middles, peaks)
    offsets, spread = _centroids(slopes, middles, offsets)
    steps = np.where(np.isfinite(offsets), _ends(light) * direction, 0.0)
    inside = np.isfinite(spread)
    width = float(np.median(spread[inside])) if inside.any() else float("inf")
    return EdgeSamples(offsets_px=offsets, steps=steps, width_px=width)


def _ends(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Difference between the far and the near third of each profile (N, M) float64."""
    third = light.shape[1] // 3
    return np.asarray(light[:, -third:].mean(axis=1) - light[:, :third].mean(axis=1))


def _centroids(
    slopes: NDArray[np.float64], middles: NDArray[np.float64], around: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre and spread of ``slopes`` (N, M) over ``middles`` (M) close to ``around`` (N)."""
    near = np.abs(middles - np.nan_to_num(around)[:, None]) <= _CLOSE_PX
    weights = np.where(near, slopes, 0.0)
    weights = np.clip(weights - 0.1 * weights.max(axis=1, keepdims=True), 0, None)
    total = weights.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        centres = (weights * middles).sum(axis=1) / total
        spread = np.sqrt((weights * (middles - centres[:, None]) ** 2).sum(axis=1) / total)
    return centres, spread


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """A polynomial through noisy samples, its scatter and the share of samples that agree."""

    coefficients: NDArray[np.float64]
    scatter_px: float
    inlier_ratio: float
    samples_count: int

    def at(self, t: NDArray[np.floating] | float) -> NDArray[np.float64]:
        """Evaluate at ``t`` (N, ...) float64."""
        return np.asarray(np.polynomial.polynomial.polyval(t, self.coefficients))


def robust_fit(t: NDArray[np.float64], values: NDArray[np.float64], degree: int) -> Fit | None:
    """Fit a polynomial to ``values`` (N,) over ``t`` (N,), leaving out what does not agree.

    None when fewer than half of the samples, or fewer than eight, agree.
    """
    usable = np.isfinite(values)
    if usable.sum() < max(8, degree + 4):
        return None
    keep = usable.copy()
    middle = np.median(values[usable])
    keep[usable] = np.abs(values[usable] - middle) <= max(
        4 * 1.4826 * float(np.median(np.abs(values[usable] - middle))), 2.0
    )
    powers = t[:, None] ** np.arange(degree + 1)
    coefficients: NDArray[np.float64] = np.zeros(degree + 1)
    scatter = 0.0
    for _ in range(4):
        if keep.sum() < max(8, degree + 4):
            return None
        kept = powers[keep]
        try:
            solved = np.linalg.solve(kept.T @ kept, kept.T @ values[keep])
        except np.linalg.LinAlgError:
            return None
        coefficients = np.asarray(solved, dtype=np.float64)
        rest = values - powers @ coefficients
        scatter = max(1.4826 * float(np.median(np.abs(rest[keep]))), 0.01)
        keep = usable & (np.abs(rest) <= 3.5 * scatter)
    ratio = float(keep.sum()) / len(values)
    if ratio < 0.5:
        return None
    return Fit(
        coefficients=coefficients,
        scatter_px=scatter,
        inlier_ratio=ratio,
        samples_count=int(keep.sum()),
    )
