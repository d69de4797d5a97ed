"""How well a person would see a flaw: what two model observers say, and not our network.

One knows where every thread lies and compares pixels (`matching`), one knows only how much contrast
of which width and direction is where (`segregation`). The first sees what the second must find, but
is not deceived by a change that only pooling shows; so a flaw can be seen that both see. Both look
from half a metre and know the flaw's shape. From d' = 5 on a thing is found reliably in a picture
that it may lie anywhere in (Rose, "The sensitivity performance of the human eye on an absolute
scale", JOSA 38, 1948).
"""

from cloud.infrastructure.training.rendering.matching import MatchingObserver
from cloud.infrastructure.training.rendering.sample import Mask, Picture
from cloud.infrastructure.training.rendering.segregation import SegregatingObserver

ROSE = 5.0
"""The detectability from which on a flaw is found reliably."""


class Observer:
    """Who looks at one cloth, (H, W, 3) uint8, both ways."""

    def __init__(self, cloth: Picture) -> None:
        """Look at good cloth (H, W, 3) uint8."""
        self._matching = MatchingObserver(cloth)
        self._segregating = SegregatingObserver(cloth)

    def detectability(self, spoiled: Picture, mask: Mask) -> float:
        """How well the flaw of ``spoiled`` (H, W, 3) uint8 shows that lies under ``mask`` (H, W).

        The smaller of the two, by whatever differs from the cloth for the one and by the mask
        (bool) for the other.
        """
        matched = self._matching.detectability(spoiled)
        return min(matched, self._segregating.detectability(spoiled, mask))
