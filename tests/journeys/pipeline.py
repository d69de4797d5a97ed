"""The way of an event as real processes: journal, broker, agent, cloud, PostgreSQL; no camera."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from kyndof_wire.floor.v1.floor_pb2 import ScanRefused

from cloud.composition.bringing_up import _front
from cloud.infrastructure.embedded.postgres import DatabaseUrls, EmbeddedPostgres
from cloud.infrastructure.embedded.supervisor import ChildSpec, Supervisor
from cloud.infrastructure.postgres.demo_organizations import DEMO
from cloud.infrastructure.postgres.migration import migrate
from cloud.settings import CloudSettings, GrpcSettings, HttpSettings, MqttSettings
from tests.journeys.factory import CHECKOUT, eventually, family, free_ports

STATION, _PASSWORD = "CUT-01", "of-this-test-only"
_EVENTS = """
SELECT epoch, seq, standing, event_id, payload, producer_id, pseq FROM station_events
WHERE stream = 'events' AND type = 'scan_refused' ORDER BY epoch, seq"""


@dataclass(slots=True)
class Pipeline:
    """One station's producer and agent, broker, serve and PostgreSQL, each killable."""

    home: Path
    urls: DatabaseUrls
    postgres: EmbeddedPostgres
    supervisor: Supervisor

    @classmethod
    @asynccontextmanager
    async def start(cls, home: Path, count: int) -> AsyncIterator["Pipeline"]:
        """Start everything; the producer begins to write ``count`` numbered facts."""
        http, grpc, enrolment, mqtt = free_ports(4)
        await asyncio.to_thread(home.mkdir, parents=True, exist_ok=True)
        settings = CloudSettings(
            home=home,
            http=HttpSettings(port=http),
            grpc=GrpcSettings(port=grpc, enrolment_port=enrolment),
            mqtt=MqttSettings(port=mqtt),
        )
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("KYNDOF_")},
            "PYTHONPATH": f"{CHECKOUT}{os.pathsep}{CHECKOUT / 'proto'}",
            "KYNDOF_HOME": str(home),
            "KYNDOF_STATION": STATION,
            "KYNDOF_HTTP__PORT": str(http),
            "KYNDOF_GRPC__PORT": str(grpc),
            "KYNDOF_GRPC__ENROLMENT_PORT": str(enrolment),
            "KYNDOF_MQTT__PORT": str(mqtt),
            "KYNDOF_MQTT__USERS": json.dumps({STATION: _PASSWORD}),
            "KYNDOF_MQTT__URL": f"mqtt://127.0.0.1:{mqtt}",
            "KYNDOF_MQTT__PASSWORD": _PASSWORD,
            "KYNDOF_CLOUD__ADDRESS": f"127.0.0.1:{grpc}",
            "KYNDOF_CLOUD__ENROLMENT_ADDRESS": f"127.0.0.1:{enrolment}",
            "KYNDOF_CLOUD__RECONNECT_MAX_S": "1",
        }
        postgres = EmbeddedPostgres(home / "postgres" / "data")
        supervisor = Supervisor(home / "logs", lambda **own: environment | own)
        try:
            await postgres.start()
            urls = await postgres.ensure_database("kyndof")
            await migrate(urls.owner)
            pipeline = cls(home=home, urls=urls, postgres=postgres, supervisor=supervisor)
            await pipeline._begin(settings, count)
            yield pipeline
        except BaseException:
            show_logs(home)
            raise
        finally:
            await supervisor.stop()
            await postgres.stop()

    async def _begin(self, settings: CloudSettings, count: int) -> None:
        async with _front(settings, self.urls.app) as front:
            await front.prepare()
            token = await front.join_token(STATION)
        station = self.home / "stations" / STATION
        station.mkdir(parents=True)
        (station / "join-token.json").write_text(json.dumps(token), encoding="utf-8")
        database = {"KYNDOF_DATABASE_URL": self.urls.app}
        self._child("broker", "cloud", ("broker",), {})
        self._child("serve", "cloud", ("serve",), database)
        self._child("agent", "edge", ("sync",), {})
        arguments = ("--count", str(count), "--truth", str(self.truth))
        self._child("producer", "tests.simulators.journal_producer", arguments, {})

    def _child(
        self, name: str, module: str, arguments: tuple[str, ...], own: Mapping[str, str]
    ) -> None:
        self.supervisor.start(
            ChildSpec(name=name, module=module, arguments=arguments, environment=own)
        )

    @property
    def truth(self) -> Path:
        """What the producer says that it has committed."""
        return self.home / "truth.txt"

    async def kill(self, name: str) -> None:
        """kill -9 one part, `postgres` being a backend that serves the cloud, and see it back."""
        if name == "postgres":
            await eventually("a backend serves the cloud and is killed", self._kill_backend, 60)
            return
        child = self.supervisor.children[name]
        before = child.pid
        os.kill(before, signal.SIGKILL)
        await eventually(f"{name} runs again", lambda: child.pid != before, 60)

    def _kill_backend(self) -> bool:
        for pid in family(self.postgres.pid, "kyndof_app"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                return True
        return False

    async def rows(self) -> list[asyncpg.Record]:
        """Every numbered event that the cloud holds, in the log's order."""
        connection = await asyncpg.connect(self.urls.app)
        try:
            async with connection.transaction():
                await connection.execute("SELECT set_config('kyndof.organization', $1, true)", DEMO)
                return list(await connection.fetch(_EVENTS))
        finally:
            await connection.close()

    async def until_committed(self, count: int, within_s: float) -> int:
        """Wait until the cloud holds so many numbered events; how many there are."""
        loop = asyncio.get_running_loop()
        until_s, found = loop.time() + within_s, 0
        while loop.time() < until_s:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                found = await self._count()
                if found >= count:
                    return found
            await asyncio.sleep(0.2)
        raise AssertionError(f"{found} of {count} events after {within_s} s")

    async def _count(self) -> int:
        connection = await asyncpg.connect(self.urls.app, timeout=5)
        try:
            async with connection.transaction():
                await connection.execute("SELECT set_config('kyndof.organization', $1, true)", DEMO)
                found = await connection.fetchval(
                    "SELECT count(*) FROM station_events"
                    " WHERE stream = 'events' AND type = 'scan_refused'"
                )
                return int(found)
        finally:
            await connection.close()


def number_of(row: asyncpg.Record) -> int:
    """The number that the producer gave."""
    return int(ScanRefused.FromString(row["payload"]).text)


def show_logs(home: Path) -> None:
    """Print what the processes said last; pytest shows it with the failure."""
    for file in sorted((home / "logs").glob("*.jsonl")):
        lines = file.read_text("utf-8", errors="replace").splitlines()
        print(f"--- {file.name}\n" + "\n".join(line[:1200] for line in lines[-25:]))
