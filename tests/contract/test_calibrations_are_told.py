"""A calibration made on the command line reaches the cloud through the station that runs."""

import asyncio
import contextlib
import os
from pathlib import Path

import numpy as np
import pytest

from edge.composition.desk import tell_calibrations
from edge.infrastructure.calibration_files import write_calibration
from edge.infrastructure.station_ruler import CALIBRATION
from edge.inspection.board import TagBoard
from edge.inspection.calibration import CalibrationBoard, LensCalibration, LensFit
from edge.inspection.lens import Lens
from edge.inspection.table import StationCalibration
from edge.settings import EdgeSettings
from tests.fakes.workstation import Stand

pytestmark = pytest.mark.requirement("CAP", "MEA")
IDS = [f"cal_01ARZ3NDEKTSV4RRFFQ69G5FA{last}" for last in "VWX"]


def made(calibration_id: str) -> StationCalibration:
    """A calibration of nothing in particular."""
    lens = Lens(
        focal_x_px=1000.0,
        focal_y_px=1000.0,
        centre_x_px=600.0,
        centre_y_px=450.0,
        coefficients=(0.0, 0.0, 0.0, 0.0, 0.0),
        width_px=1200,
        height_px=900,
    )
    tags = {0: (50.0, 50.0), 1: (950.0, 50.0), 2: (950.0, 750.0), 3: (50.0, 750.0)}
    return StationCalibration(
        calibration_id=calibration_id,
        made_at="2026-05-04T09:00:00+00:00",
        spec=CalibrationBoard(
            name="charuco", pattern="charuco", columns_count=10, rows_count=7, square_mm=25.0,
            marker_mm=18.0, dictionary="DICT_5X5_1000",
        ),
        lens=LensCalibration(
            fit=LensFit(lens=lens, rms_px=0.1, view_rms_px=(0.1,), tilts_deg=(12.0,)),
            pictures=("a.png",),
            dropped=(),
            coverage_ratio=0.8,
        ),
        table=TagBoard(
            name="table", dictionary="DICT_APRILTAG_36h11", side_mm=50.0, tags=tags,
            camera_height_mm=1160.0,
            reference_px={tag: np.zeros((4, 2)) for tag in tags},
            lens=lens,
            calibration_id=calibration_id,
        ),
        residual_px=0.05,
        check_mm=None,
    )  # fmt: skip


async def told(stand: Stand, settings: EdgeSettings, until: int) -> list[tuple[str, str]]:
    """Run the station's loop until so many were told; return their numbers and who told."""
    loop = asyncio.create_task(tell_calibrations(settings, stand.station))
    try:
        async with asyncio.timeout(30):
            while len(stand.journal.facts) < until:  # noqa: ASYNC110 - nothing tells of a write
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.05)
    finally:
        loop.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await loop
    kept = [(fact, stamp) for facts, stamp in stand.journal.commits for fact in facts]
    return [(fact.calibration_id, stamp.worker) for fact, stamp in kept]


async def test_each_is_told_once_by_the_station_itself_also_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.infrastructure.calibration_news._LOOK_S", 0.02)
    settings = EdgeSettings(home=tmp_path)
    path = settings.station_home / CALIBRATION
    stand = await Stand().ready()
    await stand.begun()
    stand.journal.facts.clear()
    stand.journal.commits.clear()
    write_calibration(path, made(IDS[0]))
    assert await told(stand, settings, 1) == [(IDS[0], "")]
    # A restart, then a full disk while the next one comes.
    assert await told(stand, settings, 1) == [(IDS[0], "")]
    write_calibration(path, made(IDS[1]))
    os.utime(path, ns=(1, 1))
    stand.journal.full = True
    waiting = asyncio.create_task(told(stand, settings, 2))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    stand.journal.full = False
    assert [calibration for calibration, _ in await waiting] == IDS[:2]


async def test_a_damaged_file_is_not_told_and_the_loop_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.infrastructure.calibration_news._LOOK_S", 0.02)
    settings = EdgeSettings(home=tmp_path)
    path = settings.station_home / CALIBRATION
    path.parent.mkdir(parents=True)
    path.write_text("{")
    stand = await Stand().ready()
    waiting = asyncio.create_task(told(stand, settings, 1))
    await asyncio.sleep(0.1)
    write_calibration(path, made(IDS[2]))
    assert [calibration for calibration, _ in await waiting] == [IDS[2]]
