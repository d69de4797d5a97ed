"""Golden pictures of a bundle: what its networks answered to them where it was made.

``golden.npz`` holds ``tiles`` (N, H, W, 3) uint8, the ``mean`` (C,) and ``whitening`` (C, C) of
their cloth, ``distances`` and ``logits`` (N, H/8, W/8) and ``kinds`` (N, H/8, W/8, K) float32, and
``tolerance``: how far another runtime's answers may lie from these. Of a bundle that looks closely
it also holds ``close_kinds`` (N, K) float32, as if all of a tile had been found.
"""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.infrastructure.onnx_defect_detector import OnnxDefectDetector
from edge.infrastructure.plain_folder import read_folder
from edge.model_bundles.bundle import Bundle
from edge.model_bundles.errors import SelfTestError

GOLDEN = "golden.npz"
FEWEST_TILES = 32
TOLERANCE = 0.01
"""A hundred times what onnxruntime's own rearranging of a graph moves the base's answers by
(9e-5), and less than a two-hundredth of how far apart these lie among the tiles."""
_SHRINKAGE, _FLOOR = 0.2, 1e-4
_Answers = Mapping[str, NDArray[np.float32]]
_COMPARED = ("distances", "logits")


class GoldenPicturesError(Exception):
    """No golden pictures can be written for a folder; the sentence says why."""


def answers_of(
    detector: OnnxDefectDetector,
    tiles: NDArray[np.uint8],
    mean: NDArray[np.float32],
    whitening: NDArray[np.float32],
) -> _Answers:
    """Send ``tiles`` (N, H, W, 3) uint8 through all networks of a bundle.

    Returns features (N, H/8, W/8, C), distances and logits (N, H/8, W/8), kinds
    (N, H/8, W/8, K), all float32, and where the bundle looks closely its kinds (N, K) float32.

    Raises:
        SelfTestError: an answer is no number.
    """
    features = detector.features(tiles)
    distances, logits = detector.judge(features, mean, whitening)
    kinds = detector.kind_logits(features, mean, whitening)
    found = {"features": features, "distances": distances, "logits": logits, "kinds": kinds}
    if detector.looks_closely:
        departures = ((features - mean) @ whitening).astype(np.float32)
        whole = np.ones(features.shape[:3], dtype=bool)
        found["close_kinds"] = detector.close_look(tiles, departures, whole)
    for name, answer in found.items():
        if not np.isfinite(answer).all():
            raise SelfTestError("SELF_TEST_NAN", f"{name} are not all numbers")
    return found


def golden_file(folder: Path, tiles: NDArray[np.uint8]) -> bytes:
    """Write down what the networks in a folder answer to ``tiles`` (N, H, W, 3) uint8.

    The manifest need not be right yet. The same networks, tiles and machine give the same bytes.

    Raises:
        GoldenPicturesError: too few tiles, or the networks cannot be run on them.
    """
    if len(tiles) < FEWEST_TILES:
        raise GoldenPicturesError(f"{len(tiles)} golden pictures, {FEWEST_TILES} are needed")
    try:
        files = read_folder(folder)
        detector = OnnxDefectDetector(
            Bundle(name=folder.name, version="0", digest="", trusted_by="code", files=files), 1
        )
        mean, whitening = _cloth(detector.features(tiles))
        found = answers_of(detector, tiles, mean, whitening)
    except Exception as problem:  # onnxruntime's errors share no parent
        raise GoldenPicturesError(str(problem)[:300]) from problem
    file = io.BytesIO()
    np.savez_compressed(
        file,
        tiles=tiles,
        mean=mean,
        whitening=whitening,
        distances=found["distances"],
        logits=found["logits"],
        kinds=found["kinds"],
        tolerance=np.float32(TOLERANCE),
        allow_pickle=False,
        **{name: answer for name, answer in found.items() if name == "close_kinds"},
    )
    return file.getvalue()


def match_golden(content: bytes, detector: OnnxDefectDetector) -> None:
    """Compare with the answers that came along.

    Raises:
        SelfTestError: they differ by more than they may, or cannot be read.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as golden:
            given = {name: golden[name] for name in golden.files}
        # Sets from before kinds were written down compare what they have.
        later = {"kinds", "close_kinds"} & given.keys()
        wanted = {name: given[name] for name in (*_COMPARED, *sorted(later))}
        tolerance = float(given["tolerance"])
        found = answers_of(detector, given["tiles"], given["mean"], given["whitening"])
    except (ValueError, KeyError, OSError, EOFError) as problem:
        raise SelfTestError("SELF_TEST_GOLDEN", f"unreadable: {problem}") from problem
    for name, expected in wanted.items():
        off = _distance(expected, found[name]) if name in found else float("inf")
        if not off <= tolerance:
            raise SelfTestError(
                "SELF_TEST_GOLDEN", f"{name} off by {off:.4g}, allowed {tolerance:.4g}"
            )


def _distance(expected: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    """How far two answers (N, H/8, W/8) or (N, H/8, W/8, K) float32 lie apart at most."""
    if expected.shape != found.shape:
        return float("inf")
    return float(np.abs(expected - found).max(initial=0.0))


def _cloth(
    features: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean (C,) and whitening (C, C) of ``features`` (N, H, W, C), all float32."""
    values = features.reshape(-1, features.shape[3])
    covariance = np.cov(values, rowvar=False, dtype=np.float64)
    covariance += np.diag(_SHRINKAGE * np.diag(covariance) + _FLOOR)
    sizes, axes = np.linalg.eigh(covariance)
    whitening = (axes / np.sqrt(sizes)) @ axes.T
    return values.mean(axis=0, dtype=np.float32), whitening.astype(np.float32)
