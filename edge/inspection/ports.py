"""What the pipeline asks of the machine that it runs on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.inspection.board import TagBoard


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorIdentity:
    """Which bundle judges: ``name@version`` and the SHA-256 of its manifest."""

    bundle: str
    digest: str
    channels_count: int


class DefectDetector(Protocol):
    """The network on tiles; one call holds no Python lock for most of its time."""

    @property
    def identity(self) -> DetectorIdentity:
        """Name and digest of the loaded bundle."""
        ...

    def features(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Describe ``tiles`` (N, H, W, 3) uint8 RGB, H and W multiples of 32.

        Returns (N, H/8, W/8, C) float32.
        """
        ...

    def judge(
        self,
        features: NDArray[np.float32],
        mean: NDArray[np.float32],
        whitening: NDArray[np.float32],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Judge ``features`` (N, H, W, C) float32 by ``mean`` (C,) and ``whitening`` (C, C).

        Returns distances and logits, both (N, H, W) float32: the higher, the more a cell departs
        from the style, and the more it looks like a flaw.
        """
        ...

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of flaws that the bundle knows; none where it has no network for them."""
        ...

    @property
    def kind_confidence_ratio(self) -> float:
        """How sure the network must be of a kind to name it."""
        ...

    def kind_logits(
        self,
        features: NDArray[np.float32],
        mean: NDArray[np.float32],
        whitening: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Say for ``features`` (N, H, W, C) float32 which kind each cell would be as a flaw.

        By ``mean`` (C,) and ``whitening`` (C, C); returns (N, H, W, K) float32 for ``kinds``.
        """
        ...

    @property
    def looks_closely(self) -> bool:
        """Say whether the bundle names places by their pixels; then :meth:`close_look` is asked."""
        ...

    def close_look(
        self,
        tiles: NDArray[np.uint8],
        departures: NDArray[np.float32],
        found: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Say of which kind the place is that was ``found`` (N, H/8, W/8) bool on a tile.

        By ``tiles`` (N, H, W, 3) uint8 RGB and their whitened ``departures`` (N, H/8, W/8, C)
        float32; returns a logit for each of ``kinds``, (N, K) float32.
        """
        ...

    def judge_own(
        self,
        network: bytes,
        tiles: NDArray[np.uint8],
        departures: NDArray[np.float32],
        logits: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Judge by a style's own ``network``.

        ``tiles`` (N, H, W, 3) uint8, their whitened ``departures`` (N, H/8, W/8, C) float32 and
        the ``logits`` (N, H/8, W/8) float32 of :meth:`judge`; returns logits of that shape.

        Raises:
            StyleBankCorruptError: the network is none, or not one of this kind.
        """
        ...


class TagFinder(Protocol):
    """Finds the tags of a board."""

    def find(self, frame: NDArray[np.uint8], board: TagBoard) -> Mapping[int, NDArray[np.float64]]:
        """Return the corners (4, 2) float64 px, by id, of tags seen in ``frame`` (H, W, 3) uint8.

        Pixel centres have whole coordinates; corners are in the order of the board's.
        """
        ...


class PictureScaler(Protocol):
    """Makes a picture smaller by averaging."""

    def scaled(
        self, picture: NDArray[np.uint8], height_px: int, width_px: int
    ) -> NDArray[np.uint8]:
        """Return ``picture`` (H, W, 3) uint8 in the size asked for."""
        ...


class CodeFinder(Protocol):
    """Finds printed codes, so that a label is not taken for a flaw."""

    def find(self, frame: NDArray[np.uint8]) -> tuple[NDArray[np.float64], ...]:
        """Return corners (4, 2) float64 px of each code in ``frame`` (H, W, 3) uint8 RGB."""
        ...


class Stopwatch(Protocol):
    """Monotonic time for the stages' durations."""

    def __call__(self) -> float:
        """Return seconds since an arbitrary moment."""
        ...


class PictureFiles(Protocol):
    """Pictures on disk, for the command line."""

    def read(self, path: str) -> NDArray[np.uint8]:
        """Decode a picture as (H, W, 3) uint8 RGB.

        Raises:
            PictureUnreadableError: missing, not a picture, or cut off.
        """
        ...

    def write_overlay(
        self, path: str, picture: NDArray[np.uint8], polygons_px: tuple[NDArray[np.float64], ...]
    ) -> None:
        """Write a copy of ``picture`` (H, W, 3) uint8 with outlines (N, 2) float64 as PNG."""
        ...
