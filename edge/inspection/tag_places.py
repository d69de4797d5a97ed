"""Do the table's tags lie where their file says? Each is asked what the others think of it.

A camera whose lens is known sees three tags in one way only, so they say where the fourth must
be. A homography alone could not tell: it bends to four tags wherever they lie.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from edge.inspection.board import TagBoard
from edge.inspection.lens import Lens
from edge.inspection.sampling import edges

_SAMPLES_PER_SIDE = 20
_REACH_PX = 5.0
_LEAST_SAMPLES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TagPlace:
    """How far a tag lies from where the others put it, and how well those agree, all in mm."""

    tag: int
    off_mm: float
    others_mm: float


def suspect_tag(
    frame: NDArray[np.uint8],
    corners_px: Mapping[int, NDArray[np.float64]],
    board: TagBoard,
    lens: Lens,
) -> TagPlace:
    """Name the tag without which the others agree best in ``frame`` (H, W, 3) uint8.

    ``corners_px`` gives roughly the corners (4, 2) float64 of every tag of the board.
    """
    seen = {tag: _sharp(frame, corners_px[tag], lens) for tag in board.tags}
    return min((_left_out(tag, seen, board, lens) for tag in seen), key=lambda p: p.others_mm)


def _sharp(
    frame: NDArray[np.uint8], corners_px: NDArray[np.float64], lens: Lens
) -> NDArray[np.float64]:
    """Where an ideal pinhole would have seen a tag's corners, met by its four sides.

    ``frame`` is (H, W, 3) uint8, ``corners_px`` (4, 2) float64 px, as the answer.
    """
    share = np.linspace(0.15, 0.85, _SAMPLES_PER_SIDE)[:, None]
    lines = []
    for start, stop in zip(corners_px, np.roll(corners_px, -1, axis=0), strict=True):
        along = (stop - start) / np.hypot(*(stop - start))
        outward = np.array([along[1], -along[0]])
        places = start + (stop - start) * share
        found = edges(frame, places, np.tile(outward, (len(places), 1)), _REACH_PX)
        keep = np.isfinite(found.offsets_px)
        if keep.sum() < _LEAST_SAMPLES:
            return lens.straight(corners_px)
        points = lens.straight((places + outward * found.offsets_px[:, None])[keep])
        middle = points.mean(axis=0)
        normal = np.linalg.svd(points - middle)[2][1]
        lines.append((normal, float(normal @ middle)))
    corners = []
    for (first, near), (second, far) in zip([lines[-1], *lines[:-1]], lines, strict=True):
        corners.append(np.linalg.solve(np.stack([first, second]), np.array([near, far])))
    return np.stack(corners)


def _left_out(
    tag: int, seen: Mapping[int, NDArray[np.float64]], board: TagBoard, lens: Lens
) -> TagPlace:
    """Fit the pose to all tags but one and look where that one should be.

    ``seen`` gives every tag's corners (N=4, 2) float64 ideal px.
    """
    others = [other for other in sorted(seen) if other != tag]
    mm = np.concatenate([board.corners_mm(other) for other in others])
    px = np.concatenate([seen[other] for other in others])
    origin_mm = mm.mean(axis=0)
    pose = least_squares(
        lambda numbers: (_project(numbers, mm - origin_mm, lens) - px).ravel(),
        _straight_above(mm - origin_mm, px, lens),
        x_scale=np.array([0.01, 0.01, 0.01, 1.0, 1.0, 1.0]),
    ).x
    mm_per_px = float(pose[5]) / lens.focal_x_px
    rest_px = (_project(pose, mm - origin_mm, lens) - px).reshape(len(others), 4, 2).mean(axis=1)
    wrong_px = _project(pose, board.corners_mm(tag) - origin_mm, lens) - seen[tag]
    return TagPlace(
        tag=tag,
        off_mm=float(np.hypot(*wrong_px.mean(axis=0))) * mm_per_px,
        others_mm=float(np.sqrt(np.mean(rest_px**2))) * mm_per_px,
    )


def _straight_above(
    mm: NDArray[np.float64], px: NDArray[np.float64], lens: Lens
) -> NDArray[np.float64]:
    """A first pose (6,) from ``mm`` and ``px``, both (N, 2) float64: straight down.

    Two corners far apart say how far away and how turned.
    """
    far = int(np.argmax(np.hypot(*(mm - mm[0]).T)))
    step_mm, step_px = mm[far] - mm[0], px[far] - px[0]
    turn = np.arctan2(step_px[1], step_px[0]) - np.arctan2(step_mm[1], step_mm[0])
    distance_mm = lens.focal_x_px * np.hypot(*step_mm) / np.hypot(*step_px)
    middle = px.mean(axis=0) - np.array([lens.centre_x_px, lens.centre_y_px])
    across, down = middle * distance_mm / lens.focal_x_px
    return np.array([0.0, 0.0, turn, across, down, distance_mm])


def _project(pose: NDArray[np.float64], mm: NDArray[np.float64], lens: Lens) -> NDArray[np.float64]:
    """Project ``mm`` (N, 2) on the table by rotation vector and place (N=6,), (N, 2) ideal px."""
    turned = Rotation.from_rotvec(pose[:3]).apply(np.column_stack([mm, np.zeros(len(mm))]))
    x, y, z = (turned + pose[3:]).T
    focal = np.array([lens.focal_x_px, lens.focal_y_px])
    centre = np.array([lens.centre_x_px, lens.centre_y_px])
    return np.asarray(np.stack([x / z, y / z], axis=1) * focal + centre)
