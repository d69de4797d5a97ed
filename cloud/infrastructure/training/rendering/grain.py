"""Which way the threads of a pictured cloth run, and how far apart they lie, from its spectrum."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering.camera import Degrees

_WINDOW_PX = 128
_FURTHEST_DEG = 25.0
_USUAL_DEG = 10.0
_STEP_DEG = 1.0
_FINEST_PX, _COARSEST_PX = 2.1, 16.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grain:
    """Threads: the warp runs `angle_deg` away from upright, clockwise as seen; pitches in px."""

    angle_deg: Degrees
    warp_pitch_px: float
    weft_pitch_px: float

    @property
    def warp(self) -> NDArray[np.float64]:
        """Unit vector (2,) float64, x and y, along the warp."""
        angle = np.deg2rad(self.angle_deg)
        return np.array([-np.sin(angle), np.cos(angle)])

    @property
    def weft(self) -> NDArray[np.float64]:
        """Unit vector (2,) float64, x and y, along the weft."""
        angle = np.deg2rad(self.angle_deg)
        return np.array([np.cos(angle), np.sin(angle)])


def find_grain(picture: NDArray[np.uint8]) -> Grain:
    """Estimate the grain of cloth (H, W, 3) uint8, sides at least 32 px.

    The angle is sought within 25 degrees of upright, because cloth is laid nearly straight;
    without any clear direction it is 0 and the pitches are a guess of 5 px.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    side = min(_WINDOW_PX, *grey.shape)
    top, left = (grey.shape[0] - side) // 2, (grey.shape[1] - side) // 2
    part = grey[top : top + side, left : left + side].astype(np.float32)
    part -= cv2.GaussianBlur(part, (0, 0), 4)
    window = np.hanning(side).astype(np.float32)
    spectrum = np.abs(np.fft.fftshift(np.fft.fft2(part * window[:, None] * window[None, :])))
    radii = np.arange(int(side / _COARSEST_PX), int(side / _FINEST_PX), 0.5, dtype=np.float32)
    angles = np.deg2rad(np.arange(-_FURTHEST_DEG, _FURTHEST_DEG + _STEP_DEG, _STEP_DEG))
    # Shade and folds grow towards coarse pitches: each pitch counts against its own kind.
    across = _along_rays(spectrum, radii, angles) * radii
    down = _along_rays(spectrum, radii, angles + np.pi / 2) * radii
    floor = float(np.median(spectrum)) * float(radii.mean()) + 1e-6
    # Both systems of threads must show at right angles; diagonals of a weave have no such twin.
    score = np.sqrt(across.max(axis=1) * down.max(axis=1))
    likely = np.exp(-0.5 * (angles / np.deg2rad(_USUAL_DEG)) ** 2)
    best = int(np.argmax(score * likely))
    if score[best] < 6 * floor:
        return Grain(angle_deg=0.0, warp_pitch_px=5.0, weft_pitch_px=5.0)
    return Grain(
        angle_deg=float(np.rad2deg(angles[best])),
        warp_pitch_px=float(side / radii[int(np.argmax(across[best]))]),
        weft_pitch_px=float(side / radii[int(np.argmax(down[best]))]),
    )


def _along_rays(
    spectrum: NDArray[np.float64], radii: NDArray[np.float32], angles: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Read a centred spectrum (S, S) along rays: (angles, radii) float32."""
    middle = spectrum.shape[0] // 2
    x = (middle + np.cos(angles)[:, None] * radii).astype(np.float32)
    y = (middle + np.sin(angles)[:, None] * radii).astype(np.float32)
    read = cv2.remap(spectrum.astype(np.float32), x, y, cv2.INTER_LINEAR)
    return np.asarray(read, dtype=np.float32)
