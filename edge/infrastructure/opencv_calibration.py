"""Calibration boards and lenses by OpenCV."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.inspection.calibration import BoardView, CalibrationBoard, LensFit
from edge.inspection.errors import CalibrationRefusedError, TagBoardError
from edge.inspection.lens import Lens

Grey = NDArray[np.uint8]
Places = NDArray[np.float64]
_STOP = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 60, 1e-4)


class OpenCvBoardFinder:
    """Implements ``BoardFinder`` for ChArUco boards, chessboards and grids of markers."""

    def find(
        self, frame: NDArray[np.uint8], board: CalibrationBoard, picture: str = ""
    ) -> BoardView | None:
        """Return the corners seen in ``frame`` (H, W, 3) uint8 RGB."""
        grey = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        find = {"charuco": _charuco, "chessboard": _chessboard, "aruco_grid": _grid}
        found = find[board.pattern](grey, board)
        if found is None:
            return None
        mm, px = found
        return BoardView(
            picture=picture, mm=mm, px=px, width_px=grey.shape[1], height_px=grey.shape[0]
        )


def dictionary_of(board: CalibrationBoard) -> cv2.aruco.Dictionary:
    """Return the board's dictionary of markers.

    Raises:
        TagBoardError: OpenCV knows none of that name.
    """
    number = getattr(cv2.aruco, board.dictionary, None)
    if not board.dictionary.startswith("DICT_") or not isinstance(number, int):
        raise TagBoardError(f"{board.name}: unknown dictionary {board.dictionary}")
    return cv2.aruco.getPredefinedDictionary(number)


def charuco_of(board: CalibrationBoard) -> cv2.aruco.CharucoBoard:
    """Return a ChArUco board as OpenCV has it."""
    return cv2.aruco.CharucoBoard(
        (board.columns_count, board.rows_count),
        board.square_mm,
        board.marker_mm,
        dictionary_of(board),
    )


def _charuco(grey: Grey, board: CalibrationBoard) -> tuple[Places, Places] | None:
    drawn = charuco_of(board)
    corners, ids, _, _ = cv2.aruco.CharucoDetector(drawn).detectBoard(grey)
    if ids is None or len(ids) < 4:
        return None
    mm = np.asarray(drawn.getChessboardCorners(), dtype=np.float64)[ids.ravel(), :2]
    px = np.asarray(corners, dtype=np.float64).reshape(-1, 2)
    return mm, _sharpened(grey, px, _spacing(px, mm, board.square_mm))


def _spacing(px: Places, mm: Places, square_mm: float) -> float:
    """Least distance in px of corners that are one square apart on the board."""
    apart = np.hypot(*(mm[:, None] - mm[None]).transpose(2, 0, 1))
    first, second = np.nonzero(np.abs(apart - square_mm) < 0.01 * square_mm)
    if not first.size:
        return 8.0
    return float(np.hypot(*(px[first] - px[second]).T).min())


def _sharpened(grey: Grey, px: Places, spacing_px: float) -> Places:
    """Move saddle points ``px`` (N, 2) to where ``grey`` (H, W) uint8 has them."""
    reach = int(np.clip(spacing_px / 4, 2, 9))
    corners = px.astype(np.float32).reshape(-1, 1, 2)
    moved = cv2.cornerSubPix(grey, corners, (reach, reach), (-1, -1), _STOP)
    return np.asarray(moved, dtype=np.float64).reshape(-1, 2)


def _chessboard(grey: Grey, board: CalibrationBoard) -> tuple[Places, Places] | None:
    size = (board.columns_count, board.rows_count)
    flags = cv2.CALIB_CB_ADAPTIVE_THRESH + cv2.CALIB_CB_NORMALIZE_IMAGE
    found, corners = cv2.findChessboardCorners(grey, size, flags=flags)
    if not found:
        flags = cv2.CALIB_CB_EXHAUSTIVE + cv2.CALIB_CB_ACCURACY
        found, corners = cv2.findChessboardCornersSB(grey, size, flags=flags)
    if not found or corners is None:
        return None
    px = np.asarray(corners, dtype=np.float64).reshape(-1, 2)
    grid = px.reshape(board.rows_count, board.columns_count, 2)
    steps = [np.hypot(*np.moveaxis(np.diff(grid, axis=axis), 2, 0)).min() for axis in (0, 1)]
    px = _sharpened(grey, px, 2 * float(min(steps)))
    across, down = np.meshgrid(np.arange(board.columns_count), np.arange(board.rows_count))
    mm = np.stack([across.ravel(), down.ravel()], axis=1).astype(np.float64) * board.square_mm
    return mm, _turned(grey, px, board)


def _turned(grey: Grey, px: Places, board: CalibrationBoard) -> Places:
    """Begin at the corner whose inner square is dark, so that two cameras agree on it.

    Only boards with one odd and one even side tell their two ends apart.
    """
    if (board.columns_count + board.rows_count) % 2 == 0:
        return px
    grid = px.reshape(board.rows_count, board.columns_count, 2)
    first = grid[:2, :2].reshape(-1, 2).mean(axis=0)
    last = grid[-2:, -2:].reshape(-1, 2).mean(axis=0)
    return px[::-1] if _level(grey, first) > _level(grey, last) else px


def _level(grey: Grey, place: Places) -> float:
    """Mean of ``grey`` (H, W) uint8 in three by three px round ``place`` (2,)."""
    return float(cv2.getRectSubPix(grey, (3, 3), (float(place[0]), float(place[1]))).mean())


def _grid(grey: Grey, board: CalibrationBoard) -> tuple[Places, Places] | None:
    gap_mm = board.square_mm - board.marker_mm
    size = (board.columns_count, board.rows_count)
    drawn = cv2.aruco.GridBoard(size, board.marker_mm, gap_mm, dictionary_of(board))
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_CONTOUR
    detector = cv2.aruco.ArucoDetector(drawn.getDictionary(), parameters)
    corners, ids, _ = detector.detectMarkers(grey)
    if ids is None:
        return None
    numbers = [int(number) for number in np.ravel(drawn.getIds())]
    places = dict(zip(numbers, drawn.getObjPoints(), strict=True))
    seen = [
        (np.asarray(places[int(number)])[:, :2], np.asarray(corner).reshape(4, 2))
        for number, corner in zip(np.ravel(ids), corners, strict=True)
        if int(number) in places
    ]
    if len(seen) < 2:
        return None
    mm = np.concatenate([one for one, _ in seen]).astype(np.float64)
    px = np.concatenate([one for _, one in seen]).astype(np.float64)
    return mm, px


class OpenCvLensFitter:
    """Implements ``LensFitter``: pinhole, k1, k2, p1 and p2; k3 stays zero."""

    def fit(self, views: tuple[BoardView, ...]) -> LensFit:
        """Return the lens that explains all views best."""
        flat = [np.pad(view.mm, ((0, 0), (0, 1))).astype(np.float32) for view in views]
        seen = [view.px.astype(np.float32) for view in views]
        size = (views[0].width_px, views[0].height_px)
        empty = np.empty((0, 0))
        try:
            rms, matrix, bend, turns, _, _, _, each = cv2.calibrateCameraExtended(
                flat, seen, size, empty, empty, flags=cv2.CALIB_FIX_K3
            )
        except cv2.error as problem:
            raise CalibrationRefusedError("views_degenerate", str(problem.err)) from problem
        if not np.isfinite(rms) or not np.isfinite(matrix).all():
            raise CalibrationRefusedError("views_degenerate", "no finite lens explains the views")
        k1, k2, p1, p2, k3 = (float(value) for value in np.ravel(bend)[:5])
        lens = Lens(
            focal_x_px=float(matrix[0, 0]),
            focal_y_px=float(matrix[1, 1]),
            centre_x_px=float(matrix[0, 2]),
            centre_y_px=float(matrix[1, 2]),
            coefficients=(k1, k2, p1, p2, k3),
            width_px=size[0],
            height_px=size[1],
        )
        return LensFit(
            lens=lens,
            rms_px=float(rms),
            view_rms_px=tuple(float(value) for value in np.ravel(each)),
            tilts_deg=tuple(_tilt(turn) for turn in turns),
        )


def _tilt(turn: NDArray[np.generic]) -> float:
    """Angle in degrees between board's normal and camera's axis, of a rotation vector (N=3,)."""
    matrix, _ = cv2.Rodrigues(np.asarray(turn, dtype=np.float64))
    return float(np.degrees(np.arccos(min(1.0, abs(float(matrix[2, 2]))))))
