"""From a bare Debian to the first committed event, by the playbook that a factory runs."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from tests.journeys.appliance import STATION, CloudAlone, Service, play
from tests.journeys.factory import eventually, free_ports
from tests.simulators.debian_root import DebianRoot, missing, not_allowed

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(600),
    pytest.mark.requirement("DEP"),
    pytest.mark.asyncio(loop_scope="module"),
]
_BROKER = "/lib/systemd/system/mosquitto.service"
_STATION = "/etc/systemd/system/kyndof-edge.service"


@dataclass(slots=True)
class Appliance:
    """An installed root, the cloud that it belongs to, and what runs in it."""

    root: DebianRoot
    folder: Path
    cloud: CloudAlone
    given: dict[str, object]
    running: dict[str, Service] = field(default_factory=dict)

    def start(self, unit: str) -> Service:
        """Start a unit as the service manager would."""
        log = self.folder / f"{Path(unit).stem}.log"
        self.running[unit] = Service.start(self.root, unit, log)
        return self.running[unit]

    def stop(self) -> None:
        """Stop whatever runs."""
        for service in reversed(self.running.values()):
            service.stop()

    def wheel(self) -> str:
        """Return the release that the first run built."""
        return str(next((self.folder / "built").glob("*.whl")))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianRoot]:
    """A bare Debian; where the machine may not make one, the tests are skipped."""
    if reason := not_allowed():
        pytest.skip(reason)
    if reason := missing():
        if os.environ.get("KYNDOF_REQUIRE_SERVERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with DebianRoot.make(tmp_path_factory.mktemp("appliance")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def appliance(root: DebianRoot) -> AsyncIterator[Appliance]:
    """What one run of the playbook made of the bare Debian, and its cloud."""
    folder = root.path.parent
    async with CloudAlone.start(folder / "cloud") as cloud:
        made = Appliance(root, folder, cloud, variables(cloud, folder))
        (await play(root, folder, made.given)).recap()
        try:
            yield made
        finally:
            await asyncio.to_thread(made.stop)


def variables(cloud: CloudAlone, folder: Path) -> dict[str, object]:
    mqtt, kiosk = free_ports(2)
    return {
        "appliance_station": STATION,
        "appliance_board": "x86-mini-pc",
        "appliance_camera": "",
        "appliance_scanner_profile": "hid-generic",
        "appliance_scanner": "hid:/run/kyndof/scanner.fifo",
        "appliance_cloud_address": cloud.intake,
        "appliance_enrolment_address": cloud.enrolment,
        "mosquitto_port": mqtt,
        "edge_runtime_kiosk_port": kiosk,
        "edge_runtime_wheels": "/mnt/wheels",
        "edge_runtime_built": str(folder / "built"),
        "edge_runtime_join_token": cloud.join["join_token"],
        "edge_runtime_serial": cloud.join["serial"],
        "edge_runtime_ca_fingerprint": cloud.join["ca_fingerprint"],
        "kiosk_packages": [],
    }


async def test_one_command_makes_a_station_of_a_bare_debian_and_a_second_run_changes_nothing(
    appliance: Appliance,
) -> None:
    root = appliance.root
    broker, station = appliance.start(_BROKER), appliance.start(_STATION)
    try:
        await eventually("the broker is ready", lambda: "READY=1" in broker.heard(), 60)
        await eventually("the station is ready", lambda: "READY=1" in station.heard(), 60)
        work = f"/var/lib/kyndof/stations/{STATION}/packages/current.digest"
        await eventually(
            "it is enrolled and has its work", lambda: succeeds(root, "test", "-f", work), 90, 0.5
        )
        scanned = f"echo {await appliance.cloud.badge()} > /run/kyndof/scanner.fifo"
        await asyncio.to_thread(root.run, "sh", "-c", scanned)
        same = appliance.given | {"edge_runtime_wheel": appliance.wheel()}
        again, _ = await asyncio.gather(
            play(root, appliance.folder, same), first_event(appliance.cloud)
        )
        words = len(station.heard())
        await eventually("it is still alive", lambda: len(station.heard()) > words, 60)
    except BaseException:
        print(broker.told(), station.told(), sep="\n---\n")
        raise
    assert again.recap()["changed"] == 0, again.told
    assert again.recap()["failed"] == again.recap()["unreachable"] == 0


async def first_event(cloud: CloudAlone) -> None:
    async with asyncio.timeout(90):
        while await cloud.committed() == 0:  # noqa: ASYNC110 - in another process, which tells nobody
            await asyncio.sleep(0.3)


def succeeds(root: DebianRoot, *command: str) -> bool:
    with contextlib.suppress(AssertionError):
        root.run(*command)
        return True
    return False
