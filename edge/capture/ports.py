"""Sources of frames."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.capture.capabilities import CameraCapabilities

# A source that gave nothing new for so long is unplugged.
STALE_NS = 2_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The newest frame: encoded as it came, or (H, W, 3) uint8 BGR pixels, never both."""

    sequence: int
    seen_ns: int
    encoded: bytes | None = None
    pixels: NDArray[np.uint8] | None = None


class FrameSource(Protocol):
    """One camera, or something that stands for one."""

    def newest(self) -> Frame | None:
        """Return the newest frame that is still fresh; None while nothing fresh is there."""
        ...

    def describe(self) -> str:
        """Return what it is, for the log and the health page."""
        ...

    def capabilities(self) -> CameraCapabilities | None:
        """Return what it can be set to; None while the device is away."""
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...
