"""Thousands of requests that nobody should send: a coded refusal each, nothing written, no 500."""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI

from cloud.composition.graph import told
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.postgres import organization_store, station_store, webhook_store
from cloud.infrastructure.postgres.webhook_store import PostgresDeliveryBook
from cloud.infrastructure.signing.envelope import new_key
from cloud.interfaces.graph_api import door
from cloud.interfaces.graph_api.limits import Limits
from cloud.interfaces.rest_api import (
    bus_door,
    disputes,
    inspections,
    labels,
    pieces,
    stations,
    webhooks,
    work_orders,
)
from cloud.interfaces.rest_api.access import Doorkeeper
from cloud.interfaces.rest_api.app import RestParts, build_app
from cloud.interfaces.webhooks import inbound
from cloud.stations import handlers as station_handlers
from cloud.webhooks import handlers as webhook_handlers
from cloud.webhooks.commands import CreateWebhookEndpoint
from cloud.webhooks.signature import signed
from tests.fakes.core import DEMO, OTHER, context_of
from tests.fakes.fuzz import NASTY_TEXTS, Answer, Nonsense, Sent, call
from tests.fakes.production import STORES, Factory, factory_over, wish
from tests.fakes.webhooks import sealer_of, stores
from tests.interfaces.test_bad_requests import Secrets

pytestmark = pytest.mark.requirement("API", "GQL", "HOK")
SEED = 20260302
HANGUL = re.compile(r"[\uac00-\ud7a3]")
COUNT = 1_000
FULL_COUNT = 10_000
#: Refusals are told in the audit chain and counted nowhere else.
TOLD = {"audit_log", "organization_heads"}


@dataclass
class Doors:
    app: FastAPI
    factory: Factory
    urls: DatabaseUrls
    endpoint: str
    secret: str
    others: dict[str, str]

    async def rows(self) -> Counter[str]:
        """Count the rows of every table, of both organizations."""
        connection = await asyncpg.connect(self.urls.owner)
        found: Counter[str] = Counter()
        try:
            tables = await connection.fetch(
                "SELECT DISTINCT c.relname FROM pg_class c"
                " JOIN pg_attribute a ON a.attrelid = c.oid"
                " WHERE a.attname = 'organization_id' AND c.relkind IN ('r', 'p')"
                " AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace"
            )
            for organization in (DEMO, OTHER):
                async with connection.transaction():
                    await connection.execute(
                        "SELECT set_config('kyndof.organization', $1, true)", organization
                    )
                    for row in tables:
                        name = row["relname"]
                        if name not in TOLD:
                            statement = f'SELECT count(*) FROM "{name}"'  # noqa: S608
                            found[name] += await connection.fetchval(statement)
        finally:
            await connection.close()
        return found


@pytest.fixture
async def doors(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[Doors]:
    sealer = sealer_of([new_key("one")])
    STORES.update(station_store.STORES)
    STORES.update(organization_store.STORES)
    STORES.update(webhook_store.STORES)
    STORES.update(stores(sealer))
    async with factory_over(database) as factory:
        core = factory.core
        for kind, answer in {**station_handlers.QUERIES, **webhook_handlers.QUERIES}.items():
            core.bus.register_query(kind, answer)
        for command, handler in {
            **station_handlers.COMMANDS,
            **webhook_handlers.COMMANDS,
        }.items():
            core.bus.register(command, handler)
        order = await core.bus.send(
            wish(number="OTHERS"), context_of("worker@other.example", organization_id=OTHER)
        )
        issued = await core.bus.send(
            CreateWebhookEndpoint(name="fuzzed"), context_of("lead@demo.example")
        )
        book = PostgresDeliveryBook(core.pool, core.clock, core.ids, sealer)
        doorkeeper = Doorkeeper(Secrets())
        graph = door.GraphParts(
            bus=core.bus,
            live=None,  # type: ignore[arg-type]  # nothing is followed here
            prove=doorkeeper.context,
            prove_live=doorkeeper.context,
            tell=told,
            limits=Limits(),
        )
        rooms = (work_orders, labels, pieces, inspections, stations, disputes, bus_door, webhooks)
        app = build_app(
            RestParts(
                routers=[
                    *(room.router(core.bus) for room in rooms),
                    inbound.router(core.bus, book),
                    door.router(graph),
                ],
                doorkeeper=doorkeeper,
                ids=core.ids,
                readiness={},
                dashboard=tmp_path,
            )
        )
        others = {
            "piece_id": order.piece_ids[0],
            "work_order_id": order.work_order_id,
            "step_id": order.step_ids[0],
        }
        yield Doors(app, factory, database, issued.owner_id, issued.secret, others)


def rest(doors: Doors, made: Nonsense) -> Callable[[], Sent]:
    """Return a maker of wrong requests for every route that the description names."""
    document = doors.app.openapi()
    routes = [
        (path, method.upper(), operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if not path.startswith(("/health", "/api/v1/hooks", "/api/v1/graphql"))
    ]

    def one() -> Sent:
        path, method, operation = made.random.choice(routes)
        content = operation.get("requestBody", {}).get("content", {})
        has_place = "{" in path
        headers = made.headers(with_body=bool(content))
        filled = re.sub(r"\{(\w+)\}", lambda m: made.identifier(m.group(1)), path)
        sent = Sent(method, filled, headers)
        if content:
            sent.body = made.wrong_body(fields_of(content, document))
        if (not content and not has_place) or made.random.random() < 0.2:
            sent.headers = made.proof(sent.headers)
        if made.random.random() < 0.05:
            sent.method = made.random.choice(["PATCH", "TRACE", "한글", "CONNECT"])
        if made.random.random() < 0.3:
            sent.query = made.random.choice(["limit=-1", "cursor=%00", "limit=x", "a[]=1", "%ff"])
        return sent

    return one


def fields_of(content: dict[str, Any], document: dict[str, Any]) -> list[str]:
    schema = content.get("application/json", {}).get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    found = document["components"]["schemas"].get(name, schema)
    return list(found.get("properties", {"query": 1}))


def graph(doors: Doors, made: Nonsense) -> Callable[[], Sent]:
    """Return a maker of wrong questions for the graph."""
    names = ["workOrders", "workOrder", "piece", "한글", "stations", "floor", "__schema", "a b"]

    def one() -> Sent:
        name, value = made.random.choice(names), json.dumps(made.random.choice(NASTY_TEXTS))
        query = made.random.choice(
            [
                f"{{ {name}(first: {value}) {{ nextCursor }} }}",
                f"{{ {name} {{ 한글 }} }}",
                f"mutation {{ {name} }}",
                f"{{ piece(pieceId: {value}, unknown: 1) {{ number }} }}",
                "{" * made.random.randrange(1, 500),
                "query($id: ID!) { piece(pieceId: $id) { number } }",
                f"{{ ...f }} fragment f on Query {{ {name} {{ ...f }} }}",
                made.random.choice(NASTY_TEXTS),
                " ".join(f"a{n}: floor {{ sequence }}" for n in range(40)).join("{}"),
            ]
        )
        body: Any = {"query": query, "variables": {"id": made.value()}}
        if made.random.random() < 0.3:
            body[made.word()] = made.value()
        content = json.dumps(body).encode()
        if made.random.random() < 0.3:
            content = made.wrong_body(["query", "variables", "operationName"])
        headers = made.headers(with_body=True)
        headers = made.proof(headers) if made.random.random() < 0.15 else headers
        return Sent("POST", "/api/v1/graphql", headers, content)

    return one


def hook(doors: Doors, made: Nonsense) -> Callable[[], Sent]:
    """Return a maker of messages that nobody has signed, or not so."""
    clock = doors.factory.core.clock

    def one() -> Sent:
        body = made.random.choice([b"{}", b"[]", b"{", '{"한글": 1}'.encode(), b"x" * 300_000])
        secret = made.random.choice([doors.secret, "whsec_AAAA"])
        number = f"msg_{made.random.randrange(10**9)}"
        headers = {
            "content-type": "application/json",
            "webhook-id": number,
            "webhook-timestamp": str(int(clock.now().timestamp())),
            "webhook-signature": signed(secret, number, clock.now(), body),
            **{k: v for k, v in made.headers(with_body=False).items() if k != "x-api-key"},
        }
        spoilt = made.random.choice(["webhook-id", "webhook-timestamp", "webhook-signature"])
        headers[spoilt] = made.random.choice([*NASTY_TEXTS, "v1,", "v1,AAAA", "0", "9" * 30, "１"])
        headers[spoilt] = headers[spoilt].replace("\x00", "")
        path = doors.endpoint if made.random.random() < 0.8 else made.identifier("endpoint")
        return Sent("POST", f"/api/v1/hooks/{path}", headers, body)

    return one


def check(sent: Sent, answer: Answer) -> str:
    """Return the code of a refusal in the asker's language; anything else fails."""
    shown = f"{sent.method} {sent.path[:200]!r} {sent.headers} {sent.body[:300]!r} -> "
    shown += f"{answer.status} {answer.body[:300]!r}"
    assert answer.status < 500, shown
    if answer.status == 200 and sent.path == "/api/v1/graphql":
        errors = answer.json().get("errors")
        assert errors, shown
        error = {"code": errors[0]["extensions"]["code"], "message": errors[0]["message"]}
    else:
        assert answer.status >= 400, shown
        body = answer.json()
        error = (
            body["error"]
            if "error" in body
            else {
                "code": body["errors"][0]["extensions"]["code"],
                "message": body["errors"][0]["message"],
            }
        )
    assert bool(HANGUL.search(error["message"])) == (sent.language == "ko"), shown
    assert "x-request-id" in answer.headers
    return str(error["code"])


MAKERS = {"rest": rest, "graph": graph, "webhooks": hook}


async def fuzz(doors: Doors, name: str, count: int) -> Counter[str]:
    made = Nonsense(SEED, {}, doors.others)
    one, codes = MAKERS[name](doors, made), Counter[str]()
    before = await doors.rows()
    for _ in range(count):
        sent = one()
        codes[check(sent, await call(doors.app, sent))] += 1
    assert await doors.rows() == before
    return codes


@pytest.mark.parametrize("name", MAKERS)
async def test_a_thousand_wrong_requests_are_refused_with_a_code_and_write_nothing(
    doors: Doors, name: str
) -> None:
    codes = await fuzz(doors, name, COUNT)
    assert len(codes) >= 3, codes


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", MAKERS)
async def test_ten_thousand_wrong_requests_are_refused_with_a_code_and_write_nothing(
    doors: Doors, name: str
) -> None:
    codes = await fuzz(doors, name, FULL_COUNT)
    assert sum(codes.values()) == FULL_COUNT
