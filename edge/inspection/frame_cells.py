"""Which cells of a frame may be judged, and which a label covers."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from edge.inspection.findings import polygon_cells
from edge.inspection.garment import SideLine
from edge.inspection.plane import Plane
from edge.inspection.standard import Side, StitchStandard
from edge.inspection.texture import CELL_PX

_LABEL_GROWTH_RATIO = 0.32
_MIRRORED_CELLS = 3
_EDGE_BAND_MM = 8.0
_SEAM_BAND_MM = 5.0


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


def texture_cells(
    plane: Plane,
    sides: Mapping[Side, SideLine | None],
    piece: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    stitches: Sequence[StitchStandard],
) -> NDArray[np.bool_]:
    """Leave edge band, labels and seams out of a ``piece``: its mask and labels, (H, W) bool."""
    mask, labels = piece
    cell_mm = CELL_PX * plane.mm_per_px()
    (box,) = ndimage.find_objects(mask.astype(np.uint8))
    depth = ndimage.distance_transform_edt(np.pad(mask[box], 1))[1:-1, 1:-1] * cell_mm
    cells = np.zeros_like(mask)
    cells[box] = depth > _EDGE_BAND_MM
    cells &= ~labels
    seams = [
        _seam_band(plane, line, seam.inset_mm)
        for seam in stitches
        if (line := sides.get(seam.side)) is not None
    ]
    shape = (mask.shape[0], mask.shape[1])
    return np.asarray(cells & ~polygon_cells(seams, shape))


def _seam_band(plane: Plane, line: SideLine, inset_mm: float) -> NDArray[np.float64]:
    """Polygon (4, 2) px round a seam."""
    ends = line.at(np.array([0.0, 1.0]))
    near = ends - (inset_mm - _SEAM_BAND_MM) * line.outward
    far = ends - (inset_mm + _SEAM_BAND_MM) * line.outward
    return plane.to_px(np.stack([near[0], near[1], far[1], far[0]]))
