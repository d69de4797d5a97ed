"""The graph over a real PostgreSQL: linked views, few statements, limits, refusals, live events."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from fastapi import FastAPI

from cloud.commands.errors import ForbiddenError
from cloud.composition.graph import told
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.http_server import HttpServer
from cloud.infrastructure.postgres import organization_store, pool, station_store
from cloud.infrastructure.postgres.outbox_relay import OutboxRelay
from cloud.interfaces.graph_api import door
from cloud.interfaces.graph_api.limits import Limits
from cloud.interfaces.rest_api.access import Doorkeeper
from cloud.interfaces.rest_api.app import RestParts, build_app
from cloud.organizations import handlers as organizations
from cloud.organizations.queries import WhoAmI
from cloud.production.work_order import PieceDraft
from cloud.stations import handlers as stations
from cloud.stations.queries import FindStation, ListStations
from tests.fakes.counted import Counted
from tests.fakes.production import STORES, Factory, factory_over, wish
from tests.interfaces.test_bad_requests import Secrets, refused

pytestmark = pytest.mark.requirement("GQL")
LINKED = """
query($first: Int!) {
  workOrders(first: $first) {
    nextCursor
    items { number whole {
      number
      pieces { number state
        cells { state station { name } inspections { verdict } }
        inspections { inspectionId verdict measurements { name valueMm outcome }
                      picture { url available } station { name stages } }
      }
    } }
  }
}
"""


@pytest.fixture
async def factory(
    database: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Factory]:
    monkeypatch.setattr(pool, "PlainConnection", Counted)
    STORES.update(station_store.STORES)
    STORES.update(organization_store.STORES)
    async with factory_over(database) as factory:
        for query in (ListStations, FindStation):
            factory.core.bus.register_query(query, stations.QUERIES[query])
        factory.core.bus.register_query(WhoAmI, organizations.QUERIES[WhoAmI])
        yield factory


def app_of(factory: Factory, folder: Path, live: Any = None, **limits: Any) -> FastAPI:
    doorkeeper = Doorkeeper(Secrets())
    parts = door.GraphParts(
        bus=factory.core.bus,
        live=live,
        prove=doorkeeper.context,
        prove_live=doorkeeper.live_context,
        tell=told,
        limits=Limits(**limits),
    )
    return build_app(
        RestParts(
            routers=[door.router(parts)],
            doorkeeper=doorkeeper,
            ids=factory.core.ids,
            readiness={},
            dashboard=folder,
        )
    )


@pytest.fixture
async def client(factory: Factory, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with client_over(app_of(factory, tmp_path)) as client:
        yield client


def client_over(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://test/api/v1",
        headers={"X-API-Key": "lead"},
    )


async def asked(client: httpx.AsyncClient, query: str, **variables: Any) -> Any:
    answer = await client.post("/graphql", json={"query": query, "variables": variables})
    assert answer.status_code == 200, answer.text
    assert "errors" not in answer.json(), answer.text
    return answer.json()["data"]


def code_of(answer: httpx.Response, *statuses: int) -> str:
    """Return the code of the first error, which has every part of a refusal."""
    assert answer.status_code in statuses, f"{answer.status_code} {answer.text[:300]}"
    error = answer.json()["errors"][0]
    assert error["message"]
    assert set(error["extensions"]) == {"code", "details", "request_id"}
    assert error["extensions"]["request_id"] == answer.headers["X-Request-ID"]
    return str(error["extensions"]["code"])


async def test_a_work_order_leads_to_its_pieces_steps_inspections_pictures_and_stations(
    client: httpx.AsyncClient, factory: Factory
) -> None:
    await factory.inspected(0, 0, "PASS")
    data = await asked(client, LINKED, first=10)
    piece = data["workOrders"]["items"][0]["whole"]["pieces"][0]
    assert [cell["state"] for cell in piece["cells"]] == ["DONE", "OPEN", "WAITING"]
    assert piece["cells"][0]["station"] == {"name": "CUT-01"}
    assert piece["cells"][0]["inspections"] == [{"verdict": "PASS"}]
    assert piece["cells"][1]["inspections"] == []
    [inspection] = piece["inspections"]
    assert inspection["measurements"] == [{"name": "length", "valueMm": 502.0, "outcome": "PASS"}]
    assert inspection["picture"] == {"url": f"/api/v1/media/{'cd' * 32}", "available": False}
    assert inspection["station"] == {"name": "CUT-01", "stages": ["CUT", "SEW"]}
    one = await asked(
        client,
        "query($id: ID!) { piece(pieceId: $id) { number workOrder { number } } }",
        id=factory.order.piece_ids[1],
    )
    assert one["piece"] == {"number": 2, "workOrder": {"number": "WO-1"}}
    floor = await asked(client, "{ floor { sequence counts { openCount } current { pieceId } } }")
    assert floor["floor"]["counts"]["openCount"] == 2


async def test_ten_times_as_much_takes_no_more_statements(
    client: httpx.AsyncClient, factory: Factory
) -> None:
    await factory.inspected(0, 0, "PASS")

    async def statements() -> int:
        Counted.ran.clear()
        await asked(client, LINKED, first=50)
        return len(Counted.ran)

    await statements()
    few = await statements()
    for number in range(2, 12):
        pieces = tuple(PieceDraft(number=n, size="M") for n in range(1, 5))
        order = await factory.send(wish(number=f"WO-{number}", pieces=pieces))
        other = replace(factory, order=order)
        for piece in range(4):
            await other.inspected(piece, 0, "PASS")
    many = await statements()
    assert 5 < few < 40
    assert many == few


async def test_who_proves_nothing_is_told_nothing(client: httpx.AsyncClient) -> None:
    body = {"query": "{ stations { name } }"}
    answer = await client.post("/graphql", json=body, headers={"X-API-Key": "nobody"})
    assert refused(answer, 401) == "NOT_SIGNED_IN"


async def test_another_organization_sees_its_own_and_nothing_else(
    client: httpx.AsyncClient, factory: Factory
) -> None:
    ids = {"wo": factory.order.work_order_id, "pc": factory.order.piece_ids[0]}
    query = """query($wo: ID!, $pc: ID!) { workOrder(workOrderId: $wo) { number }
                                          piece(pieceId: $pc) { number } stations { name } }"""
    answer = await client.post(
        "/graphql",
        json={"query": query, "variables": ids},
        headers={"X-API-Key": "stranger", "Accept-Language": "en"},
    )
    assert answer.json()["data"] == {"workOrder": None, "piece": None, "stations": []}
    assert code_of(answer, 200) == "PIECE_UNKNOWN"
    assert answer.json()["errors"][0]["message"].isascii()


@pytest.mark.parametrize(
    "query",
    [
        "{",
        "한글",
        "{ nothing }",
        "mutation { fly }",
        "{ workOrders(first: 한글) { nextCursor } }",
        "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
        "{" + " ".join(f"a{n}: stations {{ name }}" for n in range(30)) + "}",
        "{" * 3000,
        "{ workOrders { items { whole { pieces { workOrder { pieces { workOrder { pieces {"
        " workOrder { pieces { workOrder { number } } } } } } } } } } } }",
        "{ workOrders(first: 50) { items { whole { pieces { workOrder { pieces { cells {"
        " inspections { measurements { name } } } } } } } } } }",
        "subscription { events { type } }",
    ],
)
async def test_a_question_that_cannot_be_run_is_a_coded_400(
    client: httpx.AsyncClient, query: str
) -> None:
    answer = await client.post("/graphql", json={"query": query})
    assert code_of(answer, 400) == "GRAPH_QUESTION_INVALID"


async def test_a_body_that_is_no_question_is_refused_like_everywhere(
    client: httpx.AsyncClient,
) -> None:
    for body in ({}, [], {"query": 1}, {"query": " "}, {"query": "{a}", "variables": []}, "한글"):
        assert refused(await client.post("/graphql", json=body), 422) == "PAYLOAD_INVALID"
    answer = await client.post("/graphql", content=b"{ stations }")
    assert refused(answer, 415) == "UNSUPPORTED_MEDIA_TYPE"
    assert refused(await client.get("/graphql?query={a}"), 405) == "METHOD_NOT_ALLOWED"


async def test_a_field_that_is_refused_leaves_the_others(
    client: httpx.AsyncClient, factory: Factory
) -> None:
    query = """{ stations { name } workOrders(first: 999) { nextCursor }
                 piece(pieceId: "한글") { size } }"""
    answer = await client.post("/graphql", json={"query": query})
    codes = {error["extensions"]["code"] for error in answer.json()["errors"]}
    assert answer.status_code == 200
    assert codes == {"PAYLOAD_INVALID", "PIECE_UNKNOWN"}


async def test_rights_are_those_of_the_bus(client: httpx.AsyncClient, factory: Factory) -> None:
    async def forbidden(*_: Any) -> Any:
        raise ForbiddenError("no letter")

    factory.core.bus.ask = forbidden  # type: ignore[method-assign]
    answer = await client.post("/graphql", json={"query": "{ stations { name } }"})
    assert code_of(answer, 200) == "FORBIDDEN"


async def test_our_own_failure_is_told_by_its_number_alone(
    client: httpx.AsyncClient, factory: Factory
) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError("secret words")

    factory.core.bus.ask = broken  # type: ignore[method-assign]
    answer = await client.post("/graphql", json={"query": "{ stations { name } }"})
    assert code_of(answer, 200) == "INTERNAL_ERROR"
    assert "secret" not in answer.text


async def test_the_schema_is_told_only_where_it_is_set(factory: Factory, tmp_path: Path) -> None:
    query = "{ __schema { types { name } } }"
    async with client_over(app_of(factory, tmp_path)) as client:
        names = [t["name"] for t in (await asked(client, query))["__schema"]["types"]]
        assert {"WorkOrder", "Piece", "Inspection", "Station", "Event"} <= set(names)
    async with client_over(app_of(factory, tmp_path, introspection=False)) as client:
        answer = await client.post("/graphql", json={"query": query})
        assert code_of(answer, 400) == "GRAPH_QUESTION_INVALID"


class Listener:
    """A client of graphql-transport-ws."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket

    async def greet(self) -> Any:
        await self.socket.send(json.dumps({"type": "connection_init"}))
        return await self.hear()

    async def ask(self, query: str, number: str = "1") -> None:
        message = {"id": number, "type": "subscribe", "payload": {"query": query}}
        await self.socket.send(json.dumps(message))

    async def hear(self) -> Any:
        while True:
            message = json.loads(await asyncio.wait_for(self.socket.recv(), 30))
            if message["type"] != "ping":
                return message


@pytest.fixture
async def address(factory: Factory, database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[str]:
    async with OutboxRelay(factory.core.pool, database.app) as relay:
        server = HttpServer(app_of(factory, tmp_path, relay), "127.0.0.1", 0, "X")
        await server.start()
        try:
            yield f"ws://127.0.0.1:{server.port}/api/v1/graphql"
        finally:
            await server.stop()


def connected(address: str, key: str = "lead") -> Any:
    return websockets.connect(
        address, subprotocols=["graphql-transport-ws"], additional_headers={"X-API-Key": key}
    )


async def test_events_come_live_and_from_where_one_was(address: str, factory: Factory) -> None:
    query = """subscription { events(after: "0", types: ["work_order_created", "step_started"]) {
                 type number workOrder { number pieces { state } } } }"""
    async with connected(address) as socket:
        listener = Listener(socket)
        assert (await listener.greet())["type"] == "connection_ack"
        await listener.ask(query)
        first = (await listener.hear())["payload"]["data"]["events"]
        assert (first["type"], first["number"]) == ("work_order_created", "1")
        assert first["workOrder"]["pieces"][0]["state"] == "OPEN"
        await factory.start(0, 0)
        second = (await listener.hear())["payload"]["data"]["events"]
        assert second["type"] == "step_started"
        # Not what was read a moment ago.
        assert second["workOrder"]["pieces"][0]["state"] == "STARTED"


async def test_a_listener_who_proves_nothing_is_turned_away(address: str) -> None:
    async with connected(address, "nobody") as socket:
        await socket.send(json.dumps({"type": "connection_init"}))
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 30)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403


async def test_a_listener_s_wrong_question_is_refused_with_its_code(address: str) -> None:
    async with connected(address) as socket:
        listener = Listener(socket)
        await listener.greet()
        for number, (query, code) in enumerate(
            (
                ("subscription { nothing }", "GRAPH_QUESTION_INVALID"),
                ('subscription { events(after: "한글") { type } }', "PAYLOAD_INVALID"),
            )
        ):
            await listener.ask(query, str(number))
            message = await listener.hear()
            errors = message["payload"]
            errors = errors if isinstance(errors, list) else errors["errors"]
            assert errors[0]["extensions"]["code"] == code
            if message["type"] == "next":
                await listener.hear()
