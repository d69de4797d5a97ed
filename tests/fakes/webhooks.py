"""Webhooks over a real PostgreSQL, and receivers on the loopback that do as they are told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from cloud.commands.ports import UnitOfWork
from cloud.credentials import handlers as credential_handlers
from cloud.credentials.ports import SealedElsewhere, Sealer
from cloud.events.event import DomainEvent, RecordedEvent
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.postgres import credential_store, webhook_store
from cloud.infrastructure.postgres.outbox_relay import OutboxReader, Place
from cloud.infrastructure.postgres.webhook_secret_store import PostgresWebhookSecrets, SealedTables
from cloud.infrastructure.postgres.webhook_store import PostgresDeliveryBook
from cloud.infrastructure.signing.envelope import EnvelopeSealer, KeyRing, new_key
from cloud.infrastructure.webhook_sender import HttpWebhookSender
from cloud.interfaces.rest_api import webhooks
from cloud.interfaces.rest_api.access import Doorkeeper
from cloud.interfaces.rest_api.app import RestParts, build_app
from cloud.interfaces.webhooks import inbound
from cloud.interfaces.webhooks.outbound import WebhookCourier, WebhookFanOut, WebhookPace
from cloud.webhooks import handlers
from cloud.webhooks.commands import CreateWebhookEndpoint, CreateWebhookSubscription
from cloud.webhooks.ports import TargetRules, WebhookSecrets
from cloud.webhooks.signature import signed
from tests.fakes.core import DEMO, OTHER, Core, add_organization, context_of, core_over

OWNER = "lead@demo.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoHappened(DomainEvent):
    word: str


@dataclass
class Rules:
    allow_private: bool = True


@dataclass
class Receiver:
    """Answers as it is told, and remembers what came."""

    port: int = 0
    status: int = 200
    answer: bytes = b"thanks"
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    location: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?who=us"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")[1:]
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.came.append((headers, body))
        if self.status == 0:
            writer.transport.abort()
            return
        more = f"location: {self.location}\r\n" if self.location else ""
        writer.write(
            f"HTTP/1.1 {self.status} X\r\n{more}content-length: {len(self.answer)}\r\n\r\n".encode()
            + self.answer
        )
        await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await server.wait_closed()


@dataclass
class Hooks:
    core: Core
    client: httpx.AsyncClient
    book: PostgresDeliveryBook
    courier: WebhookCourier
    urls: DatabaseUrls
    keys: list[str]

    async def endpoint(self, name: str = "Notion") -> tuple[str, str]:
        issued = await self.core.bus.send(CreateWebhookEndpoint(name=name), context_of(OWNER))
        return issued.owner_id, issued.secret

    async def subscribe(self, url: str, *events: str) -> tuple[str, str]:
        command = CreateWebhookSubscription(url=url, events=events or ("*",))
        issued = await self.core.bus.send(command, context_of(OWNER))
        return issued.owner_id, issued.secret

    async def message(self, endpoint: str, secret: str, body: bytes, **changes: Any) -> Any:
        now = self.core.clock.now()
        headers = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signed(secret, changes.get("id", "msg_1"), now, body),
            "Content-Type": "application/json",
            **changes.pop("headers", {}),
        }
        if "id" in changes:
            headers["webhook-id"] = changes["id"]
        return await self.client.post(f"/hooks/{endpoint}", content=body, headers=headers)

    async def tell(self) -> None:
        """Hand every event so far to the fan-out, as the relay does."""
        hearing = WebhookFanOut(self.book)
        for event in await everything(self.core):
            await hearing.hear(event)

    async def rows(self, table: str) -> int:
        connection = await asyncpg.connect(self.urls.owner)
        try:
            async with connection.transaction():
                await connection.execute("SELECT set_config('kyndof.organization', $1, true)", DEMO)
                return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608
        finally:
            await connection.close()

    async def sealed(self) -> list[asyncpg.Record]:
        """Return the secrets as they lie in the table."""
        connection = await asyncpg.connect(self.urls.owner)
        try:
            async with connection.transaction():
                await connection.execute("SELECT set_config('kyndof.organization', $1, true)", DEMO)
                rows: list[asyncpg.Record] = await connection.fetch("SELECT * FROM webhook_secrets")
                return rows
        finally:
            await connection.close()

    async def log(self, subscription: str) -> list[dict[str, Any]]:
        path = f"/webhooks/subscriptions/{subscription}/deliveries"
        found: list[dict[str, Any]] = (await self.client.get(path)).json()
        return found


def sealer_of(keys: list[str]) -> EnvelopeSealer:
    """Return what seals with ``keys``, which a test may change as an operator does."""
    return EnvelopeSealer(KeyRing(lambda: "\n".join(keys)))


def stores(sealer: EnvelopeSealer) -> dict[type, Any]:
    return {
        **webhook_store.STORES,
        **credential_store.STORES,
        Sealer: lambda _c, _o: sealer,
        SealedElsewhere: SealedTables,
        WebhookSecrets: lambda c, o: PostgresWebhookSecrets(c, o, sealer),
        TargetRules: lambda _c, _o: Rules(),
    }


@asynccontextmanager
async def hooks_over(
    database: DatabaseUrls, folder: Path, doorkeeper: Doorkeeper
) -> AsyncIterator[Hooks]:
    """Open the doors of webhooks over a database, and the courier beside."""
    await add_organization(database.owner, DEMO, "demo", OWNER)
    await add_organization(database.owner, OTHER, "other", "worker@other.example")
    keys = [new_key("one")]
    sealer = sealer_of(keys)
    async with core_over(database.app, stores(sealer)) as core:
        for room in (handlers, credential_handlers):
            for command, handler in room.COMMANDS.items():
                core.bus.register(command, handler)
            for query, question in room.QUERIES.items():
                core.bus.register_query(query, question)
        book = PostgresDeliveryBook(core.pool, core.clock, core.ids, sealer)
        pace = WebhookPace(most_attempts_count=3, suspend_after_count=4)
        sender = HttpWebhookSender(allow_private=True, patience_s=5)
        app = build_app(
            RestParts(
                routers=[webhooks.router(core.bus), inbound.router(core.bus, book)],
                doorkeeper=doorkeeper,
                ids=core.ids,
                readiness={},
                dashboard=folder,
            )
        )
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url="http://test/api/v1",
            headers={"X-API-Key": "lead"},
        ) as client:
            courier = WebhookCourier(core.bus, book, sender, core.clock, pace)
            yield Hooks(core, client, book, courier, database, keys)


async def everything(core: Core, organization_id: str = DEMO) -> list[RecordedEvent]:
    """Return the organization's events so far."""
    return (await OutboxReader(core.pool).after(organization_id, Place(), 1000)).events


async def happen(core: Core, organization_id: str = DEMO, user: str = OWNER) -> None:
    """Record one event as a handler does."""
    async with core.transactions.begin(context_of(user, organization_id=organization_id)) as unit:
        _record(unit)


def _record(unit: UnitOfWork) -> None:
    unit.record(DemoHappened(word="한글"))
