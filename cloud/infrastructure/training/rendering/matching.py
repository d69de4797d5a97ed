"""How well a flaw shows for who knows where every thread of the good cloth lies.

The observer is the nonprewhitening matched filter with an eye filter (Burgess, "Statistically
defined backgrounds: performance of a modified nonprewhitening observer model", JOSA A 11, 1994):
it knows what it looks for, sees it through the contrast sensitivity of the eye, and is disturbed
by the cloth's own variation, which it cannot subtract. Its detectability is

    d' = sum(S E^2) / sqrt(sum(S E^4 (P + N)))

with S the power of the flaw (spoiled less good), E the eye, P the power density of the cloth and N
the eye's own noise. Brightness is seen through a filter that is strongest at four periods a degree,
two opponent colours through one that falls from two periods a degree on (Mullen 1985).

It overstates flaws that only rearrange the weave, because it knows where each thread should lie.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from cloud.infrastructure.training.rendering.eye import DEGREE_PX, noise_of, opponent
from cloud.infrastructure.training.rendering.sample import Picture

Plane = NDArray[np.float32]

_WINDOW_PX = 32
_PEAK_PERIODS, _STEEPNESS = 4.0, 1.3
_COLOUR_PERIODS = 2.0


class MatchingObserver:
    """Who looks at one cloth, (H, W, 3) uint8, and knows how it varies."""

    def __init__(self, cloth: Picture) -> None:
        """Look at good cloth (H, W, 3) uint8."""
        self._cloth = opponent(cloth)
        self._high, self._wide = self._cloth.shape[0], self._cloth.shape[1]
        self._disturbed = _density(self._cloth) + np.float32(noise_of(self._cloth))

    def detectability(self, spoiled: Picture) -> float:
        """How well a flaw shows that ``spoiled`` (H, W, 3) uint8 has and the cloth has not."""
        signal = opponent(spoiled) - self._cloth
        power = np.abs(np.asarray(fft.rfft2(signal, axes=(0, 1)))) ** 2
        power[:, 1 : (self._wide + 1) // 2] *= 2
        eye = _eyes(self._high, self._wide)
        power *= eye / np.float32(self._high * self._wide)
        seen = power.sum(axis=(0, 1), dtype=np.float64)
        disturbed = (power * eye * self._disturbed).sum(axis=(0, 1), dtype=np.float64)
        return float(np.sqrt((seen**2 / np.maximum(disturbed, 1e-12)).sum()))


@lru_cache(maxsize=8)
def _eyes(high: int, wide: int) -> Plane:
    """Squared filters (H, W/2+1, 3) float32 of brightness and colours, on half a spectrum."""
    down, across = fft.fftfreq(high), fft.rfftfreq(wide)
    periods = np.hypot(down[:, None], across[None, :]) * DEGREE_PX
    falling = np.exp(-_STEEPNESS / 2 * (periods / _PEAK_PERIODS) ** 2)
    bright = (periods**_STEEPNESS * falling) ** 2
    colour = np.exp(-2 * (periods / _COLOUR_PERIODS) ** 2)
    colour[0, 0] = 0.0
    return np.stack([bright / bright.max(), colour, colour], axis=2).astype(np.float32)


def _density(cloth: Plane) -> Plane:
    """Power density of ``cloth`` (H, W, 3) float32 on half a spectrum (H, W/2+1, 3), by Welch."""
    high, wide = cloth.shape[0], cloth.shape[1]
    side = min(_WINDOW_PX, high, wide)
    rise = np.hanning(side + 2)[1:-1].astype(np.float32)
    window = (rise[:, None] * rise[None, :])[..., None]
    starts = [_starts(length, side) for length in (high, wide)]
    parts = np.stack(
        [
            cloth[row : row + side, column : column + side]
            for row in starts[0]
            for column in starts[1]
        ]
    )
    middles = (parts * window).sum(axis=(1, 2), keepdims=True) / window.sum()
    spectra = np.asarray(fft.rfft2((parts - middles) * window, axes=(1, 2)))
    power = (np.abs(spectra) ** 2).mean(axis=0) / float((window**2).sum())
    rows = ((fft.fftfreq(high) * side) % side).astype(np.float32)
    columns = (fft.rfftfreq(wide) * side).astype(np.float32)
    around = np.concatenate([power, power[:1]], axis=0).astype(np.float32)
    x, y = np.meshgrid(columns, rows)
    return np.asarray(cv2.remap(around, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _starts(length: int, side: int) -> list[int]:
    """Where windows of a side begin that cover a length."""
    count = -(-length // side)
    return [round(start) for start in np.linspace(0, length - side, count)]
