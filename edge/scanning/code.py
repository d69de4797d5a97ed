"""What a reader saw, and which of several readings count."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Corner = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A decoded code. Corners are (x, y) px, clockwise from the code's own top left."""

    text: str
    format: str
    corners_px: tuple[Corner, Corner, Corner, Corner]
    reader: str

    def corners(self) -> NDArray[np.float64]:
        """Return the corners as (4, 2) float64 px."""
        return np.asarray(self.corners_px, dtype=np.float64)


def without_repeats(codes: Iterable[Code]) -> tuple[Code, ...]:
    """Keep one reading of each code: same text, and neither centre outside the other's reach."""
    kept: list[Code] = []
    for code in codes:
        centre = code.corners().mean(axis=0)
        if not any(k.text == code.text and _covers(k, centre) for k in kept):
            kept.append(code)
    return tuple(kept)


def agreed(codes: Iterable[Code]) -> tuple[Code, ...]:
    """Drop places where two readings disagree: no text is better than a wrong one."""
    seen = list(codes)
    return tuple(
        code
        for code in seen
        if not any(
            other.text != code.text and _covers(other, code.corners().mean(axis=0))
            for other in seen
        )
    )


def _covers(code: Code, centre: NDArray[np.float64]) -> bool:
    """Say whether ``centre`` (N=2,) float64 px lies within the circle around the code."""
    corners = code.corners()
    middle = corners.mean(axis=0)
    reach = float(np.hypot(*(corners - middle).T).max())
    return float(np.hypot(*(centre - middle))) <= max(reach, 4.0)
