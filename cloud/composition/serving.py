"""HTTP, WebSocket, gRPC, relay and projector: the process `kyndof serve`."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloud.composition.cache import metrics_page
from cloud.composition.core import Core, SettingMissingError, compose_core
from cloud.composition.graph import graph_router
from cloud.composition.identity import compose_doorkeeper
from cloud.composition.jobs import queue_place
from cloud.composition.notifications import notification_feed
from cloud.composition.rollouts import watching_rollouts
from cloud.composition.timers import firing_timers
from cloud.composition.webhooks import delivery_book
from cloud.settings import CHECKOUT, CloudSettings

if TYPE_CHECKING:
    from fastapi import APIRouter, FastAPI

    from cloud.commands.bus import CommandBus
    from cloud.events.event import Subscriber
    from cloud.infrastructure.object_storage.picture_vault import ObjectPictureVault
    from cloud.infrastructure.postgres.outbox_relay import OutboxReader, OutboxRelay
    from cloud.interfaces.edge_intake.intake import EdgeIntake
    from cloud.interfaces.rest_api.rate_limit import Limits

_LOG = logging.getLogger("kyndof.composition")


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """The parts of `serve`, open."""

    app: "FastAPI"
    intake: "EdgeIntake"


@asynccontextmanager
async def compose_serving(settings: CloudSettings, core: Core) -> AsyncIterator[Serving]:
    """Open relay, stations' doors and projector; return the HTTP application over them.

    Raises:
        PortTakenError: a gRPC address is taken.
    """
    from cloud.infrastructure.cache.outdating import CacheOutdating
    from cloud.infrastructure.hot_store.memory_sessions import MemoryHotSessions
    from cloud.infrastructure.hot_store.session_keeper import HotSessionKeeper
    from cloud.infrastructure.jobs.feeder import JobFeeder
    from cloud.infrastructure.object_storage.picture_vault import ObjectPictureVault, open_store
    from cloud.infrastructure.postgres.outbox_relay import OutboxReader, OutboxRelay
    from cloud.interfaces.webhooks.outbound import WebhookFanOut

    vault = ObjectPictureVault(
        open_store(settings.object_store_location), settings.home / "uploads"
    )
    intake = _intake(settings, core, vault)
    if core.hot.tier is None:
        core.hot.tier = MemoryHotSessions()
    subscribers: list[Subscriber] = [
        intake.desired,
        intake.accepted,
        HotSessionKeeper(core.hot),
        CacheOutdating(core.cache),
        notification_feed(core.bus, core.registry),
        WebhookFanOut(delivery_book(core.pool, core.sealer)),
    ]
    if queue_place(settings):
        subscribers.append(JobFeeder(core.queues))
    async with OutboxRelay(core.pool, core.database_url, subscribers) as relay, intake:
        reader = OutboxReader(core.pool)
        yield Serving(
            app=_application(settings, core, (intake, vault, relay, reader)), intake=intake
        )


def _intake(settings: CloudSettings, core: Core, vault: "ObjectPictureVault") -> "EdgeIntake":
    from cloud.infrastructure.object_storage.bundle_vault import ObjectBundleVault
    from cloud.infrastructure.object_storage.picture_vault import open_store
    from cloud.infrastructure.postgres.station_border import PostgresStationBorder
    from cloud.infrastructure.registry_files.style_files import FolderStyleFiles
    from cloud.infrastructure.signing.certificate_authority import ServerCertificates
    from cloud.infrastructure.system_time import SystemClock
    from cloud.interfaces.edge_intake.intake import EdgeIntake, IntakeParts
    from cloud.interfaces.edge_intake.servers import DoorAddress

    clock, grpc = SystemClock(), settings.grpc
    return EdgeIntake(
        IntakeParts(
            bus=core.bus,
            border=PostgresStationBorder(core.pool, core.database_url, clock),
            authority=core.authority,
            certificates=ServerCertificates(core.authority, grpc.names, clock),
            vault=vault,
            bundles=ObjectBundleVault(open_store(settings.object_store_location)),
            styles=FolderStyleFiles(settings.registry / "standards" / "styles"),
            clock=clock,
            intake=DoorAddress(host=grpc.host, port=grpc.port, setting="KYNDOF_GRPC__PORT"),
            enrolment=DoorAddress(
                host=grpc.host, port=grpc.enrolment_port, setting="KYNDOF_GRPC__ENROLMENT_PORT"
            ),
        )
    )


async def serve(settings: CloudSettings) -> None:
    """Run HTTP, WebSocket, gRPC, relay and projector until told to stop.

    Raises:
        SettingMissingError: no database is configured.
        PortTakenError: an address is taken.
    """
    from cloud.infrastructure.embedded.parent_pipe import stop_requested
    from cloud.infrastructure.http_server import HttpServer
    from cloud.infrastructure.telemetry.json_log import log_to_stderr

    log_to_stderr(settings.log_level)
    http = settings.http
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(compose_core(settings))
        if core.redis is None:
            await _refuse_second_serve(core, stack)
        serving = await stack.enter_async_context(compose_serving(settings, core))
        server = HttpServer(serving.app, http.host, http.port, "KYNDOF_HTTP__PORT")
        await server.start()
        stack.push_async_callback(server.stop)
        await stack.enter_async_context(firing_timers(core.bus, core.pool))
        await stack.enter_async_context(watching_rollouts(core.bus, core.pool))
        # What was made until here stays: nobody needs to go through it again for garbage.
        gc.collect()
        gc.freeze()
        _LOG.info("serving", extra={"ports": _ports_of(settings)})
        tasks = {
            asyncio.create_task(serving.intake.run()),
            asyncio.create_task(stop_requested(settings.parent_pipe)),
        }
        stack.push_async_callback(_cancelled, *tasks)
        done, _ = await asyncio.wait({server.task, *tasks}, return_when="FIRST_COMPLETED")
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


async def _cancelled(*tasks: "asyncio.Task[None]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _ports_of(settings: CloudSettings) -> dict[str, str]:
    """Return each port with its implementation, for the start-up log."""
    return {
        "database": "PostgreSQL",
        "sessions, hot": "Redis" if settings.redis_url.get_secret_value() else "memory of serve",
        "jobs": getattr(queue_place(settings), "kind", "none: KYNDOF_DATABASE_JOBS_URL is not set"),
        "cache": "process and Redis" if settings.redis_url.get_secret_value() else "process",
        "wake-ups": "PostgreSQL LISTEN/NOTIFY",
        "object_store": settings.object_store_location.partition("://")[0] or "folder",
        "http": f"{settings.http.host}:{settings.http.port}",
        "intake": f"{settings.grpc.host}:{settings.grpc.port}",
        "enrolment": f"{settings.grpc.host}:{settings.grpc.enrolment_port}",
    }


def _application(
    settings: CloudSettings,
    core: Core,
    parts: "tuple[EdgeIntake, ObjectPictureVault, OutboxRelay, OutboxReader]",
) -> "FastAPI":
    from cloud.infrastructure.system_time import UlidFactory
    from cloud.interfaces.live_updates import socket
    from cloud.interfaces.rest_api.app import RestParts, build_app
    from cloud.interfaces.webhooks import inbound

    intake, vault, relay, reader = parts
    doorkeeper = compose_doorkeeper(settings, core.pool, core.identity)
    return build_app(
        RestParts(
            routers=[
                *rest_routers(settings, core.bus, vault),
                socket.router(relay, reader.head, doorkeeper.live_context),
                inbound.router(core.bus, delivery_book(core.pool, core.sealer)),
                graph_router(
                    settings, core.bus, relay, doorkeeper.context, doorkeeper.live_context
                ),
            ],
            doorkeeper=doorkeeper,
            ids=UlidFactory(),
            readiness={**_readiness(settings, core, relay), "stations": intake.problem},
            metrics=metrics_page(core.cache, core.queues if queue_place(settings) else None),
            limits=_limits(settings),
            away=_away(),
            if_match_needed=settings.http.if_match_needed,
            token_keys=core.identity.keys.public,
            dashboard=CHECKOUT / "cloud" / "dashboard" / "dist",
        )
    )


def _away() -> tuple[type[Exception], ...]:
    """Return the errors that say that the database does not answer just now."""
    import asyncpg

    return (
        asyncpg.PostgresConnectionError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        ConnectionError,
        TimeoutError,
    )


def _limits(settings: CloudSettings) -> "Limits":
    from cloud.commands.allowance import Allowance
    from cloud.infrastructure.rate_limits import MemoryRateLimiter, RedisRateLimiter
    from cloud.infrastructure.system_time import SystemClock
    from cloud.interfaces.rest_api.rate_limit import Limits

    redis, http = settings.redis_url.get_secret_value(), settings.http
    return Limits(
        limiter=RedisRateLimiter(redis, SystemClock())
        if redis
        else MemoryRateLimiter(SystemClock()),
        asker=Allowance(limit_count=http.rate_limit_count, window_s=60),
        refused=Allowance(limit_count=http.refusal_limit_count, window_s=60),
    )


def rest_routers(
    settings: CloudSettings, bus: "CommandBus", vault: "ObjectPictureVault"
) -> "list[APIRouter]":
    """Return every route of the REST interface; nothing is opened."""
    from cloud.interfaces.rest_api import (
        approvals,
        authority,
        bus_door,
        disputes,
        floor,
        inspections,
        jobs,
        keys_and_tokens,
        labels,
        learning,
        media,
        members,
        notifications,
        outside_accounts,
        pieces,
        registry,
        rollouts,
        sessions,
        sign_in,
        stations,
        webhooks,
        work_orders,
    )

    rooms = (
        work_orders, labels, pieces, inspections, floor, stations, disputes, registry, bus_door,
        sessions, webhooks, members, keys_and_tokens, approvals, authority, jobs,
        notifications, learning, rollouts,
    )  # fmt: skip
    http = settings.http
    return [
        *(room.router(bus) for room in rooms),
        media.router(bus, vault),
        sign_in.router(bus, session_h=http.session_h, secure_cookie=http.secure_cookie),
        outside_accounts.router(
            bus,
            cookies=sign_in.Cookies(session_h=http.session_h, secure=http.secure_cookie),
            own_address=http.own_address,
        ),
    ]


def _readiness(
    settings: CloudSettings, core: Core, relay: "OutboxRelay"
) -> dict[str, Callable[[], Awaitable[str | None]]]:

    from cloud.infrastructure.mqtt_probe import broker_answers
    from cloud.infrastructure.postgres.pool import DATABASE_AWAY
    from cloud.infrastructure.postgres.revision import head_revision

    head = head_revision()

    async def database() -> str | None:
        try:
            found = await core.pool.fetchval("SELECT version_num FROM alembic_version", timeout=2)
        except DATABASE_AWAY as error:
            return f"the database does not answer: {error}"
        return None if found == head else f"the database is at {found}, the program at {head}"

    async def outbox() -> str | None:
        return None if relay.listening else "the outbox relay is not listening yet"

    async def broker() -> str | None:
        if await broker_answers(settings.mqtt.host, settings.mqtt.port):
            return None
        return f"no MQTT broker answers on {settings.mqtt.host}:{settings.mqtt.port}"

    checks: dict[str, Callable[[], Awaitable[str | None]]] = {
        "database and migrations": database, "relay": outbox, "broker": broker
    }  # fmt: skip
    if core.redis:
        checks["redis"] = core.redis.problem
    return checks
