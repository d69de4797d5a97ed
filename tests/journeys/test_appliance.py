"""From a bare Debian to the first committed event, by the playbook that a factory runs."""

import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from tests.journeys.appliance import STATION, CloudAlone, Service, play
from tests.journeys.factory import CHECKOUT, eventually, free_ports
from tests.simulators.debian_root import DebianRoot, missing, not_allowed

pytestmark = [pytest.mark.soak, pytest.mark.timeout(840), pytest.mark.requirement("DEP")]


@pytest.fixture
def root(tmp_path):
    if reason := not_allowed():
        pytest.skip(reason)
    if reason := missing():
        if os.environ.get("KYNDOF_REQUIRE_SERVERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with DebianRoot.make(tmp_path) as made:
        yield made


def variables(cloud: CloudAlone, mqtt: int, kiosk: int) -> dict[str, object]:
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
        "edge_runtime_join_token": cloud.join["join_token"],
        "edge_runtime_serial": cloud.join["serial"],
        "edge_runtime_ca_fingerprint": cloud.join["ca_fingerprint"],
        "kiosk_packages": [],
    }


async def test_one_command_makes_a_station_of_a_bare_debian_and_a_second_run_changes_nothing(
    root, tmp_path
) -> None:
    async with CloudAlone.start(tmp_path / "cloud") as cloud:
        given = variables(cloud, *free_ports(2))
        await asyncio.to_thread(play, root, tmp_path, given)
        with contextlib.ExitStack() as stack:
            units = (
                "/lib/systemd/system/mosquitto.service",
                "/etc/systemd/system/kyndof-edge.service",
            )
            broker, station = (
                stack.enter_context(Service.start(root, unit, tmp_path / f"{number}.log"))
                for number, unit in enumerate(units)
            )
            try:
                await eventually("the broker is ready", lambda: "READY=1" in broker.heard(), 60)
                await eventually("the station is ready", lambda: "READY=1" in station.heard(), 60)
                work = f"/var/lib/kyndof/stations/{STATION}/packages/current.digest"
                await eventually(
                    "it is enrolled and has its work",
                    lambda: succeeds(root, "test", "-f", work),
                    90,
                    0.5,
                )
                scanned = f"echo {await cloud.badge()} > /run/kyndof/scanner.fifo"
                await asyncio.to_thread(root.run, "sh", "-c", scanned)
                second = given | {"edge_runtime_wheel": str(newest_wheel())}
                again, _ = await asyncio.gather(
                    asyncio.to_thread(play, root, tmp_path, second), first_event(cloud)
                )
                words = len(station.heard())
                await eventually("it is still alive", lambda: len(station.heard()) > words, 60)
            except BaseException:
                print(
                    broker.log.read_text()[-3000:], station.log.read_text()[-6000:], sep="\n---\n"
                )
                raise
    assert again["changed"] == 0, (tmp_path / "appliance.log").read_text()
    assert again["failed"] == again["unreachable"] == 0


def newest_wheel() -> Path:
    built = (CHECKOUT / "dist" / "appliance").glob("*.whl")
    return max(built, key=lambda wheel: wheel.stat().st_mtime)


async def first_event(cloud: CloudAlone) -> None:
    async with asyncio.timeout(90):
        while await cloud.committed() == 0:  # noqa: ASYNC110 - in another process, which tells nobody
            await asyncio.sleep(0.3)


def succeeds(root: DebianRoot, *command: str) -> bool:
    with contextlib.suppress(AssertionError):
        root.run(*command)
        return True
    return False
