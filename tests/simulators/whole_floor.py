"""A floor from a producer's spool to PostgreSQL as real processes, on mosquitto, each killable.

async with WholeFloor.start(folder, seed=7) as floor:
    floor.write(500)
    ...
    await floor.whole()
"""

import asyncio
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import psutil

from tests.checker import Cloud, Judgement, Waiting, judge, told
from tests.fakes.floor import PASSWORD, STATION, AgentProcess, BrokerProcess, Process, environment
from tests.journeys.factory import eventually
from tests.simulators.cloud_site import CloudSite
from tests.simulators.network import NetworkProxy

ENDLESS = 10_000_000


class ProducerProcess(Process):
    """A station's journal, which writes numbered facts until it is told how many are enough."""

    def __init__(self, home: Path, broker_port: int, truth: Path) -> None:
        super().__init__(home / "producer.log")
        self.truth = truth
        self.count = ENDLESS
        self._environment = environment(
            KYNDOF_HOME=str(home),
            KYNDOF_STATION=STATION,
            KYNDOF_MQTT__URL=f"mqtt://127.0.0.1:{broker_port}",
            KYNDOF_MQTT__PASSWORD=PASSWORD,
            KYNDOF_OUTBOX__BALLAST_MB="1",
        )

    def command(self) -> tuple[list[str], dict[str, str]]:
        arguments = ["--count", str(self.count), "--truth", str(self.truth)]
        module = [sys.executable, "-m", "tests.simulators.journal_producer", *arguments]
        return module, self._environment


class WholeFloor:
    """One station's way to the cloud; `line` lies between agent and cloud."""

    def __init__(
        self, folder: Path, site: CloudSite, line: NetworkProxy, broker: BrokerProcess
    ) -> None:
        self.site = site
        self.line = line
        self.broker = broker
        self.home = folder / "station"
        self.station = self.home / "stations" / STATION
        self.truth = folder / "truth.txt"
        self.producer = ProducerProcess(self.home, broker.port, self.truth)
        self.agent: AgentProcess | None = None
        self.station_id = ""
        self.trouble = ""
        self._links: list[Path] = []

    @classmethod
    @asynccontextmanager
    async def start(cls, folder: Path, **settings: str) -> AsyncIterator["WholeFloor"]:
        """Start everything but the producer; ``settings`` are the agent's."""
        async with CloudSite.start(folder / "cloud") as site:
            await asyncio.to_thread((folder / "broker").mkdir)
            broker = BrokerProcess("mosquitto", folder / "broker")
            async with NetworkProxy("127.0.0.1", site.settings.grpc.port) as line:
                floor = cls(folder, site, line, broker)
                ((floor.station_id, _),) = await site.enrol((STATION, floor.station))
                floor.agent = AgentProcess(
                    floor.home,
                    broker.port,
                    site,
                    **{"KYNDOF_CLOUD__ADDRESS": f"127.0.0.1:{line.port}", **settings},
                )
                try:
                    broker.start()
                    await broker.ready()
                    floor.agent.start()
                    yield floor
                except BaseException:
                    floor.show_logs()
                    raise
                finally:
                    for process in (floor.producer, floor.agent, broker):
                        with suppress(subprocess.TimeoutExpired):
                            process.stop()
                    for link in floor._links:
                        link.unlink(missing_ok=True)

    # Faults

    async def kill(self, victim: str) -> None:
        """kill -9 one part, and start it again at once."""
        if victim == "serve":
            await self.site.kill_serve()
        elif victim == "backend":
            await eventually("a backend is killed", self.site.kill_backend, 60)
        elif victim == "postmaster":
            await self.kill_postmaster()
        else:
            process = {"agent": self.agent, "producer": self.producer, "broker": self.broker}[
                victim
            ]
            process.kill()
            process.start()

    async def kill_postmaster(self) -> None:
        """kill -9 the server and its backends, as a power cut ends them; start it again."""
        postgres = self.site.postgres
        assert postgres.exited is None, f"PostgreSQL ended by itself: {postgres.exited}"
        family = [psutil.Process(postgres.pid), *_below(postgres.pid)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        socket = postgres._socket
        await postgres._process.wait()
        await asyncio.to_thread(psutil.wait_procs, family[1:], 20)
        await postgres.start()
        # Where everybody looks for it: the socket's folder is made anew at each start.
        shutil.rmtree(socket)
        Path(socket).symlink_to(postgres._socket)  # noqa: ASYNC240 - a moment
        self._links.append(socket)

    # What is there

    async def committed(self) -> int:
        """How many numbered facts PostgreSQL holds; 0 while it cannot be asked."""
        try:
            rows = await self.site.ask(
                "SELECT count(*) FROM station_events WHERE type = 'scan_refused'"
                " AND standing = 'accepted'"
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
            self.trouble = f"{type(error).__name__}: {error}"
            return 0
        self.trouble = ""
        return int(rows[0][0])

    async def unlocked_count(self, connection: asyncpg.Connection) -> int:
        """How far the log got, asked by whoever holds the lock on it."""
        await connection.execute("SET LOCAL row_security = off")
        return int(await connection.fetchval("SELECT count(*) FROM station_events"))

    async def until_committed(self, count: int, within_s: float = 90) -> int:
        """Wait until so many have arrived."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + within_s
        while (found := await self.committed()) < count:
            assert loop.time() < until_s, f"{found} of {count} after {within_s} s {self.trouble}"
            await asyncio.sleep(0.1)
        return found

    async def stop_writing(self) -> int:
        """Let the producer write no more but deliver what it has; how many numbers it promised."""
        self.producer.kill()
        self.producer.count = 0
        self.producer.start()
        return len(told(self.truth)[0])

    async def whole(self, within_s: float = 120) -> Judgement:
        """Stop writing, wait until all has arrived, and judge; fails where a promise is broken."""
        promised = await self.stop_writing()
        await self.until_committed(promised, within_s)
        outcome = await self.judgement()
        outcome.demand()
        assert not outcome.waiting
        return outcome

    async def judgement(self) -> Judgement:
        """Compare promises with what lies where."""
        cloud = await Cloud.read(self.site.urls.app, self.station_id)
        return judge(*told(self.truth), cloud, await asyncio.to_thread(Waiting.read, self.station))

    def show_logs(self) -> None:
        """Print what the processes said last; pytest shows it with the failure."""
        logs = [p.log for p in (self.producer, self.agent, self.broker) if p is not None]
        for log in (*logs, self.site.home / "postgres" / "postgres.log"):
            if log.exists():
                lines = log.read_text(errors="replace").splitlines()[-20:]
                print(f"--- {log.name}\n" + "\n".join(line[:800] for line in lines))


def _below(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def schedule(chance: random.Random, kills: dict[str, int]) -> list[tuple[str, float]]:
    """Victims in an order of chance, each with the seconds to wait before it."""
    victims = [victim for victim, count in kills.items() for _ in range(count)]
    chance.shuffle(victims)
    return [(victim, chance.uniform(0.05, 1.2)) for victim in victims]
