"""Learns a style from its good pieces."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.inspection.errors import TeachingError, TooFewPiecesError
from edge.inspection.likeness import colour_of, departure_score, looks_of
from edge.inspection.ports import DefectDetector
from edge.inspection.style_bank import ScaleStatistics, StyleBank
from edge.inspection.texture import (
    CELL_PX,
    FACTORS,
    Cloth,
    Glimpse,
    Layer,
    glimpses,
    joint_score,
    judged,
    own_mean,
    possible,
    windows,
)

FEWEST_PIECES = 14
FEWEST_AT_ALL = 5
OVERKILL_RATIO = 0.02
SELF_LIMIT_SCORE = 10.0
_SHRINKAGE = 0.2
_FLOOR = 1e-4
_MOST_WINDOWS = 12
_ONLY_STEERING = 1000.0
_EULER = 0.5772156649
_NO_TILE = np.empty((1, 0, 0, 3), dtype=np.uint8)
# Full size sees most flaws, so most of the overkill is spent there.
_SHARES = {1: 0.96, 2: 0.02, 4: 0.02}


_Seen = list[Glimpse]
"""What was seen of one piece at one magnification."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What is taught: the style's name, and the share of good pieces that may be alarmed.

    Where ``unit_px`` is not 0 the share is of squares of that side instead of whole pieces. With
    ``few`` five pieces are enough: the share is then known badly, which the bank's count of pieces
    tells.
    """

    style: str
    overkill_ratio: float = OVERKILL_RATIO
    mm_per_px: float | None = None
    unit_px: int = 0
    few: bool = False


def learn_style(lesson: Lesson, pieces: Iterable[Cloth], detector: DefectDetector) -> StyleBank:
    """Learn from good pieces, each judged by the others to set the threshold.

    Pieces are looked at one after the other: of each only what was seen on some tiles is kept.

    The threshold is the level that the highest cell of a good piece stays below in all but
    ``overkill_ratio`` of the pieces, by a Gumbel fit to the left-out pieces' highest cells.

    Raises:
        TooFewPiecesError: fewer pieces than the lesson needs.
        PieceDiffersError: one of the pieces is of another cloth.
        TeachingError: nothing to learn from.
    """
    needed = FEWEST_AT_ALL if lesson.few else FEWEST_PIECES
    seen: dict[int, list[_Seen]] = {factor: [] for factor in FACTORS}
    colours: list[NDArray[np.float64]] = []
    for piece in pieces:
        colours.append(colour_of(piece))
        for factor in [f for f in seen if possible(piece.frame.shape, f)]:
            # Pixels are for a style's own judge alone, and they are most of the memory.
            looked = _seen(piece.at(factor), detector)
            seen[factor].append([replace(glimpse, tile=_NO_TILE) for glimpse in looked])
    count = len(colours)
    if count < needed:
        raise TooFewPiecesError(needed, count)
    factors = [factor for factor, of_all in seen.items() if len(of_all) == count]
    learned = [_learn_scale(f, seen.pop(f), lesson, detector) for f in factors]
    return StyleBank(
        style=lesson.style,
        bundle_digest=detector.identity.digest,
        piece_count=count,
        overkill_ratio=lesson.overkill_ratio,
        mm_per_px=lesson.mm_per_px,
        scales=tuple(scale for scale, _ in learned),
        looks=looks_of(colours, learned[0][1]),
    )


def statistics_of_itself(cloth: Cloth, detector: DefectDetector) -> tuple[ScaleStatistics, ...]:
    """Take a picture's own ordinary cells for its style: what stands out of the rest?

    A tenth of the cells, the most unusual ones, are left out of the statistics.
    """
    found = []
    for factor in FACTORS[:2]:
        if not possible(cloth.frame.shape, factor):
            continue
        seen = _seen(cloth.at(factor), detector)
        values = np.concatenate([glimpse.own() for glimpse in seen])
        mean, whitening = _gaussian(values)
        distances = _distances(values, mean, whitening)
        ordinary = values[distances <= np.quantile(distances, 0.9)]
        _, whitening = _gaussian(ordinary)
        style = _Style(mean=mean, whitening=whitening)
        scale = _scale(factor, style, [_answers(seen, mean, whitening, detector)])
        found.append(replace(scale, limit_score=SELF_LIMIT_SCORE))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Style:
    """Mean (C,) float32, whitening (C, C) float32."""

    mean: NDArray[np.float32]
    whitening: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Answers:
    """Both judges' answers (N,) float32 to a piece's cells."""

    distances: NDArray[np.float32]
    logits: NDArray[np.float32]


def _scale(factor: int, style: _Style, pieces: Sequence[_Answers]) -> ScaleStatistics:
    """Add centre and spread of good cells' answers; the limit is still to be found."""
    bank_centre_score, bank_spread_score = _robust(
        np.concatenate([piece.distances for piece in pieces])
    )
    head_centre_score, head_spread_score = _robust(
        np.concatenate([piece.logits for piece in pieces])
    )
    return ScaleStatistics(
        factor=factor,
        mean=style.mean,
        whitening=style.whitening,
        bank_centre_score=bank_centre_score,
        bank_spread_score=bank_spread_score,
        head_centre_score=head_centre_score,
        head_spread_score=head_spread_score,
        limit_score=1.0,
    )


def _answers(
    seen: Sequence[Glimpse],
    mean: NDArray[np.float32],
    whitening: NDArray[np.float32],
    detector: DefectDetector,
    own: bytes = b"",
) -> _Answers:
    """Let both judges look at a piece by (C,) and (C, C) float32."""
    pairs = [judged(glimpse, detector, mean, whitening, own) for glimpse in seen]
    cores = [glimpse.core for glimpse in seen]
    return _Answers(
        distances=np.concatenate([d[core] for (d, _), core in zip(pairs, cores, strict=True)]),
        logits=np.concatenate([x[core] for (_, x), core in zip(pairs, cores, strict=True)]),
    )


def _learn_scale(
    factor: int,
    seen: Sequence[_Seen],
    lesson: Lesson,
    detector: DefectDetector,
) -> tuple[ScaleStatistics, list[float]]:
    """Learn one magnification, and how far each piece departs from the middle of all.

    Every piece is judged by the whitening of the others.
    """
    values = [np.concatenate([glimpse.own() for glimpse in piece]) for piece in seen]
    middles = np.stack([np.median(own, axis=0) for own in values])
    mean = np.median(middles, axis=0).astype(np.float32)
    own_means = [own_mean(own, mean) for own in values]
    centred = [own - middle for own, middle in zip(values, own_means, strict=True)]
    _, whitening = _gaussian(np.concatenate(centred))
    answers = []
    for index, (piece, middle) in enumerate(zip(seen, own_means, strict=True)):
        others = np.concatenate([v for place, v in enumerate(centred) if place != index])
        answers.append(_answers(piece, middle, _gaussian(others)[1], detector))
    style = _Style(mean=mean, whitening=whitening)
    scale = _scale(factor, style, answers)
    share = lesson.overkill_ratio * _SHARES[factor]
    limited = _limited(scale, (seen, answers), share, lesson.unit_px // (CELL_PX * factor))
    return limited, [departure_score(middle, mean, whitening) for middle in own_means]


def _limited(
    scale: ScaleStatistics,
    pieces: tuple[Sequence[Sequence[Glimpse]], Sequence[_Answers]],
    share: float,
    side: int,
) -> ScaleStatistics:
    """Set the limit that the highest cells of the pieces, or of squares of them, stay below."""
    highest: list[float] = []
    for given, answer in zip(*pieces, strict=True):
        rows, columns = _places(given)
        scores = np.full((int(rows.max()) + 1, int(columns.max()) + 1), -np.inf)
        scores[rows, columns] = joint_score(scale, answer.distances, answer.logits)
        highest += _peaks(scores, side)
    return replace(scale, limit_score=_gumbel_limit(highest, share))


def with_own_judge(
    bank: StyleBank, judge: bytes, lesson: Lesson, pieces: Sequence[Cloth], detector: DefectDetector
) -> StyleBank:
    """Give a bank a network of its own, which then judges in the place of the bundle's head.

    At full size, and beside the distance as far as ``bank_share_ratio`` of that magnification says;
    smaller ones only say where to look closely when a piece is large. Its scores and their limit
    are taken from good ``pieces`` that it was not trained on.
    """
    known = bank.scales[0]
    seen = [_seen(piece.at(1), detector) for piece in pieces]
    answers = []
    for piece in seen:
        mean = own_mean(np.concatenate([glimpse.own() for glimpse in piece]), known.mean)
        answers.append(_answers(piece, mean, known.whitening, detector, judge))
    centre, spread = _robust(np.concatenate([answer.logits for answer in answers]))
    scale = replace(known, head_centre_score=centre, head_spread_score=spread)
    side = lesson.unit_px // CELL_PX
    limited = _limited(scale, (seen, answers), lesson.overkill_ratio, side)
    coarse = [replace(s, limit_score=s.limit_score * _ONLY_STEERING) for s in bank.scales[1:]]
    return replace(bank, scales=(limited, *coarse), judge=judge)


def _places(seen: Sequence[Glimpse]) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Row and column (N,) of every judged cell, in the order of the answers."""
    rows, columns = [], []
    for glimpse in seen:
        row, column = np.nonzero(glimpse.core)
        rows.append(row + glimpse.window.core[0].start)
        columns.append(column + glimpse.window.core[1].start)
    return np.concatenate(rows), np.concatenate(columns)


def _peaks(scores: NDArray[np.float64], side: int) -> list[float]:
    """Highest of ``scores`` (H, W), or of each of its squares of ``side`` cells."""
    if side <= 0:
        return [float(scores.max())]
    squares = [
        scores[row : row + side, column : column + side].max()
        for row in range(0, scores.shape[0], side)
        for column in range(0, scores.shape[1], side)
    ]
    return [float(peak) for peak in squares if np.isfinite(peak)]


def _gumbel_limit(highest: Sequence[float], share: float) -> float:
    """Level exceeded by the share of pieces, from the moments of their highest cells.

    Few pieces know their own scatter badly, so it is taken larger by one standard error.
    """
    values = np.asarray(highest)
    scatter = max(float(values.std(ddof=1)), 0.08 * float(values.mean()))
    scale = scatter * (1 + 1 / math.sqrt(len(values))) * math.sqrt(6) / math.pi
    mode = float(values.mean()) - _EULER * scale
    return mode - scale * math.log(-math.log1p(-share))


def _seen(layer: Layer, detector: DefectDetector) -> list[Glimpse]:
    """Look at evenly spread tiles of a piece."""
    chosen = windows(layer.cells)
    step = max(1, -(-len(chosen) // _MOST_WINDOWS))
    seen = glimpses(layer, chosen[::step], detector)
    if sum(int(glimpse.core.sum()) for glimpse in seen) < 4 * detector.identity.channels_count:
        raise TeachingError("a picture shows too little cloth to learn from")
    return seen


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
