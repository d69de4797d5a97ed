"""From pixels to millimetres on the table, with what is known of the error.

The model has nine numbers: a homography from the table to the undistorted picture and one radial
coefficient of the lens; where the camera was calibrated, its lens stands for that coefficient,
which stays zero. It is fitted to some three hundred edge points of the tags, not to
their corners, because a blurred corner is rounded and a blurred edge is not moved.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.inspection.board import TagBoard
from edge.inspection.lens import Lens
from edge.inspection.sampling import edges

_SAMPLES_PER_SIDE = 20
_SMALLEST_NOISE_PX = 0.02


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plane:
    """The table as one camera sees it.

    ``numbers`` (9,) float64: the homography's first eight entries, the last being one, and the
    radial coefficient; lengths in units of ``unit_mm`` about ``origin_mm``, picture places in
    units of ``radius_px`` about ``centre_px``. ``errors`` holds, for each source of error,
    shifts (K, 9) of the numbers by one standard uncertainty.
    """

    numbers: NDArray[np.float64]
    origin_mm: NDArray[np.float64]
    unit_mm: float
    centre_px: NDArray[np.float64]
    radius_px: float
    residual_px: float = 0.0
    blur_px: float = 0.0
    errors: Mapping[str, NDArray[np.float64]]
    board: TagBoard
    lens: Lens | None = None

    def to_px(self, places_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Project ``places_mm`` (N, 2) float64 on the table into the picture, (N, 2) px."""
        ideal = self.to_ideal_px(places_mm)
        return ideal if self.lens is None else self.lens.bent(ideal)

    def to_ideal_px(self, places_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Project ``places_mm`` (N, 2) as `to_px`, but without the calibrated lens."""
        homography = np.append(self.numbers[:8], 1.0).reshape(3, 3)
        x = (places_mm[:, 0] - self.origin_mm[0]) / self.unit_mm
        y = (places_mm[:, 1] - self.origin_mm[1]) / self.unit_mm
        across, down = _projected(homography, x, y)
        stretch = (1 + self.numbers[8] * (across * across + down * down)) * self.radius_px
        across, down = across * stretch + self.centre_px[0], down * stretch + self.centre_px[1]
        return np.stack([across, down], axis=1)

    def to_mm(self, places_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Find where on the table ``places_px`` (N, 2) float64 lie, (N, 2) mm."""
        if self.lens is not None:
            places_px = self.lens.straight(places_px)
        across = (places_px[:, 0] - self.centre_px[0]) / self.radius_px
        down = (places_px[:, 1] - self.centre_px[1]) / self.radius_px
        bend = self.numbers[8] * (across * across + down * down)
        scale = 1 - bend
        for _ in range(4):
            cubic = bend * scale * scale
            scale -= (scale * (1 + cubic) - 1) / (1 + 3 * cubic)
        inverse = np.linalg.inv(np.append(self.numbers[:8], 1.0).reshape(3, 3))
        x, y = _projected(inverse, across * scale, down * scale)
        x, y = x * self.unit_mm + self.origin_mm[0], y * self.unit_mm + self.origin_mm[1]
        return np.stack([x, y], axis=1)

    @property
    def free_count(self) -> int:
        """How many numbers are fitted: a calibrated lens leaves the radial one at zero."""
        return 9 if self.lens is None else 8

    def mm_per_px(self) -> float:
        """Scale in the middle of the picture."""
        around = self.centre_px + np.array([[-50, 0], [50, 0], [0, -50], [0, 50]], dtype=float)
        places = self.to_mm(around)
        wide = float(np.hypot(*(places[1] - places[0])))
        high = float(np.hypot(*(places[3] - places[2])))
        return (wide + high) / 200

    def drift_px(self) -> float:
        """Farthest that a tag's corner is seen from where it was at calibration; 0 without one."""
        known = (self.board.reference_px or {}).items()
        return max(
            (
                float(np.hypot(*(self.to_px(self.board.corners_mm(t)) - px).T).max())
                for t, px in known
            ),
            default=0.0,
        )

    def shifted(self, shift: NDArray[np.floating]) -> "Plane":
        """Return the plane with its numbers moved by ``shift`` (N=9,) float64."""
        return replace(self, numbers=self.numbers + shift)


def _projected(
    homography: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Map ``x`` and ``y`` (N,) float64 by a ``homography`` (3, 3) float64.

    Written out, because matrix products of that shape wake the library's own threads.
    """
    first, second, third = homography
    below = third[0] * x + third[1] * y + third[2]
    across = (first[0] * x + first[1] * y + first[2]) / below
    down = (second[0] * x + second[1] * y + second[2]) / below
    return across, down


def fit_plane(
    frame: NDArray[np.uint8], corners_px: Mapping[int, NDArray[np.float64]], board: TagBoard
) -> Plane:
    """Fit the plane to the tags seen in ``frame`` (H, W, 3) uint8.

    ``corners_px`` gives roughly the corners (4, 2) float64 of every tag of the board.
    """
    height, width = frame.shape[:2]
    tags = sorted(board.tags)
    mm = np.concatenate([board.corners_mm(tag) for tag in tags])
    px = np.concatenate([corners_px[tag] for tag in tags])
    plane = Plane(
        numbers=np.zeros(9),
        origin_mm=mm.mean(axis=0),
        unit_mm=float(np.abs(mm - mm.mean(axis=0)).max()),
        centre_px=np.array([(width - 1) / 2, (height - 1) / 2]),
        radius_px=float(np.hypot(width, height)) / 2,
        errors={},
        board=board,
        lens=board.lens,
    )
    plane = _first_guess(plane, mm, px if board.lens is None else board.lens.straight(px))
    plane = _follow_corners(plane, mm, px)
    return _follow_edges(plane, frame, board)


def _first_guess(plane: Plane, mm: NDArray[np.float64], px: NDArray[np.float64]) -> Plane:
    """Direct linear homography from ``mm`` to ``px``, both (N, 2) float64, without lens."""
    source = (mm - plane.origin_mm) / plane.unit_mm
    target = (px - plane.centre_px) / plane.radius_px
    rows = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, -u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, -v])
    solution = np.linalg.svd(np.array(rows))[2][-1]
    return replace(plane, numbers=np.append(solution[:8] / solution[8], 0.0))


def _follow_corners(plane: Plane, mm: NDArray[np.float64], px: NDArray[np.float64]) -> Plane:
    """Gauss-Newton on the corners ``mm`` and ``px``, both (N, 2) float64, with the lens."""
    for _ in range(6):
        wrong = (px - plane.to_px(mm)).ravel()
        slopes = _slopes(plane, mm).reshape(-1, 9)
        plane = plane.shifted(_solved(plane, slopes, wrong))
    return plane


def _follow_edges(plane: Plane, frame: NDArray[np.uint8], board: TagBoard) -> Plane:
    """Refine on edge points of the tags in ``frame`` (H, W, 3) uint8, and keep the errors."""
    places, outward, owner = _side_samples(board)
    slopes = np.zeros((len(places), 9))
    offsets = np.zeros(len(places))
    normals = np.zeros_like(places)
    keep = np.ones(len(places), dtype=bool)
    blur = 0.0
    for _ in range(3):
        at = plane.to_px(places)
        normals = plane.to_px(places + outward * 0.5) - at
        normals /= np.hypot(*normals.T)[:, None]
        found = edges(frame, at, normals, 7.0)
        offsets, blur = found.offsets_px, found.width_px
        slopes = np.einsum("nk,nkj->nj", normals, _slopes(plane, places))
        keep = np.isfinite(offsets) & (found.steps > 0.02)
        if keep.sum() < 9 * 4:
            return replace(plane, residual_px=float("inf"), blur_px=blur)
        middle = np.median(np.abs(offsets[keep]))
        keep &= np.abs(offsets) <= max(6 * float(middle), 1.0)
        shift = _solved(plane, slopes[keep], offsets[keep])
        plane = plane.shifted(shift)
        offsets = offsets - slopes @ shift
    residual = float(np.sqrt(np.mean(offsets[keep] ** 2)))
    solve = np.zeros((9, int(keep.sum())))
    free = plane.free_count
    solve[:free] = np.linalg.pinv(slopes[keep][:, :free])
    noise = max(residual, _SMALLEST_NOISE_PX)
    # Neighbouring samples share pixels, so only about every third one tells something new.
    errors = {"tag_edges": (solve * noise * np.sqrt(3)).T}
    errors |= _board_errors(plane, board, places, normals, (owner, keep, solve))
    return replace(plane, residual_px=residual, blur_px=blur, errors=_compact(errors))


def _slopes(plane: Plane, places_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Change of each projected place (N, 2) float64 with each number, (N, 2, 9)."""
    homography = np.append(plane.numbers[:8], 1.0).reshape(3, 3)
    x, y = ((places_mm - plane.origin_mm) / plane.unit_mm).T
    across, down = _projected(homography, x, y)
    below = homography[2, 0] * x + homography[2, 1] * y + 1.0
    flat = np.zeros((len(x), 2, 9))
    for row, place in enumerate((across, down)):
        flat[:, row, 3 * row : 3 * row + 3] = np.stack([x, y, np.ones_like(x)], axis=1)
        flat[:, row, 6:8] = -place[:, None] * np.stack([x, y], axis=1)
    flat /= below[:, None, None]
    bend, squared = float(plane.numbers[8]), across**2 + down**2
    turn = 2 * (across[:, None] * flat[:, 0] + down[:, None] * flat[:, 1])
    slopes = flat * (1 + bend * squared)[:, None, None]
    for row, place in enumerate((across, down)):
        slopes[:, row] += bend * place[:, None] * turn
        slopes[:, row, 8] += place * squared
    slopes *= plane.radius_px
    if plane.lens is not None:
        slopes = np.einsum("nij,njk->nik", plane.lens.slopes(plane.to_ideal_px(places_mm)), slopes)
    return np.asarray(slopes)


def _solved(
    plane: Plane, slopes: NDArray[np.float64], wrong: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Least-squares shift (9,) for ``slopes`` (N, 9) and ``wrong`` (N,); a fixed number stays."""
    shift = np.zeros(9)
    shift[: plane.free_count] = np.linalg.lstsq(slopes[:, : plane.free_count], wrong, rcond=None)[0]
    return shift


def _side_samples(
    board: TagBoard,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
    """Places on the tags' sides (N, 2) mm, outward normals (N, 2), index of the tag (N,)."""
    share = np.linspace(0.1, 0.9, _SAMPLES_PER_SIDE)[:, None]
    places, outward, owner = [], [], []
    for index, tag in enumerate(sorted(board.tags)):
        corners = board.corners_mm(tag)
        middle = corners.mean(axis=0)
        for start, stop in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            side = start + (stop - start) * share
            away = (start + stop) / 2 - middle
            places.append(side)
            outward.append(np.tile(away / np.hypot(*away), (len(side), 1)))
            owner.append(np.full(len(side), index, dtype=np.intp))
    return np.concatenate(places), np.concatenate(outward), np.concatenate(owner)


def _board_errors(
    plane: Plane,
    board: TagBoard,
    places: NDArray[np.float64],
    normals: NDArray[np.float64],
    system: tuple[NDArray[np.intp], NDArray[np.bool_], NDArray[np.floating]],
) -> dict[str, NDArray[np.float64]]:
    """Shifts of the numbers when a tag lies or is printed a little off.

    ``places`` (N, 2) float64 mm and ``normals`` (N, 2) float64 px are the edge samples.
    """
    owner, keep, solve = system
    before = plane.to_px(places)

    def answer(moved: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the shift that follows from samples at ``moved`` (N, 2) mm."""
        change = ((plane.to_px(moved) - before) * normals).sum(axis=1)
        return np.asarray(-solve @ change[keep])

    laid = []
    for index in range(len(board.tags)):
        for axis in (0, 1):
            moved = places.copy()
            moved[owner == index, axis] += board.place_tolerance_mm
            laid.append(answer(moved))
    centres = np.array([board.tags[tag] for tag in sorted(board.tags)])[owner]
    printed = centres + (places - centres) * (1 + board.side_tolerance_mm / board.side_mm)
    return {"tag_place": np.stack(laid), "tag_side": answer(printed)[None]}


def _compact(errors: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Replace many shifts by at most nine, each set (K, 9) float64, of the same covariance."""
    small = {}
    for name, shifts in errors.items():
        if len(shifts) <= 9:
            small[name] = shifts
            continue
        _, sizes, axes = np.linalg.svd(shifts, full_matrices=False)
        small[name] = sizes[:, None] * axes
    return small
