"""Which cells of a frame may be judged, and which a label covers."""

import numpy as np
from numpy.typing import NDArray

from edge.inspection.texture import CELL_PX

_LABEL_GROWTH_RATIO = 0.32
_MIRRORED_CELLS = 3


def whole_cells(frame: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Leave out the last cells of ``frame`` (H, W, 3) uint8 where tiles are mirrored beyond it.

    A weave that is mirrored at an odd place looks like a flaw.
    """
    shape = (-(-frame.shape[0] // CELL_PX), -(-frame.shape[1] // CELL_PX))
    whole = np.ones(shape, dtype=bool)
    if frame.shape[0] % (4 * CELL_PX) and shape[0] > _MIRRORED_CELLS * 4:
        whole[-_MIRRORED_CELLS:] = False
    if frame.shape[1] % (4 * CELL_PX) and shape[1] > _MIRRORED_CELLS * 4:
        whole[:, -_MIRRORED_CELLS:] = False
    return whole


def grown_labels(codes: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Grow each code (N=4, 2) to its label's paper: quiet zone and a margin."""
    grown = []
    for corners in codes:
        middle = corners.mean(axis=0)
        grown.append(middle + (corners - middle) * (1 + _LABEL_GROWTH_RATIO))
    return grown
