"""A machine that wakes up in 1970 reaches the cloud, and no time that is told goes back."""

import asyncio
import os
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.infrastructure import clock_floor
from edge.infrastructure.tls_detour import TlsDetour
from tests.fakes.authority import Authority
from tests.fakes.cloud_server import ORGANIZATION, STATION, CloudServer
from tests.fakes.floor import ROOT, environment

pytestmark = [pytest.mark.requirement("FLT"), pytest.mark.timeout(60)]

CLIENT = """
import asyncio, sys
from pathlib import Path
from datetime import UTC, datetime
import grpc
from edge.infrastructure.clock_floor import read_floor
from edge.infrastructure.grpc_channel import Credentials, open_channel
from edge.infrastructure.system_time import SystemClock
from kyndof_wire.fleet.v1.fleet_pb2 import ReportStateRequest
from kyndof_wire.fleet.v1.fleet_pb2_grpc import FleetServiceStub

async def main(address, folder):
    assert datetime.now(UTC).year == 1970
    read_floor(Path(folder) / "clock.json")
    assert SystemClock().now().year > 2000
    credentials = Credentials.read(Path(folder))
    async with open_channel(address, credentials) as channel:
        try:
            await FleetServiceStub(channel).ReportState(ReportStateRequest(state="1970"), timeout=8)
        except grpc.aio.AioRpcError as error:
            print(error.code().name)
        else:
            print("OK")

asyncio.run(main(*sys.argv[1:]))
"""


def faketime() -> str:
    """Find the program; it is missing loudly."""
    found = shutil.which("faketime")
    sentence = "faketime is not installed (apt-get install faketime)"
    if found is None and os.environ.get("KYNDOF_REQUIRE_SERVERS") == "1":
        pytest.fail(sentence)
    if found is None:
        pytest.skip(sentence)
    return found


def lay(folder: Path, cloud: CloudServer, authority: Authority) -> None:
    folder.mkdir(exist_ok=True)
    issued = cloud.authority.station(ORGANIZATION, STATION)
    (folder / "key.pem").write_bytes(issued.key_pem)
    (folder / "certificate.pem").write_bytes(issued.certificate_pem)
    (folder / "ca.pem").write_bytes(authority.pem)
    clock_floor.write_floor(folder / "clock.json")


async def ask_in_1970(folder: Path, address: str) -> str:
    process = await asyncio.create_subprocess_exec(
        faketime(), "-f", "1970-01-02 00:00:00", sys.executable, "-c", CLIENT, address, str(folder),
        cwd=ROOT,
        env=environment(FAKETIME_DONT_FAKE_MONOTONIC="1", GRPC_VERBOSITY="NONE"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, wrong = await process.communicate()
    assert process.returncode == 0, wrong.decode()
    return said.decode().strip()


async def test_in_1970_the_handshake_is_judged_by_the_time_that_is_known(tmp_path: Path) -> None:
    async with CloudServer() as cloud:
        lay(tmp_path / "ours", cloud, cloud.authority)
        assert await ask_in_1970(tmp_path / "ours", cloud.address) == "OK"
        assert [report.state for report in cloud.ledger.reports] == ["1970"]
        # A server that a stranger signed is believed no more than at any other time.
        lay(tmp_path / "theirs", cloud, Authority("Test authority"))
        assert await ask_in_1970(tmp_path / "theirs", cloud.address) == "UNAVAILABLE"


async def test_a_certificate_that_is_not_good_at_the_known_time_is_refused_too(
    tmp_path: Path,
) -> None:
    async with CloudServer() as cloud:
        detour = TlsDetour(lambda: datetime.now(UTC) + timedelta(days=4000))
        try:
            lay(tmp_path / "ours", cloud, cloud.authority)
            local = detour.through(cloud.address, cloud.authority.pem, None)
            reader, writer = await asyncio.open_unix_connection(local.removeprefix("unix:"))
            assert await reader.read() == b""
            writer.close()
        finally:
            detour.close()


def test_what_was_written_down_is_the_least_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = datetime.now(UTC) + timedelta(days=30)
    monkeypatch.setattr(clock_floor, "_FLOOR", clock_floor._Floor())
    file = tmp_path / "clock.json"
    clock_floor.write_floor(file)
    assert not clock_floor.clock_is_behind()
    clock_floor.raise_floor(later)
    assert clock_floor.clock_is_behind()
    assert clock_floor.clock_trust() == (False, clock_floor.UNKNOWN_ERROR_MS)
    assert clock_floor.floored_now() >= later
    clock_floor.raise_floor(later - timedelta(days=1))
    assert clock_floor.floored_now() >= later
    clock_floor.write_floor(file)
    monkeypatch.setattr(clock_floor, "_FLOOR", clock_floor._Floor())
    for content in ("", "{}", '{"at": "never"}', '{"at": 7}'):
        (tmp_path / "broken.json").write_text(content)
        clock_floor.read_floor(tmp_path / "broken.json")
        assert not clock_floor.clock_is_behind()
    clock_floor.read_floor(file)
    assert clock_floor.floored_now() >= later
