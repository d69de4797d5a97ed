"""Stitch pitch on rendered seams of 2–4 mm, thread contrast 0.06–0.3, five cloths.

A gross error is a pitch wrong by more than a tenth; a refused seam is counted, never guessed.
"""

from pathlib import Path

import numpy as np

from edge.composition import compose_board, compose_inspection
from edge.settings import EdgeSettings
from tests.benchmarks.report import Report, arguments
from tests.fakes.inspection_scenes import any_table, draw, standard_of

ROOT = Path(__file__).parents[2]
SEED = 2000


def main() -> int:
    options = arguments(__doc__ or "")
    settings = EdgeSettings(firmware_config=ROOT / "firmware-config")
    pipeline, board = compose_inspection(settings), compose_board(settings)
    wrong, gross, refused, skipped, found, false, unseen = [], 0, 0, 0, 0, 0, 0
    for seed in range(SEED, SEED + (8 if options.quick else 100)):
        table = any_table(seed)
        frame, truth = draw(table, seed)
        result = pipeline.inspect(frame, standard_of(table, truth, ("stitches",)), None, board)
        reading, drawn = result.stitches[0], truth.seams[0]
        if reading.pitch_mm is None:
            refused += 1
            print(seed, table.fabric, table.seam.contrast_ratio, reading.reason)
            continue
        error_mm = abs(reading.pitch_mm - drawn.pitch_mm)
        gross += error_mm > 0.1 * drawn.pitch_mm
        wrong.append(error_mm)
        if reading.skipped_count is None:
            unseen += 1
            continue
        skipped += drawn.skipped_count
        found += min(reading.skipped_count, drawn.skipped_count)
        false += max(0, reading.skipped_count - drawn.skipped_count)
    report = Report(name="stitch_pitch", seed=SEED)
    report.figures = {
        "mean_abs_mm": round(float(np.mean(wrong)), 5),
        "gross_ratio": round(gross / len(wrong), 4),
        "p95_abs_mm": round(float(np.quantile(wrong, 0.95)), 5),
        "skipped_recall": round(found / max(skipped, 1), 3),
        "skipped_false": int(false),
        "skipped_unseen_seams": unseen,
        "seams": len(wrong),
        "refused": refused,
    }
    report.targets = {
        "mean_abs_mm": ("<=", 0.05),
        "gross_ratio": ("<=", 0.005),
        "skipped_recall": (">=", 0.95),
    }
    return report.print()


if __name__ == "__main__":
    raise SystemExit(main())
