"""`kyndof-edge run` as a real process, without broker, cloud or agent's help."""

import asyncio
import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from tests.fakes import station_home as home
from tests.fakes.floor import environment, free_port

ACT = {"X-Kyndof-Kiosk": "1"}
pytestmark = pytest.mark.requirement("KSK", "BUF", "CAP")


class Station:
    """One station's process and its kiosk."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.home = folder / "stations" / "CUT-01"
        self.port = free_port()
        self.child = None
        self.pipe = None
        frames = folder / "frames"
        frames.mkdir(parents=True)
        shades = np.random.default_rng(7).integers(90, 150, (300, 400, 3), dtype=np.uint8)
        cv2.imwrite(str(frames / "1.jpg"), shades)
        home.write_identity(self.home)
        home.write_package(self.home, home.package(checked=False))

    def start(self, camera=""):
        read_end, self.pipe = os.pipe()
        settings = environment(
            KYNDOF_HOME=str(self.folder),
            KYNDOF_STATION="CUT-01",
            KYNDOF_CAMERA=camera or f"replay:{self.folder / 'frames'}",
            KYNDOF_KIOSK__PORT=str(self.port),
            KYNDOF_MQTT__URL=f"mqtt://127.0.0.1:{free_port()}",
            KYNDOF_CLOUD__ADDRESS="127.0.0.1:9",
            KYNDOF_OUTBOX__BALLAST_MB="1",
            KYNDOF_PARENT_PIPE=str(read_end),
        )
        with (self.folder / "run.log").open("ab") as log:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "edge", "run"],
                env=settings,
                stderr=log,
                start_new_session=True,
                pass_fds=(read_end,),
            )
        os.close(read_end)
        return self

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            self.child.kill()
        self.child.wait(10)
        with contextlib.suppress(OSError):
            os.close(self.pipe)

    @contextlib.asynccontextmanager
    async def kiosk(self):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", headers=ACT) as http:
            for _ in range(200):
                with contextlib.suppress(httpx.TransportError):
                    if (await http.get("/health")).json()["package"]:
                        break
                assert self.child.poll() is None, (self.folder / "run.log").read_text()
                await asyncio.sleep(0.1)
            yield http

    def events(self):
        with contextlib.closing(sqlite3.connect(self.home / "spool.db")) as spool:
            rows = spool.execute("SELECT pseq FROM spool WHERE stream = 'events' ORDER BY pseq")
            return [row[0] for row in rows]


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path).start()
    yield station
    station.end()


async def scan(http, text):
    return (await http.post("/actions/scan", json={"text": text})).status_code


async def test_what_was_shown_survives_kill_9_and_work_goes_on_where_it_was(station) -> None:
    piece = home.code("P", home.piece_ulid(3))
    async with station.kiosk() as http:
        assert await scan(http, home.code("B", home.BADGE_CUTTER)) == 200
        assert await scan(http, piece) == 200
        assert (await http.post("/actions/start")).status_code == 200
    station.child.send_signal(signal.SIGKILL)
    station.child.wait(10)
    before = station.events()
    assert len(before) >= 2
    station.start()
    async with station.kiosk() as http:
        # The badge is still the last one scanned, and the step is still begun.
        assert await scan(http, piece) == 200
        assert await scan(http, piece) == 200
        assert (await http.get("/health")).json()["phase"] == "verdict"
    after = station.events()
    assert after[: len(before)] == before
    assert len(after) > len(before)


async def test_its_first_answer_knows_the_work_while_the_camera_says_nothing(tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/"
        station = Station(tmp_path).start(address)
        try:
            await _scan_at_the_first_answer(station)
        finally:
            station.end()


async def _scan_at_the_first_answer(station) -> None:
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{station.port}", headers=ACT) as http,
        asyncio.timeout(60),
    ):
        while True:
            with contextlib.suppress(httpx.TransportError):
                assert await scan(http, home.code("B", home.BADGE_CUTTER)) == 200
                break
            await asyncio.sleep(0.01)
        assert (await http.get("/health")).json()["package"]
        assert await scan(http, home.code("P", home.piece_ulid(3))) == 200


async def test_a_second_process_of_the_same_station_is_refused(station) -> None:
    async with station.kiosk():
        second = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "edge", "run"],
            env=environment(
                KYNDOF_HOME=str(station.folder),
                KYNDOF_STATION="CUT-01",
                KYNDOF_KIOSK__PORT=str(free_port()),
            ),
            capture_output=True,
            timeout=30,
            check=False,
        )
    assert second.returncode == 2
    assert "이 스테이션이 이미 실행 중입니다." in second.stderr.decode()


@pytest.mark.parametrize("how", ["signal", "pipe"])
async def test_it_stops_cleanly_within_five_seconds(station, how) -> None:
    async with station.kiosk() as http, http.stream("GET", "/camera.mjpg") as stream:
        assert stream.status_code == 200
        began = time.monotonic()
        if how == "signal":
            station.child.terminate()
        else:
            os.close(station.pipe)
        code = await asyncio.to_thread(station.child.wait, 10)
        assert time.monotonic() - began < 5
    assert code == 0
    assert not (station.home / "spool.db-wal").exists()
