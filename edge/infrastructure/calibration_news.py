"""Which of the station's calibrations the cloud was told of."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from edge.infrastructure.calibration_files import read_calibration
from edge.infrastructure.durable_files import write_durably
from edge.infrastructure.station_ruler import CALIBRATION
from edge.inspection.errors import CalibrationFileError
from edge.inspection.table import StationCalibration
from edge.station.errors import DiskFullError

_LOG = logging.getLogger(__name__)
_TOLD = Path("calibration") / "told"
_LOOK_S = 2.0

Tell = Callable[[StationCalibration], Awaitable[None]]


class CalibrationNews:
    """Notices a calibration that another process stored: `kyndof-edge calibrate` has no spool."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._seen_ns = -1

    def told(self, calibration_id: str) -> None:
        """Remember that the cloud will hear of a calibration.

        Raises:
            OSError: it cannot be written; it is told once more, which does no harm.
        """
        write_durably(self._home / _TOLD, calibration_id.encode())

    def untold(self) -> StationCalibration | None:
        """Return the newest calibration when nobody told of it; the file is read when it changed.

        Raises:
            CalibrationFileError: it is damaged.
        """
        try:
            stamp_ns = (self._home / CALIBRATION).stat().st_mtime_ns
        except OSError:
            return None
        if stamp_ns == self._seen_ns:
            return None
        made = read_calibration(self._home / CALIBRATION)
        told = self._home / _TOLD
        known = told.read_text("utf-8") if told.is_file() else ""
        if made is None or made.calibration_id == known:
            self._seen_ns = stamp_ns
            return None
        return made

    async def run(self, tell: Tell) -> None:
        """Tell of each calibration that is found, until cancelled."""
        while True:
            try:
                made = await asyncio.to_thread(self.untold)
                if made is not None:
                    await tell(made)
                    await asyncio.to_thread(self.told, made.calibration_id)
            except CalibrationFileError:
                # The ruler says so already; a new calibration mends it.
                _LOG.debug("calibration cannot be told")
            except (DiskFullError, OSError) as problem:
                _LOG.warning("calibration not told yet", extra={"reason": str(problem)})
            await asyncio.sleep(_LOOK_S)
