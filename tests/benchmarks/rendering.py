"""How fast training samples are rendered: tiles of 256x256x3, every family, half of them spoiled.

Two figures: as the clock shows with two processes on whatever else runs, and per second of
processor time of one process, which does not depend on the neighbours.
"""

from time import perf_counter, process_time

import cv2

from cloud.infrastructure.training.sample_set import (
    TILES_A_STYLE,
    SetPlan,
    render_batch,
    render_set,
)
from tests.benchmarks.report import Report, arguments

SEED = 40


def main() -> int:
    options = arguments(__doc__ or "")
    batches = 8 if options.quick else 60
    report = Report(name="rendering", seed=SEED)
    per_core = {}
    cv2.setNumThreads(1)
    for side_px in (256, 128):
        plan = SetPlan(count=TILES_A_STYLE * batches, seed=SEED, side_px=side_px)
        render_batch(plan, batches)  # the store of noise and the like
        begin = process_time()
        tiles = sum(len(render_batch(plan, batch)) for batch in range(batches))
        per_core[side_px] = tiles / (process_time() - begin)
        print(f"{side_px} px: {per_core[side_px]:.0f} tiles per second of one core")
    plan = SetPlan(count=TILES_A_STYLE * batches * 4, seed=SEED)
    rendered = render_set(plan, workers=2)
    first = next(rendered)
    begin = perf_counter()
    count = sum(1 for _ in rendered)
    on_the_clock = count / (perf_counter() - begin)
    print(f"256 px: {on_the_clock:.0f} tiles per second by the clock, two processes")
    report.figures = {
        "two_cores_tiles_per_s": round(2 * per_core[256], 1),
        "two_cores_small_tiles_per_s": round(2 * per_core[128], 1),
        "clock_tiles_per_s": round(on_the_clock, 1),
        "side_px": first.sample.picture.shape[0],
        "tiles": TILES_A_STYLE * batches,
    }
    report.targets = {"two_cores_tiles_per_s": (">=", 200.0)}
    return report.print()


if __name__ == "__main__":
    raise SystemExit(main())
