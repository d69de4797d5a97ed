"""From a bare Debian to the first committed event, by the playbook that a factory runs."""

import asyncio
import contextlib
import os
import zipfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from tests.journeys.appliance import STATION, CloudAlone, Service, play
from tests.journeys.factory import eventually, free_ports
from tests.simulators.debian_root import DebianRoot, missing, not_allowed
from tests.simulators.doors import TooLateError

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(800),
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

    async def restart(self, unit: str) -> str:
        """Do what `systemctl restart` does with Type=notify; return why it failed, or nothing."""
        await asyncio.to_thread(self.running[unit].stop)
        service = await asyncio.to_thread(self.start, unit)
        try:
            await eventually(
                "it is ready or has ended",
                lambda: "READY=1" in service.heard() or service.process.poll() is not None,
                90,
            )
        except TooLateError as error:
            return str(error)
        return "" if service.process.poll() is None else "it ended before it was ready"

    @contextlib.asynccontextmanager
    async def managed(self) -> AsyncIterator[dict[str, object]]:
        """Restart the station when the playbook asks; yields what tells it how to ask."""
        address = f"kyndof-manager-{os.getpid()}"

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write((await self.restart(_STATION) or "ready").encode())
            writer.close()
            await writer.wait_closed()

        asked = (
            "import socket, sys; s = socket.socket(socket.AF_UNIX); s.settimeout(150);"
            f" s.connect(chr(0) + '{address}'); w = s.recv(500).decode();"
            " sys.exit(0 if w == 'ready' else w or 'no answer')"
        )
        server = await asyncio.start_unix_server(answer, "\0" + address)
        async with server:
            yield {
                "updates_running": True,
                "updates_restart": f'python3 -c "{asked}"',
                "updates_health_tries": 20,
                "updates_health_pause_s": 1,
            }

    def link(self, name: str) -> str:
        """Return the release that `current` or `previous` points to."""
        return Path(self.root.run("readlink", f"/opt/kyndof/{name}").strip()).name

    def journal(self) -> str:
        """Return the last line of the journal of releases."""
        return self.root.read("/opt/kyndof/releases.log").splitlines()[-1]

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


async def test_a_release_that_does_not_come_up_is_switched_back_and_the_journal_says_so(
    appliance: Appliance,
) -> None:
    before = appliance.link("current")
    async with appliance.managed() as manager:
        given = appliance.given | manager | {"edge_runtime_wheel": str(broken_wheel(appliance))}
        run = await play(
            appliance.root, appliance.folder, given, "appliance", "--tags", "edge_runtime,updates"
        )
    assert not run.succeeded
    assert "did not work" in run.told, run.told[-4000:]
    assert "rescued=1" in run.told
    assert appliance.link("current") == before
    assert not succeeds(appliance.root, "test", "-e", "/opt/kyndof/previous"), "nothing came before"
    assert f"did not work (Start the station anew); {before} was put back" in appliance.journal()
    station = appliance.running[_STATION]
    assert "READY=1" in station.heard()
    assert station.process.poll() is None, station.told()


async def test_a_person_switches_to_the_release_before_by_hand(appliance: Appliance) -> None:
    now, other = appliance.link("current"), "0.1.0-another"
    await asyncio.to_thread(appliance.root.run, "sh", "-c", _ANOTHER, "another", now, other)
    async with appliance.managed() as manager:
        run = await play(appliance.root, appliance.folder, appliance.given | manager, "switch")
    assert run.recap()["rescued"] == 0, run.told
    assert (appliance.link("current"), appliance.link("previous")) == (other, now)
    assert appliance.journal().endswith(f"{other} took over from {now}")
    station = appliance.running[_STATION]
    assert "READY=1" in station.heard()
    command = psutil.Process(station.process.pid).children()[0].cmdline()
    assert f"/opt/kyndof/releases/{other}/" in " ".join(command)


# As installed, from the files that lie there already: a release's scripts name its own Python.
_ANOTHER = """
set -e
cd /opt/kyndof/releases
cp -al "$1" "$2"
sed -i "s,/$1/,/$2/,g" "$2"/venv/bin/kyndof-edge
ln -s "releases/$2" ../previous
"""


def broken_wheel(appliance: Appliance) -> Path:
    """Return the release once more, with a station that ends as soon as it is started."""
    (appliance.folder / "broken").mkdir()
    made = appliance.folder / "broken" / Path(appliance.wheel()).name
    with zipfile.ZipFile(appliance.wheel()) as old, zipfile.ZipFile(made, "w") as new:
        for one in old.infolist():
            content = old.read(one)
            if one.filename == "edge/__main__.py":
                content = content.replace(b"    try:\n        app()", _BROKEN)
            new.writestr(one, content)
    return made


_BROKEN = b"""    if sys.argv[1:2] == ["run"]:
        sys.exit("a release that cannot run")
    try:
        app()"""


async def first_event(cloud: CloudAlone) -> None:
    async with asyncio.timeout(90):
        while await cloud.committed() == 0:  # noqa: ASYNC110 - in another process, which tells nobody
            await asyncio.sleep(0.3)


def succeeds(root: DebianRoot, *command: str) -> bool:
    with contextlib.suppress(AssertionError):
        root.run(*command)
        return True
    return False
