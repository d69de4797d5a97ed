"""What reads codes out of a picture."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.scanning.code import Code


class CodeReader(Protocol):
    """Finds and decodes the codes of one frame."""

    def read(self, frame: NDArray[np.uint8]) -> tuple[Code, ...]:
        """Return the codes of ``frame`` (H, W, 3) uint8 RGB, an empty tuple where none is.

        A code whose checksum or second reading does not hold is left out: never a wrong text.
        """
        ...
