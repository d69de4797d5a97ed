"""Names what was found: what people taught first, then what the network learned, else unknown.

A flaw is looked at once more, alone and at full size. Only its own cells count, so that a name
does not depend on how large the rest of the tile is. A bundle that looks closely is shown a square
of cloth around the flaw, and which of its cells were found.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.inspection.ports import DefectDetector
from edge.inspection.prototypes import UNKNOWN, Prototypes, describe_flaw
from edge.inspection.style_bank import ScaleStatistics
from edge.inspection.texture import CELL_PX, Layer, Window, glimpses, widened
from edge.inspection.verdict import Finding

MOST_NAMED = 12
"""The strongest findings are named; a piece with more is no riddle."""
_CLOSE_CELLS = 24
"""Side of the square that a close look is shown: what it was trained on."""
_LARGEST_CELLS = 48


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looked:
    """What the judge saw at full size: scores (H, W) float32, and the piece's own middle (C,)."""

    layer: Layer
    scale: ScaleStatistics
    middle: NDArray[np.float32]
    scores: NDArray[np.float32]


def named(
    findings: Sequence[Finding],
    looked: Looked,
    detector: DefectDetector,
    prototypes: Sequence[Prototypes] = (),
) -> tuple[Finding, ...]:
    """Give the strongest of the findings their kind's name; the others stay as they are.

    Prototypes of another bundle know other descriptions and are left aside.
    """
    digest = detector.identity.digest
    usable = [one for one in prototypes if one.kinds and one.bundle_digest == digest]
    if not detector.kinds and not usable:
        return tuple(findings)
    found = list(findings)
    for place, finding in enumerate(found[:MOST_NAMED]):
        features, own = _own(finding, looked, detector)
        if not own.any():
            continue
        description = _description(features, own, looked)
        known = replace(finding, description=description.astype("<f4").tobytes())
        kind, ratio = _taught(description, usable)
        if kind == UNKNOWN and detector.kinds:
            if detector.looks_closely:
                logits = _close_logits(finding, looked, detector)
            else:
                whitening = looked.scale.whitening
                logits = detector.kind_logits(features[None], looked.middle, whitening)[0][own]
            kind, ratio = kind_of(logits, detector.kinds, detector.kind_confidence_ratio)
        if kind != UNKNOWN:
            known = replace(known, defect_class=kind, confidence_ratio=round(ratio, 2))
        found[place] = known
    return tuple(found)


def described(
    finding: Finding, looked: Looked, detector: DefectDetector
) -> NDArray[np.float32] | None:
    """Describe a finding for :func:`learn_prototypes` as (D,) float32, None where it is no more."""
    features, own = _own(finding, looked, detector)
    return _description(features, own, looked) if own.any() else None


def kind_of(
    logits: NDArray[np.float32], kinds: Sequence[str], confidence_ratio: float
) -> tuple[str, float]:
    """Name a flaw by the ``logits`` (N, K) float32 of its cells, or of its whole (1, K).

    Unknown where that is not sure.

    Returns the name and how sure it is.
    """
    mean = logits.mean(axis=0, dtype=np.float64)
    shares = np.exp(mean - mean.max())
    shares /= shares.sum()
    best = int(shares.argmax())
    sure = float(shares[best])
    return (kinds[best] if sure > confidence_ratio else UNKNOWN), sure


def _taught(
    description: NDArray[np.float32], prototypes: Sequence[Prototypes]
) -> tuple[str, float]:
    """Name a flaw described by (D,) float32 as people do; unknown where nobody named its like."""
    fitting = [one for one in prototypes if one.means.shape[1] <= len(description)]
    answers = [one.name(description) for one in fitting]
    best = max(answers, key=lambda answer: answer.confidence_ratio, default=None)
    return (UNKNOWN, 0.0) if best is None else (best.kind, best.confidence_ratio)


def _description(
    features: NDArray[np.float32], own: NDArray[np.bool_], looked: Looked
) -> NDArray[np.float32]:
    """Describe the ``own`` (H, W) bool cells of ``features`` (H, W, C) float32."""
    departures = (features - looked.middle) @ looked.scale.whitening
    return describe_flaw(departures.astype(np.float32), own)


def _own(
    finding: Finding, looked: Looked, detector: DefectDetector
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Look at a finding alone: features (H, W, C) float32, and which cells (H, W) are its own."""
    return _own_within(_window(finding, looked.scores), looked, detector)[1:]


def _close_logits(
    finding: Finding, looked: Looked, detector: DefectDetector
) -> NDArray[np.float32]:
    """Look closely at a finding: logits (1, K) float32 by its pixels."""
    window = _close_window(finding, looked)
    tile, features, own = _own_within(window, looked, detector)
    departures = ((features - looked.middle) @ looked.scale.whitening).astype(np.float32)
    return detector.close_look(tile, departures[None], own[None])


def _own_within(
    window: Window, looked: Looked, detector: DefectDetector
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.bool_]]:
    """Look at a window: tile (1, 8 H, 8 W, 3), features (H, W, C), and the cells (H, W) found."""
    (glimpse,) = glimpses(looked.layer, [window], detector)
    features = np.where(glimpse.cells[..., None], glimpse.features, looked.middle)
    own = np.zeros(features.shape[:2], dtype=bool)
    flagged = looked.scores > looked.scale.limit_score
    rows, columns = window.core
    inside = flagged[rows, columns]
    top, left = rows.start - window.row, columns.start - window.column
    own[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return glimpse.tile, features, own


def _window(finding: Finding, scores: NDArray[np.float32]) -> Window:
    """Cover the finding's cells of ``scores`` (H, W), around its middle where it is large."""
    cores = []
    for side in _box(finding, scores.shape):
        spare = max(0, side.stop - side.start - _LARGEST_CELLS)
        cores.append(slice(side.start + spare // 2, side.stop - (spare - spare // 2)))
    return widened((cores[0], cores[1]), scores.shape)


def _close_window(finding: Finding, looked: Looked) -> Window:
    """Return a square around the middle of a finding that has cells.

    Where a large finding is bent its middle may be good cloth; then around its strongest cell.
    """
    scores = looked.scores
    box = _box(finding, scores.shape)
    inside = scores[box]
    window = _square(box, [(side.start + side.stop) // 2 for side in box], scores.shape)
    strongest = scores[window.core].max()
    if strongest <= looked.scale.limit_score or strongest < inside.max() / 2:
        peak = np.unravel_index(int(inside.argmax()), inside.shape)
        middle = [side.start + int(at) for side, at in zip(box, peak, strict=True)]
        window = _square(box, middle, scores.shape)
    return window


def _square(box: tuple[slice, slice], middle: Sequence[int], shape: tuple[int, ...]) -> Window:
    """Return the square around a middle in so many cells; its core is what lies in the box."""
    starts = [
        max(0, min(at - _CLOSE_CELLS // 2, length - _CLOSE_CELLS))
        for at, length in zip(middle, shape, strict=True)
    ]
    rows, columns = (
        slice(max(side.start, start), min(side.stop, start + _CLOSE_CELLS))
        for side, start in zip(box, starts, strict=True)
    )
    return Window(starts[0], starts[1], _CLOSE_CELLS, _CLOSE_CELLS, (rows, columns))


def _box(finding: Finding, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns that a finding covers in a picture of so many cells."""
    corners = (np.array(finding.polygon_px) + 0.5) / CELL_PX
    sides = []
    for axis, length in ((1, shape[0]), (0, shape[1])):
        first = max(0, int(np.floor(corners[:, axis].min())))
        last = min(length, max(first + 1, int(np.ceil(corners[:, axis].max()))))
        sides.append(slice(first, last))
    return sides[0], sides[1]
