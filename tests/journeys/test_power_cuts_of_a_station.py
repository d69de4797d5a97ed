"""A whole station, with its own kernel and service manager, whose plug is pulled again and again.

What it had promised (a row of the outbox that another connection can read) it says on a serial
line; at the end the cloud must have each of these events once, and the station must have come to
inspect after each cut without a hand. The disk keeps what the guest flushed, in whole sectors:
torn and lost writes are the rows 6 and 7 of the fault matrix.
"""

import asyncio
import inspect
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from ulid import ULID

from cloud.infrastructure.postgres.demo_organizations import DEMO
from tests.journeys.appliance import CloudAlone, play
from tests.journeys.factory import eventually
from tests.journeys.test_appliance import variables
from tests.seeds import chance
from tests.simulators import guest_teller, virtual_machine
from tests.simulators.debian_root import DebianRoot, missing, not_allowed
from tests.simulators.virtual_machine import HOST, Disk, VirtualMachine, disk_of, machine, write

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(7200),
    pytest.mark.requirement("BUF", "DEP"),
    pytest.mark.asyncio(loop_scope="module"),
]
_CUTS = 8
_LONG_S = 1200
_TELLER = "/opt/told/told.py"
_UNIT = f"""[Unit]
Description=Says what the station keeps
Before=kyndof-edge.service
[Service]
ExecStart=/usr/bin/python3 {_TELLER}
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
"""
# An emulated processor is twenty times slower than the one that this limit is meant for.
_SLOW = "[Service]\nWatchdogSec=600\n"
_SLOW_FILE = "/etc/systemd/system/kyndof-edge.service.d/slow.conf"


@dataclass(frozen=True, slots=True)
class Installed:
    """The disk of a station that was set up and never started, and its cloud."""

    disk: Disk
    cloud: CloudAlone


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def installed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installed]:
    if reason := not_allowed() or missing() or virtual_machine.missing():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("station")
    async with CloudAlone.start(folder / "cloud", names=(HOST,)) as cloud:
        yield Installed(await _disk(cloud, folder), cloud)


async def test_whenever_the_plug_is_pulled_the_station_comes_back_and_nothing_promised_is_lost(
    installed: Installed, tmp_path: Path
) -> None:
    moments, loop = chance(), asyncio.get_running_loop()
    with machine(installed.disk, tmp_path) as station:
        for cut in range(_CUTS + 1):
            before, begun_s = len(_promised(station)), loop.time()
            await _started(station)
            ready_s = loop.time() - begun_s
            await _until(station, lambda before=before: len(_promised(station)) > before + 5)
            print(f"after {cut} cuts it inspects, {ready_s:.0f} s after power", flush=True)
            if cut < _CUTS:
                await asyncio.sleep(moments.uniform(0, 15))
                station.cut()
        promised = _promised(station)
        async with asyncio.timeout(_LONG_S):
            arrived = await _arrived(installed.cloud)
            while not promised <= set(arrived):
                await asyncio.sleep(1)
                arrived = await _arrived(installed.cloud)
        print(f"{len(promised)} promised, all of them arrived", flush=True)
        assert len(arrived) == len(set(arrived)), "an event arrived twice"
        assert not _logs(station), "the service manager had to start the station again"


async def test_the_service_manager_takes_a_release_back_that_fails(
    installed: Installed, tmp_path: Path
) -> None:
    with machine(installed.disk, tmp_path) as station:
        await _started(station)
        release = _units(station)[-1].release
        station.say("switch")
        await _until(station, lambda: _units(station)[-1].release == guest_teller.BROKEN)
        await _until(
            station,
            lambda: (_units(station)[-1].release, _units(station)[-1].state) == (release, "active"),
        )
        assert "log a release that cannot run" in _logs(station)


async def _disk(cloud: CloudAlone, folder: Path) -> Disk:
    """Let the playbook make a station of a bare Debian, and write it to a disk."""
    intake, enrolment = (
        f"{HOST}:{address.rpartition(':')[2]}" for address in (cloud.intake, cloud.enrolment)
    )
    seen = replace(cloud, intake=intake, enrolment=enrolment)
    with DebianRoot.make(folder) as root:
        (await play(root, folder, variables(seen, folder))).recap()
        for path, text in {
            _TELLER: inspect.getsource(guest_teller),
            "/opt/told/join.json": json.dumps(dict(cloud.join)),
            "/opt/told/badge": await cloud.badge(),
            "/etc/systemd/system/told.service": _UNIT,
            _SLOW_FILE: _SLOW,
        }.items():
            write(root, path, text)
        root.run("systemctl", "enable", "told")
        return await asyncio.to_thread(disk_of, root, folder)


async def _started(station: VirtualMachine) -> None:
    mark = len(station.heard)
    station.on()
    await _until(
        station, lambda: any(line.startswith("unit active") for line in station.heard[mark:])
    )


async def _until(station: VirtualMachine, check) -> None:
    try:
        await eventually("the station says so", check, _LONG_S, 0.2)
    except BaseException:
        print(station.told(), *station.heard[-60:], sep="\n")
        raise


@dataclass(frozen=True, slots=True)
class _UnitState:
    state: str
    release: str


def _units(station: VirtualMachine) -> list[_UnitState]:
    told = (re.fullmatch(r"unit (\w+) \d+ (\S+)", line) for line in station.heard)
    return [_UnitState(one[1], one[2]) for one in told if one]


def _logs(station: VirtualMachine) -> list[str]:
    return [line for line in station.heard if line.startswith("log ")]


def _promised(station: VirtualMachine) -> set[str]:
    """What the station has stored; a line that a cut tore off says nothing."""
    told = (re.fullmatch("stored ([0-9A-F]{32})", line) for line in station.heard)
    return {f"evt_{ULID.from_bytes(bytes.fromhex(one[1]))}" for one in told if one}


async def _arrived(cloud: CloudAlone) -> list[str]:
    connection = await asyncpg.connect(cloud.database, timeout=5)
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('kyndof.organization', $1, true)", DEMO)
            return [
                row["event_id"]
                for row in await connection.fetch(
                    "SELECT event_id FROM station_events WHERE event_id IS NOT NULL"
                )
            ]
    finally:
        await connection.close()
