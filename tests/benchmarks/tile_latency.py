"""One tile, from pixels to decision, beside the bare session on ready tensors, interleaved.

Measured on two cores, then again while another process keeps one of the two busy. ``cpu_p50_ms``
is processor time of all threads: on a busy machine it tells what the clock cannot. While no
picture comes the process takes ``idle_cpu_percent`` of one core. ``load_1min`` is from before.
"""

import os
import time
from dataclasses import dataclass, field

import numpy as np

from edge.infrastructure.onnx_bundle_folder import OnnxBundleFolders
from edge.infrastructure.onnx_defect_detector import OnnxDefectDetector
from edge.infrastructure.opencv_pictures import OpenCvScaler
from edge.inspection.findings import findings_of
from edge.inspection.style_bank import ScaleStatistics
from edge.inspection.texture import Cloth, Pyramid, TextureJudge
from tests.benchmarks.busy_core import busy_core, cores
from tests.benchmarks.report import Report, arguments

CORES = 2


@dataclass(slots=True)
class Times:
    """Seconds a tile: by the clock with us and with the bare session, and of the processor."""

    ours: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    spent: list[float] = field(default_factory=list)

    def figures(self, ending: str = "") -> dict[str, object]:
        return {
            f"p95{ending}_ms": round(float(np.quantile(self.ours, 0.95)) * 1000, 2),
            f"p50{ending}_ms": round(float(np.median(self.ours)) * 1000, 2),
            f"cpu_p50{ending}_ms": round(float(np.median(self.spent)) * 1000, 2),
            f"ratio_to_session{ending}": round(
                float(np.median(self.ours) / np.median(self.bare)), 3
            ),
        }


class Tile:
    """One tile of 512 px and what judges it."""

    def __init__(self) -> None:
        self._detector = OnnxDefectDetector(OnnxBundleFolders("").base(), threads=CORES)
        generator = np.random.default_rng(0)
        self._frame = generator.integers(60, 180, (512, 512, 3), dtype=np.uint8)
        self._ready = self._frame[None].copy()
        self._scale = ScaleStatistics(
            factor=1,
            mean=self._detector.features(self._ready).reshape(-1, 24).mean(axis=0),
            whitening=np.eye(24, dtype=np.float32),
            bank_centre_score=1,
            bank_spread_score=1,
            head_centre_score=-4,
            head_spread_score=1,
            limit_score=99,
        )
        self._judge, self._scaler = TextureJudge(self._detector), OpenCvScaler()

    def judged(self, rounds: int) -> Times:
        """Judge it so often, and let the bare session do so in between."""
        times, detector, scale = Times(), self._detector, self._scale
        nothing = np.zeros((64, 64), dtype=bool)
        for _ in range(rounds):
            start, busy = time.perf_counter(), time.process_time()
            pyramid = Pyramid(self._frame, self._scaler)
            cloth = Cloth(pyramid=pyramid, cells=~nothing, foreign=nothing)
            findings_of(self._judge.score_map(cloth, (scale,)), scale.limit_score)
            middle = time.perf_counter()
            times.spent.append(time.process_time() - busy)
            detector.judge(detector.features(self._ready), scale.mean, scale.whitening)
            times.ours.append(middle - start)
            times.bare.append(time.perf_counter() - middle)
        return times


def idle_percent(seconds: float) -> float:
    """Return the share of one core that the threads of this process take while nothing comes."""
    start, busy = time.perf_counter(), time.process_time()
    time.sleep(seconds)
    return round(100 * (time.process_time() - busy) / (time.perf_counter() - start), 3)


def main() -> int:
    options = arguments(__doc__ or "")
    rounds = 60 if options.quick else 500
    pinned = cores()[:CORES]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, pinned)
    load = round(os.getloadavg()[0], 2)
    tile = Tile()
    alone = tile.judged(rounds)
    idle = idle_percent(5 if options.quick else 30)
    with busy_core(pinned[0]):
        beside = tile.judged(rounds)
    report = Report(name="tile_latency")
    report.figures = alone.figures() | beside.figures("_under_load")
    report.figures |= {"idle_cpu_percent": idle, "load_1min": load, "tiles": rounds}
    report.targets = {
        "p95_ms": ("<=", 30),
        "ratio_to_session": ("<=", 1.25),
        "p95_under_load_ms": ("<=", 60),
        "idle_cpu_percent": ("<=", 3),
    }
    return report.print()


if __name__ == "__main__":
    raise SystemExit(main())
