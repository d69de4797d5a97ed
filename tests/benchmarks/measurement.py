"""Lengths on rendered tables: lens, tilt ± 3°, blur, five cloths; U must cover the truth.

Four scenes of five hold a panel with six straight points of measure of 100–700 mm, the fifth a
bodice with curved neckline and armholes that departs from its template by up to 6 mm. Then what
must be refused: a camera moved by a pixel or more since calibration, a tag moved, hidden or half
covered, the tags half out of the picture, cloth of unknown thickness, blur, another style, a piece
that lies half out of the picture; a value wrong by more than 1 mm without a word is counted. A
refused measurement of a good scene is counted, never guessed. Intervals are of 95 %.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from edge.composition import compose_board, compose_inspection
from edge.inspection.board import TagBoard
from edge.inspection.verdict import InspectionResult
from edge.settings import EdgeSettings
from tests.benchmarks.report import Report, wilson
from tests.fakes.inspection_scenes import Table, any_table, draw, standard_of
from tests.fakes.shaped_garments import Bodice, any_bodice, draw_bodice, standard_with, template_of

ROOT = Path(__file__).parents[2]
SEED = 1000
SILENT_MM = 1.0
FAR_MM = 0.3
SETTINGS = EdgeSettings(firmware_config=ROOT / "firmware-config")
PIPELINE, BOARD = compose_inspection(SETTINGS), compose_board(SETTINGS)


@dataclass(slots=True)
class Lengths:
    """Errors and U of what was measured."""

    errors_mm: list[float] = field(default_factory=list)
    wide_mm: list[float] = field(default_factory=list)
    refused: int = 0

    def note(self, what: str, error_mm: float, wide_mm: float) -> None:
        """Keep one; what is far off is printed."""
        self.errors_mm.append(error_mm)
        self.wide_mm.append(wide_mm)
        if abs(error_mm) > min(FAR_MM, wide_mm):
            print("far", what, round(error_mm, 3), wide_mm, flush=True)

    def figures(self, prefix: str = "") -> dict[str, object]:
        errors, wide = np.array(self.errors_mm), np.array(self.wide_mm)
        covered = int(np.sum(np.abs(errors) <= wide))
        return {
            f"{prefix}bias_mm": round(float(abs(errors.mean())), 4),
            f"{prefix}bias_95": _bootstrap(errors, lambda lots: lots.mean(axis=1)),
            f"{prefix}sd_mm": round(float(errors.std(ddof=1)), 4),
            f"{prefix}sd_95": _bootstrap(errors, lambda lots: lots.std(axis=1, ddof=1)),
            f"{prefix}coverage_ratio": round(covered / len(errors), 4),
            f"{prefix}coverage_95": wilson(covered, len(errors)),
            f"{prefix}p95_abs_mm": round(float(np.quantile(np.abs(errors), 0.95)), 4),
            f"{prefix}worst_mm": round(float(np.abs(errors).max()), 4),
            f"{prefix}median_uncertainty_mm": round(float(np.median(wide)), 3),
            f"{prefix}measured": len(errors),
            f"{prefix}refused": self.refused,
        }


def _bootstrap(
    errors: np.ndarray, figure: Callable[[np.ndarray], np.ndarray]
) -> tuple[float, float]:
    """Percentile interval of a figure of errors (N,), drawn anew a thousand times."""
    lot = np.random.default_rng(0)
    drawn = np.concatenate(
        [figure(errors[lot.integers(len(errors), size=(50, len(errors)))]) for _ in range(20)]
    )
    low, high = np.quantile(drawn, [0.025, 0.975])
    return round(float(low), 4), round(float(high), 4)


Answer = tuple[InspectionResult, Mapping[str, float]]


@dataclass(slots=True)
class Refusals:
    """What became of scenes of one kind that must be refused.

    ``answered`` counts values given at all, ``silent`` those among them wrong by more than 1 mm in
    a result that gives no reason; ``wrong`` also those that a reason goes with.
    """

    scenes: int = 0
    answered: int = 0
    wrong: int = 0
    silent: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def note(self, result: InspectionResult, true_mm: Mapping[str, float]) -> None:
        """Compare with the truth; a value without truth is wrong."""
        self.scenes += 1
        told = {reading.reason for reading in result.measurements if reading.reason}
        self.reasons.update(told | set(result.reasons) or {"none"})
        for reading in result.measurements:
            if reading.value_mm is None:
                continue
            self.answered += 1
            error_mm = abs(reading.value_mm - true_mm.get(reading.name, np.inf))
            self.wrong += error_mm > SILENT_MM
            self.silent += error_mm > SILENT_MM and not result.reasons

    def figures(self) -> dict[str, object]:
        counts = {"scenes": self.scenes, "answered": self.answered}
        return counts | {
            "wrong": int(self.wrong),
            "silent_wrong": int(self.silent),
            "reasons": dict(self.reasons),
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--data", type=Path, help="not used: scenes are rendered")
    parser.add_argument("--scenes", type=int, default=0, help="500, or 20 with --quick")
    parser.add_argument("--negatives", type=int, default=0, help="scenes of each kind to refuse")
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
    refused = _negatives(first, options.negatives or max(1, scenes // 20))
    report = Report(name="measurement", seed=first)
    report.figures = straight.figures() | {"scenes": scenes} | curved.figures("curved_")
    report.figures |= {
        "negative_scenes": sum(told.scenes for told in refused.values()),
        "negative_answered": sum(told.answered for told in refused.values()),
        "wrong_with_a_reason": sum(int(told.wrong - told.silent) for told in refused.values()),
        "silent_wrong": sum(int(told.silent) for told in refused.values()),
        "refusals": {kind: told.figures() for kind, told in refused.items()},
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
        lengths.note(f"{seed} {reading.name}", reading.deviation_mm, reading.uncertainty_mm)


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
        lengths.note(f"{seed} {reading.name}", reading.value_mm - true_mm, reading.uncertainty_mm)


def _negatives(seed: int, count: int) -> dict[str, Refusals]:
    """Judge ``count`` scenes of each kind that must be refused."""
    kinds = {kind: Refusals() for kind in (*_ON_TABLES, *_ON_BODICES)}
    for number in range(seed, seed + count):
        for kind, on_table in _ON_TABLES.items():
            lot = np.random.default_rng(number + 7)
            result, true_mm = on_table(any_table(number), number, lot)
            kinds[kind].note(result, true_mm)
        for kind, on_bodice in _ON_BODICES.items():
            result, true_mm = on_bodice(number)
            kinds[kind].note(result, true_mm)
        print(number - seed + 1, {kind: told.figures() for kind, told in kinds.items()}, flush=True)
    return kinds


def _moved(table: Table, seed: int, lot: np.random.Generator) -> Answer:
    """Calibrated, then knocked by a pixel or more: a millimetre or a twentieth of a degree."""
    corners = {tag: BOARD.corners_mm(tag) for tag in BOARD.tags}
    seen = {tag: table.camera.project(mm) for tag, mm in corners.items()}
    board = replace(BOARD, reference_px=seen)
    camera = table.camera
    knocked = replace(
        camera,
        shift_x_mm=camera.shift_x_mm + lot.choice([-1, 1]) * lot.uniform(0.3, 3),
        tilt_x_deg=camera.tilt_x_deg + lot.uniform(0, 0.2),
    )
    return _judged(replace(table, camera=knocked), seed, board=board)


def _tag_moved(table: Table, seed: int, lot: np.random.Generator) -> Answer:
    """One tag lies where it was not laid."""
    return _judged(replace(table, moved_tag_mm=lot.choice([-1, 1]) * lot.uniform(2, 9)), seed)


def _tag_hidden(table: Table, seed: int, lot: np.random.Generator) -> Answer:
    return _judged(replace(table, hidden_tag=int(lot.integers(4))), seed)


def _board_half_seen(table: Table, seed: int, lot: np.random.Generator) -> Answer:
    """The camera was turned aside until two of the tags left the picture, whole or by half."""
    shift_mm = lot.choice([-1, 1]) * lot.uniform(70, 260)
    camera = replace(table.camera, shift_x_mm=shift_mm)
    return _judged(replace(table, camera=camera), seed)


def _tag_half_covered(table: Table, seed: int, lot: np.random.Generator) -> Answer:
    """A sheet of paper lies over half of one tag."""
    tag = int(lot.integers(4))

    def cover(frame: np.ndarray) -> None:
        middle = table.camera.project(np.array([BOARD.tags[tag]]))[0]
        half = BOARD.side_mm * table.camera.px_per_mm * 0.8
        x, y = middle + lot.uniform(0.2, 0.5) * half * lot.choice([-1, 1], 2)
        low = [max(0, int(x - half)), max(0, int(y - half))]
        high = [int(x + half), int(y + half)]
        axis = int(lot.integers(2))
        (low if lot.random() < 0.5 else high)[axis] = int((x, y)[axis])
        frame[low[1] : high[1], low[0] : high[0]] = 235

    return _judged(table, seed, after=cover)


def _blurred(table: Table, seed: int, lot: np.random.Generator) -> Answer:
    return _judged(replace(table, blur_px=lot.uniform(2.6, 7.0)), seed)


def _thickness_unknown(table: Table, seed: int, lot: np.random.Generator) -> Answer:
    return _judged(table, seed, thickness_known=False)


def _other_size(table: Table, seed: int, lot: np.random.Generator) -> Answer:
    """A piece of another style: every length differs by a fifth or more from its own standard's."""
    frame, truth = draw(table, seed)
    standard = standard_of(table, truth, ("measure",))
    factor = 1 + lot.choice([-1, 1]) * lot.uniform(0.2, 0.5)
    points = tuple(replace(p, nominal_mm=p.nominal_mm * factor) for p in standard.points)
    true_mm = {point.name: point.nominal_mm for point in standard.points}
    return PIPELINE.inspect(frame, replace(standard, points=points), None, BOARD), true_mm


def _other_shape(table: Table, seed: int, lot: np.random.Generator) -> Answer:
    """A panel lies where the template expects a bodice: it has none of its points."""
    panel = replace(table.panel, length_mm=lot.uniform(480, 600), width_mm=lot.uniform(360, 450))
    frame, _ = draw(replace(table, panel=panel), seed)
    return PIPELINE.inspect(frame, standard_with(template_of(Bodice(), 0.6)), None, BOARD), {}


def _turned_over_table(table: Table, seed: int, lot: np.random.Generator) -> Answer:
    """The piece hangs over the table's rim, out of the picture."""
    pose = replace(table.pose, y_mm=table.pose.y_mm + lot.choice([-1, 1]) * lot.uniform(240, 330))
    return _judged(replace(table, pose=pose), seed)


def _other_bodice(seed: int) -> Answer:
    """A bodice of another style: much wider at the neck, shorter at the armhole."""
    lot = np.random.default_rng(seed + 13)
    _, spec = any_bodice(seed)
    other = Bodice(
        neck_mm=lot.uniform(105, 130),
        neck_depth_mm=lot.uniform(90, 130),
        armhole_mm=lot.uniform(150, 175),
        length_mm=lot.uniform(470, 530),
    )
    assert spec.garment is not None
    garment = replace(spec.garment, panel=other)
    frame = draw_bodice(replace(spec, garment=garment), seed)
    template = template_of(Bodice(), garment.fabric.thickness_mm)
    true_mm = {name: told[3] for name, told in other.truths().items()}
    return PIPELINE.inspect(frame, standard_with(template), None, BOARD), true_mm


def _judged(
    table: Table,
    seed: int,
    *,
    thickness_known: bool = True,
    board: TagBoard = BOARD,
    after: Callable[[np.ndarray], None] | None = None,
) -> Answer:
    frame, truth = draw(table, seed)
    if after is not None:
        after(frame)
    standard = standard_of(table, truth, ("measure",))
    true_mm = {point.name: point.nominal_mm for point in standard.points}
    if not thickness_known:
        points = tuple(replace(point, thickness_mm=None) for point in standard.points)
        standard = replace(standard, points=points)
    return PIPELINE.inspect(frame, standard, None, board), true_mm


_ON_TABLES: dict[str, Callable[[Table, int, np.random.Generator], Answer]] = {
    "camera_moved": _moved,
    "tag_moved": _tag_moved,
    "tag_hidden": _tag_hidden,
    "tag_half_covered": _tag_half_covered,
    "board_half_seen": _board_half_seen,
    "thickness_unknown": _thickness_unknown,
    "blur": _blurred,
    "other_size": _other_size,
    "other_shape": _other_shape,
    "out_of_picture": _turned_over_table,
}
_ON_BODICES: dict[str, Callable[[int], Answer]] = {"other_bodice": _other_bodice}


if __name__ == "__main__":
    raise SystemExit(main())
