"""One training sample."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sample:
    """A tile (H, W, 3) uint8 RGB, where it is spoiled (H, W) bool, and by what; None is good.

    ``visible_score`` is how well the flaw can be seen (``visibility``), 0 where that was not
    measured: on good tiles, on greige, and on what is sewn on.
    """

    picture: Picture
    mask: Mask
    kind: str | None
    visible_score: float = 0.0
