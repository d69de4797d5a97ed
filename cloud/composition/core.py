"""Database, registry and bus: what every process of the cloud has."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloud.composition.cache import active_persons, answer_rights_from_cache, open_cache
from cloud.composition.identity import Identity, compose_identity, identity_stores
from cloud.composition.jobs import job_queues, job_stores
from cloud.composition.notifications import notification_stores
from cloud.composition.registries import open_registries
from cloud.composition.rollouts import rollout_stores
from cloud.composition.sessions import answer_from_hot_tier, hot_sessions, session_stores
from cloud.composition.webhooks import webhook_stores
from cloud.settings import CloudSettings

if TYPE_CHECKING:
    import asyncpg

    from cloud.commands.bus import CommandBus
    from cloud.credentials.ports import Sealer
    from cloud.infrastructure.cache.layered_cache import LayeredCache
    from cloud.infrastructure.hot_store.memory_sessions import ChosenHotSessions
    from cloud.infrastructure.hot_store.redis_link import RedisLink
    from cloud.infrastructure.jobs.queues import BullmqQueues
    from cloud.infrastructure.postgres.months import MonthKeeper
    from cloud.infrastructure.postgres.registry_store import PostgresRegistryStore
    from cloud.infrastructure.registry_files.org_registry import OrgRegistry
    from cloud.infrastructure.registry_files.stage_files import StageFiles
    from cloud.infrastructure.signing.certificate_authority import FolderCertificateAuthority
    from cloud.interfaces.terminal.app import OpenedBus

EMBEDDED = "embedded:"


class SettingMissingError(Exception):
    """Something needed is not configured; the sentence names the setting."""

    code = "SETTING_MISSING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What every process of the cloud has: database, bus, matrices."""

    pool: "asyncpg.Pool"
    database_url: str
    bus: "CommandBus"
    registry: "OrgRegistry"
    authority: "FolderCertificateAuthority"
    hot: "ChosenHotSessions"
    redis: "RedisLink | None"
    sealer: "Sealer"
    identity: Identity
    queues: "BullmqQueues"
    cache: "LayeredCache"


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
        RedisUrlInvalidError: REDIS_URL is no Redis URL.
        RegistryRefusedError: a matrix is broken and has no last good version.
        StageFileError: the stages are broken and have no last good version.
    """
    from cloud.infrastructure.postgres.pool import open_pool
    from cloud.infrastructure.postgres.registry_store import PostgresRegistryStore
    from cloud.infrastructure.signing.certificate_authority import FolderCertificateAuthority
    from cloud.infrastructure.system_time import SystemClock

    url = database_url(settings)
    redis, queues = _redis(settings), job_queues(settings)
    pool = await open_pool(url, largest_count=settings.pool_size)
    watcher: asyncio.Task[None] | None = None
    stack = AsyncExitStack()
    try:
        await _refuse_demo(settings, pool)
        store = PostgresRegistryStore(pool)
        stages = await _read_stages(settings.registry, store)
        registries = await open_registries(settings.registry, store, stages)
        registry, watcher = registries.org, registries.watching(pool, url)
        authority = FolderCertificateAuthority(settings.pki_folder, SystemClock())
        hot = hot_sessions(redis)
        sealer = _sealer(settings)
        identity = compose_identity(settings)
        more_stores = {
            **session_stores(hot),
            **webhook_stores(settings, sealer),
            **identity_stores(identity, registry),
            **job_stores(queues),
            **registries.stores(),
            **credential_stores(sealer),
            **anchors(settings),
            **notification_stores(),
            **rollout_stores(settings),
            **configuration_schema(settings),
        }
        bus = compose_bus(pool, registry, stages, authority, more_stores)
        identity.words.learn(bus)
        cache = await stack.enter_async_context(open_cache(pool, url, redis))
        answer_from_hot_tier(bus, hot, active_persons(cache, pool))
        answer_rights_from_cache(bus, cache, pool, registry)
        yield Core(
            pool=pool,
            database_url=url,
            bus=bus,
            registry=registry,
            authority=authority,
            hot=hot,
            redis=redis,
            sealer=sealer,
            identity=identity,
            queues=queues,
            cache=cache,
        )
    finally:
        if watcher:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
        await stack.aclose()
        await queues.close()
        await pool.close()
        if redis:
            await redis.close()


async def _refuse_demo(settings: CloudSettings, pool: "asyncpg.Pool") -> None:
    from cloud.infrastructure.postgres.demo_organizations import has_demo_organizations

    if settings.environment == "production" and await has_demo_organizations(pool):
        raise SettingMissingError(
            "production refuses the demo organizations; point KYNDOF_DATABASE_URL at a "
            "database without them"
        )


def _redis(settings: CloudSettings) -> "RedisLink | None":
    from cloud.infrastructure.hot_store.redis_link import RedisLink

    url = settings.redis_url.get_secret_value()
    return RedisLink(url) if url else None


async def _read_stages(folder: Path, store: "PostgresRegistryStore") -> "StageFiles":
    """Read the stages; a broken file leaves the version in use that was kept last."""
    from cloud.infrastructure.registry_files.stage_files import PATH, StageFileError, StageFiles

    stages = StageFiles(folder)
    organizations = await store.organizations()
    try:
        stages.stages()
    except StageFileError:
        kept = [(await store.kept(organization)).get(PATH) for organization in organizations]
        last_good = next((file for file in kept if file is not None), None)
        if last_good is None:
            raise
        stages.revive(last_good.content)
    else:
        for organization in organizations:
            await store.keep_one(organization, PATH, stages.content)
    return stages


def compose_bus(
    pool: "asyncpg.Pool",
    registry: "OrgRegistry",
    stages: "StageFiles",
    authority: "FolderCertificateAuthority",
    more_stores: "Mapping[type, Callable[[Any, str], object]]",
) -> "CommandBus":
    """Return the bus with every feature's handlers and the stores that they work with."""
    from cloud.audit import handlers as audit
    from cloud.commands.bus import CommandBus
    from cloud.commands.middleware import BusPorts
    from cloud.credentials import handlers as credentials
    from cloud.infrastructure.postgres.audit_store import PostgresAuditTrail
    from cloud.infrastructure.postgres.idempotency_store import PostgresIdempotencyStore
    from cloud.infrastructure.postgres.unit_of_work import PostgresTransactions
    from cloud.infrastructure.system_time import SystemClock, UlidFactory
    from cloud.inspection import handlers as inspection
    from cloud.jobs import handlers as jobs
    from cloud.learning import handlers as learning
    from cloud.notifications import handlers as notifications
    from cloud.organizations import handlers as organizations
    from cloud.organizations.scoped_authorizer import ScopedAuthorizer
    from cloud.permissions import handlers as permissions
    from cloud.permissions.authorizer import RabsicAuthorizer
    from cloud.permissions.circle import RabsicCircle
    from cloud.permissions.gate import RabsicApprovalGate
    from cloud.production import handlers as production
    from cloud.rollouts import handlers as rollouts
    from cloud.sessions import handlers as sessions
    from cloud.stations import handlers as stations
    from cloud.webhooks import handlers as webhooks

    clock, ids = SystemClock(), UlidFactory()
    bus = CommandBus(
        BusPorts(
            transactions=PostgresTransactions(
                pool=pool,
                stores=_stores(registry, stages, authority) | dict(more_stores),
                clock=clock,
                ids=ids,
            ),
            authorizer=ScopedAuthorizer(RabsicAuthorizer(registry)),
            idempotency=PostgresIdempotencyStore(),
            approvals=RabsicApprovalGate(registry),
            audit=PostgresAuditTrail(),
            clock=clock,
            ids=ids,
            circle=RabsicCircle(),
        )
    )
    rooms = (
        audit,
        credentials,
        inspection,
        jobs,
        learning,
        notifications,
        organizations,
        production,
        rollouts,
        sessions,
        stations,
        webhooks,
    )
    commands = [room.COMMANDS for room in rooms]
    queries = [room.QUERIES for room in rooms]
    for kind, handler in ((k, h) for table in commands for k, h in table.items()):
        bus.register(kind, handler)
    for question, answer in ((k, h) for table in queries for k, h in table.items()):
        bus.register_query(question, answer)
    for kind, handler in permissions.commands(bus, registry).items():
        bus.register(kind, handler)
    for question, answer in permissions.queries(bus, registry).items():
        bus.register_query(question, answer)
    return bus


def _sealer(settings: CloudSettings) -> "Sealer":
    """Return what seals secrets; a missing key is told when the first secret needs it."""
    from cloud.infrastructure.signing.envelope import EnvelopeSealer, KeyRing
    from cloud.infrastructure.signing.own_keys import read_own_keys

    file, keys = settings.credential_keys_file, settings.credential_keys
    if file is not None:
        return EnvelopeSealer(KeyRing(lambda: file.read_text(encoding="utf-8")))
    if keys.get_secret_value():
        return EnvelopeSealer(KeyRing(keys.get_secret_value))
    return EnvelopeSealer(KeyRing(lambda: read_own_keys(settings.home)))


def anchors(settings: CloudSettings) -> "dict[type, Callable[[Any, str], object]]":
    """Return where the audit chains' ends are noted, outside the database."""
    from cloud.audit.ports import AuditAnchors
    from cloud.infrastructure.audit_anchors import FolderAuditAnchors

    folder = FolderAuditAnchors(settings.audit_anchors_folder)
    return {AuditAnchors: lambda _connection, _organization: folder}


def month_keeper(settings: CloudSettings, core: Core) -> "MonthKeeper":
    """Return what keeps the months."""
    from cloud.infrastructure.postgres.months import MonthKeeper, Retention
    from cloud.infrastructure.system_time import SystemClock

    kept = settings.retention
    retention = Retention(
        executions_count=kept.executions_months,
        events_count=kept.events_months,
        audit_count=kept.audit_months,
        ahead_count=kept.ahead_months,
    )
    return MonthKeeper(core.pool, core.bus, retention, SystemClock())


def credential_stores(sealer: "Sealer") -> "dict[type, Callable[[Any, str], object]]":
    """Return the sealer, and the vault that opens secrets for whoever speaks to a service."""
    from cloud.credentials.ports import CredentialVault, SealedElsewhere, Sealer
    from cloud.infrastructure.postgres.credential_store import STORES, vault
    from cloud.infrastructure.postgres.webhook_secret_store import SealedTables

    return {
        **STORES,
        Sealer: lambda _connection, _organization: sealer,
        SealedElsewhere: SealedTables,
        CredentialVault: lambda connection, organization: vault(connection, organization, sealer),
    }


def configuration_schema(
    settings: CloudSettings,
) -> "dict[type, Callable[[Any, str], object]]":
    """Return what a station's configuration may hold, from where the stations' files lie."""
    from cloud.infrastructure.registry_files.configuration_schema import FileConfigurationSchema
    from cloud.stations.ports import ConfigurationSchema

    schema = FileConfigurationSchema(settings.firmware_config)
    return {ConfigurationSchema: lambda _connection, _organization: schema}


def _stores(
    registry: "OrgRegistry",
    stages: "StageFiles",
    authority: "FolderCertificateAuthority",
) -> "dict[type, Callable[[Any, str], object]]":
    from cloud.infrastructure.labels import printer
    from cloud.infrastructure.learning.kind_learner import learners
    from cloud.infrastructure.postgres import (
        approval_store,
        audit_store,
        configuration_store,
        idempotency_store,
        inspection_store,
        learning_store,
        organization_store,
        permission_store,
        production_store,
        resource_locks,
        station_log_store,
        station_store,
    )
    from cloud.infrastructure.postgres.roster import roster_store
    from cloud.infrastructure.system_time import SystemClock
    from cloud.production.ports import Roster, StageCatalogue
    from cloud.stations.ports import CertificateAuthority, StageCodes

    merged: dict[type, Callable[[Any, str], object]] = learners()
    for stores in (
        approval_store, audit_store, idempotency_store, inspection_store, learning_store,
        organization_store, permission_store, production_store, station_store, printer,
        resource_locks, configuration_store, station_log_store,
    ):  # fmt: skip
        merged |= stores.STORES
    merged[CertificateAuthority] = lambda _connection, _organization: authority
    merged[StageCatalogue] = merged[StageCodes] = lambda _connection, _organization: stages
    merged[Roster] = roster_store(registry, SystemClock())
    return merged


@asynccontextmanager
async def open_bus(settings: CloudSettings) -> "AsyncIterator[OpenedBus]":
    """Open the bus for one act of the command line."""
    from cloud.infrastructure.system_time import UlidFactory
    from cloud.interfaces.terminal.app import OpenedBus

    async with compose_core(settings) as core:
        rows = await core.pool.fetch("SELECT code, organization_id FROM organizations")
        yield OpenedBus(
            bus=core.bus,
            organizations={row["code"]: row["organization_id"] for row in rows},
            address=f"http://{settings.http.host}:{settings.http.port}",
            ids=UlidFactory(),
        )
