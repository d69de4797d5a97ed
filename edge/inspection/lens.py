"""The lens of one camera: how it bends the picture, and its focal length."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_STEPS_COUNT = 12
_CLOSE_RATIO = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """Pinhole with three radial and two tangential coefficients, in the order k1 k2 p1 p2 k3.

    A place (x, y) on the plane at distance one is bent to x' = x (1 + k1 r² + k2 r⁴ + k3 r⁶) +
    2 p1 x y + p2 (r² + 2 x²), and y' alike; the picture's place is focal length times x' plus the
    centre.
    """

    focal_x_px: float
    focal_y_px: float
    centre_x_px: float
    centre_y_px: float
    coefficients: tuple[float, float, float, float, float]
    width_px: int
    height_px: int

    def bent(self, ideal_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where the lens puts places (N, 2) float64 px of an ideal pinhole, (N, 2) px."""
        return self._out(self._bend(self._in(ideal_px)))

    def straight(self, places_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where an ideal pinhole would have put ``places_px`` (N, 2) float64, (N, 2) px."""
        goal = self._in(places_px)
        flat = goal.copy()
        for _ in range(_STEPS_COUNT):
            wrong = self._bend(flat) - goal
            flat -= wrong
            if not wrong.size or float(np.abs(wrong).max()) < _CLOSE_RATIO:
                break
        return self._out(flat)

    def slopes(self, ideal_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Change of each bent place with its ideal one (N, 2), as (N, 2, 2) float64."""
        step = 0.5
        columns = []
        for shift in (np.array([step, 0.0]), np.array([0.0, step])):
            columns.append((self.bent(ideal_px + shift) - self.bent(ideal_px - shift)) / (2 * step))
        return np.stack(columns, axis=2)

    def _bend(self, flat: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bend ``flat`` (N, 2) float64, places on the plane at distance one."""
        k1, k2, p1, p2, k3 = self.coefficients
        x, y = flat[:, 0], flat[:, 1]
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        across = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
        down = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
        return np.stack([across, down], axis=1)

    def _in(self, places_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """From px (N, 2) to the plane at distance one."""
        x = (places_px[:, 0] - self.centre_x_px) / self.focal_x_px
        y = (places_px[:, 1] - self.centre_y_px) / self.focal_y_px
        return np.stack([x, y], axis=1)

    def _out(self, flat: NDArray[np.float64]) -> NDArray[np.float64]:
        """From the plane at distance one (N, 2) to px."""
        x = flat[:, 0] * self.focal_x_px + self.centre_x_px
        y = flat[:, 1] * self.focal_y_px + self.centre_y_px
        return np.stack([x, y], axis=1)
