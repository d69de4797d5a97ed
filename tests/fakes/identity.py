"""The sign-in doors in process: the whole bus and every REST route, no gRPC and no relay."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import asyncpg
import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from cloud.commands.command import Command, CommandContext, Source
from cloud.composition.core import Core, compose_core
from cloud.composition.identity import compose_doorkeeper
from cloud.composition.serving import rest_routers
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.postgres.demo_organizations import DEMO, OTHER, load_demo_organizations
from cloud.infrastructure.postgres.pool import open_pool
from cloud.infrastructure.system_time import UlidFactory
from cloud.interfaces.rest_api.app import RestParts, build_app
from cloud.organizations.commands import CreateLoginLink, CreatePasswordLink
from cloud.settings import CloudSettings

PASSWORD = "바느질은 천천히 42"  # noqa: S105  opens a demo person in tests alone
OWNER = "owner@demo.example"


@dataclass
class House:
    """The application, its bus, and the database as its owner sees it."""

    app: FastAPI
    core: Core
    owner_url: str

    @asynccontextmanager
    async def browser(self, address: str = "203.0.113.7") -> AsyncIterator[httpx.AsyncClient]:
        """Open a client with cookies of its own."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(address, 1))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://house/api/v1", headers={"Accept-Language": "en"}
        ) as client:
            yield client

    @asynccontextmanager
    async def signed_in(
        self, login: str = OWNER, organization: str = DEMO
    ) -> AsyncIterator[httpx.AsyncClient]:
        """Open a client whose person came in by a password."""
        link = await self.system(CreatePasswordLink(login=login), organization)
        async with self.browser() as client:
            answer = await client.post(
                "/password/link", json={"token": link.token, "password": PASSWORD}
            )
            assert answer.status_code == 200, answer.text
            yield client

    @asynccontextmanager
    async def linked_in(
        self, login: str = OWNER, organization: str = DEMO
    ) -> AsyncIterator[httpx.AsyncClient]:
        """Open a client whose person came in by somebody's link."""
        link = await self.system(CreateLoginLink(login=login), organization)
        async with self.browser() as client:
            answer = await client.post("/login", json={"token": link.token})
            assert answer.status_code == 200, answer.text
            yield client

    async def system(self, command: Command, organization: str = DEMO) -> Any:
        """Send a command as the program."""
        context = CommandContext(organization_id=organization, user="system", source=Source.SYSTEM)
        return await self.core.bus.send(command, context)

    async def write(self, statement: str, *values: object, organization: str = DEMO) -> Any:
        """Run one statement as the tables' owner, and return its rows."""
        connection = await asyncpg.connect(self.owner_url)
        try:
            async with connection.transaction():
                await connection.execute(
                    "SELECT set_config('kyndof.organization', $1, true)", organization
                )
                return await connection.fetch(statement, *values)
        finally:
            await connection.close()

    async def audited(self, action: str, organization: str = DEMO) -> list[str]:
        """Return the outcomes that the audit chain has for an action."""
        rows = await self.write(
            "SELECT outcome FROM audit_log WHERE action = $1 ORDER BY sequence",
            action,
            organization=organization,
        )
        return [row["outcome"] for row in rows]


@asynccontextmanager
async def house_over(
    database: DatabaseUrls, home: Path, **settings: object
) -> AsyncIterator[House]:
    """Open everything over a fresh database."""
    pool = await open_pool(database.app, largest_count=1)
    await load_demo_organizations(pool)
    await pool.close()
    chosen = CloudSettings(
        home=home, database_url=SecretStr(database.app), **cast("dict[str, Any]", settings)
    )
    async with compose_core(chosen) as core:
        app = build_app(
            RestParts(
                routers=rest_routers(chosen, core.bus, cast("Any", None)),
                doorkeeper=compose_doorkeeper(chosen, core.pool, core.identity),
                ids=UlidFactory(),
                readiness={},
                dashboard=home,
            )
        )
        yield House(app=app, core=core, owner_url=database.owner)


def refused(answer: httpx.Response, status: int) -> str:
    """Return the code of a refusal with this status."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text[:400]}"
    error = answer.json()["error"]
    assert error["message"]
    return str(error["code"])


__all__ = ["DEMO", "OTHER", "OWNER", "PASSWORD", "House", "house_over", "refused"]
