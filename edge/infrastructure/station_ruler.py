"""What the station measures by at this moment: calibration, table, gauge check."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from edge.infrastructure.calibration_files import read_calibration, read_gauge
from edge.infrastructure.thickness_file import THICKNESS, ThicknessFile
from edge.inspection.board import TagBoard
from edge.inspection.errors import CalibrationFileError

if TYPE_CHECKING:
    from edge.inspection.gauge import GaugeCheck
    from edge.inspection.table import StationCalibration

_LOG = logging.getLogger(__name__)
CALIBRATION = Path("calibration") / "current.json"
GAUGE = Path("calibration") / "gauge.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RulerRules:
    """What must be there before lengths count; a ``gauge_max_age`` of None asks for no check."""

    calibration_required: bool = False
    gauge_max_age: timedelta | None = None


class StationRuler:
    """Gives the board to measure by, read again whenever a file of it changes."""

    def __init__(
        self,
        home: Path,
        table: TagBoard | None,
        rules: RulerRules,
        now: Callable[[], datetime],
    ) -> None:
        self._home = home
        self._table = table
        self._rules = rules
        self._now = now
        self._thickness = ThicknessFile(home)
        self._typed_mm: dict[str, float] = {}
        self._marks: tuple[int, ...] | None = None
        self._calibration: StationCalibration | None = None
        self._gauge: GaugeCheck | None = None
        self._damaged = False

    def board(self) -> TagBoard | None:
        """Return the table's tags with all that is known, None where nothing may be measured."""
        self._look()
        if self._damaged:
            return None
        if self._calibration is None:
            if self._rules.calibration_required:
                return None
            return None if self._table is None else self._told(self._table, "")
        return self._told(self._calibration.table, self._calibration.calibration_id)

    def _told(self, board: TagBoard, calibration_id: str) -> TagBoard:
        """Add the doubt and what was typed at the kiosk, which stands before the older."""
        thickness_mm = {**board.thickness_mm, **self._typed_mm}
        return replace(board, doubt=self._doubt(calibration_id), thickness_mm=thickness_mm)

    def problem(self) -> str | None:
        """Return the alarm that stands for what is missing, None when nothing is."""
        board = self.board()
        return "calibration_missing" if board is None else board.doubt

    def _doubt(self, calibration_id: str) -> str | None:
        """Return why a result needs a person's look, from the gauge check alone."""
        if self._rules.gauge_max_age is None:
            return None
        check = self._gauge
        if check is None or check.calibration_id != calibration_id:
            return "gauge_check_missing"
        if not check.passed:
            return "gauge_off"
        age = self._now() - datetime.fromisoformat(check.checked_at)
        return "gauge_check_old" if age > self._rules.gauge_max_age else None

    def _look(self) -> None:
        marks = tuple(_mark(self._home / file) for file in (CALIBRATION, GAUGE, THICKNESS))
        if marks == self._marks:
            return
        self._marks = marks
        self._damaged = False
        self._typed_mm = self._thickness.known()
        try:
            self._calibration = read_calibration(self._home / CALIBRATION)
            self._gauge = read_gauge(self._home / GAUGE)
        except CalibrationFileError:
            _LOG.exception("calibration refused, nothing will be measured")
            self._calibration, self._gauge, self._damaged = None, None, True


def _mark(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
