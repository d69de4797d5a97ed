"""`kyndof up`: what it runs, and what it does through the bus."""

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from cloud.commands.command import CommandContext, Source
from cloud.commands.errors import CommandError
from cloud.composition.core import Core, SettingMissingError, compose_core
from cloud.settings import CloudSettings, child_environment

if TYPE_CHECKING:
    from cloud.events.event import RecordedEvent
    from cloud.infrastructure.embedded.free_ports import Door
    from cloud.infrastructure.embedded.up import UpParts, UpPlan
    from cloud.infrastructure.postgres.outbox_relay import OutboxRelay

_PERSONS = ("worker", "lead", "designer", "owner")


def up_parts(settings: CloudSettings, *, demo: bool) -> "UpParts":
    """Return what `up` works with.

    Raises:
        SettingMissingError: production, which runs no embedded servers.
        HomeUnusableError: nothing can be written into the home.
    """
    from cloud.infrastructure.embedded.parent_pipe import stop_requested
    from cloud.infrastructure.embedded.screen import TerminalScreen
    from cloud.infrastructure.embedded.up import HomeUnusableError, UpParts
    from cloud.infrastructure.signing.own_keys import make_own_keys

    if settings.environment == "production" and not settings.allow_embedded:
        raise SettingMissingError(
            "production starts no embedded servers; run serve, worker and broker each, or set "
            "KYNDOF_ALLOW_EMBEDDED=true"
        )
    settings = settings.model_copy(update={"home": settings.home.resolve()})
    try:
        if not (settings.credential_keys_file or settings.credential_keys.get_secret_value()):
            make_own_keys(settings.home)
        plan = _plan(settings, demo=demo)
    except OSError as error:
        raise HomeUnusableError(settings.home, error) from error
    return UpParts(
        plan=plan,
        migrate=_migrate,
        front=functools.partial(_front, settings),
        screen=TerminalScreen(),
        child_environment=child_environment,
        stop_requested=lambda: stop_requested(settings.parent_pipe),
        prepare_scenes=functools.partial(_prepare_scenes, settings),
    )


async def _migrate(owner_url: str) -> str:
    """Bring the database to the newest revision; a database that is there costs one question."""
    from cloud.infrastructure.postgres.revision import current_revision, head_revision

    if await current_revision(owner_url) == head_revision():
        return head_revision()
    from cloud.infrastructure.postgres.migration import migrate

    return await migrate(owner_url)


def _plan(settings: CloudSettings, *, demo: bool) -> "UpPlan":
    from cloud.infrastructure.embedded.up import StationPlan, UpPlan, make_scanner
    from cloud.infrastructure.registry_files.station_files import read_stations

    stations = []
    for file in read_stations(settings.registry):
        port = settings.stations.kiosk_ports.get(file.name)
        if port is None:
            raise SettingMissingError(
                f"station {file.name} has no kiosk port; add it to KYNDOF_STATIONS__KIOSK_PORTS"
            )
        scanner = settings.home / "scanners" / f"{file.name}.fifo"
        make_scanner(scanner)
        scenes = settings.home / "scenes" / file.name
        scenes.mkdir(parents=True, exist_ok=True)
        camera = settings.stations.cameras.get(file.name) or (
            f"replay:{scenes}?follow=1" if demo else f"replay:{scenes}?fps=2&loop=1"
        )
        stations.append(
            StationPlan(name=file.name, kiosk_port=port, camera=camera, scanner=f"hid:{scanner}")
        )
    grpc, mqtt, http = settings.grpc, settings.mqtt, settings.http
    return UpPlan(
        home=settings.home,
        http=f"http://{http.host}:{http.port}",
        mqtt=f"{mqtt.host}:{mqtt.port}",
        intake=f"{grpc.host}:{grpc.port}",
        enrolment=f"{grpc.host}:{grpc.enrolment_port}",
        stations=stations,
        doors=_doors(settings, [station.name for station in stations]),
        environment={
            "KYNDOF_REGISTRY": str(settings.registry.resolve()),
            "KYNDOF_FIRMWARE_CONFIG": str(settings.firmware_config.resolve()),
        },
    )


def _doors(settings: CloudSettings, stations: list[str]) -> "list[Door]":
    from cloud.infrastructure.embedded.free_ports import Door

    grpc, mqtt, http = settings.grpc, settings.mqtt, settings.http
    kiosks = settings.stations.kiosk_ports
    listeners = (
        (http.host, http.port, "HTTP", "PORT"),
        (grpc.host, grpc.port, "GRPC", "PORT"),
        (grpc.host, grpc.enrolment_port, "GRPC", "ENROLMENT_PORT"),
        (mqtt.host, mqtt.port, "MQTT", "PORT"),
    )
    return [
        *(
            Door(
                host=host,
                port=port,
                setting=f"KYNDOF_{group}__{name}",
                host_setting=f"KYNDOF_{group}__HOST",
            )
            for host, port, group, name in listeners
        ),
        *(
            Door(
                host="127.0.0.1",
                port=kiosks[name],
                setting=f"{name} in KYNDOF_STATIONS__KIOSK_PORTS",
            )
            for name in stations
        ),
    ]


async def _prepare_scenes(settings: CloudSettings) -> None:
    """Render a garment on each station's table once, so that a camera-less machine sees one."""
    from cloud.infrastructure.registry_files.station_files import read_stations
    from cloud.infrastructure.training.rendering.demo_scenes import render_once

    for file in read_stations(settings.registry):
        folder = settings.home / "scenes" / file.name
        await asyncio.to_thread(render_once, folder, with_seam="QC" in file.stages)


class DemoFront:
    """Prepares the demo through the bus, and follows its events."""

    def __init__(self, settings: CloudSettings, core: Core, relay: "OutboxRelay") -> None:
        self._settings = settings
        self._core = core
        self._relay = relay
        self._organizations: dict[str, str] = {}

    async def prepare(self) -> None:
        """Load stations and the demo's work order; does nothing the second time."""
        from cloud.infrastructure.registry_files.demo_file import load_demo_orders
        from cloud.infrastructure.registry_files.station_files import read_stations
        from cloud.stations.commands import RegisterStation

        rows = await self._core.pool.fetch("SELECT code, organization_id FROM organizations")
        self._organizations = {row["code"]: row["organization_id"] for row in rows}
        for file in read_stations(self._settings.registry):
            command = RegisterStation(
                name=file.name,
                stages=file.stages,
                title_ko=file.title_ko,
                title_en=file.title_en,
            )
            try:
                await self._core.bus.send(command, self._context(file.organization))
            except CommandError as error:
                if error.code != "STATION_NAME_TAKEN":
                    raise
        await load_demo_orders(self._core.bus, self._settings.registry)

    async def join_token(self, station: str) -> dict[str, str] | None:
        """Return what ``join-token.json`` holds."""
        from cloud.infrastructure.registry_files.station_files import read_stations
        from cloud.stations.commands import IssueJoinToken
        from cloud.stations.queries import ListStations

        files = {file.name: file for file in read_stations(self._settings.registry)}
        context = self._context(files[station].organization)
        for known in await self._core.bus.ask(ListStations(), context):
            if known.name == station:
                issued = await self._core.bus.send(
                    IssueJoinToken(station_id=known.station_id, serial=station), context
                )
                return {
                    "join_token": issued.join_token,
                    "serial": station,
                    "ca_fingerprint": self._core.authority.fingerprint,
                }
        return None

    async def login_links(self) -> list[tuple[str, str]]:
        """Return a login and its one-time link for each demo person."""
        from cloud.organizations.commands import CreateLoginLink

        address = f"http://{self._settings.http.host}:{self._settings.http.port}"
        links = []
        for name in _PERSONS:
            login = f"{name}@demo.example"
            link = await self._core.bus.send(CreateLoginLink(login=login), self._context("demo"))
            links.append((login, f"{address}/login#{link.token}"))
        return links

    async def events(self) -> AsyncIterator[str]:
        """Yield one sentence for everything that happens in the demo from now on."""
        async for event in self._relay.follow(self._organizations["demo"], None):
            if event.type not in _QUIET:
                yield _sentence(event)

    def _context(self, organization: str) -> CommandContext:
        return CommandContext(
            organization_id=self._organizations[organization], user="system", source=Source.SYSTEM
        )


# They come at every movement of a worker; the dashboard shows them.
_QUIET = frozenset({"station_state_changed", "media_stored"})
_SHOWN = (
    "work_order_number", "piece_number", "stage", "next_stage", "verdict", "station_name",
    "worker", "login", "name",
)  # fmt: skip


def _sentence(event: "RecordedEvent") -> str:
    told = [str(event.payload[key]) for key in _SHOWN if event.payload.get(key)]
    return f"{event.occurred_at.astimezone():%H:%M:%S}  {event.type:<24} {' · '.join(told)}"


@asynccontextmanager
async def _front(settings: CloudSettings, url: str) -> AsyncIterator[DemoFront]:
    from pydantic import SecretStr

    from cloud.infrastructure.postgres.demo_organizations import load_demo_organizations
    from cloud.infrastructure.postgres.outbox_relay import OutboxRelay
    from cloud.infrastructure.postgres.pool import open_pool

    settings = settings.model_copy(update={"database_url": SecretStr(url), "pool_size": 3})
    pool = await open_pool(url, largest_count=1)
    try:
        await load_demo_organizations(pool)
    finally:
        await pool.close()
    async with compose_core(settings) as core, OutboxRelay(core.pool, url, []) as relay:
        yield DemoFront(settings, core, relay)
