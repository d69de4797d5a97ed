"""The whole composed application without a network, for requests that nobody should send."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from cloud.commands.command import CommandContext, Source
from cloud.composition.core import Core, compose_core
from cloud.composition.serving import compose_serving
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.postgres.demo_organizations import DEMO, OTHER, load_demo_organizations
from cloud.infrastructure.postgres.pool import open_pool
from cloud.infrastructure.signing.envelope import new_key
from cloud.organizations.commands import CreateApiKey, CreateLoginLink, RevokeApiKey
from cloud.sessions.commands import StartSession
from cloud.settings import CloudSettings, GrpcSettings, HttpSettings
from cloud.webhooks.commands import CreateWebhookEndpoint, CreateWebhookSubscription
from tests.fakes.production import wish

#: What a refusal may write: the audit chain tells of it, and tries at the door are counted.
TOLD = {"audit_log", "organization_heads", "knocks"}
OWNER, LEAD, STRANGER = "owner@demo.example", "lead@demo.example", "worker@other.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """The application, what holds at its doors, what held once, and what belongs to others."""

    app: FastAPI
    core: Core
    urls: DatabaseUrls
    endpoint: str
    secret: str
    proofs: list[dict[str, str]]
    spent: list[dict[str, str]]
    tokens: list[str]
    others: dict[str, str]

    async def rows(self) -> Counter[str]:
        """Count the rows of every table, of both organizations."""
        connection = await asyncpg.connect(self.urls.owner.replace("kyndof_owner@", "postgres@"))
        try:
            tables = await connection.fetch(
                "SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p')"
                " AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace"
            )
            names = sorted({row["relname"] for row in tables} - TOLD)
            counted = ", ".join(f'(SELECT count(*) FROM "{name}")' for name in names)  # noqa: S608
            found = await connection.fetchrow(f"SELECT {counted}")
        finally:
            await connection.close()
        assert found is not None
        return Counter(dict(zip(names, found.values(), strict=True)))


def person(login: str, organization: str = DEMO) -> CommandContext:
    return CommandContext(organization_id=organization, user=login, source=Source.API)


@asynccontextmanager
async def doors_over(database: DatabaseUrls, home: Path) -> AsyncIterator[Doors]:
    """Open everything that `serve` opens, but for the HTTP server."""
    pool = await open_pool(database.app, largest_count=1)
    await load_demo_organizations(pool)
    await pool.close()
    settings = CloudSettings(
        home=home,
        database_url=SecretStr(database.app),
        database_jobs_url=SecretStr(database.jobs),
        credential_keys=SecretStr(new_key("one")),
        grpc=GrpcSettings(port=0, enrolment_port=0),
        http=HttpSettings(rate_limit_count=10**9, refusal_limit_count=10**9),
    )
    async with compose_core(settings) as core, compose_serving(settings, core) as serving:
        yield await _prepared(serving.app, core, database)


async def _prepared(app: FastAPI, core: Core, database: DatabaseUrls) -> Doors:
    issued = await core.bus.send(CreateWebhookEndpoint(name="fuzzed"), person(OWNER))
    keys = [await _key(core, login) for login in (OWNER, LEAD, OWNER, OWNER)]
    past = datetime.now(UTC) - timedelta(days=1)
    connection = await asyncpg.connect(database.owner.replace("kyndof_owner@", "postgres@"))
    await connection.execute(
        "UPDATE api_keys SET expires_at = $2 WHERE key_id = $1", keys[2][0], past
    )
    await connection.close()
    await core.bus.send(RevokeApiKey(key_id=keys[3][0]), person(OWNER))
    link = await core.bus.send(CreateLoginLink(login=OWNER), person("system"))
    transport = httpx.ASGITransport(app=app, client=("203.0.113.9", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as web:
        assert (await web.post("/login", json={"token": link.token})).status_code == 200
        cookie = "; ".join(f"{name}={value}" for name, value in web.cookies.items())
        pair = (await web.post("/tokens", json={"client": "fuzz"})).json()
        spent = {"refresh_token": pair["refresh_token"]}
        assert (await web.post("/tokens/refresh", json=spent)).status_code == 200
        # Told now: later it is as unknown as any other.
        assert (await web.post("/tokens/refresh", json=spent)).status_code == 401
    access = pair["access_token"]
    return Doors(
        app=app,
        core=core,
        urls=database,
        endpoint=issued.owner_id,
        secret=issued.secret,
        proofs=[
            {"x-api-key": keys[0][1]},
            {"x-api-key": keys[1][1]},
            {"cookie": cookie, "origin": "http://test"},
        ],
        spent=[
            {"x-api-key": keys[2][1]},
            {"authorization": f"Bearer {keys[3][1]}"},
            {"authorization": f"Bearer {access[:-4]}AAAA"},
            {"authorization": f"Bearer {pair['refresh_token']}"},
        ],
        tokens=[str(link.token), pair["refresh_token"], access, keys[3][1], keys[0][1]],
        others=await _of_others(core),
    )


async def _key(core: Core, login: str) -> tuple[str, str]:
    issued = await core.bus.send(CreateApiKey(login=login, name="fuzz"), person("system"))
    return issued.key_id, str(issued.key)


async def _of_others(core: Core) -> dict[str, str]:
    """Make things of the other organization, by the names under which paths ask for them."""
    system, owner = person("system", OTHER), person("owner@other.example", OTHER)
    order = await core.bus.send(wish(number="OTHERS"), person("lead@other.example", OTHER))
    session = await core.bus.send(StartSession(metadata={}), owner)
    key = await core.bus.send(CreateApiKey(login=STRANGER, name="theirs"), system)
    door = await core.bus.send(CreateWebhookEndpoint(name="theirs"), owner)
    goes = CreateWebhookSubscription(url="https://example.com/", events=("*",))
    subscription = await core.bus.send(goes, owner)
    return {
        "piece_id": order.piece_ids[0],
        "work_order_id": order.work_order_id,
        "step_id": order.step_ids[0],
        "spec_version": order.spec_version,
        "session_id": session.session_id,
        "key_id": key.key_id,
        "endpoint_id": door.owner_id,
        "owner_id": door.owner_id,
        "subscription_id": subscription.owner_id,
    }
