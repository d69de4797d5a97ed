"""What both observers of a flaw have in common: one eye, half a metre from the cloth."""

import cv2
import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering.sample import Picture

Plane = NDArray[np.float32]

_SHRUNK = 2
DEGREE_PX = 32.0 / _SHRUNK
"""A degree has 32 px of a picture: a station's 0.27 mm/px seen from half a metre."""
_NOISE_RATIO = 0.02
_FLOOR_COUNT = 0.5
_OPPONENT = np.array([[0.299, 0.587, 0.114], [0.5, -0.5, 0.0], [0.25, 0.25, -0.5]], np.float32)


def opponent(picture: Picture) -> Plane:
    """Brightness and colours (H/2, W/2, 3) float32: the eye sees little of what is finer."""
    high, wide = picture.shape[0] // _SHRUNK, picture.shape[1] // _SHRUNK
    small = cv2.resize(picture, (wide, high), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.transform(small.astype(np.float32), _OPPONENT), dtype=np.float32)


def noise_of(seen: Plane) -> float:
    """Power density of the eye's own noise before (H, W, 3) float32 that `opponent` gave."""
    return _FLOOR_COUNT**2 + (_NOISE_RATIO * float(seen[..., 0].mean())) ** 2
