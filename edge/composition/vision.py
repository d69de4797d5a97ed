"""Reading codes, calibrating, judging pieces: where vision's ports meet OpenCV and onnxruntime."""

import contextlib
import functools
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from edge.settings import EdgeSettings, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from edge.infrastructure.bundle_bench import LoadedBundle
    from edge.infrastructure.station_ruler import StationRuler
    from edge.inspection.board import TagBoard
    from edge.inspection.pipeline import InspectionPipeline
    from edge.interfaces.calibration import CalibrationWork
    from edge.interfaces.offline import OfflineWork
    from edge.model_bundles.bundle import Bundle
    from edge.scanning.ports import CodeReader


def compose_reader() -> "CodeReader":
    """Build the reader of codes; zbar joins where the system has it."""
    from edge.infrastructure.qr_readers import OpenCvReader, PatientReader, ZbarReader

    opinions: tuple[CodeReader, ...] = (OpenCvReader(),)
    with contextlib.suppress(ImportError):
        opinions = (ZbarReader(), *opinions)
    return PatientReader(opinions, time.perf_counter)


def compose_board(settings: EdgeSettings) -> "TagBoard":
    """Read the tag board that the settings name.

    Raises:
        TagBoardError: its file is missing or wrong.
    """
    from edge.infrastructure.opencv_tags import read_board

    name = f"{settings.inspection.board}.yml"
    return read_board(settings.firmware_config / "boards" / name)


def compose_inspection(settings: EdgeSettings, bundle: str = "") -> "InspectionPipeline":
    """Build the pipeline with a verified bundle; one onnxruntime session a process.

    Raises:
        BundleError: the bundle is corrupt, unsigned, wrongly signed, or no key is set.
    """
    return load_bundle(settings, configured_bundle(settings, bundle)).pipeline


def configured_bundle(settings: EdgeSettings, bundle: str = "") -> "Bundle":
    """Open and verify the bundle that is asked for, or that the settings name.

    Raises:
        BundleError: the bundle is corrupt, unsigned, wrongly signed, or no key is set.
    """
    from edge.infrastructure.onnx_bundle_folder import OnnxBundleFolders

    chosen = bundle or settings.inspection.bundle
    folders = OnnxBundleFolders(settings.inspection.bundle_public_key)
    return folders.base() if chosen == "base" else folders.signed(chosen)


def load_bundle(
    settings: EdgeSettings, bundle: "Bundle", *, watched: bool = False
) -> "LoadedBundle":
    """Build the pipeline with a verified bundle, its networks watched while it is on trial.

    Raises:
        BundleError: its networks cannot be loaded.
    """
    from edge.infrastructure.bundle_bench import LoadedBundle
    from edge.infrastructure.onnx_defect_detector import OnnxDefectDetector
    from edge.infrastructure.opencv_pictures import OpenCvScaler
    from edge.infrastructure.opencv_tags import OpenCvTagFinder
    from edge.infrastructure.qr_readers import ReaderAsCodeFinder, ZxingReader
    from edge.infrastructure.thread_together import ThreadTogether
    from edge.infrastructure.watched_detector import WatchedDetector
    from edge.inspection.pipeline import InspectionPipeline, PipelineParts

    detector = OnnxDefectDetector(bundle, settings.inspection.threads)
    watch = WatchedDetector(detector) if watched else None
    parts = PipelineParts(
        detector=watch or detector,
        tags=OpenCvTagFinder(),
        scaler=OpenCvScaler(),
        codes=ReaderAsCodeFinder(ZxingReader()),
        stopwatch=time.perf_counter,
        together=ThreadTogether(),
    )
    return LoadedBundle(bundle=bundle, pipeline=InspectionPipeline(parts), watch=watch)


def draw_scanner_sheet(profile: str) -> bytes:
    """Draw the set-up sheet of a scanner's profile as PDF.

    Raises:
        ScannerProfileError: there is no such profile, or it is wrong.
    """
    from edge.infrastructure.device_profiles import read_scanner_profile
    from edge.infrastructure.scanner_sheet import scanner_sheet

    return scanner_sheet(read_scanner_profile(read_settings().firmware_config, profile), profile)


def compose_offline() -> "OfflineWork":
    """Build what the commands without camera and network do."""
    from edge.infrastructure.opencv_pictures import OpenCvPictureFiles
    from edge.infrastructure.opencv_tags import read_board
    from edge.infrastructure.qr_readers import code_picture
    from edge.interfaces.offline_work import OfflineTools, PictureWork

    settings = read_settings()
    tools = OfflineTools(
        reader=compose_reader(),
        pictures=OpenCvPictureFiles(),
        pipeline=functools.cache(lambda bundle: compose_inspection(settings, bundle)),
        board=lambda path: read_board(Path(path)),
        code_picture=code_picture,
        stopwatch=time.perf_counter,
        language=settings.language,
        station_checks=_station_checks,
    )
    return PictureWork(tools)


def _station_checks() -> "dict[str, Callable[[], str]]":
    from edge.composition.station_commands import compose_checks

    return compose_checks()


def compose_ruler(settings: EdgeSettings) -> "StationRuler":
    """Build what the station measures by; without a usable board file it measures nothing."""
    from datetime import timedelta

    from edge.infrastructure.station_ruler import RulerRules, StationRuler
    from edge.infrastructure.system_time import SystemClock
    from edge.inspection.errors import TagBoardError

    table: TagBoard | None = None
    try:
        table = compose_board(settings)
    except TagBoardError:
        logging.getLogger(__name__).exception("no board, nothing will be measured")
    asked_h = settings.inspection.gauge_max_age_h
    rules = RulerRules(
        calibration_required=settings.inspection.calibration_required,
        gauge_max_age=timedelta(hours=asked_h) if asked_h else None,
    )
    return StationRuler(settings.station_home, table, rules, SystemClock().now)


def compose_calibration() -> "CalibrationWork":
    """Build what board, calibrate and gauge do."""
    from edge.infrastructure.calibration_files import (
        read_calibration_board,
        read_gauge_bar,
        write_calibration,
        write_gauge,
    )
    from edge.infrastructure.opencv_calibration import OpenCvBoardFinder, OpenCvLensFitter
    from edge.infrastructure.opencv_pictures import OpenCvPictureFiles
    from edge.infrastructure.opencv_tags import OpenCvTagFinder
    from edge.infrastructure.station_ruler import CALIBRATION, GAUGE
    from edge.infrastructure.system_time import SystemClock, UlidFactory
    from edge.interfaces.calibration_work import (
        Boards,
        CalibrationAtTheDesk,
        CalibrationTools,
        Shelf,
    )

    settings = read_settings()
    folder, home = settings.firmware_config / "boards", settings.station_home
    tools = CalibrationTools(
        boards=Boards(
            calibration=lambda name: read_calibration_board(folder / f"{name}.yml"),
            table=lambda: compose_board(settings),
            gauge=lambda name: read_gauge_bar(folder / f"{name}.yml"),
            pdf=lambda name: board_pdf(folder / f"{name}.yml"),
        ),
        shelf=Shelf(
            ruler=compose_ruler(settings).board,
            keep=lambda made: write_calibration(home / CALIBRATION, made),
            keep_gauge=lambda check: write_gauge(home / GAUGE, check),
        ),
        finder=OpenCvBoardFinder(),
        fitter=OpenCvLensFitter(),
        tags=OpenCvTagFinder(),
        pictures=OpenCvPictureFiles(),
        shots=lambda: _shots(settings),
        now=lambda: SystemClock().now().isoformat(timespec="seconds"),
        new_id=lambda: UlidFactory().new("cal"),
        language=settings.language,
    )
    return CalibrationAtTheDesk(tools)


def board_pdf(path: Path) -> bytes:
    """Draw whatever kind of board a file describes."""
    from edge.infrastructure.board_pdf import calibration_board_pdf, gauge_pdf, tags_pdf
    from edge.infrastructure.calibration_files import (
        pattern_of,
        read_calibration_board,
        read_gauge_bar,
    )
    from edge.infrastructure.opencv_tags import read_board

    pattern = pattern_of(path)
    if pattern == "gauge_bar":
        return gauge_pdf(read_gauge_bar(path))
    if pattern is None:
        return tags_pdf(read_board(path))
    return calibration_board_pdf(read_calibration_board(path))


def _shots(settings: EdgeSettings) -> "Iterator[NDArray[np.uint8]]":
    """Take pictures with the station's camera, a second apart, each another than the last.

    Raises:
        CaptureError: the camera's setting cannot be used.
        PictureUnreadableError: no fresh picture comes.
    """
    from edge.capture.address import parse_camera
    from edge.infrastructure.camera_desk import open_camera
    from edge.infrastructure.frame_pictures import decode_pixels
    from edge.inspection.errors import PictureUnreadableError

    source = open_camera(settings.firmware_config, parse_camera(settings.camera))
    last, waited_s = -1, 0.0
    try:
        while True:
            frame = source.newest()
            if frame is None or frame.sequence == last:
                waited_s += 0.2
                if waited_s > settings.inspection.capture_timeout_s:
                    raise PictureUnreadableError(settings.camera, "no fresh picture comes")
                time.sleep(0.2)
                continue
            last, waited_s = frame.sequence, 0.0
            pixels = decode_pixels(frame)
            if pixels is not None:
                yield pixels
            time.sleep(1.0)
    finally:
        source.close()
