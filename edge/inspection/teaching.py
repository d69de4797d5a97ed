"""Learns a style from its good pieces."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.inspection.errors import TeachingError
from edge.inspection.ports import DefectDetector
from edge.inspection.style_bank import ScaleStatistics, StyleBank
from edge.inspection.texture import FACTORS, Cloth, Layer, features_of, possible

FEWEST_PIECES = 5
OVERKILL_RATIO = 0.02
SELF_LIMIT_SCORE = 10.0
_SHRINKAGE = 0.2
_FLOOR = 1e-4
_MOST_WINDOWS = 12
_EULER = 0.5772156649


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What is taught: the style's name, and the share of good pieces that may be alarmed."""

    style: str
    overkill_ratio: float = OVERKILL_RATIO
    mm_per_px: float | None = None


def learn_style(lesson: Lesson, pieces: Sequence[Cloth], detector: DefectDetector) -> StyleBank:
    """Learn from good pieces, each judged by the others to set the threshold.

    The threshold is the level that the highest cell of a good piece stays below in all but
    ``overkill_ratio`` of the pieces, by a Gumbel fit to the left-out pieces' highest cells.

    Raises:
        TeachingError: fewer than five pieces, or nothing to learn from.
    """
    if len(pieces) < FEWEST_PIECES:
        raise TeachingError(f"{FEWEST_PIECES} good pieces are needed, {len(pieces)} were given")
    factors = [f for f in FACTORS if all(possible(p.frame.shape, f) for p in pieces)]
    share = lesson.overkill_ratio / len(factors)
    scales = tuple(_learn_scale(f, pieces, share, detector) for f in factors)
    return StyleBank(
        style=lesson.style,
        bundle_digest=detector.identity.digest,
        piece_count=len(pieces),
        overkill_ratio=lesson.overkill_ratio,
        mm_per_px=lesson.mm_per_px,
        scales=scales,
    )


def statistics_of_itself(cloth: Cloth, detector: DefectDetector) -> tuple[ScaleStatistics, ...]:
    """Take a picture's own ordinary cells for its style: what stands out of the rest?

    A tenth of the cells, the most unusual ones, are left out of the statistics.
    """
    found = []
    for factor in FACTORS[:2]:
        if not possible(cloth.frame.shape, factor):
            continue
        values = _features(cloth.at(factor), detector)
        mean, whitening = _gaussian(values)
        distances = _distances(values, mean, whitening)
        ordinary = values[distances <= np.quantile(distances, 0.9)]
        mean, whitening = _gaussian(ordinary)
        centre, spread = _robust(_distances(values, mean, whitening))
        found.append(
            ScaleStatistics(
                factor=factor,
                mean=mean,
                whitening=whitening,
                centre_score=centre,
                spread_score=spread,
                limit_score=SELF_LIMIT_SCORE,
            )
        )
    return tuple(found)


def _learn_scale(
    factor: int,
    pieces: Sequence[Cloth],
    share: float,
    detector: DefectDetector,
) -> ScaleStatistics:
    values = [_features(piece.at(factor), detector) for piece in pieces]
    left_out = []
    for index, own in enumerate(values):
        others = np.concatenate([v for place, v in enumerate(values) if place != index])
        left_out.append(_distances(own, *_gaussian(others)))
    centre, spread = _robust(np.concatenate(left_out))
    highest = [(float(d.max()) - centre) / spread for d in left_out]
    mean, whitening = _gaussian(np.concatenate(values))
    return ScaleStatistics(
        factor=factor,
        mean=mean,
        whitening=whitening,
        centre_score=centre,
        spread_score=spread,
        limit_score=_gumbel_limit(highest, share),
    )


def _gumbel_limit(highest: Sequence[float], share: float) -> float:
    """Level exceeded by the share of pieces, from the moments of their highest cells.

    Few pieces know their own scatter badly, so it is taken larger by one standard error.
    """
    values = np.asarray(highest)
    scatter = max(float(values.std(ddof=1)), 0.08 * float(values.mean()))
    scale = scatter * (1 + 1 / math.sqrt(len(values))) * math.sqrt(6) / math.pi
    mode = float(values.mean()) - _EULER * scale
    return mode - scale * math.log(-math.log1p(-share))


def _features(layer: Layer, detector: DefectDetector) -> NDArray[np.float32]:
    parts = list(features_of(layer, detector, _MOST_WINDOWS))
    if not parts or sum(len(part) for part in parts) < 4 * detector.identity.channels_count:
        raise TeachingError("a picture shows too little cloth to learn from")
    return np.concatenate(parts)


def _gaussian(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean (C) and symmetric whitening (C, C) of ``values`` (N, C) float32."""
    mean = values.mean(axis=0, dtype=np.float64)
    covariance = np.cov(values, rowvar=False, dtype=np.float64)
    covariance += np.diag(_SHRINKAGE * np.diag(covariance) + _FLOOR)
    sizes, axes = np.linalg.eigh(covariance)
    whitening = (axes / np.sqrt(sizes)) @ axes.T
    return mean.astype(np.float32), whitening.astype(np.float32)


def _distances(
    values: NDArray[np.float32], mean: NDArray[np.float32], whitening: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Root mean square of whitened ``values`` (N, C) float32, as the graph computes it."""
    whitened = (values - mean) @ whitening
    return np.asarray(np.sqrt(np.mean(whitened * whitened, axis=1)), dtype=np.float32)


def _robust(distances: NDArray[np.float32]) -> tuple[float, float]:
    """Median and 1.4826 times median absolute deviation of ``distances`` (N,) float32."""
    centre = float(np.median(distances))
    spread = 1.4826 * float(np.median(np.abs(distances - centre)))
    return centre, max(spread, 1e-6)
