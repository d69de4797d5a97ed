"""Stitch pitch on rendered seams of ISO 4915 classes 301, 401 and 504.

Pitch 2–4 mm, thread contrast 0.06–0.3, needle jitter 0.04–0.25 mm, five cloths, 0.27 mm/px. A gross
error is a pitch wrong by more than a tenth of the true one. A refused seam, skipped stitches that
would not show and evenness that cannot be told are counted, never guessed. Intervals are of 95 %.
"""

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import numpy as np

from cloud.infrastructure.training.rendering.seam_threads import StitchClass
from edge.composition import compose_board, compose_inspection
from edge.settings import EdgeSettings
from tests.benchmarks.report import Report, wilson
from tests.fakes.inspection_scenes import any_seam, draw, standard_of

ROOT = Path(__file__).parents[2]
SEED = 2000
LEAST_UNEVEN_RATIO = 0.08


@dataclass(slots=True)
class Seams:
    """What was read of seams of one class, or of all."""

    errors_mm: list[float] = field(default_factory=list)
    wide_mm: list[float] = field(default_factory=list)
    evenness: list[tuple[float, float]] = field(default_factory=list)
    gross: int = 0
    refused: int = 0
    skipped: int = 0
    found: int = 0
    false: int = 0
    false_seams: int = 0
    unseen: int = 0
    uneven_unseen: int = 0

    def note(self, reading, drawn) -> None:
        """Compare a reading with what was drawn."""
        if reading.pitch_mm is None:
            self.refused += 1
            return
        error_mm = abs(reading.pitch_mm - drawn.pitch_mm)
        self.gross += error_mm > 0.1 * drawn.pitch_mm
        self.errors_mm.append(error_mm)
        self.wide_mm.append(reading.uncertainty_mm)
        if reading.cv_ratio is None:
            self.uneven_unseen += 1
        else:
            self.evenness.append((reading.cv_ratio, drawn.cv_ratio))
        if reading.skipped_count is None:
            self.unseen += 1
            return
        self.skipped += drawn.skipped_count
        self.found += min(reading.skipped_count, drawn.skipped_count)
        self.false += max(0, reading.skipped_count - drawn.skipped_count)
        self.false_seams += reading.skipped_count > drawn.skipped_count

    def figures(self) -> dict[str, object]:
        errors, count = np.array(self.errors_mm), len(self.errors_mm)
        even = np.array(self.evenness).reshape(-1, 2)
        apart = even[:, 0] - even[:, 1]
        covered = int(np.sum(errors <= np.array(self.wide_mm)))
        return {
            "mean_abs_mm": round(float(errors.mean()), 5),
            "p95_abs_mm": round(float(np.quantile(errors, 0.95)), 5),
            "worst_abs_mm": round(float(errors.max()), 5),
            "gross_ratio": round(self.gross / count, 4),
            "gross_95": wilson(int(self.gross), count),
            "coverage_ratio": round(covered / count, 4),
            "skipped_recall": round(self.found / max(self.skipped, 1), 3),
            "skipped_95": wilson(self.found, max(self.skipped, 1)),
            "skipped": self.skipped,
            "skipped_false": int(self.false),
            "skipped_false_seams": int(self.false_seams),
            "skipped_unseen_seams": self.unseen,
            "evenness_bias": round(float(apart.mean()), 4),
            "evenness_mean_abs": round(float(np.abs(apart).mean()), 4),
            "uneven_called_ratio": round(
                float(
                    np.mean((even[:, 0] > LEAST_UNEVEN_RATIO) == (even[:, 1] > LEAST_UNEVEN_RATIO))
                ),
                4,
            ),
            "evenness_unseen_seams": self.uneven_unseen,
            "seams": count,
            "refused": self.refused,
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--data", type=Path, help="not used: seams are rendered")
    parser.add_argument("--scenes", type=int, default=0, help="of each class; 100, 8 with --quick")
    parser.add_argument("--seed", type=int, default=SEED, help="of the first scene")
    options = parser.parse_args()
    settings = EdgeSettings(firmware_config=ROOT / "firmware-config")
    pipeline, board = compose_inspection(settings), compose_board(settings)
    kinds: dict[StitchClass, Seams] = {kind: Seams() for kind in get_args(StitchClass)}
    whole = Seams()
    scenes = options.scenes or (8 if options.quick else 100)
    for seed in range(options.seed, options.seed + scenes):
        for kind, seams in kinds.items():
            table = any_seam(seed, kind)
            frame, truth = draw(table, seed)
            result = pipeline.inspect(frame, standard_of(table, truth, ("stitches",)), None, board)
            reading, drawn = result.stitches[0], truth.seams[0]
            if reading.pitch_mm is None:
                told = (kind, table.fabric, table.seam.contrast_ratio, reading.reason)
                print(seed, *told, flush=True)
            seams.note(reading, drawn)
            whole.note(reading, drawn)
        if (seed - options.seed) % 10 == 9:
            print(seed + 1 - options.seed, whole.figures(), flush=True)
    report = Report(name="stitch_pitch", seed=options.seed)
    report.figures = whole.figures() | {kind: seams.figures() for kind, seams in kinds.items()}
    report.targets = {
        "mean_abs_mm": ("<=", 0.05),
        "p95_abs_mm": ("<=", 0.05),
        "gross_ratio": ("<=", 0.005),
        "skipped_recall": (">=", 0.95),
    }
    return report.print()


if __name__ == "__main__":
    raise SystemExit(main())
