"""Calibrating at the kiosk: print the board, show it from many sides, clear the table, learn."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from edge.inspection.board import TagBoard
from edge.inspection.calibration import (
    BoardFinder,
    BoardView,
    CalibrationBoard,
    CalibrationLimits,
    LensFitter,
    calibrate_lens,
    covered_fields,
    seen_enough,
)
from edge.inspection.errors import CalibrationRefusedError, InspectionError
from edge.inspection.gauge import GaugeBar, GaugeCheck, check_gauge
from edge.inspection.ports import TagFinder
from edge.inspection.table import Calibrating, StationCalibration, calibrate_station
from edge.interfaces.kiosk.texts import LANGUAGES
from edge.station.errors import BoardUnknownError, DeskIdleError, RefusalError
from edge.station.inspection_record import Shot

WANTED_VIEWS, MOST_VIEWS = 16, 60
_LIMITS = CalibrationLimits()
Json = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationDoors:
    """What calibrating works with; ``boards`` are the names of those that can be shown.

    ``work`` runs what takes long beside the kiosk and tells its pages when it ends.
    """

    work: Callable[[Coroutine[object, object, None]], None]
    shot: Callable[[], Awaitable[Shot]]
    boards: Callable[[], tuple[str, ...]]
    board: Callable[[str], CalibrationBoard]
    pdf: Callable[[str], bytes]
    table: Callable[[], TagBoard]
    bar: Callable[[], GaugeBar]
    ruler: Callable[[], TagBoard | None]
    keep: Callable[[StationCalibration], Awaitable[None]]
    keep_gauge: Callable[[GaugeCheck], Path]
    finder: BoardFinder
    fitter: LensFitter
    tags: TagFinder
    now: Callable[[], str]
    new_id: Callable[[], str]


@dataclass(slots=True)
class _Session:
    """One calibration under way; ``board`` is None while only the gauge bar is measured."""

    board: CalibrationBoard | None
    views: dict[str, BoardView] = field(default_factory=dict)
    flat: BoardView | None = None
    dropped_count: int = 0
    phase: str = "views"
    refusal: Json | None = None
    made: StationCalibration | None = None
    gauge: GaugeCheck | None = None


class CalibrationDesk:
    """Holds the calibration under way; nothing is stored before all of it is good."""

    def __init__(self, doors: CalibrationDoors) -> None:
        self._doors = doors
        self._session: _Session | None = None

    @property
    def working(self) -> bool:
        """Say whether it computes."""
        return self._session is not None and self._session.phase == "working"

    def boards(self) -> tuple[str, ...]:
        """Return the names of the boards that can be shown."""
        return self._doors.boards()

    def begin(self, board: str) -> None:
        """Begin with a board.

        Raises:
            BoardUnknownError: no file describes it.
        """
        if board not in self._doors.boards():
            raise BoardUnknownError(board, board=board)
        self._session = _Session(self._doors.board(board))

    def close(self) -> None:
        """Leave; what was seen is forgotten."""
        self._session = None

    def pdf(self, board: str) -> bytes:
        """Draw a board to print.

        Raises:
            BoardUnknownError: no file describes it.
        """
        if board not in self._doors.boards():
            raise BoardUnknownError(board, board=board)
        return self._doors.pdf(board)

    async def take(self) -> None:
        """Take one view of the board; one that does not count is told with its reason.

        Raises:
            DeskIdleError: nothing is being calibrated.
            CameraUnpluggedError, FrameBrokenError: no picture comes.
        """
        session, board = self._open()
        view = await self._view(board, f"view-{len(session.views) + 1:03d}")
        try:
            seen = seen_enough(view, board, _LIMITS)
        except CalibrationRefusedError as error:
            session.dropped_count += 1
            session.refusal = _dropped(error)
            return
        if len(session.views) < MOST_VIEWS:
            session.views[seen.picture] = seen

    async def take_flat(self) -> None:
        """Take the board lying on the table, to check the tags by it.

        Raises:
            DeskIdleError: nothing is being calibrated.
            CameraUnpluggedError, FrameBrokenError: no picture comes.
        """
        session, board = self._open()
        view = await self._view(board, "flat")
        try:
            session.flat = seen_enough(view, board, _LIMITS)
        except CalibrationRefusedError as error:
            session.refusal = _refusal(error)

    async def finish(self) -> None:
        """Look at the empty table and begin to learn; only what is good in all is stored.

        Raises:
            DeskIdleError: nothing is being calibrated.
            CameraUnpluggedError, FrameBrokenError: no picture comes.
        """
        session, board = self._open()
        shot = await self._doors.shot()
        session.phase = "working"
        self._doors.work(self._finish(session, board, shot))

    async def _finish(self, session: _Session, board: CalibrationBoard, shot: Shot) -> None:
        try:
            made = await asyncio.to_thread(self._learned, session, board, shot)
            await self._doors.keep(made)
            session.made, session.phase = made, "made"
        except (InspectionError, OSError, RefusalError) as error:
            session.refusal = _refusal(error)
            session.phase = "views"
        finally:
            # Whatever nobody foresaw goes on to the log; the desk must not wait for it for ever.
            if session.phase == "working":
                session.refusal = _refusal(RuntimeError("the station's log says why"))
                session.phase = "views"

    async def gauge(self) -> None:
        """Measure the gauge bar that lies on the table.

        Raises:
            CameraUnpluggedError, FrameBrokenError: no picture comes.
        """
        session = self._session or _Session(None, phase="gauge")
        self._session, session.refusal, session.gauge = session, None, None
        shot = await self._doors.shot()
        try:
            session.gauge = await asyncio.to_thread(self._checked, shot)
        except (InspectionError, OSError) as error:
            session.refusal = _refusal(error)

    def state(self) -> Json | None:
        """Return what the page shows of it."""
        session = self._session
        if session is None:
            return None
        made, check = session.made, session.gauge
        fields = covered_fields(list(session.views.values()))
        return {
            "board": session.board.name if session.board else "",
            "phase": session.phase,
            "views_count": len(session.views),
            "wanted_count": WANTED_VIEWS,
            "least_count": _LIMITS.least_views_count,
            "dropped_count": session.dropped_count,
            "fields": [[bool(hit) for hit in row] for row in fields],
            "flat": session.flat is not None,
            "refusal": session.refusal,
            "made": None if made is None else _told(made),
            "gauge": None
            if check is None
            else {
                "length_mm": check.length_mm,
                "measured_mm": round(check.measured_mm, 2),
                "error_mm": round(check.error_mm, 2),
                "passed": check.passed,
            },
        }

    def _open(self) -> tuple[_Session, CalibrationBoard]:
        session = self._session
        if session is None or session.board is None or session.phase != "views":
            raise DeskIdleError
        session.refusal = None
        return session, session.board

    async def _view(self, board: CalibrationBoard, name: str) -> BoardView | None:
        shot = await self._doors.shot()
        return await asyncio.to_thread(self._doors.finder.find, shot.pixels, board, name)

    def _learned(
        self, session: _Session, board: CalibrationBoard, shot: Shot
    ) -> StationCalibration:
        """Fit lens and table.

        Raises:
            InspectionError: the views or the table do not teach them.
        """
        doors = self._doors
        lens = calibrate_lens(session.views, board, doors.fitter, _LIMITS)
        before = doors.ruler()
        given = Calibrating(
            calibration_id=doors.new_id(),
            made_at=doors.now(),
            spec=board,
            lens=lens,
            flat=session.flat,
            thickness_mm={} if before is None else before.thickness_mm,
        )
        return calibrate_station(shot.pixels, doors.tags, doors.table(), given)

    def _checked(self, shot: Shot) -> GaugeCheck:
        """Measure the bar and store the check.

        Raises:
            InspectionError: the bar cannot be measured.
            OSError: it cannot be written.
        """
        doors = self._doors
        board = doors.ruler() or doors.table()
        check = check_gauge(shot.pixels, doors.tags, board, doors.bar(), doors.now())
        doors.keep_gauge(check)
        return check


def _told(made: StationCalibration) -> Json:
    return {
        "calibration_id": made.calibration_id,
        "made_at": made.made_at,
        "rms_px": round(made.lens.fit.rms_px, 3),
        "views_count": len(made.lens.pictures),
        "dropped_count": len(made.lens.dropped),
        "coverage_ratio": round(made.lens.coverage_ratio, 2),
        "residual_px": round(made.residual_px, 3),
        "camera_height_mm": made.table.camera_height_mm,
        "check_mm": made.check_mm,
    }


def _refusal(error: Exception) -> Json:
    """Say in both languages why nothing was learned."""
    reason = getattr(error, "reason", None)
    code = str(reason or getattr(error, "code", "CALIBRATION_NOT_KEPT"))
    told: dict[str, str] = {"code": code}
    for language in LANGUAGES:
        texts = _desk_texts(language)
        key = f"calibration.refused.{reason}"
        pattern = texts.get(key, texts["offline.failed"])
        told[language] = pattern.format(code=code, problem=getattr(error, "problem", str(error)))
    return told


def _dropped(error: CalibrationRefusedError) -> Json:
    """Say in both languages why a view does not count."""
    code = {"flat_board_not_found": "board_not_found"}.get(error.reason, "corners_few")
    key = f"calibration.dropped.{code}"
    return {"code": code, **{language: _desk_texts(language)[key] for language in LANGUAGES}}


def _desk_texts(language: str) -> dict[str, str]:
    file = resources.files("edge.interfaces") / "texts" / f"{language}.json"
    return dict(json.loads(file.read_text(encoding="utf-8")))
