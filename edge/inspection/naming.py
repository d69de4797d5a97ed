"""Names what was found: what people taught first, then what the network learned, else unknown.

A flaw is looked at once more, alone and at full size. Only its own cells count, so that a name
does not depend on how large the rest of the tile is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.inspection.findings import UNKNOWN
from edge.inspection.ports import DefectDetector
from edge.inspection.prototypes import Prototypes, describe_flaw
from edge.inspection.style_bank import ScaleStatistics
from edge.inspection.texture import CELL_PX, Layer, Window, glimpses, widened
from edge.inspection.verdict import Finding

MOST_NAMED = 12
"""The strongest findings are named; a piece with more is no riddle."""
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
    prototypes: Prototypes | None = None,
) -> tuple[Finding, ...]:
    """Give the strongest of the findings their kind's name; the others stay as they are."""
    if not detector.kinds and (prototypes is None or not prototypes.kinds):
        return tuple(findings)
    found = list(findings)
    for place, finding in enumerate(found[:MOST_NAMED]):
        kind = _kind(finding, looked, detector, prototypes)
        if kind != UNKNOWN:
            found[place] = replace(finding, defect_class=kind)
    return tuple(found)


def kind_of(logits: NDArray[np.float32], kinds: Sequence[str], confidence_ratio: float) -> str:
    """Name a flaw by its cells' ``logits`` (N, K) float32; unknown where that is not sure."""
    mean = logits.mean(axis=0, dtype=np.float64)
    shares = np.exp(mean - mean.max())
    shares /= shares.sum()
    best = int(shares.argmax())
    return kinds[best] if shares[best] > confidence_ratio else UNKNOWN


def _kind(
    finding: Finding, looked: Looked, detector: DefectDetector, prototypes: Prototypes | None
) -> str:
    window = _window(finding, looked.scores)
    (glimpse,) = glimpses(looked.layer, [window], detector)
    features = np.where(glimpse.cells[..., None], glimpse.features, looked.middle)
    own = np.zeros(features.shape[:2], dtype=bool)
    flagged = looked.scores > looked.scale.limit_score
    rows, columns = window.core
    inside = flagged[rows, columns]
    top, left = rows.start - window.row, columns.start - window.column
    own[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    if not own.any():
        return UNKNOWN
    if prototypes is not None and prototypes.kinds:
        departures = (features[own] - looked.middle) @ looked.scale.whitening
        kind, _ = prototypes.name(describe_flaw(departures))
        if kind != UNKNOWN:
            return kind
    if not detector.kinds:
        return UNKNOWN
    logits = detector.kind_logits(features[None], looked.middle, looked.scale.whitening)[0]
    return kind_of(logits[own], detector.kinds, detector.kind_confidence_ratio)


def _window(finding: Finding, scores: NDArray[np.float32]) -> Window:
    """Cover the finding's cells of ``scores`` (H, W), around its middle where it is large."""
    corners = (np.array(finding.polygon_px) + 0.5) / CELL_PX
    cores = []
    for axis, length in ((1, scores.shape[0]), (0, scores.shape[1])):
        first = max(0, int(np.floor(corners[:, axis].min())))
        last = min(length, max(first + 1, int(np.ceil(corners[:, axis].max()))))
        spare = max(0, last - first - _LARGEST_CELLS)
        cores.append(slice(first + spare // 2, last - (spare - spare // 2)))
    return widened((cores[0], cores[1]), scores.shape)
