"""ArUco tags by OpenCV, and boards from their files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from edge.inspection.board import TagBoard
from edge.inspection.errors import TagBoardError

# How much smaller, and how close outlines may lie: the tag's own white plate is an outline too.
_LOOKS = ((2, 0.125), (2, 0.02), (3, 0.02), (4, 0.02), (1, 0.02))
_SMALL_LOOKS = ((1, 0.125), (1, 0.02), (2, 0.02))
_LARGE_PX = 3_000_000
# Where a board that fills the view has its tags: this share of the frame at each corner.
_CORNER_RATIO = 0.26


class OpenCvTagFinder:
    """Implements ``TagFinder``: looks at a small copy, then sharpens corners on the frame."""

    def find(self, frame: NDArray[np.uint8], board: TagBoard) -> Mapping[int, NDArray[np.float64]]:
        """Return corners (4, 2) float64 px of the board's tags in ``frame`` (H, W, 3) uint8."""
        dictionary = cv2.aruco.getPredefinedDictionary(_dictionary(board))
        found: dict[int, NDArray[np.float64]] = {}
        if frame.shape[0] * frame.shape[1] > _LARGE_PX:
            found = _in_corners(frame, dictionary, board)
            if len(found) == len(board.tags):
                return found
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        for shrink, spacing in _LOOKS if grey.size > _LARGE_PX else _SMALL_LOOKS:
            parameters = cv2.aruco.DetectorParameters()
            parameters.minMarkerDistanceRate = spacing
            detector = cv2.aruco.ArucoDetector(dictionary, parameters)
            for tag, corners in _seen(grey, shrink, detector).items():
                if tag in board.tags:
                    found.setdefault(tag, corners)
            if len(found) == len(board.tags):
                break
        return found


def _in_corners(
    frame: NDArray[np.uint8], dictionary: cv2.aruco.Dictionary, board: TagBoard
) -> dict[int, NDArray[np.float64]]:
    """Look at the corners of ``frame`` (H, W, 3) uint8 only, which costs a quarter."""
    shrink, spacing = _LOOKS[0]
    parameters = cv2.aruco.DetectorParameters()
    parameters.minMarkerDistanceRate = spacing
    detector = cv2.aruco.ArucoDetector(dictionary, parameters)
    # Even places, so that halving meets the same pixels as on the whole frame.
    high, wide = (int(side * _CORNER_RATIO) // 2 * 2 for side in frame.shape[:2])
    found: dict[int, NDArray[np.float64]] = {}
    for top in (0, (frame.shape[0] - high) // 2 * 2):
        for left in (0, (frame.shape[1] - wide) // 2 * 2):
            part = frame[top : top + high, left : left + wide]
            seen = _seen(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), shrink, detector)
            for tag, corners in seen.items():
                if tag in board.tags:
                    found.setdefault(tag, corners + np.array([left, top], dtype=np.float64))
    return found


def _seen(
    grey: cv2.typing.MatLike, shrink: int, detector: cv2.aruco.ArucoDetector
) -> dict[int, NDArray[np.float64]]:
    """Find any tags in ``grey`` (H, W) uint8, looked at ``shrink`` times smaller."""
    height, width = grey.shape[:2]
    small = grey
    if shrink > 1:
        size = (width // shrink, height // shrink)
        small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    corners, ids, _ = detector.detectMarkers(small)
    if ids is None:
        return {}
    scale = np.array([width / small.shape[1], height / small.shape[0]])
    return {
        int(number): (np.asarray(places, dtype=np.float64).reshape(4, 2) + 0.5) * scale - 0.5
        for number, places in zip(ids.ravel(), corners, strict=True)
    }


def _dictionary(board: TagBoard) -> int:
    number = getattr(cv2.aruco, board.dictionary, None)
    if not board.dictionary.startswith("DICT_") or not isinstance(number, int):
        raise TagBoardError(f"{board.name}: unknown dictionary {board.dictionary}")
    return number


def read_board(path: Path) -> TagBoard:
    """Read a board's file.

    Raises:
        TagBoardError: missing, not YAML, or not a board.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        optional: dict[str, Any] = {
            key: float(data[key])
            for key in (
                "camera_height_mm",
                "camera_height_tolerance_mm",
                "side_tolerance_mm",
                "place_tolerance_mm",
            )
            if key in data
        }
        return TagBoard(
            name=str(data["name"]),
            dictionary=str(data["dictionary"]),
            side_mm=float(data["side_mm"]),
            tags={int(tag): (float(x), float(y)) for tag, (x, y) in data["tags"].items()},
            **optional,
        )
    except OSError as problem:
        raise TagBoardError(f"{path}: {problem.strerror}") from problem
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as problem:
        raise TagBoardError(f"{path}: {problem}") from problem
