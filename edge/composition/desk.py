"""The supervisor's desk of the kiosk: its doors to camera, pipeline and files."""

import asyncio
import functools
from pathlib import Path
from typing import TYPE_CHECKING

from edge.composition.vision import board_pdf, compose_board
from edge.settings import EdgeSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from edge.infrastructure.camera_desk import CameraDesk
    from edge.infrastructure.learned_files import BankFiles, KindFiles
    from edge.infrastructure.station_ruler import StationRuler
    from edge.inspection.table import StationCalibration
    from edge.interfaces.kiosk.calibration_desk import CalibrationDesk
    from edge.interfaces.kiosk.desk import Desk, KindDoors, Naming, ThicknessDoors
    from edge.interfaces.kiosk.teaching_desk import Taught, TeachingDesk
    from edge.station.events import StationCalibrated
    from edge.station.inspection_record import Shot
    from edge.station.ports import Inspector
    from edge.station.workstation import Workstation

    Shots = Callable[[], Coroutine[object, object, Shot]]
    Works = Callable[[Coroutine[object, object, None]], None]


class Learned:
    """What the station learned by itself, and what it measures by."""

    def __init__(self, kinds: "KindFiles", banks: "BankFiles", ruler: "StationRuler") -> None:
        self.kinds = kinds
        self.banks = banks
        self.ruler = ruler


def compose_learned(settings: EdgeSettings, ruler: "StationRuler") -> Learned:
    """Open what the station learned."""
    from edge.infrastructure.learned_files import BankFiles, KindFiles

    home = settings.station_home
    return Learned(KindFiles(home / "kinds"), BankFiles(home / "styles"), ruler)


def compose_desk(
    settings: EdgeSettings,
    station: "Workstation",
    camera: "CameraDesk",
    inspector: "Inspector",
    learned: Learned,
) -> "Desk":
    """Build the desk of a running station."""
    from edge.interfaces.kiosk.desk import Desk

    async def shot() -> "Shot":
        return await camera.capture(settings.inspection.capture_timeout_s)

    working: set[asyncio.Task[None]] = set()

    def work(task: "Coroutine[object, object, None]") -> None:
        async def told() -> None:
            try:
                await task
            finally:
                await station.touch()

        running = asyncio.create_task(told())
        working.add(running)
        running.add_done_callback(working.discard)

    return Desk(
        station=station,
        kinds=_kinds(station, inspector, learned),
        teaching=_teaching(settings, station, inspector, learned, (shot, work)),
        calibration=_calibration(settings, station, learned, shot, work),
        thickness=_thickness(settings),
        named={},
    )


def _kinds(station: "Workstation", inspector: "Inspector", learned: Learned) -> "KindDoors":
    from edge.infrastructure.learned_files import NamedFlaw, encoded
    from edge.infrastructure.pipeline_inspector import PipelineInspector
    from edge.infrastructure.system_time import SystemClock
    from edge.inspection.prototypes import FEWEST_EXAMPLES
    from edge.interfaces.kiosk.desk import KindDoors
    from edge.station.events import FlawNamed

    async def keep(naming: "Naming") -> bool:
        if not isinstance(inspector, PipelineInspector):
            return False
        described = await inspector.describe(naming.index)
        if described is None:
            return False
        fact = FlawNamed(
            inspection_id=naming.inspection_id,
            finding_index=naming.index,
            kind=naming.kind,
            bundle_digest=described.bundle_digest,
            description=described.numbers.astype("<f4").tobytes() if naming.kind else b"",
        )
        named = NamedFlaw(
            kind=naming.kind,
            description=encoded(described.numbers),
            bundle_digest=described.bundle_digest,
            style=described.style,
            picture_sha256=naming.picture_sha256,
            polygon_px=list(naming.finding.polygon_px),
            by=naming.by,
            at=SystemClock().now().isoformat(timespec="seconds"),
        )
        await station.write_down(fact)
        await asyncio.to_thread(learned.kinds.add, named)
        return True

    def counts() -> "Mapping[str, int]":
        if not isinstance(inspector, PipelineInspector):
            return {}
        return learned.kinds.counts(inspector.bundle_digest)

    return KindDoors(keep=keep, counts=counts, fewest_count=FEWEST_EXAMPLES)


def _teaching(
    settings: EdgeSettings,
    station: "Workstation",
    inspector: "Inspector",
    learned: Learned,
    doors: "tuple[Shots, Works]",
) -> "TeachingDesk":
    import time

    from edge.infrastructure.lesson_pictures import LessonPictures
    from edge.infrastructure.pipeline_inspector import PipelineInspector
    from edge.infrastructure.system_time import SystemClock
    from edge.inspection.errors import TeachingError
    from edge.inspection.frame_checks import frame_problems
    from edge.inspection.teaching import Lesson
    from edge.interfaces.kiosk.teaching_desk import Taught, TeachingDesk, TeachingDoors
    from edge.station.events import StyleTaught

    shelf = LessonPictures(settings.station_home / "teaching")

    async def problems(pixels: "NDArray[np.uint8]") -> tuple[str, ...]:
        """Return why ``pixels`` (H, W, 3) uint8 RGB teach nothing."""
        if isinstance(inspector, PipelineInspector):
            return await inspector.problems(pixels)
        return frame_problems(pixels)

    def styles() -> tuple[str, ...]:
        orders = station.index.package.work_orders if station.index else ()
        return tuple(sorted({order.style for order in orders if order.style}))

    async def learn(style: str, pictures: "Sequence[str]") -> "Taught":
        if not isinstance(inspector, PipelineInspector):
            raise TeachingError("no pipeline is loaded")
        begun_s = time.perf_counter()
        bank = await inspector.learn(Lesson(style=style), shelf.pixels(pictures))
        content, at = bank.to_bytes(), SystemClock().now().isoformat(timespec="seconds")
        came = station.index.package.style_banks.get(style) if station.index else None
        await station.write_down(StyleTaught(style=style, bank=content))
        await asyncio.to_thread(learned.banks.keep, style, content, came, at)
        return Taught(
            piece_count=bank.piece_count,
            size_bytes=len(content),
            threshold_score=bank.threshold_score,
            overkill_ratio=bank.overkill_ratio,
            elapsed_s=time.perf_counter() - begun_s,
        )

    shot, work = doors
    return TeachingDesk(
        TeachingDoors(
            work=work, shot=shot, problems=problems, shelf=shelf, learn=learn, styles=styles
        )
    )


def _thickness(settings: EdgeSettings) -> "ThicknessDoors":
    from edge.infrastructure.system_time import SystemClock
    from edge.infrastructure.thickness_file import ThicknessFile
    from edge.interfaces.kiosk.desk import ThicknessDoors
    from edge.station.errors import DiskFullError

    file = ThicknessFile(settings.station_home)

    async def keep(style: str, thickness_mm: float, by: str) -> None:
        at = SystemClock().now().isoformat(timespec="seconds")
        try:
            await asyncio.to_thread(file.keep, style, thickness_mm, by, at)
        except OSError as problem:
            raise DiskFullError(str(problem)) from problem

    return ThicknessDoors(known=file.known, keep=keep)


async def tell_calibrations(settings: EdgeSettings, station: "Workstation") -> None:
    """Tell the cloud of calibrations that the command line stored, until cancelled."""
    from edge.infrastructure.calibration_news import CalibrationNews

    async def tell(made: "StationCalibration") -> None:
        await station.write_down(_calibrated(made), own=True)

    await CalibrationNews(settings.station_home).run(tell)


def _calibration(
    settings: EdgeSettings,
    station: "Workstation",
    learned: Learned,
    shot: "Callable[[], Coroutine[object, object, Shot]]",
    work: "Callable[[Coroutine[object, object, None]], None]",
) -> "CalibrationDesk":
    from edge.infrastructure.calibration_files import (
        pattern_of,
        read_calibration_board,
        read_gauge_bar,
        write_calibration,
        write_gauge,
    )
    from edge.infrastructure.calibration_news import CalibrationNews
    from edge.infrastructure.opencv_calibration import OpenCvBoardFinder, OpenCvLensFitter
    from edge.infrastructure.opencv_tags import OpenCvTagFinder
    from edge.infrastructure.station_ruler import CALIBRATION, GAUGE
    from edge.infrastructure.system_time import SystemClock, UlidFactory
    from edge.inspection.errors import TagBoardError
    from edge.interfaces.kiosk.calibration_desk import CalibrationDesk, CalibrationDoors

    folder, home = settings.firmware_config / "boards", settings.station_home
    news = CalibrationNews(home)

    async def keep(made: "StationCalibration") -> None:
        await station.write_down(_calibrated(made))
        await asyncio.to_thread(news.told, made.calibration_id)
        await asyncio.to_thread(write_calibration, home / CALIBRATION, made)

    def usable(path: Path) -> bool:
        try:
            return pattern_of(path) not in {None, "gauge_bar"}
        except TagBoardError:
            return False

    @functools.cache
    def boards() -> tuple[str, ...]:
        """Look once: every state of the kiosk names them."""
        return tuple(path.stem for path in sorted(folder.glob("*.yml")) if usable(path))

    return CalibrationDesk(
        CalibrationDoors(
            work=work,
            shot=shot,
            boards=boards,
            board=lambda name: read_calibration_board(folder / f"{name}.yml"),
            pdf=lambda name: board_pdf(folder / f"{name}.yml"),
            table=lambda: compose_board(settings),
            bar=lambda: read_gauge_bar(folder / f"{settings.inspection.gauge_bar}.yml"),
            ruler=learned.ruler.board,
            keep=keep,
            keep_gauge=lambda check: write_gauge(home / GAUGE, check),
            finder=OpenCvBoardFinder(),
            fitter=OpenCvLensFitter(),
            tags=OpenCvTagFinder(),
            now=lambda: SystemClock().now().isoformat(timespec="seconds"),
            new_id=lambda: UlidFactory().new("cal"),
        )
    )


def _calibrated(made: "StationCalibration") -> "StationCalibrated":
    """Return the fact of a calibration."""
    from edge.station.events import CalibrationBoard, StationCalibrated

    spec = made.spec
    return StationCalibrated(
        calibration_id=made.calibration_id,
        rms_px=round(made.lens.fit.rms_px, 5),
        board=CalibrationBoard(
            name=spec.name,
            pattern=spec.pattern,
            columns_count=spec.columns_count,
            rows_count=spec.rows_count,
            square_mm=spec.square_mm,
            marker_mm=spec.marker_mm,
            dictionary=spec.dictionary,
        ),
        table=made.table.name,
        residual_px=round(made.residual_px, 5),
        camera_height_mm=made.table.camera_height_mm,
        check_mm=made.check_mm,
        views_count=len(made.lens.pictures),
        dropped_count=len(made.lens.dropped),
        coverage_ratio=round(made.lens.coverage_ratio, 3),
    )
