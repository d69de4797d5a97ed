"""A style nobody taught yet: from 20 good pieces on the table to the first verdicts, by the clock.

Pictures of pieces on the calibrated table are learned from one after the other, as `kyndof-edge
teach` and the kiosk do it; then good pieces and pieces with a hole are judged. ``grown_mb`` is how
much memory learning took at its highest beyond the loaded pipeline, ``picture_mb`` one picture's.
"""

import os
import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from cloud.infrastructure.training.rendering.camera import Camera
from cloud.infrastructure.training.rendering.defects import Defect
from edge.composition import compose_board, compose_inspection
from edge.inspection.teaching import Lesson
from edge.settings import EdgeSettings
from tests.benchmarks.report import Report, arguments
from tests.fakes.inspection_scenes import Table, draw, standard_of

ROOT = Path(__file__).parents[2]
PIECES, JUDGED = 20, 10


def main() -> int:
    options = arguments(__doc__ or "")
    camera = Camera(width_px=2000, height_px=1500) if options.quick else Camera()
    table = Table(camera=camera)
    settings = EdgeSettings(firmware_config=ROOT / "firmware-config")
    pipeline, board = compose_inspection(settings), compose_board(settings)

    def laid(seed: int, defects: tuple[Defect, ...] = ()) -> np.ndarray:
        lot = np.random.default_rng(seed)
        pose = replace(table.pose, x_mm=545 + lot.uniform(-15, 15), turn_deg=lot.uniform(-4, 4))
        return draw(replace(table, pose=pose, defects=defects), seed)[0]

    first, truth = draw(table, 0)
    pipeline.inspect(first, standard_of(table, truth), None, board)
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    drawing_s = drawing_cpu_s = 0.0

    def pieces() -> Iterator[np.ndarray]:
        nonlocal drawing_s, drawing_cpu_s
        for seed in range(PIECES):
            begun_s, busy_s = time.perf_counter(), time.process_time()
            frame = laid(seed)
            drawing_s += time.perf_counter() - begun_s
            drawing_cpu_s += time.process_time() - busy_s
            yield frame

    begun_s, busy_s = time.perf_counter(), time.process_time()
    bank = pipeline.learn(Lesson(style=table.fabric), pieces(), board)
    learned_s = time.perf_counter() - begun_s - drawing_s
    cpu_s = time.process_time() - busy_s - drawing_cpu_s
    grown_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before_mb
    standard = replace(standard_of(table, truth), stitches=(), checks=frozenset({"defects"}))
    hole = Defect(kind="hole", x_mm=150.0, y_mm=180.0, size_mm=8.0)
    good = [pipeline.inspect(laid(100 + n), standard, bank, board) for n in range(JUDGED)]
    bad = [pipeline.inspect(laid(200 + n, (hole,)), standard, bank, board) for n in range(JUDGED)]
    report = Report(name="new_style")
    report.figures = {
        "seconds": round(learned_s, 1),
        "cpu_seconds": round(cpu_s, 1),
        "bank_bytes": len(bank.to_bytes()),
        "grown_mb": round(grown_mb),
        "picture_mb": round(first.nbytes / 2**20, 1),
        "good_passed": sum(result.verdict == "PASS" for result in good),
        "holes_stopped": sum(result.verdict != "PASS" for result in bad),
        "judged_each": JUDGED,
        "pieces": PIECES,
        "load_1min": round(os.getloadavg()[0], 2),
    }
    report.targets = {"seconds": ("<=", 60), "bank_bytes": ("<=", 10240)}
    return report.print()


if __name__ == "__main__":
    raise SystemExit(main())
