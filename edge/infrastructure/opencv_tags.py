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

_DETECTION_WIDTH_PX = 1400


class OpenCvTagFinder:
    """Implements ``TagFinder``: looks at a small copy, then sharpens corners on the frame."""

    def find(self, frame: NDArray[np.uint8], board: TagBoard) -> Mapping[int, NDArray[np.float64]]:
        """Return corners (4, 2) float64 px of the board's tags in ``frame`` (H, W, 3) uint8."""
        dictionary = cv2.aruco.getPredefinedDictionary(_dictionary(board))
        parameters = cv2.aruco.DetectorParameters()
        parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
        detector = cv2.aruco.ArucoDetector(dictionary, parameters)
        height, width = frame.shape[:2]
        shrink = max(1, round(width / _DETECTION_WIDTH_PX))
        size = (width // shrink, height // shrink)
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        corners, ids, _ = detector.detectMarkers(grey)
        if ids is None:
            return {}
        scale = np.array([width / size[0], height / size[1]])
        found: dict[int, NDArray[np.float64]] = {}
        for number, places in zip(ids.ravel(), corners, strict=True):
            tag = int(number)
            if tag in board.tags and tag not in found:
                found[tag] = (places.reshape(4, 2).astype(np.float64) + 0.5) * scale - 0.5
        return found


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
