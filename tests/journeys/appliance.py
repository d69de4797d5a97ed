"""An appliance in a Debian root: Ansible installs it, its units' own lines start it."""

import asyncio
import contextlib
import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import psutil

from cloud.composition.bringing_up import _front
from cloud.infrastructure.embedded.postgres import EmbeddedPostgres
from cloud.infrastructure.embedded.supervisor import ChildSpec, Supervisor
from cloud.infrastructure.postgres.demo_organizations import DEMO
from cloud.infrastructure.postgres.migration import migrate
from cloud.settings import CloudSettings, GrpcSettings, HttpSettings
from tests.journeys.factory import CHECKOUT, free_ports
from tests.journeys.pipeline import show_logs
from tests.simulators.debian_root import ANSIBLE, DebianRoot

STATION = "CUT-01"
_COUNT = "SELECT count(*) FROM station_events WHERE stream = 'events' AND type = 'badge_scanned'"
_BADGE = "SELECT badge FROM persons WHERE login = 'worker@demo.example'"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudAlone:
    """PostgreSQL and `kyndof serve`, and the right for one station to join."""

    intake: str
    enrolment: str
    join: Mapping[str, str]
    database: str

    @classmethod
    @asynccontextmanager
    async def start(cls, home: Path, names: Sequence[str] = ()) -> AsyncIterator["CloudAlone"]:
        """Start both on free ports of this machine; stop them at the end.

        ``names`` are more of them for the server certificate.
        """
        http, grpc, enrolment = free_ports(3)
        await asyncio.to_thread(home.mkdir, parents=True, exist_ok=True)
        settings = CloudSettings(
            home=home,
            http=HttpSettings(port=http),
            grpc=GrpcSettings(port=grpc, enrolment_port=enrolment),
        )
        known = [*settings.grpc.names, *names]
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("KYNDOF_")},
            "PYTHONPATH": f"{CHECKOUT}{os.pathsep}{CHECKOUT / 'proto'}",
            "KYNDOF_HOME": str(home),
            "KYNDOF_HTTP__PORT": str(http),
            "KYNDOF_GRPC__PORT": str(grpc),
            "KYNDOF_GRPC__ENROLMENT_PORT": str(enrolment),
            "KYNDOF_GRPC__NAMES": json.dumps(known),
        }
        postgres = EmbeddedPostgres(home / "postgres" / "data")
        supervisor = Supervisor(home / "logs", lambda **own: environment | own)
        try:
            await postgres.start()
            urls = await postgres.ensure_database("kyndof")
            await migrate(urls.owner)
            async with _front(settings, urls.app) as front:
                await front.prepare()
                join = await front.join_token(STATION)
            assert join is not None
            own = {"KYNDOF_DATABASE_URL": urls.app}
            supervisor.start(
                ChildSpec(name="serve", module="cloud", arguments=("serve",), environment=own)
            )
            yield cls(
                intake=f"127.0.0.1:{grpc}",
                enrolment=f"127.0.0.1:{enrolment}",
                join=join,
                database=urls.app,
            )
        except BaseException:
            show_logs(home)
            raise
        finally:
            await supervisor.stop()
            await postgres.stop()

    async def committed(self) -> int:
        """How many badges the cloud knows to have been scanned."""
        return int(str(await self._one(_COUNT)))

    async def badge(self) -> str:
        """What the demo's worker's badge says."""
        return f"KY1:B:{DEMO.removeprefix('org_')}:{await self._one(_BADGE)}"

    async def _one(self, question: str) -> object:
        connection = await asyncpg.connect(self.database, timeout=5)
        try:
            async with connection.transaction():
                await connection.execute("SELECT set_config('kyndof.organization', $1, true)", DEMO)
                return await connection.fetchval(question)
        finally:
            await connection.close()


class Unit:
    """What a unit file says, as far as a test can do it."""

    def __init__(self, text: str) -> None:
        self._lines: dict[str, list[str]] = {}
        for line in text.splitlines():
            name, separator, value = line.partition("=")
            if separator and not line.startswith(("#", ";")):
                self._lines.setdefault(name.strip(), []).append(value.strip())

    def one(self, name: str, default: str = "") -> str:
        """Return the last value of a setting."""
        return self._lines.get(name, [default])[-1]

    def environment(self, root: DebianRoot) -> dict[str, str]:
        """Return what `EnvironmentFile` and `Environment` say."""
        lines = [part for text in self._lines.get("Environment", []) for part in shlex.split(text)]
        for file in self._lines.get("EnvironmentFile", []):
            lines += root.read(file.removeprefix("-")).splitlines()
        pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
        return {name: value for name, _, value in pairs}


@dataclass(slots=True)
class Service:
    """A unit's own `ExecStart` line, run in the root as its user; we are its manager."""

    process: subprocess.Popen[bytes]
    log: Path
    _door: socket.socket
    words: list[str] = field(default_factory=list)

    @classmethod
    def start(cls, root: DebianRoot, file: str, log: Path) -> "Service":
        """Start it; its words are added to the log."""
        unit = Unit(root.read(file))
        address = f"kyndof-unit-{os.getpid()}-{log.stem}"
        environment = unit.environment(root) | {"NOTIFY_SOCKET": f"@{address}"}
        folder = unit.one("WorkingDirectory", "/")
        said = [f"{name}={value}" for name, value in environment.items()]
        door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            door.bind("\0" + address)
            door.setblocking(False)
            with log.open("ab") as output:
                process = subprocess.Popen(
                    root.inside(
                        "env", "-i", f"--chdir={folder}", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                        *said, *shlex.split(unit.one("ExecStart")),
                        user=unit.one("User"),
                    ),
                    stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                )  # fmt: skip
        except BaseException:
            door.close()
            raise
        return cls(process, log, door)

    def stop(self) -> None:
        """End it as systemd would: first its own process, after a while all of them."""
        below = []
        with contextlib.suppress(psutil.NoSuchProcess):
            below = psutil.Process(self.process.pid).children(recursive=True)
        for own in below[:1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                own.terminate()
        psutil.wait_procs(below, 20)
        for left in below:
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()
        self.process.kill()
        self.process.wait()
        self._door.close()

    def heard(self) -> list[str]:
        """Return every word so far that a manager would have heard."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.words += self._door.recv(4096).decode().splitlines()
        return self.words

    def told(self) -> str:
        """Return the last that it said."""
        return self.log.read_text("utf-8", "replace")[-6000:]


async def play(
    root: DebianRoot,
    folder: Path,
    variables: Mapping[str, object],
    playbook: str = "appliance",
    *arguments: str,
) -> "Played":
    """Run a playbook against the root and say what it said; it ends with whoever waits for it."""
    inventory = folder / "inventory.json"
    host = {"ansible_connection": "community.general.chroot", **variables}
    inventory.write_text(json.dumps({"appliances": {"hosts": {str(root.path): host}}}))
    given = folder / "given.json"
    given.write_text(json.dumps(variables))
    command = root.beside(
        "env", f"--chdir={CHECKOUT / 'ansible'}",
        ANSIBLE, "-i", str(inventory), f"playbooks/{playbook}.yml",
        "-e", f"edge_runtime_python={sys.executable}", "-e", f"@{given}", *arguments,
    )  # fmt: skip
    log = folder / f"{playbook}.log"
    with log.open("wb") as output:
        running = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, env=_of_ansible(folder),
        )  # fmt: skip
    try:
        await running.wait()
    except BaseException:
        running.kill()
        print(log.read_text("utf-8", "replace")[-4000:])
        raise
    return Played(succeeded=running.returncode == 0, told=log.read_text("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Played:
    """What a run of a playbook said."""

    succeeded: bool
    told: str

    def recap(self) -> dict[str, int]:
        """Return its counts: ok, changed, failed …

        Raises:
            AssertionError: it failed.
        """
        assert self.succeeded, self.told[-8000:]
        line = self.told.rpartition("PLAY RECAP")[2].splitlines()[1].partition(":")[2]
        return {name: int(count) for name, count in (part.split("=") for part in line.split())}


def _of_ansible(folder: Path) -> dict[str, str]:
    """This process's environment without what would reach into the root or the recap."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("KYNDOF_", "PYTHON", "ANSIBLE"))
    }
    return kept | {
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible" / "ansible.cfg"),
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "ansible-tmp"),
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
    }
