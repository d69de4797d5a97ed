"""Reading one work order over HTTP: ours, with sign-in and rights, beside a bare route.

The bare one is FastAPI over an asyncpg pool: no sign-in, no rights, no limits, no types; it sets
the organization, reads the same rows with the same statements and answers them as they are.
Both are served by uvicorn in this process and asked in turn over the loopback by the same client.
"""

import asyncio
import json
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import asyncpg
from fastapi import FastAPI, Response

from cloud.commands.command import CommandContext, Source
from cloud.composition.core import Core, compose_core
from cloud.composition.serving import compose_serving
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.http_server import HttpServer
from cloud.infrastructure.postgres import production_store
from cloud.infrastructure.postgres.demo_organizations import DEMO, load_demo_organizations
from cloud.infrastructure.postgres.pool import open_pool
from cloud.organizations.commands import CreateApiKey
from cloud.production.work_order import PieceDraft
from cloud.settings import CloudSettings, GrpcSettings, HttpSettings
from tests.benchmarks.report import Report, arguments
from tests.fakes.production import wish
from tests.postgres import PostgresForTests

AT_ONCE = 4
LEAD = CommandContext(organization_id=DEMO, user="lead@demo.example", source=Source.WEB)
SYSTEM = CommandContext(organization_id=DEMO, user="system", source=Source.SYSTEM)


def bare_app(pool: asyncpg.Pool, work_order_id: str) -> FastAPI:
    """Return the bare route."""
    app = FastAPI(openapi_url=None)

    @app.get("/api/v1/work-orders/{number}")
    async def read(number: str) -> Response:
        async with pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute("SELECT set_config('kyndof.organization', $1, true)", DEMO)
            head = await connection.fetchrow(production_store._HEAD, DEMO, number)
            rows = [
                await connection.fetch(statement, DEMO, [work_order_id])
                for statement in (
                    production_store._STEPS_OF,
                    production_store._SPECS_OF,
                    production_store._PIECES_OF,
                )
            ]
        found = {"head": dict(head), "parts": [[dict(row) for row in part] for part in rows]}
        return Response(json.dumps(found, default=plain), media_type="application/json")

    return app


def plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else str(value)


@dataclass
class Client:
    """One connection that asks the same thing again and again."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    request: bytes

    async def ask(self) -> int:
        self.writer.write(self.request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        lines = head.lower().split(b"\r\n")
        length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-len"))
        return len(await self.reader.readexactly(length))


async def clients(port: int, path: str, key: str, stack: AsyncExitStack) -> list[Client]:
    made = []
    for _ in range(AT_ONCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        stack.callback(writer.close)
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-API-Key: {key}\r\n\r\n"
        made.append(Client(reader, writer, head.encode()))
    return made


async def block(asking: list[Client], count: int) -> float:
    """Ask ``count`` times over all connections; return requests per second."""

    async def some(client: Client) -> None:
        for _ in range(count // AT_ONCE):
            await client.ask()

    begun_s = time.perf_counter()
    await asyncio.gather(*(some(client) for client in asking))
    return count / (time.perf_counter() - begun_s)


async def prepared(core: Core) -> tuple[str, str]:
    """Return the work order to read, of ten pieces, and a key."""
    pieces = tuple(PieceDraft(number=number, size="M") for number in range(1, 11))
    order = await core.bus.send(wish(number="READ", pieces=pieces), LEAD)
    key = await core.bus.send(CreateApiKey(login=LEAD.user, name="bench"), SYSTEM)
    return order.work_order_id, key.key


async def run(urls: DatabaseUrls, folder: Path, *, quick: bool) -> int:
    """Measure and report."""
    pool = await open_pool(urls.app, largest_count=AT_ONCE)
    await load_demo_organizations(pool)
    rounds, count = (10, 40) if quick else (40, 200)
    settings = CloudSettings(
        home=folder,
        database_url=urls.app,
        grpc=GrpcSettings(port=0, enrolment_port=0),
        http=HttpSettings(rate_limit_count=10_000_000),
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(pool.close)
        core = await stack.enter_async_context(compose_core(settings))
        serving = await stack.enter_async_context(compose_serving(settings, core))
        number, key = await prepared(core)
        askers: dict[str, list[Client]] = {}
        for name, app in (("ours", serving.app), ("bare", bare_app(pool, number))):
            server = HttpServer(app, "127.0.0.1", 0, "none")
            await server.start()
            stack.push_async_callback(server.stop)
            path = f"/api/v1/work-orders/{number}"
            askers[name] = await clients(server.port, path, key, stack)
        for asking in askers.values():
            await block(asking, count)
        rates: dict[str, list[float]] = {"ours": [], "bare": []}
        for _ in range(rounds):
            for name, asking in askers.items():
                rates[name].append(await block(asking, count))
    return reported(rates)


def reported(rates: dict[str, list[float]]) -> int:
    ratios = [ours / bare for ours, bare in zip(rates["ours"], rates["bare"], strict=True)]
    report = Report(name="rest_read")
    report.figures = {
        "ratio_to_bare": round(statistics.median(ratios), 3),
        "ratio_low": round(min(ratios), 3),
        "ratio_high": round(max(ratios), 3),
        "ours_per_s": round(statistics.median(rates["ours"]), 1),
        "bare_per_s": round(statistics.median(rates["bare"]), 1),
    }
    report.targets = {"ratio_to_bare": (">=", 0.5)}
    return report.print()


def main() -> int:
    options = arguments(__doc__ or "")
    with tempfile.TemporaryDirectory(prefix="kyndof-bench-") as folder:
        postgres = PostgresForTests(Path(folder))
        postgres.start()
        try:

            async def work() -> int:
                async with postgres.fresh_database() as urls:
                    return await run(urls, Path(folder), quick=options.quick)

            return asyncio.run(work())
        finally:
            postgres.stop()


if __name__ == "__main__":
    raise SystemExit(main())
