"""Lengths on rendered tables: lens, tilt ± 3°, blur, five cloths; U must cover the truth.

Four scenes of five hold a panel with six straight points of measure of 100–700 mm, the fifth a
bodice with curved neckline and armholes that departs from its template by up to 6 mm. Then what
must be refused: a camera moved by a pixel or more since calibration, a hidden tag, cloth of unknown
thickness, blur; a value wrong by more than 1 mm without a word is counted. A refused measurement of
a good scene is counted, never guessed.
"""

import argparse
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from edge.composition import compose_board, compose_inspection
from edge.inspection.verdict import InspectionResult
from edge.settings import EdgeSettings
from tests.benchmarks.report import Report, wilson
from tests.fakes.inspection_scenes import Table, any_table, draw, standard_of
from tests.fakes.shaped_garments import Bodice, any_bodice, draw_bodice, standard_with, template_of

ROOT = Path(__file__).parents[2]
SEED = 1000
SILENT_MM = 1.0
SETTINGS = EdgeSettings(firmware_config=ROOT / "firmware-config")
PIPELINE, BOARD = compose_inspection(SETTINGS), compose_board(SETTINGS)


@dataclass(slots=True)
class Lengths:
    """Errors and U of what was measured."""

    errors_mm: list[float] = field(default_factory=list)
    wide_mm: list[float] = field(default_factory=list)
    refused: int = 0

    def figures(self, prefix: str = "") -> dict[str, object]:
        errors, wide = np.array(self.errors_mm), np.array(self.wide_mm)
        covered = int(np.sum(np.abs(errors) <= wide))
        return {
            f"{prefix}bias_mm": round(float(abs(errors.mean())), 4),
            f"{prefix}sd_mm": round(float(errors.std(ddof=1)), 4),
            f"{prefix}coverage_ratio": round(covered / len(errors), 4),
            f"{prefix}coverage_95": wilson(covered, len(errors)),
            f"{prefix}p95_abs_mm": round(float(np.quantile(np.abs(errors), 0.95)), 4),
            f"{prefix}worst_mm": round(float(np.abs(errors).max()), 4),
            f"{prefix}median_uncertainty_mm": round(float(np.median(wide)), 3),
            f"{prefix}measured": len(errors),
            f"{prefix}refused": self.refused,
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--data", type=Path, help="not used: scenes are rendered")
    parser.add_argument("--scenes", type=int, default=0, help="500, or 20 with --quick")
    parser.add_argument("--seed", type=int, default=SEED, help="of the first scene")
    options = parser.parse_args()
    first = options.seed
    scenes = options.scenes or (20 if options.quick else 500)
    straight, curved = Lengths(), Lengths()
    for number in range(scenes):
        seed = first + number
        if number % 5 == 4:
            _bodice(seed, straight, curved)
        else:
            _panel(seed, straight)
        if number % 50 == 49:
            print(number + 1, straight.figures(), curved.figures("curved_"), flush=True)
    refusals, silent, answered = _negative(first, max(1, scenes // 20))
    report = Report(name="measurement", seed=first)
    report.figures = straight.figures() | {"scenes": scenes} | curved.figures("curved_")
    report.figures |= {
        "negative_scenes": refusals,
        "silent_wrong": silent,
        "negative_answered": answered,
    }
    report.targets = {
        "bias_mm": ("<=", 0.3),
        "sd_mm": ("<=", 0.15),
        "coverage_ratio": (">=", 0.95),
        "curved_bias_mm": ("<=", 0.3),
        "curved_sd_mm": ("<=", 0.15),
        "curved_coverage_ratio": (">=", 0.95),
        "silent_wrong": ("<=", 0),
    }
    return report.print()


def _panel(seed: int, lengths: Lengths) -> None:
    table = any_table(seed)
    lot = np.random.default_rng(seed + 10**6)
    width_mm = lot.uniform(120, 700)
    panel = replace(
        table.panel,
        length_mm=lot.uniform(120, 460),
        width_mm=width_mm,
        top_width_mm=width_mm * lot.uniform(0.8, 1.0),
    )
    label_at = replace(table.label_at, x_mm=550 + lot.uniform(-200, 200), y_mm=85)
    table = replace(table, panel=panel, label_at=label_at)
    frame, truth = draw(table, seed)
    result = PIPELINE.inspect(frame, standard_of(table, truth, ("measure",)), None, BOARD)
    for reading in result.measurements:
        if reading.deviation_mm is None or reading.uncertainty_mm is None:
            lengths.refused += 1
            print(seed, reading.name, reading.reason)
            continue
        lengths.errors_mm.append(reading.deviation_mm)
        lengths.wide_mm.append(reading.uncertainty_mm)


def _bodice(seed: int, straight: Lengths, curved: Lengths) -> None:
    bodice, spec = any_bodice(seed)
    thickness_mm = spec.garment.fabric.thickness_mm
    template, truths = template_of(Bodice(), thickness_mm), bodice.truths()
    frame = draw_bodice(spec, seed)
    result = PIPELINE.inspect(frame, standard_with(template), None, BOARD)
    for reading in result.measurements:
        _, _, along, true_mm = truths[reading.name]
        lengths = curved if along else straight
        if reading.value_mm is None or reading.uncertainty_mm is None:
            lengths.refused += 1
            print(seed, reading.name, reading.reason)
            continue
        lengths.errors_mm.append(reading.value_mm - true_mm)
        lengths.wide_mm.append(reading.uncertainty_mm)


def _negative(seed: int, count: int) -> tuple[int, int, int]:
    """Scenes, values wrong by more than 1 mm that nobody was told of, and values given at all."""
    silent = answered = 0
    for number in range(seed, seed + count):
        lot = np.random.default_rng(number + 7)
        table = any_table(number)
        results = [
            _moved(table, number, lot),
            _judged(replace(table, hidden_tag=int(lot.integers(4))), number),
            _judged(replace(table, blur_px=lot.uniform(2.6, 7.0)), number),
            _judged(table, number, thickness_known=False),
        ]
        for result in results:
            for reading in result.measurements:
                if reading.deviation_mm is None:
                    continue
                answered += 1
                silent += abs(reading.deviation_mm) > SILENT_MM and not result.reasons
    return 4 * count, silent, answered


def _moved(table: Table, seed: int, lot: np.random.Generator) -> InspectionResult:
    """Calibrated, then knocked by a millimetre or a twentieth of a degree."""
    corners = {tag: BOARD.corners_mm(tag) for tag in BOARD.tags}
    seen = {tag: table.camera.project(mm) for tag, mm in corners.items()}
    board = replace(BOARD, reference_px=seen)
    camera = table.camera
    knocked = replace(
        camera,
        shift_x_mm=camera.shift_x_mm + lot.choice([-1, 1]) * lot.uniform(0.3, 3),
        tilt_x_deg=camera.tilt_x_deg + lot.uniform(0, 0.2),
    )
    frame, truth = draw(replace(table, camera=knocked), seed)
    return PIPELINE.inspect(frame, standard_of(table, truth, ("measure",)), None, board)


def _judged(table: Table, seed: int, *, thickness_known: bool = True) -> InspectionResult:
    frame, truth = draw(table, seed)
    standard = standard_of(table, truth, ("measure",))
    if not thickness_known:
        points = tuple(replace(point, thickness_mm=None) for point in standard.points)
        standard = replace(standard, points=points)
    return PIPELINE.inspect(frame, standard, None, BOARD)


if __name__ == "__main__":
    raise SystemExit(main())
