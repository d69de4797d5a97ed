"""Lengths on rendered tables: lens, tilt ± 3°, blur, five cloths; U must cover the truth.

Deviation is measured less drawn. A refused measurement is counted, never guessed.
"""

from pathlib import Path

import numpy as np

from edge.composition import compose_board, compose_inspection
from edge.settings import EdgeSettings
from tests.benchmarks.report import Report, arguments
from tests.fakes.inspection_scenes import any_table, draw, standard_of

ROOT = Path(__file__).parents[2]
SEED = 1000


def main() -> int:
    options = arguments(__doc__ or "")
    settings = EdgeSettings(firmware_config=ROOT / "firmware-config")
    pipeline, board = compose_inspection(settings), compose_board(settings)
    deviations, uncertainties, refused = [], [], 0
    for seed in range(SEED, SEED + (8 if options.quick else 100)):
        table = any_table(seed)
        frame, truth = draw(table, seed)
        result = pipeline.inspect(frame, standard_of(table, truth, ("measure",)), None, board)
        for reading in result.measurements:
            if reading.deviation_mm is None:
                refused += 1
                print(seed, reading.name, reading.reason)
                continue
            deviations.append(reading.deviation_mm)
            uncertainties.append(reading.uncertainty_mm)
    values, widths = np.array(deviations), np.array(uncertainties)
    report = Report(name="measurement", seed=SEED)
    report.figures = {
        "bias_mm": round(float(abs(values.mean())), 4),
        "sd_mm": round(float(values.std(ddof=1)), 4),
        "coverage_ratio": round(float(np.mean(np.abs(values) <= widths)), 4),
        "p95_abs_mm": round(float(np.quantile(np.abs(values), 0.95)), 4),
        "median_uncertainty_mm": round(float(np.median(widths)), 3),
        "measured": len(values),
        "refused": refused,
    }
    report.targets = {
        "bias_mm": ("<=", 0.3),
        "sd_mm": ("<=", 0.15),
        "coverage_ratio": (">=", 0.95),
    }
    return report.print()


if __name__ == "__main__":
    raise SystemExit(main())
