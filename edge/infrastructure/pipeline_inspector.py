"""The inspection pipeline as the station's `Inspector`, in a thread of its own."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from edge.infrastructure.bundle_bench import BundleBench, LoadedBundle
from edge.infrastructure.learned_files import BankFiles, KindFiles, read_prototypes
from edge.infrastructure.template_files import parse_template
from edge.inspection.board import TagBoard
from edge.inspection.errors import InspectionError, StandardError, StyleBankCorruptError
from edge.inspection.pipeline import InspectionPipeline
from edge.inspection.standard import (
    Axis,
    Check,
    DefectStandard,
    InspectionStandard,
    PointOfMeasure,
    Severity,
    Side,
    StitchStandard,
)
from edge.inspection.style_bank import StyleBank
from edge.inspection.teaching import Lesson
from edge.inspection.template import StyleTemplate
from edge.inspection.verdict import InspectionResult
from edge.model_bundles.trial import Happening, Judged, Overridden
from edge.station import inspection_record as record
from edge.station.errors import InspectionUnavailableError
from edge.station.work_package import Standard

_LOG = logging.getLogger(__name__)
# What the camera, the table or the label spoilt says nothing about a bundle.
_NOT_THE_BUNDLES = frozenset(
    {
        "frame_black", "frame_blurred", "frame_grey", "frame_overexposed", "frame_size_differs",
        "calibration_missing", "tags_hidden", "tags_moved", "garment_not_found",
    }
)  # fmt: skip


_BANKS_READ = 7


class FlawDescription(NamedTuple):
    """What a flaw is like, (D,) float32, in the words of a bundle."""

    numbers: NDArray[np.float32]
    bundle_digest: str
    style: str


class RefusingInspector:
    """Stands where the pipeline could not be opened: it judges nothing and says why."""

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        self.reason = reason

    async def inspect(
        self, shot: record.Shot, task: record.InspectionTask
    ) -> record.InspectionRecord:
        """Refuse.

        Raises:
            InspectionUnavailableError: always; its detail names what is missing.
        """
        raise InspectionUnavailableError(self.reason, detail=self.code)


class PipelineInspector:
    """Judges shots by `edge.inspection`; one at a time.

    With a ``bench`` its bundles judge: the one that decides, and a candidate beside it.
    """

    def __init__(
        self,
        pipeline: InspectionPipeline,
        board: Callable[[], TagBoard | None],
        kinds: KindFiles | None = None,
        banks: BankFiles | None = None,
        bench: BundleBench | None = None,
    ) -> None:
        self._sole = pipeline
        self._board = board
        self._kinds = kinds
        self._taught = banks
        self._bench = bench
        self._last: tuple[record.Shot, record.InspectionTask, InspectionResult] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="inspect")
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="beside")
        self._looking_beside = threading.Event()
        self._banks: dict[bytes, StyleBank] = {}

    @property
    def _pipeline(self) -> InspectionPipeline:
        return self._sole if self._bench is None else self._bench.deciding.pipeline

    async def inspect(
        self, shot: record.Shot, task: record.InspectionTask
    ) -> record.InspectionRecord:
        """Judge one frame by the step's standard.

        Raises:
            InspectionUnavailableError: the standard contradicts itself, or the style was taught
                with another bundle.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._judge, shot, task)

    def _judge(self, shot: record.Shot, task: record.InspectionTask) -> record.InspectionRecord:
        candidate = None if self._bench is None else self._bench.on_trial()
        try:
            if candidate is None:
                result = self._look(self._pipeline, shot, task, self._banks_of())
                self._look_beside(shot, task, result)
            else:
                result = self._look_on_trial(candidate, shot, task)
        except InspectionError as error:
            raise InspectionUnavailableError(str(error), detail=error.code) from error
        self._last = (shot, task, result)
        board = self._board()
        used = "" if board is None else board.calibration_id or board.name
        return to_station(result, task.standard, used)

    def _look(
        self,
        pipeline: InspectionPipeline,
        shot: record.Shot,
        task: record.InspectionTask,
        banks_of: tuple[str, ...] = (),
    ) -> InspectionResult:
        digest = pipeline.detector.identity.digest
        standard, bank = self._standard(task, digest), self._bank(task, digest, banks_of)
        return pipeline.inspect(shot.pixels, standard, bank, self._board())

    def _look_on_trial(
        self, candidate: LoadedBundle, shot: record.Shot, task: record.InspectionTask
    ) -> InspectionResult:
        """Let the candidate decide; where it fails the old bundle judges the same garment."""
        try:
            result = self._look(candidate.pipeline, shot, task, candidate.bundle.terms.banks_of)
        except Exception as problem:  # noqa: BLE001 - whatever it does, the garment is judged
            assert self._bench is not None  # noqa: S101 - a candidate lies on a bench
            result = self._look(
                self._bench.old().pipeline, shot, task, self._bench.old().bundle.terms.banks_of
            )
            _LOG.warning("bundle on trial failed", extra={"reason": str(problem)[:300]})
            self._tell(Judged(rejected=False, failed=True))
            return result
        if not _spoilt(result):
            self._tell(Judged(rejected=_rejected(result), slow=candidate.was_slow()))
        return result

    def _look_beside(
        self, shot: record.Shot, task: record.InspectionTask, seen: InspectionResult
    ) -> None:
        """Let a candidate judge the same garment aside; while it does, others go uncounted."""
        beside = None if self._bench is None else self._bench.beside()
        if beside is None or _spoilt(seen) or self._looking_beside.is_set():
            return
        self._looking_beside.set()
        self._aside.submit(self._beside, beside, shot, task, seen)

    def _beside(
        self,
        candidate: LoadedBundle,
        shot: record.Shot,
        task: record.InspectionTask,
        seen: InspectionResult,
    ) -> None:
        rejected, failed, old = False, False, _rejected(seen)
        try:
            terms = candidate.bundle.terms
            rejected = _rejected(self._look(candidate.pipeline, shot, task, terms.banks_of))
        except Exception as problem:  # noqa: BLE001 - it is counted, and decides nothing
            _LOG.warning("bundle beside failed", extra={"reason": str(problem)[:300]})
            failed = True
        finally:
            self._looking_beside.clear()
        self._write(
            Judged(
                rejected=rejected,
                failed=failed,
                slow=not failed and candidate.was_slow(),
                old_rejected=old and not failed,
            )
        )

    def overruled(self) -> None:
        """Count that a person overruled the last verdict."""
        self._tell(Overridden())

    def _tell(self, happening: Happening) -> None:
        self._aside.submit(self._write, happening)

    def _write(self, happening: Happening) -> None:
        if self._bench is None:
            return
        try:
            self._bench.tell(happening)
            self._bench.say()
        except OSError:
            _LOG.exception("trial not written down")

    @property
    def bundle_digest(self) -> str:
        """SHA-256 hex of the loaded bundle's manifest."""
        return self._pipeline.detector.identity.digest

    @property
    def measures(self) -> bool:
        """Say whether there is a board to measure by."""
        return self._board() is not None

    async def describe(self, index: int) -> FlawDescription | None:
        """Describe a finding of the newest answer, None where it cannot be described."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._described, index)

    async def problems(self, pixels: NDArray[np.uint8]) -> tuple[str, ...]:
        """Return why ``pixels`` (H, W, 3) uint8 RGB teach nothing; empty when they do."""
        return await asyncio.to_thread(self._pipeline.problems, pixels, self._board())

    async def learn(self, lesson: Lesson, pictures: Iterable[NDArray[np.uint8]]) -> StyleBank:
        """Learn a style from good pieces, each (H, W, 3) uint8 RGB, beside inspections.

        Pictures are asked for one by one, in a thread.

        Raises:
            TeachingError: too few pieces, or frames that cannot be judged.
        """
        return await asyncio.to_thread(self._pipeline.learn, lesson, pictures, self._board(), ())

    def _described(self, index: int) -> FlawDescription | None:
        if self._last is None or index >= len(self._last[2].findings):
            return None
        shot, task, result = self._last
        try:
            numbers = self._pipeline.describe(
                shot.pixels,
                to_pipeline(task),
                result.findings[index],
                self._bank(task, self.bundle_digest, self._banks_of()),
                self._board(),
            )
        except InspectionError:
            _LOG.exception("flaw not described")
            return None
        return (
            None if numbers is None else FlawDescription(numbers, result.bundle_digest, task.style)
        )

    def _standard(self, task: record.InspectionTask, digest: str) -> InspectionStandard:
        """Add the kinds of flaws named here, and those that came with the work."""
        learned = task.learned_kinds
        shared = [read_prototypes(one) for one in learned.prototypes]
        known = [one for one in (read_prototypes(task.prototypes), *shared) if one is not None]
        # Once the cloud knows all of the namings made here, its word, which knows the others' too
        # and what was taken back elsewhere, stands for them.
        told = any(one is not None and one.bundle_digest == digest for one in shared)
        if self._kinds is not None and not (told and self._kinds.count <= learned.own_count):
            known.append(self._kinds.prototypes(digest))
        return replace(to_pipeline(task), kinds=tuple(known))

    def _banks_of(self) -> tuple[str, ...]:
        return () if self._bench is None else self._bench.deciding.bundle.terms.banks_of

    def _bank(
        self, task: record.InspectionTask, digest: str, banks_of: tuple[str, ...]
    ) -> StyleBank | None:
        """Choose the bank taught here or one that came: the first that is for this bundle.

        A bank of one of ``banks_of`` holds for the bundle ``digest`` too. Where none fits, what
        came stands, and whoever judges by it refuses.
        """
        fitting = {digest, *banks_of}
        for content in self._contents(task):
            bank = self._read_bank(content)
            if bank is not None and bank.bundle_digest in fitting:
                return replace(bank, bundle_digest=digest)
        return self._read_bank(task.style_bank)

    def _contents(self, task: record.InspectionTask) -> Iterator[bytes | None]:
        """Give the style's banks in the order in which they count."""
        taught, withdrawn = self._taught, task.withdrawn_banks
        if taught is not None:
            yield taught.bank(task.style, task.style_bank, withdrawn)
        yield from (task.style_bank, *task.more_banks)
        if taught is not None:
            yield from taught.earlier(task.style, withdrawn)

    def _read_bank(self, content: bytes | None) -> StyleBank | None:
        """Read a style's bank once; a corrupt one counts as not taught, which asks a person."""
        if not content:
            return None
        if content not in self._banks:
            try:
                kept = dict(list(self._banks.items())[-_BANKS_READ:])
                self._banks = kept | {content: StyleBank.from_bytes(content)}
            except StyleBankCorruptError:
                _LOG.exception("style bank refused")
                return None
        return self._banks[content]


def _spoilt(result: InspectionResult) -> bool:
    return not _NOT_THE_BUNDLES.isdisjoint(result.reasons)


def _rejected(result: InspectionResult) -> bool:
    """Say whether a bundle stopped the garment; an untaught style stops every one."""
    departs = bool(result.findings) and "style_not_taught" not in result.reasons
    return result.verdict == "FAIL" or departs


def to_pipeline(task: record.InspectionTask) -> InspectionStandard:
    """Return the step's standard in the pipeline's words.

    Limits of flaws that the package does not name leave every flaw to a person.

    Raises:
        StandardError: it contradicts itself.
    """
    standard = task.standard
    return InspectionStandard(
        style=task.style,
        spec_version=task.spec_version,
        points=tuple(
            PointOfMeasure(
                name=point.name,
                axis=cast("Axis", point.axis),
                at_ratio=point.at_ratio,
                nominal_mm=point.nominal_mm,
                lower_mm=point.lower_mm,
                upper_mm=point.upper_mm,
                severity=cast("Severity", point.severity),
                thickness_mm=point.thickness_mm,
            )
            for point in standard.points
        ),
        stitches=tuple(
            StitchStandard(
                seam=seam.seam,
                side=cast("Side", seam.side),
                inset_mm=seam.inset_mm,
                pitch_mm=seam.pitch_mm,
                lower_mm=seam.lower_mm,
                upper_mm=seam.upper_mm,
                max_cv_ratio=seam.max_cv_ratio,
                max_skipped_count=seam.max_skipped_count,
                severity=cast("Severity", seam.severity),
            )
            for seam in standard.stitches
        ),
        defects=DefectStandard(
            minor_below_mm2=standard.minor_below_mm2 or 0.0,
            major_from_mm2=standard.major_from_mm2 or float("inf"),
        ),
        checks=cast("frozenset[Check]", standard.checks),
        template=_template(task),
    )


def _template(task: record.InspectionTask) -> StyleTemplate | None:
    """Read the style's outline, where one came.

    Raises:
        StandardError: it cannot be read, or is another style's.
    """
    if task.template is None:
        return None
    template = parse_template(task.template, f"template of {task.style}")
    if template.style != task.style:
        raise StandardError(f"the template of {task.style} says that it is {template.style}'s")
    return template


def to_station(result: InspectionResult, standard: Standard, board: str) -> record.InspectionRecord:
    """Return the pipeline's answer in the station's words."""
    height, width = result.anomaly_map.shape
    return record.InspectionRecord(
        verdict=result.verdict,
        findings=tuple(
            record.Finding(
                defect_class=found.defect_class,
                defect_score=found.score,
                polygon_px=found.polygon_px,
                area_px=found.area_px,
                area_mm2=found.area_mm2,
                severity=found.severity or "",
                confidence_ratio=found.confidence_ratio,
                description=found.description,
            )
            for found in result.findings
        ),
        measurements=_measurements(result, standard),
        stitches=_stitches(result, standard),
        anomaly_score=result.anomaly_score or 0.0,
        threshold_score=result.threshold_score or 0.0,
        anomaly_map=record.AnomalyMap(
            width=width, height=height, values=result.anomaly_map.tobytes()
        ),
        bundle=result.bundle,
        bundle_digest=result.bundle_digest,
        style=result.style,
        calibration_id=board,
        frame_width_px=result.frame_width_px,
        frame_height_px=result.frame_height_px,
        reasons=result.reasons,
        elapsed_ms=result.elapsed_ms.get("total", 0.0),
        stages_ms=dict(result.elapsed_ms),
    )


def _measurements(result: InspectionResult, standard: Standard) -> tuple[record.Measurement, ...]:
    titles = {point.name: (point.title_ko, point.title_en) for point in standard.points}
    return tuple(
        record.Measurement(
            name=measured.name,
            nominal_mm=measured.nominal_mm,
            lower_mm=measured.lower_mm,
            upper_mm=measured.upper_mm,
            value_mm=measured.value_mm,
            uncertainty_mm=measured.uncertainty_mm,
            outcome=measured.outcome,
            reason=measured.reason or "",
            from_px=measured.from_px,
            to_px=measured.to_px,
            severity=measured.severity,
            title_ko=titles.get(measured.name, ("", ""))[0],
            title_en=titles.get(measured.name, ("", ""))[1],
        )
        for measured in result.measurements
    )


def _stitches(result: InspectionResult, standard: Standard) -> tuple[record.StitchReading, ...]:
    seams = {seam.seam: seam for seam in standard.stitches}
    return tuple(
        record.StitchReading(
            seam=reading.seam,
            nominal_mm=reading.nominal_mm,
            lower_mm=reading.lower_mm,
            upper_mm=reading.upper_mm,
            pitch_mm=reading.pitch_mm,
            uncertainty_mm=reading.uncertainty_mm,
            cv_ratio=reading.cv_ratio,
            skipped_count=reading.skipped_count,
            outcome=reading.outcome,
            reason=reading.reason or "",
            seam_px=reading.seam_px,
            severity=reading.severity,
            max_cv_ratio=seams[reading.seam].max_cv_ratio,
            title_ko=seams[reading.seam].title_ko,
            title_en=seams[reading.seam].title_en,
        )
        for reading in result.stitches
    )
