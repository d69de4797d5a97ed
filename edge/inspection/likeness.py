"""Is this the cloth that was taught, or another style's?

Flaws are judged relative to the piece's own middle, so a piece of quite another cloth has none:
whether it is the style's cloth at all is asked here, by its colour and its texture as a whole.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.inspection.errors import PieceDiffersError
from edge.inspection.style_bank import Looks, StyleBank
from edge.inspection.texture import CELL_PX, Cloth

# A colour so far away in CIELAB is another colour to anybody: lots of one dye differ by 1 or 2,
# light that drifts by a tenth moves a colour by 4.
_OTHER_COLOUR_SCORE = 12.0
# The middle of a piece departs from its style's by as much as single cells of one piece do (1).
_OTHER_TEXTURE_SCORE = 3.0
_LEEWAY_COUNT = 6.0
_COLOURLESS_SCORE = 0.5
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_THIN_STEP = 7


def strange(
    frame: NDArray[np.uint8], cloth: Cloth, middle: NDArray[np.float32], bank: StyleBank
) -> tuple[str, ...]:
    """Return why a piece in ``frame`` (H, W, 3) uint8 is none of the bank's style.

    ``middle`` (C,) is that of its texture at full size.
    """
    if bank.looks is None:
        return ()
    if _loses_colour(frame, bank.looks):
        return ("frame_grey",)
    full = bank.scales[0]
    away_score = departure_score(middle, full.mean, full.whitening)
    return ("garment_differs",) if _other_cloth(cloth, away_score, bank.looks) else ()


def _other_cloth(cloth: Cloth, away_score: float, looks: Looks) -> bool:
    colour_score = float(np.hypot.reduce(colour_of(cloth) - np.array(looks.numbers()[:3])))
    return colour_score > looks.colour_limit_score or away_score > looks.texture_limit_score


def _loses_colour(frame: NDArray[np.uint8], looks: Looks) -> bool:
    """Say whether ``frame`` (H, W, 3) uint8 is grey, though the style was taught in colour."""
    chroma_score = float(np.hypot(looks.red_green_score, looks.yellow_blue_score))
    thin = frame[::_THIN_STEP, ::_THIN_STEP]
    return chroma_score > _COLOURLESS_SCORE and bool((thin == thin[..., :1]).all())


def looks_of(colours: Sequence[NDArray[np.float64]], departures: Sequence[float]) -> Looks:
    """Learn from the ``colours`` of good pieces, each (N=3,) float64, and their departures.

    Pieces that are usually far from each other widen the limits, a stray one does not.

    Raises:
        PieceDiffersError: a piece's colour is another cloth's.
    """
    middle = np.median(np.stack(colours), axis=0)
    away = np.hypot.reduce(np.stack(colours) - middle, axis=1)
    limit_score = max(_OTHER_COLOUR_SCORE, _LEEWAY_COUNT * float(np.median(away)))
    if away.max() > limit_score:
        raise PieceDiffersError(int(away.argmax()) + 1)
    return Looks(
        lightness_score=float(middle[0]),
        red_green_score=float(middle[1]),
        yellow_blue_score=float(middle[2]),
        colour_limit_score=limit_score,
        texture_limit_score=max(_OTHER_TEXTURE_SCORE, _LEEWAY_COUNT * float(np.median(departures))),
    )


def departure_score(
    middle: NDArray[np.float32], mean: NDArray[np.float32], whitening: NDArray[np.float32]
) -> float:
    """How far a piece's ``middle`` (C,) lies from a style's ``mean`` (C,), by (C, C) whitening."""
    return float(np.sqrt(np.mean(np.square((middle - mean) @ whitening))))


def colour_of(cloth: Cloth) -> NDArray[np.float64]:
    """Return the median colour of a piece's judged cells in CIELAB (3,), black without cells."""
    small = cloth.pyramid.level(CELL_PX)[cloth.cells]
    if not len(small):
        return np.zeros(3)
    shade = np.median(small, axis=0) / 255
    linear = np.where(shade <= 0.04045, shade / 12.92, ((shade + 0.055) / 1.055) ** 2.4)
    xyz = _TO_XYZ @ linear / _TO_XYZ.sum(axis=1)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])
