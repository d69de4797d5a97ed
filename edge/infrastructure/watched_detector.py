"""A bundle on trial: how long its networks take, and whether they answer with numbers."""

import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edge.inspection.ports import DefectDetector, DetectorIdentity
from edge.model_bundles.errors import BundleOutputError


class WatchedDetector:
    """Implements ``DefectDetector`` by another one; safe from several threads."""

    def __init__(self, detector: DefectDetector) -> None:
        self._detector = detector
        self._lock = threading.Lock()
        self._spent_s = 0.0
        self._tiles = 0

    def tile_ms(self) -> float:
        """Return the mean milliseconds of a tile since the last call; 0 where none was seen."""
        with self._lock:
            spent_s, tiles = self._spent_s, self._tiles
            self._spent_s, self._tiles = 0.0, 0
        return spent_s * 1e3 / tiles if tiles else 0.0

    @property
    def identity(self) -> DetectorIdentity:
        """Name and digest of the loaded bundle."""
        return self._detector.identity

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of flaws that the bundle knows."""
        return self._detector.kinds

    @property
    def kind_confidence_ratio(self) -> float:
        """How sure the network must be of a kind to name it."""
        return self._detector.kind_confidence_ratio

    def features(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Describe ``tiles`` (N, H, W, 3) uint8; returns (N, H/8, W/8, C) float32."""
        with self._lock:
            self._tiles += len(tiles)
        return self._timed("features", lambda: self._detector.features(tiles))

    def judge(
        self,
        features: NDArray[np.float32],
        mean: NDArray[np.float32],
        whitening: NDArray[np.float32],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Judge ``features`` (N, H, W, C) by (C) and (C, C); returns two (N, H, W) float32."""
        both = self._timed(
            "judges", lambda: np.stack(self._detector.judge(features, mean, whitening))
        )
        return both[0], both[1]

    def kind_logits(
        self,
        features: NDArray[np.float32],
        mean: NDArray[np.float32],
        whitening: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Ask for kinds of ``features`` (N, H, W, C) by (C) and (C, C): (N, H, W, K) float32."""
        return self._timed("kinds", lambda: self._detector.kind_logits(features, mean, whitening))

    @property
    def looks_closely(self) -> bool:
        """Say whether the bundle names places by their pixels."""
        return self._detector.looks_closely

    def close_look(
        self,
        tiles: NDArray[np.uint8],
        departures: NDArray[np.float32],
        found: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Look closely at what was ``found`` (N, H/8, W/8) bool: logits (N, K) float32.

        ``tiles`` (N, H, W, 3) uint8, ``departures`` (N, H/8, W/8, C) float32.
        """
        return self._timed(
            "close_kinds", lambda: self._detector.close_look(tiles, departures, found)
        )

    def judge_own(
        self,
        network: bytes,
        tiles: NDArray[np.uint8],
        departures: NDArray[np.float32],
        logits: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Judge ``tiles`` (N, H, W, 3) uint8 by a style's own network, which is not on trial.

        ``departures`` (N, H/8, W/8, C) and ``logits`` (N, H/8, W/8) float32; returns such logits.
        """
        return self._detector.judge_own(network, tiles, departures, logits)

    def _timed(self, name: str, ask: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
        """Ask a network; returns its answer, (N, ...) float32."""
        begun_s = time.perf_counter()
        answer = ask()
        with self._lock:
            self._spent_s += time.perf_counter() - begun_s
        if not np.isfinite(answer).all():
            raise BundleOutputError(name)
        return answer
