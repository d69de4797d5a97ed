"""How well a person would see a flaw: the detectability of a model observer, not of our network.

The observer does not know where each thread lies. It is the filter-rectify-filter model of texture
segregation (Bergen and Adelson, Nature 333, 1988; Malik and Perona, JOSA A 7, 1990; Landy and
Bergen, Vision Research 31, 1991; Landy and Graham, The Visual Neurosciences, 2004). Brightness
passes filters an octave wide at 1, 2 and 4 periods a degree and four directions, two opponent
colours pass rings at 1 and 2. Their amplitude forgets where the threads lie. It is pooled over some
periods, and what a flaw changes in it, under the flaw's mask less a surround as wide, is held
against how the same template answers anywhere on the good cloth. The plain local mean of brightness
and colours is held against itself likewise.

An eye errs by a share of the contrast that it compares (Legge and Foley, JOSA 70, 1980), and
channels join as chances do (Quick, Kybernetik 16, 1974; Graham, Visual Pattern Analyzers, 1989):

    d'_c = |change_c| / sqrt(sum(T^2 (P_c + N_c))),    d' = (sum(d'_c^4))^(1/4)

with T the template, P the power density of the channel on good cloth and N the eye's own noise.
A degree has 32 px: a station's 0.27 mm/px seen from half a metre. From d' = 5 on a thing is found
reliably in a picture that it may lie anywhere in (Rose, "The sensitivity performance of the human
eye on an absolute scale", JOSA 38, 1948).

It understates threads that break off against each other in an open ground, which a contour shows
and no contrast.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from cloud.infrastructure.training.rendering.sample import Mask, Picture

Plane = NDArray[np.float32]

ROSE = 5.0
"""The detectability from which on a flaw is found reliably."""
_SHRUNK = 2
_DEGREE_PX = 32.0 / _SHRUNK
_PERIODS = (1.0, 2.0, 4.0)
_COLOUR_PERIODS = (1.0, 2.0)
_DIRECTIONS = 4
# Log-Gabor filters an octave and more wide (Field 1987) and, at half their height, 90 degrees:
# broad among the cells of the visual cortex (De Valois 1982).
_LOG_SPREAD = 0.38
_DIRECTION_SPREAD_RAD = np.pi / 2 / np.sqrt(8 * np.log(2))
_POOLED_PERIODS = 1.0
# Of a contrast, what the eye errs by over one pooling area: the one number that pictures set.
_COMPARED_RATIO = 0.05
# Of the brightness, what it errs by in comparing local means, however wide they are.
_LATE_RATIO = 0.005
_NOISE_RATIO = 0.02
_FLOOR_COUNT = 0.5
_MINKOWSKI = 4.0
_OPPONENT = np.array([[0.299, 0.587, 0.114], [0.5, -0.5, 0.0], [0.25, 0.25, -0.5]], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Band:
    """One filter: its rows and columns of the spectrum, and gains (h, w) float32 there."""

    plane: int
    pooled_px: float
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    gain: Plane
    left_ratio: float
    """What white noise of unit density leaves of power in the filter's answer."""


class Observer:
    """Who looks at one cloth, (H, W, 3) uint8, and knows its contrasts, not its threads."""

    def __init__(self, cloth: Picture) -> None:
        """Look at good cloth (H, W, 3) uint8."""
        self._cloth = _opponent(cloth)
        bright = float(self._cloth[..., 0].mean())
        self._noise = _FLOOR_COUNT**2 + (_NOISE_RATIO * bright) ** 2
        self._late = (_LATE_RATIO * bright) ** 2
        self._contrasts = _contrasts(self._cloth, self._noise)
        self._means = self._contrasts.mean(axis=(1, 2))
        self._powers = _powers(self._contrasts)
        self._mean_powers = _powers(np.moveaxis(self._cloth, 2, 0))

    def detectability(self, spoiled: Picture, mask: Mask) -> float:
        """How well the flaw of ``spoiled`` (H, W, 3) uint8 under ``mask`` (H, W) stands out."""
        if not mask.any():
            return 0.0
        seen = _opponent(spoiled)
        found = [self._of_means(seen, mask), self._of_contrasts(seen, mask)]
        return float((np.concatenate(found) ** _MINKOWSKI).sum() ** (1 / _MINKOWSKI))

    def _of_means(self, seen: Plane, mask: Mask) -> NDArray[np.float64]:
        """Detectability (3,) of the change in local brightness and colours of (H, W, 3)."""
        template = _template(mask, (seen.shape[0], seen.shape[1]), 1.0)
        change = np.tensordot(template, seen - self._cloth, axes=2)
        answered = np.abs(fft.fft2(template)) ** 2
        cloth = (answered * self._mean_powers).mean(axis=(1, 2), dtype=np.float64)
        own = self._noise * float((template**2).sum()) + self._late
        return np.asarray(np.abs(change) / np.sqrt(cloth + own), dtype=np.float64)

    def _of_contrasts(self, seen: Plane, mask: Mask) -> NDArray[np.float64]:
        """Detectability (C,) of the change in each filter's local contrast, seen (H, W, 3)."""
        change = _contrasts(seen, self._noise) - self._contrasts
        bands = _bands(seen.shape[0], seen.shape[1])
        shape = (change.shape[1], change.shape[2])
        templates = {
            pooled: _template(mask, shape, pooled)
            for pooled in sorted({band.pooled_px for band in bands})
        }
        answers = {
            pooled: np.abs(fft.fft2(template)) ** 2 for pooled, template in templates.items()
        }
        found = []
        for place, band in enumerate(bands):
            template = templates[band.pooled_px]
            cloth = float((answers[band.pooled_px] * self._powers[place]).mean())
            area = 4 * np.pi * band.pooled_px**2
            compared = (_COMPARED_RATIO * float(self._means[place])) ** 2 * area
            own = compared * float((template**2).sum())
            found.append(abs(float((template * change[place]).sum())) / np.sqrt(cloth + own))
        return np.array(found)


def _opponent(picture: Picture) -> Plane:
    """Brightness and colours (H/2, W/2, 3) float32: the eye sees little of what is finer."""
    high, wide = picture.shape[0] // _SHRUNK, picture.shape[1] // _SHRUNK
    small = cv2.resize(picture, (wide, high), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.transform(small.astype(np.float32), _OPPONENT), dtype=np.float32)


def _contrasts(seen: Plane, noise: float) -> Plane:
    """Amplitude (C, H/2, W/2) float32 of each filter's answer to (H, W, 3) float32.

    An answer is taken from its part of the spectrum alone, which shifts it but not its amplitude;
    the eye's own ``noise`` hides what is fainter.
    """
    whole = np.asarray(fft.fft2(seen - seen.mean(axis=(0, 1)), axes=(0, 1)))
    bands = _bands(seen.shape[0], seen.shape[1])
    parts = np.stack(
        [whole[..., band.plane][np.ix_(band.rows, band.columns)] * band.gain for band in bands]
    )
    answers = np.asarray(fft.ifft2(parts, axes=(1, 2)))
    power = answers.real**2 + answers.imag**2
    power *= np.float32((parts.shape[1] * parts.shape[2] / (seen.shape[0] * seen.shape[1])) ** 2)
    hidden = np.array([band.left_ratio * noise for band in bands], np.float32)
    return np.asarray(np.sqrt(power + hidden[:, None, None]), dtype=np.float32)


def _powers(planes: Plane) -> Plane:
    """Power density (C, H, W) float32 of planes (C, H, W) float32, without their slopes."""
    level = planes - _slopes(planes)
    spectra = np.asarray(fft.fft2(level, axes=(1, 2)))
    return np.asarray(np.abs(spectra) ** 2 / level[0].size, dtype=np.float32)


def _slopes(planes: Plane) -> Plane:
    """The plane (C, H, W) float32 that lies best through each of (C, H, W): light falls off."""
    high, wide = planes.shape[1], planes.shape[2]
    down = np.linspace(-1, 1, high, dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, wide, dtype=np.float32)[None, :]
    rows, columns = planes.mean(axis=2), planes.mean(axis=1)
    fall = (rows @ down[:, 0]) / (down**2).sum()
    tilt = (columns @ across[0]) / (across**2).sum()
    middle = planes.mean(axis=(1, 2))
    return np.asarray(
        middle[:, None, None] + fall[:, None, None] * down + tilt[:, None, None] * across
    )


def _template(mask: Mask, shape: tuple[int, int], pooled_px: float) -> Plane:
    """Where to look (H, W) float32: the pooled mask less a surround as wide as the flaw."""
    size = (shape[1], shape[0])
    inside = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    pooled = cv2.GaussianBlur(inside, (0, 0), pooled_px)
    wide_px = max(2 * pooled_px, float(np.sqrt(inside.sum())) / 2)
    around = cv2.GaussianBlur(pooled, (0, 0), min(wide_px, min(shape) / 4))
    return np.asarray(pooled / pooled.sum() - around / around.sum(), dtype=np.float32)


@lru_cache(maxsize=8)
def _bands(high: int, wide: int) -> tuple[_Band, ...]:
    """The filters for planes of a size: brightness in directions, colours in rings."""
    found = []
    for periods in _PERIODS:
        for number in range(_DIRECTIONS):
            found.append(_band(0, periods, number * np.pi / _DIRECTIONS, (high, wide)))
    for plane in (1, 2):
        for periods in _COLOUR_PERIODS:
            found.append(_band(plane, periods, None, (high, wide)))
    return tuple(found)


def _band(plane: int, periods: float, angle: float | None, shape: tuple[int, int]) -> _Band:
    """A log-Gabor filter, half of the spectrum alone, so that its answer has an amplitude."""
    high, wide = shape
    rate = periods / _DEGREE_PX
    middle = (0.0, 0.0) if angle is None else (rate * np.sin(angle), rate * np.cos(angle))
    rows = round(middle[0] * high) + np.arange(high // 2) - high // 4
    columns = round(middle[1] * wide) + np.arange(wide // 2) - wide // 4
    down, across = rows[:, None] / high, columns[None, :] / wide
    away = np.log(np.maximum(np.hypot(down, across), 1e-9) / rate)
    gain = np.exp(-(away**2) / (2 * _LOG_SPREAD**2))
    if angle is not None:
        turn = np.angle(np.exp(1j * (np.arctan2(down, across) - angle)))
        gain = 2 * gain * np.exp(-(turn**2) / (2 * _DIRECTION_SPREAD_RAD**2))
    return _Band(
        plane=plane,
        pooled_px=_POOLED_PERIODS / rate / 2,
        rows=(rows % high).astype(np.intp),
        columns=(columns % wide).astype(np.intp),
        gain=gain.astype(np.float32),
        left_ratio=float((gain**2).sum() / (high * wide)),
    )
