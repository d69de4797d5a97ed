"""Names what was found: what people taught first, then what the network learned, else unknown.

A flaw is looked at once more, alone and at full size. Only its own cells count, so that a name
does not depend on how large the rest of the tile is.
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
            whitening = looked.scale.whitening
            logits = detector.kind_logits(features[None], looked.middle, whitening)[0]
            kind, ratio = kind_of(logits[own], detector.kinds, detector.kind_confidence_ratio)
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
    """Name a flaw by its cells' ``logits`` (N, K) float32; unknown where that is not sure.

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
    window = _window(finding, looked.scores)
    (glimpse,) = glimpses(looked.layer, [window], detector)
    features = np.where(glimpse.cells[..., None], glimpse.features, looked.middle)
    own = np.zeros(features.shape[:2], dtype=bool)
    flagged = looked.scores > looked.scale.limit_score
    rows, columns = window.core
    inside = flagged[rows, columns]
    top, left = rows.start - window.row, columns.start - window.column
    own[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return features, own


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
