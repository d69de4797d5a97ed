"""One tile, from pixels to decision, beside the bare session on ready tensors, interleaved.

``cpu_p50_ms`` is processor time of all threads: on a busy machine it tells what the clock cannot.
"""

import os
import time

import numpy as np

from edge.infrastructure.onnx_bundle_folder import OnnxBundleFolders
from edge.infrastructure.onnx_defect_detector import OnnxDefectDetector
from edge.infrastructure.opencv_pictures import OpenCvScaler
from edge.inspection.findings import findings_of
from edge.inspection.style_bank import ScaleStatistics
from edge.inspection.texture import Cloth, Pyramid, TextureJudge
from tests.benchmarks.report import Report, arguments


def main() -> int:
    options = arguments(__doc__ or "")
    rounds = 60 if options.quick else 500
    detector = OnnxDefectDetector(OnnxBundleFolders("").base(), threads=2)
    generator = np.random.default_rng(0)
    frame = generator.integers(60, 180, (512, 512, 3), dtype=np.uint8)
    mean = detector.features(frame[None]).reshape(-1, 24).mean(axis=0)
    whitening = np.eye(24, dtype=np.float32)
    scale = ScaleStatistics(
        factor=1,
        mean=mean,
        whitening=whitening,
        bank_centre_score=1,
        bank_spread_score=1,
        head_centre_score=-4,
        head_spread_score=1,
        limit_score=99,
    )
    judge, scaler = TextureJudge(detector), OpenCvScaler()
    nothing = np.zeros((64, 64), dtype=bool)
    ready, ours, bare, spent = frame[None].copy(), [], [], []
    for _ in range(rounds):
        start, busy = time.perf_counter(), time.process_time()
        cloth = Cloth(pyramid=Pyramid(frame, scaler), cells=~nothing, foreign=nothing)
        findings_of(judge.score_map(cloth, (scale,)), scale.limit_score)
        middle = time.perf_counter()
        spent.append(time.process_time() - busy)
        detector.judge(detector.features(ready), mean, whitening)
        stop = time.perf_counter()
        ours.append(middle - start)
        bare.append(stop - middle)
    report = Report(name="tile_latency")
    per_tile = np.array(ours) * 1000
    report.figures = {
        "p95_ms": round(float(np.quantile(per_tile, 0.95)), 2),
        "p50_ms": round(float(np.median(per_tile)), 2),
        "cpu_p50_ms": round(float(np.median(spent)) * 1000, 2),
        "load_1min": round(os.getloadavg()[0], 2),
        "ratio_to_session": round(float(np.median(ours) / np.median(bare)), 3),
        "tiles": rounds,
    }
    report.targets = {"p95_ms": ("<=", 30), "ratio_to_session": ("<=", 1.25)}
    return report.print()


if __name__ == "__main__":
    raise SystemExit(main())
