"""Judges one frame, from pixels to verdict."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from edge.inspection.board import TagBoard
from edge.inspection.errors import StyleBankMismatchError
from edge.inspection.findings import findings_of, polygon_cells, refined
from edge.inspection.frame_cells import grown_labels, texture_cells, whole_cells
from edge.inspection.frame_checks import frame_problems
from edge.inspection.garment import SideLine, follow_sides, garment_mask, rim_mm
from edge.inspection.likeness import strange
from edge.inspection.measurement import cannot_measure, measure, measure_on_template
from edge.inspection.naming import Looked, described, named
from edge.inspection.plane import Plane, fit_plane
from edge.inspection.ports import CodeFinder, DefectDetector, PictureScaler, Stopwatch, TagFinder
from edge.inspection.registration import lay_template
from edge.inspection.standard import InspectionStandard, PointOfMeasure, Side, StitchStandard
from edge.inspection.stitches import cannot_read, read_stitches
from edge.inspection.style_bank import ScaleStatistics, StyleBank
from edge.inspection.teaching import Lesson, learn_style, statistics_of_itself
from edge.inspection.template import TemplatePoint
from edge.inspection.texture import CELL_PX, Cloth, Pyramid, TextureJudge, small_map
from edge.inspection.together import Together, one_by_one
from edge.inspection.verdict import (
    Finding,
    InspectionResult,
    Measurement,
    Point,
    StitchReading,
    step_verdict,
)

_MOST_RESIDUAL_PX = 0.15
_MOST_DRIFT_PX = 0.3
_MOST_BLUR_PX = 2.4
_SCALE_CHANGE_RATIO = 0.1
_LARGE_PX = 5_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineParts:
    """The machine that the pipeline runs on."""

    detector: DefectDetector
    tags: TagFinder
    scaler: PictureScaler
    codes: CodeFinder
    stopwatch: Stopwatch
    together: Together = one_by_one


@dataclass(slots=True)
class _Scene:
    """What is known of a frame so far."""

    frame: NDArray[np.uint8]
    pyramid: Pyramid
    plane: Plane | None = None
    calibration_problem: str | None = None
    cloth: NDArray[np.bool_] | None = None
    cells: NDArray[np.bool_] | None = None
    foreign: NDArray[np.bool_] | None = None
    sides: Mapping[Side, SideLine | None] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    elapsed_ms: dict[str, float] = field(default_factory=dict)


class InspectionPipeline:
    """One pipeline for floor, cloud and release gate; safe from several threads.

    Most of its time is spent where other threads may run.
    """

    def __init__(self, parts: PipelineParts, close_tiles_count: int = 6) -> None:
        self._parts = parts
        self._judge = TextureJudge(parts.detector, close_tiles_count, parts.together)

    @property
    def detector(self) -> DefectDetector:
        """The network that this pipeline judges by."""
        return self._parts.detector

    def inspect(
        self,
        frame: NDArray[np.uint8],
        standard: InspectionStandard,
        bank: StyleBank | None = None,
        board: TagBoard | None = None,
    ) -> InspectionResult:
        """Judge ``frame`` (H, W, 3) uint8 RGB by a standard.

        What cannot be judged is no pass: it appears in ``reasons`` or as CANNOT_MEASURE.

        Raises:
            StyleBankMismatchError: the bank was taught with another bundle.
        """
        if bank is not None and bank.bundle_digest != self._parts.detector.identity.digest:
            raise StyleBankMismatchError(
                bank.bundle_digest[:12], self._parts.detector.identity.digest[:12]
            )
        start = self._parts.stopwatch()
        scene = self._scene(frame)
        self._lap(scene, "checks", start)
        if scene.reasons:
            result = self._refused(scene, standard)
        else:
            self._prepare(scene, board, standard.stitches)
            result = self._judged(scene, standard, bank)
        elapsed = {**scene.elapsed_ms, "total": self._since(start)}
        return replace(result, elapsed_ms=elapsed)

    def cell_scores(self, frame: NDArray[np.uint8], bank: StyleBank) -> NDArray[np.float32]:
        """Score every 8 px cell of ``frame`` (H, W, 3) uint8 RGB, all of which is cloth.

        Returns robust z values (H/8, W/8) float32, comparable with the bank's threshold.
        """
        cloth = self.whole_cloth(frame)
        judge = TextureJudge(self._parts.detector, cloth.cells.size)
        return judge.score_map(cloth, bank.scales, bank.judge)

    def whole_cloth(self, frame: NDArray[np.uint8]) -> Cloth:
        """Take all of ``frame`` (H, W, 3) uint8 RGB for cloth, to its last px."""
        shape = (-(-frame.shape[0] // CELL_PX), -(-frame.shape[1] // CELL_PX))
        nothing = np.zeros(shape, dtype=bool)
        return Cloth(pyramid=Pyramid(frame, self._parts.scaler), cells=~nothing, foreign=nothing)

    def learn(
        self,
        lesson: Lesson,
        frames: Iterable[NDArray[np.uint8]],
        board: TagBoard | None = None,
        stitches: tuple[StitchStandard, ...] = (),
    ) -> StyleBank:
        """Learn a style from ``frames`` of good pieces, each (H, W, 3) uint8 RGB.

        One frame after the other is taken, so that they need not all be in memory.

        Raises:
            TeachingError: too few pieces, or frames that cannot be judged.
        """
        scales: list[float | None] = [lesson.mm_per_px]

        def cloths() -> Iterator[Cloth]:
            for frame in frames:
                piece = self._piece(frame, board, stitches)
                if piece is not None:
                    cloth, mm_per_px = piece
                    scales.append(mm_per_px or scales[-1])
                    yield cloth

        bank = learn_style(lesson, cloths(), self._parts.detector)
        return replace(bank, mm_per_px=scales[-1])

    def pieces(
        self,
        lesson: Lesson,
        frames: Iterable[NDArray[np.uint8]],
        board: TagBoard | None = None,
        stitches: tuple[StitchStandard, ...] = (),
    ) -> tuple[Lesson, list[Cloth]]:
        """Return what of ``frames``, each (H, W, 3) uint8 RGB, can be learned from.

        The lesson comes back with the scale of the plane.
        """
        pieces = []
        for frame in frames:
            piece = self._piece(frame, board, stitches)
            if piece is not None:
                pieces.append(piece[0])
                lesson = replace(lesson, mm_per_px=piece[1] or lesson.mm_per_px)
        return lesson, pieces

    def problems(self, frame: NDArray[np.uint8], board: TagBoard | None = None) -> tuple[str, ...]:
        """Return why ``frame`` (H, W, 3) uint8 RGB teaches nothing; empty when it does."""
        scene = self._scene(frame)
        if not scene.reasons:
            self._prepare(scene, board, ())
        unseen = scene.cells is None or not scene.cells.any()
        return tuple(scene.reasons) or (("cloth_not_seen",) if unseen else ())

    def _piece(
        self,
        frame: NDArray[np.uint8],
        board: TagBoard | None,
        stitches: tuple[StitchStandard, ...],
    ) -> tuple[Cloth, float | None] | None:
        """Return the cloth of ``frame`` (H, W, 3) uint8 and mm a px, None where it has none."""
        scene = self._scene(frame)
        if not scene.reasons:
            self._prepare(scene, board, stitches)
        if scene.reasons or scene.cells is None or not scene.cells.any():
            return None
        return _cloth(scene, scene.cells), None if scene.plane is None else scene.plane.mm_per_px()

    def describe(
        self,
        frame: NDArray[np.uint8],
        standard: InspectionStandard,
        finding: Finding,
        bank: StyleBank | None = None,
        board: TagBoard | None = None,
    ) -> NDArray[np.float32] | None:
        """Describe a finding of ``frame`` (H, W, 3) uint8 RGB for :func:`learn_prototypes`, (D,).

        None where the frame cannot be judged or the finding lies on no judged cloth.
        """
        scene = self._scene(frame)
        if not scene.reasons:
            self._prepare(scene, board, standard.stitches)
        if scene.cells is None or not scene.cells.any():
            return None
        cloth = _cloth(scene, scene.cells)
        scales = self._scales(scene, cloth, bank)
        seen = self._look(cloth, scales, bank) if scales else None
        return None if seen is None else described(finding, seen, self._parts.detector)

    def _look(
        self, cloth: Cloth, scales: tuple[ScaleStatistics, ...], bank: StyleBank | None
    ) -> Looked:
        """Score the cloth and keep what its flaws are named by."""
        look = self._judge.look(cloth, scales, b"" if bank is None else bank.judge)
        return Looked(layer=cloth.at(1), scale=scales[0], middle=look.middle, scores=look.joined)

    def _prepare(
        self, scene: _Scene, board: TagBoard | None, stitches: tuple[StitchStandard, ...]
    ) -> None:
        """Find plane, piece, sides and the cells whose texture is judged."""
        found: list[NDArray[np.float64]] = []
        self._parts.together(
            [
                functools.partial(self._find_labels, scene, found, board is not None),
                functools.partial(self._calibrate, scene, board),
            ]
        )
        start = self._parts.stopwatch()
        shape = (-(-scene.frame.shape[0] // CELL_PX), -(-scene.frame.shape[1] // CELL_PX))
        labels = polygon_cells(grown_labels(found), shape)
        around = ndimage.binary_dilation(labels, iterations=2)
        if scene.plane is None or board is None:
            scene.cells, scene.foreign = ~around & whole_cells(scene.frame), labels
            return
        small = scene.pyramid.level(CELL_PX)
        mask = garment_mask(small, scene.plane, board, labels)
        if mask is None:
            scene.reasons.append("garment_not_found")
            self._lap(scene, "garment", start)
            return
        scene.cloth = mask
        scene.sides = follow_sides(scene.frame, mask, scene.plane)
        scene.foreign = ndimage.binary_dilation(~mask) | labels
        scene.cells = texture_cells(scene.plane, scene.sides, (mask, around), stitches)
        self._lap(scene, "garment", start)

    def _find_labels(self, scene: _Scene, found: list[NDArray[np.float64]], on_table: bool) -> None:
        """Add printed codes to ``found``, each (N=4, 2) float64 px.

        Half the size is enough for a label of the usual print, and costs a tenth.
        """
        start = self._parts.stopwatch()
        if scene.frame.shape[0] * scene.frame.shape[1] > _LARGE_PX:
            codes = self._parts.codes.find(scene.pyramid.level(2))
            found += [(corners + 0.5) * 2 - 0.5 for corners in codes]
        if not found:
            found += self._parts.codes.find(scene.frame)
        if on_table:
            scene.pyramid.level(CELL_PX)
        self._lap(scene, "labels", start)

    def _calibrate(self, scene: _Scene, board: TagBoard | None) -> None:
        """Fit the plane, or say why it cannot be trusted."""
        start = self._parts.stopwatch()
        if board is None:
            scene.calibration_problem = "calibration_missing"
        else:
            self._fit(scene, board)
        self._lap(scene, "plane", start)

    def _fit(self, scene: _Scene, board: TagBoard) -> None:
        """Fit the plane to the tags."""
        if board.lens is not None and scene.frame.shape[:2] != (
            board.lens.height_px,
            board.lens.width_px,
        ):
            scene.calibration_problem = "frame_size_differs"
            scene.reasons.append("frame_size_differs")
            return
        if board.doubt is not None:
            scene.reasons.append(board.doubt)
        corners = self._parts.tags.find(scene.frame, board)
        if len(corners) < len(board.tags):
            scene.calibration_problem = "tags_hidden"
            scene.reasons.append("tags_hidden")
            return
        plane = fit_plane(scene.frame, corners, board)
        if plane.blur_px > _MOST_BLUR_PX:
            scene.reasons.append("frame_blurred")
            scene.calibration_problem = "frame_blurred"
            return
        if plane.residual_px > _MOST_RESIDUAL_PX or plane.drift_px() > _MOST_DRIFT_PX:
            scene.calibration_problem = "tags_moved"
            scene.reasons.append("tags_moved")
            return
        scene.plane = plane

    def _judged(
        self, scene: _Scene, standard: InspectionStandard, bank: StyleBank | None
    ) -> InspectionResult:
        """Run the checks that the standard asks for."""
        measurements: tuple[Measurement, ...] = ()
        readings: tuple[StitchReading, ...] = ()
        result = self._refused(scene, standard)

        def texture() -> None:
            nonlocal result
            result = self._textured(scene, standard, bank)

        def lengths() -> None:
            nonlocal measurements
            measurements = self._measurements(scene, standard)

        def stitches() -> None:
            nonlocal readings
            readings = self._stitches(scene, standard)

        tasks = [self._timed(scene, "measure", lengths), self._timed(scene, "stitches", stitches)]
        if "defects" in standard.checks:
            tasks.insert(0, self._timed(scene, "texture", texture))
        self._parts.together(tasks)
        reasons = tuple(dict.fromkeys(scene.reasons))
        return replace(
            result,
            verdict=step_verdict(measurements, readings, result.findings, reasons),
            measurements=measurements,
            stitches=readings,
            reasons=reasons,
        )

    def _measurements(self, scene: _Scene, standard: InspectionStandard) -> tuple[Measurement, ...]:
        if "measure" not in standard.checks:
            return ()
        if scene.plane is None or not scene.sides:
            reason = scene.calibration_problem or "garment_not_found"
            return tuple(cannot_measure(point, reason) for point in _points(standard))
        plane, board = scene.plane, scene.plane.board
        measured = tuple(
            measure(scene.frame, plane, board, scene.sides, point, standard.style)
            for point in standard.points
        )
        template = standard.template
        if template is not None and scene.cloth is not None:
            laid = lay_template(scene.frame, plane, rim_mm(scene.cloth, plane), template)
            measured += tuple(
                cannot_measure(point, "garment_differs")
                if laid is None
                else measure_on_template(plane, board, laid, point)
                for point in template.points
            )
        if any(reading.reason == "garment_differs" for reading in measured):
            scene.reasons.append("garment_differs")
        return measured

    def _stitches(self, scene: _Scene, standard: InspectionStandard) -> tuple[StitchReading, ...]:
        if "stitches" not in standard.checks:
            return ()
        if scene.plane is None or not scene.sides:
            reason = scene.calibration_problem or "garment_not_found"
            return tuple(cannot_read(seam, reason) for seam in standard.stitches)
        return tuple(
            read_stitches(scene.frame, scene.plane, scene.sides.get(seam.side), seam)
            for seam in standard.stitches
        )

    def _textured(
        self, scene: _Scene, standard: InspectionStandard, bank: StyleBank | None
    ) -> InspectionResult:
        """Judge the cloth's texture."""
        result = self._refused(scene, standard)
        if scene.cells is None or not scene.cells.any():
            if not scene.reasons:
                scene.reasons.append("cloth_not_seen")
            return replace(result, reasons=tuple(scene.reasons))
        cloth = _cloth(scene, scene.cells)
        scales = self._scales(scene, cloth, bank)
        if not scales:
            return result
        looked = self._look(cloth, scales, bank)
        if bank is not None:
            scene.reasons += strange(scene.frame, cloth, looked.middle, bank)
        scores, threshold = looked.scores, scales[0].limit_score
        found = findings_of(scores, threshold)
        found = named(found, looked, self._parts.detector, standard.kinds)
        if scene.plane is not None:
            # Two places of one flaw grow to the same outline: the highest score stands for it.
            flaws: dict[tuple[Point, ...], Finding] = {}
            for flaw in (_sized(scene, scene.plane, f, standard) for f in found):
                flaws.setdefault(flaw.polygon_px, flaw)
            found = tuple(flaws.values())
        return replace(
            result,
            findings=found,
            anomaly_score=round(float(scores.max()), 3),
            threshold_score=None if bank is None else round(threshold, 3),
            anomaly_map=small_map(scores, threshold),
        )

    def _scales(
        self, scene: _Scene, cloth: Cloth, bank: StyleBank | None
    ) -> tuple[ScaleStatistics, ...]:
        """Choose the statistics to judge by."""
        if bank is None:
            scene.reasons.append("style_not_taught")
            return statistics_of_itself(cloth, self._parts.detector)
        if bank.mm_per_px is not None and scene.plane is not None:
            change = scene.plane.mm_per_px() / bank.mm_per_px - 1
            if abs(change) > _SCALE_CHANGE_RATIO:
                scene.reasons.append("scale_differs")
        return bank.scales

    def _refused(self, scene: _Scene, standard: InspectionStandard) -> InspectionResult:
        """Return a result that judges nothing yet."""
        identity = self._parts.detector.identity
        height, width = scene.frame.shape[:2]
        reason = scene.reasons[0] if scene.reasons else "not_judged"
        points = _points(standard) if "measure" in standard.checks else ()
        seams = standard.stitches if "stitches" in standard.checks else ()
        return InspectionResult(
            verdict="REVIEW",
            findings=(),
            measurements=tuple(cannot_measure(point, reason) for point in points),
            stitches=tuple(cannot_read(seam, reason) for seam in seams),
            anomaly_score=None,
            threshold_score=None,
            anomaly_map=np.zeros((1, 1), dtype=np.uint8),
            bundle=identity.bundle,
            bundle_digest=identity.digest,
            style=standard.style,
            frame_height_px=height,
            frame_width_px=width,
            reasons=tuple(scene.reasons),
        )

    def _scene(self, frame: NDArray[np.uint8]) -> _Scene:
        """Begin with ``frame`` (H, W, 3) uint8 and what is wrong with it."""
        pyramid = Pyramid(frame, self._parts.scaler)
        return _Scene(frame=frame, pyramid=pyramid, reasons=list(frame_problems(frame)))

    def _timed(self, scene: _Scene, stage: str, task: Callable[[], None]) -> Callable[[], None]:
        """Let a task note its time."""

        def run() -> None:
            start = self._parts.stopwatch()
            task()
            self._lap(scene, stage, start)

        return run

    def _since(self, start: float) -> float:
        return round((self._parts.stopwatch() - start) * 1000, 2)

    def _lap(self, scene: _Scene, stage: str, start: float) -> float:
        """Note a stage's time and return the present moment."""
        now = self._parts.stopwatch()
        scene.elapsed_ms[stage] = round((now - start) * 1000, 2)
        return now


def _cloth(scene: _Scene, cells: NDArray[np.bool_]) -> Cloth:
    """Return the cloth to be judged at ``cells`` (H, W) bool."""
    foreign = np.zeros_like(cells) if scene.foreign is None else scene.foreign
    return Cloth(pyramid=scene.pyramid, cells=cells, foreign=foreign)


def _points(standard: InspectionStandard) -> tuple[PointOfMeasure | TemplatePoint, ...]:
    """All points of measure, the template's too."""
    return standard.points + (() if standard.template is None else standard.template.points)


def _sized(scene: _Scene, plane: Plane, finding: Finding, standard: InspectionStandard) -> Finding:
    """Add area on the table and severity."""
    finding = refined(scene.frame, finding, scene.cells)
    middle = np.array(finding.polygon_px).mean(axis=0)
    around = plane.to_mm(middle + np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    px_mm2 = abs(float(np.linalg.det(around[1:] - around[0])))
    area_mm2 = finding.area_px * px_mm2
    return replace(
        finding,
        area_mm2=round(area_mm2, 2),
        severity=standard.defects.severity(area_mm2),
    )
