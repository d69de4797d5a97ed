"""The process in which a bundle is tried: ``python -m edge.infrastructure.bundle_child``.

It answers with one line of JSON; whatever ends it otherwise ends no station.
"""

import io
import json
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.infrastructure.confined_process import NotConfinedError, confine
from edge.infrastructure.onnx_defect_detector import OnnxDefectDetector
from edge.infrastructure.plain_folder import read_folder
from edge.model_bundles.bundle import Bundle, opened
from edge.model_bundles.errors import BundleError, SelfTestError

GOLDEN = "golden.npz"
TILE_PX = 512
RUNS = 100
_FIRST_RUNS = 3
_SLOW_RUNS_STOP = 2
_SLACK_BYTES = 128 << 20
_Answers = tuple[NDArray[np.float32], NDArray[np.float32]]


def main(arguments: Sequence[str]) -> int:
    """Try the bundle in a folder: FOLDER DIGEST THREADS."""
    folder, digest, threads = arguments
    try:
        answer: Mapping[str, object] = _tried(Path(folder), digest, int(threads))
    except SelfTestError as error:
        answer = {"code": error.code, "problem": error.problem}
    except BundleError as error:
        answer = {"code": error.code, "problem": str(error)}
    except MemoryError:
        answer = {"code": "SELF_TEST_MEMORY", "problem": "it asks for more than it may have"}
    except NotConfinedError as error:
        answer = {"code": "SELF_TEST_UNCONFINED", "problem": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def _tried(folder: Path, digest: str, threads: int) -> Mapping[str, object]:
    bundle = opened(read_folder(folder), "signature")
    if bundle.digest != digest:
        raise SelfTestError("SELF_TEST_OTHER_BUNDLE", "its manifest is another one")
    before_mb = _largest_mb()
    confine((bundle.terms.memory_mb << 20) + _SLACK_BYTES)
    try:
        detector = OnnxDefectDetector(bundle, threads)
        _match_golden(bundle, detector)
        p99_ms = _warm(bundle, detector)
    except SelfTestError:
        raise
    except Exception as problem:  # onnxruntime's errors share no parent
        if _lacks_memory(problem):
            raise MemoryError from problem
        code = "SELF_TEST_LOAD" if isinstance(problem, BundleError) else "SELF_TEST_RUN"
        raise SelfTestError(code, str(problem)[:300]) from problem
    grown_mb = _largest_mb() - before_mb
    if grown_mb > bundle.terms.memory_mb:
        raise SelfTestError("SELF_TEST_MEMORY", f"{grown_mb:.0f} MB")
    return {"code": "", "p99_ms": round(p99_ms, 1), "grown_mb": round(grown_mb, 1)}


def _largest_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _lacks_memory(problem: BaseException) -> bool:
    text = str(problem)
    return isinstance(problem, MemoryError) or any(
        sign in text for sign in ("bad_alloc", "Failed to allocate", "bad allocation")
    )


def _run(
    detector: OnnxDefectDetector,
    tiles: NDArray[np.uint8],
    mean: NDArray[np.float32],
    whitening: NDArray[np.float32],
) -> _Answers:
    """Send ``tiles`` (N, H, W, 3) through all networks; returns (N, H/8, W/8) float32 twice."""
    features = detector.features(tiles)
    distances, logits = detector.judge(features, mean, whitening)
    kinds = detector.kind_logits(features, mean, whitening)
    for name, answer in (
        ("features", features),
        ("distances", distances),
        ("logits", logits),
        ("kinds", kinds),
    ):
        if not np.isfinite(answer).all():
            raise SelfTestError("SELF_TEST_NAN", f"{name} are not all numbers")
    return distances, logits


def _match_golden(bundle: Bundle, detector: OnnxDefectDetector) -> None:
    """Compare with the answers that came along, where any did."""
    if GOLDEN not in bundle.files:
        return
    try:
        with np.load(io.BytesIO(bundle.files[GOLDEN]), allow_pickle=False) as golden:
            given = {name: golden[name] for name in golden.files}
        wanted = given["distances"], given["logits"]
        tolerance = float(given["tolerance"])
        found = _run(detector, given["tiles"], given["mean"], given["whitening"])
    except (ValueError, KeyError, OSError, EOFError) as problem:
        raise SelfTestError("SELF_TEST_GOLDEN", f"unreadable: {problem}") from problem
    for expected, answer in zip(wanted, found, strict=True):
        off = float(np.abs(expected - answer).max()) if expected.shape == answer.shape else np.inf
        if not off <= tolerance:
            raise SelfTestError("SELF_TEST_GOLDEN", f"off by {off:.4g}, allowed {tolerance:.4g}")


def _warm(bundle: Bundle, detector: OnnxDefectDetector) -> float:
    """Run it on noise and on nothing; return the 99th percentile in ms of one tile."""
    chance = np.random.default_rng(1)
    channels = detector.identity.channels_count
    mean, whitening = np.zeros(channels, np.float32), np.eye(channels, dtype=np.float32)
    tiles = chance.integers(0, 256, (1, TILE_PX, TILE_PX, 3), dtype=np.uint8)
    flat = np.full_like(tiles, 128)
    took_ms: list[float] = []
    for number in range(RUNS + _FIRST_RUNS):
        begun_s = time.perf_counter()
        _run(detector, flat if number % 5 == 0 else tiles, mean, whitening)
        if number >= _FIRST_RUNS:
            took_ms.append((time.perf_counter() - begun_s) * 1e3)
        # Two slow ones of a hundred settle it: nobody waits for the rest.
        slow = sum(ms > bundle.terms.latency_ms for ms in took_ms)
        if slow >= _SLOW_RUNS_STOP:
            raise SelfTestError("SELF_TEST_SLOW", f"{max(took_ms):.0f} ms for a tile")
    # The nearest rank: the machine may stall once for reasons of its own.
    return float(sorted(took_ms)[-2])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
