"""The cloud as it runs: PostgreSQL that flushes and a real `kyndof serve`; stations enrol at will.

async with CloudSite.start(home) as site:
    folder = await site.enrol("CUT-01", home / "stations" / "CUT-01")
"""

import asyncio
import hashlib
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx

from cloud.composition.bringing_up import _front
from cloud.infrastructure.embedded.postgres import DatabaseUrls, EmbeddedPostgres
from cloud.infrastructure.embedded.supervisor import ChildSpec, Supervisor
from cloud.infrastructure.postgres.demo_organizations import DEMO
from cloud.infrastructure.postgres.migration import migrate
from cloud.settings import CloudSettings, GrpcSettings, HttpSettings
from cloud.stations.commands import EnrolStation, IssueJoinToken, RegisterStation
from tests.fakes.intake import Device
from tests.journeys.factory import CHECKOUT, eventually, family, free_ports
from tests.journeys.pipeline import show_logs


@dataclass(slots=True)
class CloudSite:
    """PostgreSQL and serve, each killable; asked by SQL."""

    home: Path
    settings: CloudSettings
    urls: DatabaseUrls
    postgres: EmbeddedPostgres
    supervisor: Supervisor

    @classmethod
    @asynccontextmanager
    async def start(cls, home: Path) -> AsyncIterator["CloudSite"]:
        """Start both and wait until the doors are open."""
        http, grpc, enrolment = free_ports(3)
        await asyncio.to_thread(home.mkdir, parents=True, exist_ok=True)
        settings = CloudSettings(
            home=home,
            http=HttpSettings(port=http),
            grpc=GrpcSettings(port=grpc, enrolment_port=enrolment),
        )
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("KYNDOF_")},
            "PYTHONPATH": f"{CHECKOUT}{os.pathsep}{CHECKOUT / 'proto'}",
            "KYNDOF_HOME": str(home),
            "KYNDOF_HTTP__PORT": str(http),
            "KYNDOF_GRPC__PORT": str(grpc),
            "KYNDOF_GRPC__ENROLMENT_PORT": str(enrolment),
        }
        postgres = EmbeddedPostgres(home / "postgres" / "data")
        supervisor = Supervisor(home / "logs", lambda **own: environment | own)
        try:
            await postgres.start()
            urls = await postgres.ensure_database("kyndof")
            await migrate(urls.owner)
            site = cls(home, settings, urls, postgres, supervisor)
            async with _front(settings, urls.app) as front:
                await front.prepare()
            spec = ChildSpec(
                name="serve",
                module="cloud",
                arguments=("serve",),
                environment={"KYNDOF_DATABASE_URL": urls.app},
            )
            supervisor.start(spec)
            await site.ready()
            yield site
        except BaseException:
            show_logs(home)
            raise
        finally:
            await supervisor.stop()
            await postgres.stop()

    @property
    def address(self) -> str:
        """Where stations speak."""
        return f"127.0.0.1:{self.settings.grpc.port}"

    @property
    def enrolment_address(self) -> str:
        """Where stations enrol."""
        return f"127.0.0.1:{self.settings.grpc.enrolment_port}"

    @property
    def serve_pid(self) -> int:
        """Process id of serve."""
        return self.supervisor.children["serve"].pid

    async def ready(self, within_s: float = 120) -> None:
        """Wait until serve answers."""
        url = f"http://127.0.0.1:{self.settings.http.port}/health/live"
        async with httpx.AsyncClient() as client, asyncio.timeout(within_s):
            while True:
                with suppress(httpx.HTTPError):
                    if (await client.get(url)).status_code == httpx.codes.OK:
                        return
                await asyncio.sleep(0.1)

    async def kill_serve(self) -> None:
        """kill -9; its supervisor starts it again.

        One that has just ended because its database was killed is started again as well.
        """
        before = self.serve_pid
        with suppress(ProcessLookupError):
            os.kill(before, signal.SIGKILL)
        child = self.supervisor.children["serve"]
        await eventually("serve runs again", lambda: child.pid != before, 60)

    def kill_backend(self) -> bool:
        """kill -9 one backend that serves the cloud; PostgreSQL restarts all of them."""
        for pid in family(self.postgres.pid, "kyndof_app"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                return True
        return False

    async def enrol(self, *stations: tuple[str, Path]) -> list[tuple[str, str]]:
        """Register stations, (name, home), and leave each its identity.

        Returns:
            Each station's id and its organization's.
        """
        enrolled = []
        async with _front(self.settings, self.urls.app) as front:
            await front.prepare()
            bus, context = front._core.bus, front._context("demo")
            known = {view.name: view.station_id for view in await _listed(bus, context)}
            for name, folder in stations:
                if name not in known:
                    register = RegisterStation(
                        name=name, stages=("CUT", "SEW"), title_ko=name, title_en=name
                    )
                    known[name] = (await bus.send(register, context)).station_id
                token = await bus.send(IssueJoinToken(station_id=known[name], serial=name), context)
                device = Device()
                enrolment = await bus.send(
                    EnrolStation(
                        join_token_hash=hashlib.sha256(token.join_token.encode()).hexdigest(),
                        csr_der=device.csr_der,
                        serial=name,
                    ),
                    context,
                )
                _leave(folder, device, enrolment, name)
                enrolled.append((known[name], DEMO))
        return enrolled

    async def ask(self, sql: str, *values: object) -> list[asyncpg.Record]:
        """Read as the demo organization."""
        connection = await asyncpg.connect(self.urls.app, timeout=10)
        try:
            async with connection.transaction():
                await connection.execute("SELECT set_config('kyndof.organization', $1, true)", DEMO)
                return list(await connection.fetch(sql, *values))
        finally:
            await connection.close()

    async def forget_events(self) -> None:
        """Empty the log, cursors and outboxes as if no station had ever spoken."""
        connection = await asyncpg.connect(self.postgres.url("postgres", "kyndof"))
        try:
            await connection.execute(
                "TRUNCATE station_events, station_gaps, station_dead_letters, station_cursors,"
                " station_outboxes, station_projections CASCADE"
            )
        finally:
            await connection.close()


async def _listed(bus: object, context: object) -> list:
    from cloud.stations.queries import ListStations  # noqa: PLC0415

    return list(await bus.ask(ListStations(), context))  # type: ignore[attr-defined]


def _leave(folder: Path, device: Device, enrolment: object, name: str) -> None:
    current = folder / "identity" / "current"
    current.mkdir(parents=True, exist_ok=True)
    (current / "key.pem").write_bytes(device.key_pem)
    (current / "certificate.pem").write_text(enrolment.certificate_pem)
    (current / "ca.pem").write_text(enrolment.ca_pem)
    identity = {
        "station_id": enrolment.station_id,
        "organization_id": DEMO,
        "station_name": name,
        "organization_code": "demo",
    }
    (current / "station.json").write_text(json.dumps(identity))
