"""A whole factory as real processes: own home, free ports, always stopped.

async with Factory.start(tmp_path) as factory:
    lead = await factory.sign_in("lead@demo.example")
"""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.simulators.doors import Cloud, HandScanner, Kiosk, Table, TooLateError

CHECKOUT = Path(__file__).resolve().parents[2]
STATIONS = ("CUT-01", "QC-01")
_START_S, _STOP_S = 180.0, 30.0


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    doors = [socket.socket() for _ in range(count)]
    try:
        for door in doors:
            door.bind(("127.0.0.1", 0))
        return [door.getsockname()[1] for door in doors]
    finally:
        for door in doors:
            door.close()


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family(pid: int, word: str) -> list[int]:
    """Processes below one whose command line holds a word; one that ends meanwhile is left out."""
    found = []
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if re.search(rf"\b{word}\b", " ".join(child.cmdline())):
                    found.append(child.pid)
    return found


async def eventually(
    what: str, check: Callable[[], object], within_s: float = 30, every_s: float = 0.1
) -> None:
    """Wait until a cheap local check holds; for files and processes, which send no events."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + within_s
    while not check():
        if loop.time() > until_s:
            raise TooLateError(f"{what}: not within {within_s} s")
        await asyncio.sleep(every_s)


@dataclass(slots=True)
class Factory:
    """A running `kyndof up`; made by `start`."""

    home: Path
    environment: Mapping[str, str]
    http: str
    kiosk_ports: Mapping[str, int]
    demo: bool
    _process: subprocess.Popen[bytes] | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @classmethod
    @asynccontextmanager
    async def start(
        cls, home: Path, *, demo: bool = True, settings: Mapping[str, str] | None = None
    ) -> AsyncIterator["Factory"]:
        """Start everything and wait until both stations have their work; stop it at the end.

        With `demo` the cameras follow what a `Table` puts into `scenes/`. `settings` are
        environment variables over ours.
        """
        factory = cls._planned(home, demo=demo, settings=settings or {})
        try:
            await factory.up()
            yield factory
        except BaseException:
            factory.show_logs()
            raise
        finally:
            await factory._stack.aclose()
            await factory.down()

    @classmethod
    def _planned(cls, home: Path, *, demo: bool, settings: Mapping[str, str]) -> "Factory":
        http, grpc, enrolment, mqtt, *kiosks = free_ports(4 + len(STATIONS))
        ports = dict(zip(STATIONS, kiosks, strict=True))
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("KYNDOF_")},
            "PYTHONPATH": f"{CHECKOUT}{os.pathsep}{CHECKOUT / 'proto'}",
            "PYTHONUNBUFFERED": "1",
            "KYNDOF_HOME": str(home),
            "KYNDOF_HTTP__PORT": str(http),
            "KYNDOF_GRPC__PORT": str(grpc),
            "KYNDOF_GRPC__ENROLMENT_PORT": str(enrolment),
            "KYNDOF_MQTT__PORT": str(mqtt),
            "KYNDOF_STATIONS__KIOSK_PORTS": json.dumps(ports),
            **settings,
        }
        return cls(
            home=home,
            environment=environment,
            http=f"http://127.0.0.1:{http}",
            kiosk_ports=ports,
            demo=demo,
        )

    # Processes

    async def up(self) -> None:
        """Start `kyndof up` and wait until it has greeted and both stations have their work."""
        self.home.mkdir(parents=True, exist_ok=True)
        self._begin()
        await eventually("kyndof up greets", self._greeted, _START_S)
        for name in STATIONS:
            packages = self.home / "stations" / name / "packages" / "current.digest"
            await eventually(f"{name} has its work package", packages.exists, _START_S)

    def _begin(self) -> None:
        arguments = ["up", "--demo"] if self.demo else ["up"]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cloud", *arguments],
                cwd=self.home, env=dict(self.environment), stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def _greeted(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"kyndof up ended:\n{self.log.read_text('utf-8')}")
        return "each link opens once" in self.log.read_text("utf-8")

    async def down(self) -> None:
        """Stop everything as Ctrl-C does; what is left after 30 s is killed and told."""
        process, self._process = self._process, None
        if process is None:
            return
        below = psutil.Process(process.pid).children(recursive=True) if alive(process.pid) else []
        process.send_signal(signal.SIGINT)
        try:
            await asyncio.to_thread(process.wait, _STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        await asyncio.to_thread(psutil.wait_procs, below, 10)
        left = [one for one in below if alive(one.pid)]
        for one in left:
            one.kill()
        if left:
            raise AssertionError(f"left behind by kyndof up: {[one.pid for one in left]}")

    def pid(self, name: str) -> int:
        """Process id of a child of `up`: broker, serve, worker, CUT-01 or QC-01."""
        told = re.findall(rf"^{re.escape(name)}: running (\d+)", self._told(), re.MULTILINE)
        if not told:
            raise AssertionError(f"{name} never ran")
        return int(told[-1])

    def agent_pid(self, station: str) -> int:
        """Process id of a station's `kyndof-edge sync`."""
        agents = family(self.pid(station), "sync")
        if not agents:
            raise AssertionError(f"{station} has no agent now")
        return agents[0]

    def postgres_pids(self) -> list[int]:
        """Process ids of PostgreSQL's backends that serve somebody."""
        pid_file = self.home / "postgres" / "data" / "postmaster.pid"
        postmaster = int(pid_file.read_text().split()[0])
        return family(postmaster, "kyndof_app")

    async def kill(self, name: str) -> int:
        """kill -9 a child of `up` and wait until another one runs in its place."""
        before = self.pid(name)
        os.kill(before, signal.SIGKILL)
        await eventually(f"{name} runs again", lambda: self.pid(name) != before, 60)
        return before

    @property
    def log(self) -> Path:
        """What `kyndof up` said."""
        return self.home / "up.log"

    def _told(self) -> str:
        return self.log.read_text("utf-8")

    def show_logs(self) -> None:
        """Print what the processes said last; pytest shows it with the failure."""
        if self.log.exists():
            print(f"--- {self.log.name}\n" + "\n".join(self._told().splitlines()[-40:]))
        for file in sorted((self.home / "logs").glob("*.jsonl")):
            lines = file.read_text("utf-8", errors="replace").splitlines()
            bad = [line for line in lines if '"INFO"' not in line and '"DEBUG"' not in line]
            print(f"--- {file.name}\n" + "\n".join(line[:1500] for line in bad[-25:]))

    # Doors

    async def sign_in(self, login: str) -> Cloud:
        """A person at the cloud, by the one-time link that `up` printed; once a login."""
        links = re.findall(rf"^{re.escape(login)}\s+\S+/login#(\S+)", self._told(), re.MULTILINE)
        if links:
            cloud = Cloud(self.http)
            await cloud.sign_in(links[-1])
            return cloud
        link = json.loads(await self.command("login-link", login, "--json"))
        cloud = Cloud(self.http)
        await cloud.sign_in(link["token"])
        return cloud

    async def kiosk(self, station: str) -> Kiosk:
        """A station's kiosk, connected and with its work package read."""
        kiosk = await self._stack.enter_async_context(Kiosk(station, self.kiosk_ports[station]))
        await kiosk.until(lambda s: s["station"]["enrolled"] and s["station"]["ready"], 60)
        return kiosk

    async def table(self, station: str) -> Table:
        """The table under a station's camera."""
        return await self._stack.enter_async_context(Table(self.home / "scenes" / station))

    def scanner(self, station: str) -> HandScanner:
        """A station's USB scanner."""
        return HandScanner(self.home / "scanners" / f"{station}.fifo")

    async def command(self, *arguments: str) -> str:
        """Run `kyndof …` in this factory's home and return what it printed.

        Raises:
            AssertionError: it failed; the sentence is what it said.
        """
        return await self._run("cloud", *arguments)

    async def station_command(self, station: str, *arguments: str) -> str:
        """Run `kyndof-edge …` as a station."""
        return await self._run("edge", *arguments, KYNDOF_STATION=station)

    async def _run(self, module: str, *arguments: str, **settings: str) -> str:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", module, *arguments],
            cwd=self.home, env={**self.environment, **settings}, capture_output=True,
            check=False, timeout=120,
        )  # fmt: skip
        if done.returncode != 0:
            raise AssertionError(
                f"{module} {' '.join(arguments)}: {done.stderr.decode()}{done.stdout.decode()}"
            )
        return done.stdout.decode()


def forget(home: Path) -> None:
    """Remove a stopped factory's data."""
    shutil.rmtree(home, ignore_errors=True)
