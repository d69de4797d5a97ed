"""The one place where ports meet implementations."""

import asyncio
import contextlib
import functools
import json
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloud.settings import CHECKOUT, CloudSettings, child_environment, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg
    from fastapi import APIRouter

    from cloud.commands.bus import CommandBus
    from cloud.infrastructure.postgres.outbox_relay import OutboxReader, OutboxRelay
    from cloud.infrastructure.registry_files.org_registry import OrgRegistry
    from cloud.infrastructure.signing.certificate_authority import FolderCertificateAuthority
    from cloud.interfaces.edge_intake.desired_state import DesiredState
    from cloud.interfaces.edge_intake.ports import PictureVault
    from cloud.interfaces.edge_intake.servers import IntakeServers
    from cloud.interfaces.terminal.app import OpenedBus, TerminalDoors

_LOG = logging.getLogger("kyndof.composition")
EMBEDDED = "embedded:"


class SettingMissingError(Exception):
    """Something needed is not configured; the sentence names the setting."""

    code = "SETTING_MISSING"


class PortTakenError(Exception):
    """An address is taken; the sentence names the setting."""

    code = "PORT_TAKEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What every process of the cloud has: database, bus, matrices."""

    pool: "asyncpg.Pool"
    database_url: str
    bus: "CommandBus"
    registry: "OrgRegistry"
    authority: "FolderCertificateAuthority"


def database_url(settings: CloudSettings) -> str:
    """Return the application's database URL.

    Raises:
        SettingMissingError: none is set and no embedded server runs for this home.
    """
    url = settings.database_url.get_secret_value()
    if url != EMBEDDED:
        return url
    if settings.environment == "production" and not settings.allow_embedded:
        raise SettingMissingError(
            "production uses no embedded PostgreSQL; set KYNDOF_DATABASE_URL (or say "
            "KYNDOF_ALLOW_EMBEDDED=true)"
        )
    running = settings.home / "run" / "up.json"
    if running.exists():
        found: str = json.loads(running.read_text(encoding="utf-8"))["database_url"]
        return found
    raise SettingMissingError(
        "no database: start everything with `make up`, or set KYNDOF_DATABASE_URL"
    )


@asynccontextmanager
async def compose_core(settings: CloudSettings) -> AsyncIterator[Core]:
    """Open database, registry and bus; close them in reverse.

    Raises:
        SettingMissingError: no database is configured.
        RegistryRefusedError: a matrix is broken and has no last good version.
    """
    from cloud.infrastructure.postgres.demo_organizations import has_demo_organizations
    from cloud.infrastructure.postgres.pool import open_pool
    from cloud.infrastructure.postgres.registry_store import PostgresRegistryStore
    from cloud.infrastructure.registry_files.org_registry import OrgRegistry
    from cloud.infrastructure.signing.certificate_authority import FolderCertificateAuthority
    from cloud.infrastructure.system_time import SystemClock

    url = database_url(settings)
    pool = await open_pool(url, largest_count=settings.pool_size)
    watcher: asyncio.Task[None] | None = None
    try:
        if settings.environment == "production" and await has_demo_organizations(pool):
            raise SettingMissingError(
                "production refuses the demo organizations; point KYNDOF_DATABASE_URL at a "
                "database without them"
            )
        registry = OrgRegistry(settings.registry, PostgresRegistryStore(pool))
        await registry.start()
        watcher = asyncio.create_task(registry.watch(), name="registry-watch")
        authority = FolderCertificateAuthority(settings.pki_folder, SystemClock())
        bus = compose_bus(settings, pool, registry, authority)
        yield Core(pool=pool, database_url=url, bus=bus, registry=registry, authority=authority)
    finally:
        if watcher:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
        await pool.close()


def compose_bus(
    settings: CloudSettings,
    pool: "asyncpg.Pool",
    registry: "OrgRegistry",
    authority: "FolderCertificateAuthority",
) -> "CommandBus":
    """Return the bus with every feature's handlers and the stores that they work with."""
    from cloud.audit import handlers as audit
    from cloud.commands.bus import CommandBus
    from cloud.commands.middleware import BusPorts
    from cloud.infrastructure.postgres.audit_store import PostgresAuditTrail
    from cloud.infrastructure.postgres.idempotency_store import PostgresIdempotencyStore
    from cloud.infrastructure.postgres.unit_of_work import PostgresTransactions
    from cloud.infrastructure.system_time import SystemClock, UlidFactory
    from cloud.inspection import handlers as inspection
    from cloud.organizations import handlers as organizations
    from cloud.permissions import handlers as permissions
    from cloud.permissions.authorizer import RabsicAuthorizer
    from cloud.permissions.gate import RabsicApprovalGate
    from cloud.production import handlers as production
    from cloud.stations import handlers as stations

    clock, ids = SystemClock(), UlidFactory()
    bus = CommandBus(
        BusPorts(
            transactions=PostgresTransactions(
                pool=pool,
                stores=_stores(settings, registry, authority),
                clock=clock,
                ids=ids,
            ),
            authorizer=RabsicAuthorizer(registry),
            idempotency=PostgresIdempotencyStore(),
            approvals=RabsicApprovalGate(registry),
            audit=PostgresAuditTrail(),
            clock=clock,
            ids=ids,
        )
    )
    commands = [r.COMMANDS for r in (audit, inspection, organizations, production, stations)]
    queries = [r.QUERIES for r in (audit, inspection, organizations, production, stations)]
    for kind, handler in ((k, h) for table in commands for k, h in table.items()):
        bus.register(kind, handler)
    for question, answer in ((k, h) for table in queries for k, h in table.items()):
        bus.register_query(question, answer)
    for kind, handler in permissions.commands(bus, registry).items():
        bus.register(kind, handler)
    for question, answer in permissions.queries(bus, registry).items():
        bus.register_query(question, answer)
    return bus


def _stores(
    settings: CloudSettings, registry: "OrgRegistry", authority: "FolderCertificateAuthority"
) -> "dict[type, Callable[[Any, str], object]]":
    from cloud.infrastructure.labels import printer
    from cloud.infrastructure.postgres import (
        audit_store,
        idempotency_store,
        inspection_store,
        organization_store,
        permission_store,
        production_store,
        station_store,
    )
    from cloud.infrastructure.postgres.roster import roster_store
    from cloud.infrastructure.registry_files.stage_files import StageFiles
    from cloud.infrastructure.system_time import SystemClock
    from cloud.production.ports import Roster, StageCatalogue
    from cloud.stations.ports import CertificateAuthority

    stages = StageFiles(settings.registry)
    merged: dict[type, Callable[[Any, str], object]] = {}
    for stores in (
        audit_store, idempotency_store, inspection_store, organization_store, permission_store,
        production_store, station_store, printer,
    ):  # fmt: skip
        merged |= stores.STORES
    merged[CertificateAuthority] = lambda _connection, _organization: authority
    merged[StageCatalogue] = lambda _connection, _organization: stages
    merged[Roster] = roster_store(registry, SystemClock())
    return merged


@dataclass(frozen=True, slots=True, kw_only=True)
class _Intake:
    servers: "IntakeServers"
    desired: "DesiredState"
    vault: "PictureVault"


def _compose_intake(settings: CloudSettings, core: Core) -> _Intake:
    from cloud.infrastructure.object_storage.picture_vault import ObjectPictureVault, open_store
    from cloud.infrastructure.postgres.station_border import PostgresStationBorder
    from cloud.infrastructure.registry_files.style_banks import FolderStyleBanks
    from cloud.infrastructure.signing.certificate_authority import ServerCertificates
    from cloud.infrastructure.system_time import SystemClock
    from cloud.interfaces.edge_intake.admission import Admission
    from cloud.interfaces.edge_intake.desired_state import DesiredState
    from cloud.interfaces.edge_intake.enrolment import EnrolmentDoor
    from cloud.interfaces.edge_intake.event_sync import EventSync, StreamParts
    from cloud.interfaces.edge_intake.fleet import FleetDoor
    from cloud.interfaces.edge_intake.live_streams import LiveStreams
    from cloud.interfaces.edge_intake.media import MediaDoor
    from cloud.interfaces.edge_intake.rate_limit import Rate, RateLimit
    from cloud.interfaces.edge_intake.servers import DoorAddress, IntakeServers, Servicers

    clock, bus = SystemClock(), core.bus
    border = PostgresStationBorder(core.pool, core.database_url, clock)
    admission = Admission(bus, core.authority)
    banks = FolderStyleBanks(settings.registry / "standards" / "styles")
    desired = DesiredState(bus, border, banks)
    vault = ObjectPictureVault(
        open_store(settings.object_store_location), settings.home / "uploads"
    )
    limit = RateLimit(
        clock,
        peer=Rate(per_minute_count=30, burst_count=20),
        everybody=Rate(per_minute_count=300, burst_count=100),
    )
    grpc = settings.grpc
    servers = IntakeServers(
        certificates=ServerCertificates(core.authority, grpc.names, clock),
        servicers=Servicers(
            events=EventSync(
                StreamParts(
                    bus=bus, admission=admission, door=border, live=LiveStreams(), clock=clock
                )
            ),
            fleet=FleetDoor(bus, admission, desired),
            media=MediaDoor(bus, admission, vault),
            enrolment=EnrolmentDoor(bus, border, core.authority, limit, clock),
        ),
        intake=DoorAddress(host=grpc.host, port=grpc.port, setting="KYNDOF_GRPC__PORT"),
        enrolment=DoorAddress(
            host=grpc.host, port=grpc.enrolment_port, setting="KYNDOF_GRPC__ENROLMENT_PORT"
        ),
    )
    return _Intake(servers=servers, desired=desired, vault=vault)


async def serve(settings: CloudSettings) -> None:
    """Run HTTP, WebSocket, gRPC, relay and projector until told to stop.

    Raises:
        SettingMissingError: no database is configured.
        PortTakenError: an address is taken.
    """
    from cloud.infrastructure.embedded.parent_pipe import stop_requested
    from cloud.infrastructure.postgres.outbox_relay import OutboxReader, OutboxRelay
    from cloud.infrastructure.postgres.station_border import PostgresStationBorder
    from cloud.infrastructure.system_time import SystemClock
    from cloud.infrastructure.telemetry.json_log import log_to_stderr
    from cloud.interfaces.edge_intake.projector import Projector

    log_to_stderr(settings.log_level)
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(compose_core(settings))
        await _refuse_second_serve(core, stack)
        intake = _compose_intake(settings, core)
        relay = await stack.enter_async_context(
            OutboxRelay(core.pool, core.database_url, [intake.desired])
        )
        await intake.servers.start()
        stack.push_async_callback(intake.servers.stop)
        border = PostgresStationBorder(core.pool, core.database_url, SystemClock())
        projector = asyncio.create_task(Projector(core.bus, border).run(), name="projector")
        stack.push_async_callback(_cancelled, projector)
        server = await _start_http(settings, core, intake, relay, OutboxReader(core.pool))
        stack.push_async_callback(server.stop)
        _LOG.info("serving", extra={"ports": _ports_of(settings)})
        stopping = asyncio.create_task(stop_requested(settings.parent_pipe))
        stack.push_async_callback(_cancelled, stopping)
        done, _ = await asyncio.wait(
            {projector, server.task, stopping}, return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            task.result()


async def _refuse_second_serve(core: Core, stack: AsyncExitStack) -> None:
    """Without Redis one process serves: an advisory lock of its own connection says so."""
    import asyncpg

    connection = await asyncpg.connect(core.database_url)
    stack.push_async_callback(connection.close)
    # A killed server's lock goes with its connection; PostgreSQL notices within moments.
    for _ in range(50):
        if await connection.fetchval("SELECT pg_try_advisory_lock(720002)"):
            return
        await asyncio.sleep(0.1)
    raise SettingMissingError("another `kyndof serve` works on this database; set REDIS_URL")


async def _cancelled(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _ports_of(settings: CloudSettings) -> dict[str, str]:
    """Return each port with its implementation, for the start-up log."""
    return {
        "database": "PostgreSQL",
        "cache": "none: REDIS_URL is not set",
        "wake-ups": "PostgreSQL LISTEN/NOTIFY",
        "object_store": settings.object_store_location.partition("://")[0] or "folder",
        "http": f"{settings.http.host}:{settings.http.port}",
        "intake": f"{settings.grpc.host}:{settings.grpc.port}",
        "enrolment": f"{settings.grpc.host}:{settings.grpc.enrolment_port}",
    }


async def _start_http(
    settings: CloudSettings,
    core: Core,
    intake: _Intake,
    relay: "OutboxRelay",
    reader: "OutboxReader",
) -> Any:  # noqa: ANN401
    from cloud.infrastructure.http_server import HttpServer
    from cloud.infrastructure.postgres.organization_store import PostgresSecretLookup
    from cloud.infrastructure.system_time import SystemClock, UlidFactory
    from cloud.interfaces.live_updates import socket
    from cloud.interfaces.rest_api.access import Doorkeeper
    from cloud.interfaces.rest_api.app import RestParts, build_app

    doorkeeper = Doorkeeper(PostgresSecretLookup(core.pool, SystemClock()))
    parts = RestParts(
        routers=[
            *_routers(settings, core.bus, intake.vault),
            socket.router(relay, reader.head, doorkeeper.context),
        ],
        doorkeeper=doorkeeper,
        ids=UlidFactory(),
        readiness=_readiness(settings, core, relay),
        dashboard=CHECKOUT / "cloud" / "dashboard" / "dist",
    )
    server = HttpServer(
        build_app(parts), settings.http.host, settings.http.port, "KYNDOF_HTTP__PORT"
    )
    await server.start()
    return server


def _routers(
    settings: CloudSettings, bus: "CommandBus", vault: "PictureVault"
) -> "list[APIRouter]":
    from cloud.interfaces.rest_api import sign_in

    return [
        sign_in.router(
            bus, session_h=settings.http.session_h, secure_cookie=settings.http.secure_cookie
        ),
    ]


def _readiness(
    settings: CloudSettings, core: Core, relay: "OutboxRelay"
) -> "dict[str, Callable[[], Awaitable[str | None]]]":
    from cloud.infrastructure.postgres.migration import head_revision

    head = head_revision()

    async def migrations() -> str | None:
        found = await core.pool.fetchval("SELECT version_num FROM alembic_version")
        return None if found == head else f"the database is at {found}, the program at {head}"

    async def database() -> str | None:
        try:
            await asyncio.wait_for(core.pool.fetchval("SELECT 1"), 2)
        except (OSError, TimeoutError) as error:
            return f"the database does not answer: {error}"
        return None

    async def outbox() -> str | None:
        return None if relay.listening else "the outbox relay is not listening yet"

    async def broker() -> str | None:
        try:
            _, writer = await asyncio.wait_for(
                asyncio.open_connection(settings.mqtt.host, settings.mqtt.port), 2
            )
        except (OSError, TimeoutError):
            return f"no MQTT broker answers on {settings.mqtt.host}:{settings.mqtt.port}"
        writer.close()
        return None

    return {"migrations": migrations, "database": database, "relay": outbox, "broker": broker}


async def run_embedded_broker(settings: CloudSettings) -> None:
    """Run the floor's broker until told to stop.

    Raises:
        MqttPortTakenError: the port is taken.
    """
    from cloud.infrastructure.embedded.mqtt_broker import run_broker
    from cloud.infrastructure.embedded.parent_pipe import stop_requested
    from cloud.infrastructure.telemetry.json_log import log_to_stderr

    log_to_stderr(settings.log_level)
    users = {name: secret.get_secret_value() for name, secret in settings.mqtt.users.items()}
    broker = asyncio.create_task(run_broker(settings.mqtt.host, settings.mqtt.port, users))
    stopping = asyncio.create_task(stop_requested(settings.parent_pipe))
    await asyncio.wait({broker, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if broker.done():
        broker.result()
    await _cancelled(broker)


async def work(settings: CloudSettings) -> None:
    """Work on background jobs until told to stop.

    Raises:
        SettingMissingError: no database for jobs is configured.
    """
    from cloud.infrastructure.embedded.parent_pipe import stop_requested
    from cloud.infrastructure.jobs.housekeeping import HousekeepingWorker
    from cloud.infrastructure.telemetry.json_log import log_to_stderr

    log_to_stderr(settings.log_level)
    jobs_url = settings.database_jobs_url.get_secret_value()
    if not jobs_url:
        raise SettingMissingError("no database for jobs: set KYNDOF_DATABASE_JOBS_URL")
    async with (
        compose_core(settings) as core,
        HousekeepingWorker(jobs_url, core.pool),
    ):
        await stop_requested(settings.parent_pipe)


async def migrate_database(settings: CloudSettings) -> str:
    """Bring the database to the newest revision and return it.

    Raises:
        SettingMissingError: KYNDOF_DATABASE_OWNER_URL is not set.
    """
    from cloud.infrastructure.postgres.migration import migrate

    url = settings.database_owner_url.get_secret_value()
    if not url:
        raise SettingMissingError("set KYNDOF_DATABASE_OWNER_URL to migrate")
    return await migrate(url)


@asynccontextmanager
async def open_bus(settings: CloudSettings) -> "AsyncIterator[OpenedBus]":
    """Open the bus for one act of the command line."""
    from cloud.interfaces.terminal.app import OpenedBus

    async with compose_core(settings) as core:
        rows = await core.pool.fetch("SELECT code, organization_id FROM organizations")
        yield OpenedBus(
            bus=core.bus,
            organizations={row["code"]: row["organization_id"] for row in rows},
            address=f"http://{settings.http.host}:{settings.http.port}",
        )


def terminal_doors() -> "TerminalDoors":
    """Return what the command line opens; nothing is opened before a command runs."""
    from pydantic import ValidationError

    from cloud.interfaces.terminal.app import TerminalDoors

    def with_settings(work: "Callable[[CloudSettings], Awaitable[Any]]") -> Any:  # noqa: ANN401
        return functools.partial(_with_settings, work)

    async def up(demo: bool) -> None:
        from cloud.infrastructure.embedded.up import run_up

        await run_up(read_settings(), up_parts(), demo=demo)

    return TerminalDoors(
        up=up,
        serve=with_settings(serve),
        worker=with_settings(work),
        broker=with_settings(run_embedded_broker),
        migrate=with_settings(migrate_database),
        bus=lambda: open_bus(read_settings()),
        known=(*known_errors(), ValidationError),
    )
