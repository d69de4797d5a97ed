"""What REST promises of every route: one refusal, pages, limits, conditions, once only."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cloud.commands.allowance import Allowance
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.postgres import station_store
from cloud.infrastructure.rate_limits import MemoryRateLimiter
from cloud.interfaces.rest_api import bus_door, inspections, pieces, stations, work_orders
from cloud.interfaces.rest_api.access import Doorkeeper
from cloud.interfaces.rest_api.app import RestParts, build_app
from cloud.interfaces.rest_api.rate_limit import Limits
from cloud.stations import handlers
from cloud.stations.queries import FindStation, ListStations
from tests.fakes.core import SetClock
from tests.fakes.production import STORES, Factory, factory_over
from tests.interfaces.test_bad_requests import Secrets, refused

pytestmark = pytest.mark.requirement("API")


@pytest.fixture
async def factory(database: DatabaseUrls) -> AsyncIterator[Factory]:
    STORES.update(station_store.STORES)
    async with factory_over(database) as factory:
        for query in (ListStations, FindStation):
            factory.core.bus.register_query(query, handlers.QUERIES[query])
        yield factory


def client_of(factory: Factory, folder: Path, **more: Any) -> httpx.AsyncClient:
    rooms = (work_orders, pieces, inspections, stations, bus_door)
    app = build_app(
        RestParts(
            routers=[room.router(factory.core.bus) for room in rooms],
            doorkeeper=Doorkeeper(Secrets()),
            ids=factory.core.ids,
            readiness={},
            dashboard=folder,
            **more,
        )
    )
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://test/api/v1",
        headers={"X-API-Key": "lead"},
    )


@pytest.fixture
async def client(factory: Factory, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(factory, tmp_path) as client:
        yield client


async def test_what_the_framework_refuses_has_the_one_shape(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/work-orders")
    assert refused(answer, 405) == "METHOD_NOT_ALLOWED"
    assert answer.headers["Allow"] == "GET, POST"
    assert refused(await client.post("/nothing-here", json={}), 404) == "NOT_FOUND"
    assert refused(await client.get("/nothing-here"), 404) == "NOT_FOUND"
    for headers in ({"Content-Type": "text/plain"}, {}):
        answer = await client.post("/work-orders", content=b"{}", headers=headers)
        assert refused(answer, 415) == "UNSUPPORTED_MEDIA_TYPE"


async def test_a_failure_of_ours_tells_its_number_and_nothing_else(
    factory: Factory, tmp_path: Path
) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError("secret words")

    factory.core.bus.ask = broken  # type: ignore[method-assign]
    async with client_of(factory, tmp_path) as client:
        answer = await client.get("/work-orders", headers={"Accept-Language": "en"})
    assert refused(answer, 500) == "INTERNAL_ERROR"
    assert "secret" not in answer.text


async def test_a_database_that_is_away_is_told_as_such(factory: Factory, tmp_path: Path) -> None:
    async def away(*_: Any) -> Any:
        raise ConnectionRefusedError

    factory.core.bus.ask = away  # type: ignore[method-assign]
    async with client_of(factory, tmp_path, away=(ConnectionError,)) as client:
        assert refused(await client.get("/work-orders"), 503) == "DATABASE_AWAY"


async def test_lists_come_in_pages_that_name_the_next(client: httpx.AsyncClient) -> None:
    first = await client.get("/stations?limit=1")
    assert [s["name"] for s in first.json()] == ["CUT-01"]
    second = await client.get(f"http://test{first.links['next']['url']}")
    assert [s["name"] for s in second.json()] == ["QC-01"]
    assert "next" not in second.links
    same = await client.get("/stations", params={"cursor": first.headers["X-Next-Cursor"]})
    assert [s["name"] for s in same.json()] == ["QC-01"]
    for cursor in ("한글", "e30", "!", "x" * 3000):
        answer = await client.get("/stations", params={"cursor": cursor})
        assert refused(answer, 422) in {"CURSOR_INVALID", "PAYLOAD_INVALID"}
    kinds = await client.get("/queries?limit=3")
    assert len(kinds.json()) == 3
    assert "next" in kinds.links


async def test_a_key_has_its_limit_and_is_told_what_is_left(
    factory: Factory, tmp_path: Path
) -> None:
    clock = SetClock()
    limits = Limits(
        limiter=MemoryRateLimiter(clock),
        asker=Allowance(limit_count=3, window_s=60),
        refused=Allowance(limit_count=2, window_s=60),
    )
    async with client_of(factory, tmp_path, limits=limits) as client:
        answers = [await client.get("/work-orders") for _ in range(4)]
        assert [a.status_code for a in answers] == [200, 200, 200, 429]
        assert [a.headers["RateLimit-Remaining"] for a in answers] == ["2", "1", "0", "0"]
        assert refused(answers[-1], 429) == "RATE_LIMITED"
        assert int(answers[-1].headers["Retry-After"]) == 20
        clock.advance(seconds=20)
        assert (await client.get("/work-orders")).status_code == 200
        other = {"X-API-Key": "stranger"}
        assert (await client.get("/work-orders", headers=other)).status_code == 200
        wrong = [
            (await client.get("/work-orders", headers={"X-API-Key": f"guess {n}"})).status_code
            for n in range(3)
        ]
        assert wrong == [401, 401, 429]
        assert (await client.get("/work-orders", headers=other)).status_code == 200


async def test_an_edit_holds_only_for_what_was_read(
    client: httpx.AsyncClient, factory: Factory
) -> None:
    piece = factory.order.piece_ids[0]
    read = await client.get(f"/pieces/{piece}")
    tag = read.headers["ETag"]
    again = await client.get(f"/pieces/{piece}", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    # Another piece's news changes the organization's sequence, not what this piece is.
    await factory.start(1, 0)
    again = await client.get(f"/pieces/{piece}", headers={"If-None-Match": tag})
    assert again.status_code == 304
    wish = {"step_id": factory.order.step_ids[1], "reason": "급함"}
    edits = await asyncio.gather(
        *(
            client.post(f"/pieces/{piece}/overrides", json=wish, headers={"If-Match": tag})
            for _ in range(2)
        )
    )
    assert sorted(edit.status_code for edit in edits) == [200, 412]
    late = next(edit for edit in edits if edit.status_code == 412)
    assert refused(late, 412) == "PRECONDITION_FAILED"
    assert (await client.get(f"/pieces/{piece}")).headers["ETag"] != tag


async def test_a_spec_is_changed_only_as_it_was_read(
    client: httpx.AsyncClient, factory: Factory
) -> None:
    first = f"{factory.order.work_order_id}.1"
    read = await client.get(f"/specs/{first}")
    assert (read.json()["spec_version"], read.json()["next_version"]) == (first, "")
    change = {
        "stage": "CUT",
        "kind": "point",
        "name": "length",
        "field": "nominal_mm",
        "value": 501,
    }
    wish = {"changes": [change], "reason": "수축"}
    path, tag = f"/specs/{first}/corrections", {"If-Match": read.headers["ETag"]}
    wrong = await client.post(path, json=wish, headers={"If-Match": '"other"'})
    assert refused(wrong, 412) == "PRECONDITION_FAILED"
    made = await client.post(path, json=wish, headers=tag)
    assert made.status_code == 201, made.text
    again = await client.get(f"/specs/{first}")
    assert again.json()["next_version"] == made.json()["spec_version"]
    assert refused(await client.post(path, json=wish, headers=tag), 412) == "PRECONDITION_FAILED"
    assert refused(await client.get(f"/specs/{first}9"), 404) == "SPEC_VERSION_UNKNOWN"
    for version in ("한글", "x", f"{first}%00"):
        assert refused(await client.get(f"/specs/{version}"), 422) == "PAYLOAD_INVALID"


async def test_where_conditions_are_demanded_an_edit_without_one_is_refused(
    factory: Factory, tmp_path: Path
) -> None:
    piece, wish = factory.order.piece_ids[0], {"step_id": factory.order.step_ids[1], "reason": "r"}
    async with client_of(factory, tmp_path, if_match_needed=True) as client:
        answer = await client.post(f"/pieces/{piece}/overrides", json=wish)
        assert refused(answer, 428) == "PRECONDITION_REQUIRED"
        tag = (await client.get(f"/pieces/{piece}")).headers["ETag"]
        answer = await client.post(
            f"/pieces/{piece}/overrides", json=wish, headers={"If-Match": tag}
        )
        assert answer.status_code == 200, answer.text


@pytest.mark.requirement("BUS")
async def test_any_command_and_question_goes_by_its_type_once_per_key(
    client: httpx.AsyncClient, factory: Factory
) -> None:
    piece = factory.order.piece_ids[0]
    asked = await client.post("/queries/find_piece", json={"piece_id": piece})
    assert asked.json()["number"] == 1
    wish = {"piece_id": piece, "step_id": factory.order.step_ids[1], "reason": "급함"}
    headers = {"Idempotency-Key": "once"}
    answers = [
        await client.post("/commands/override_step_order", json=wish, headers=headers)
        for _ in range(2)
    ]
    assert answers[0].status_code == 200, answers[0].text
    assert answers[0].json() == answers[1].json()
    other = await client.post(
        "/commands/override_step_order", json={**wish, "reason": "다름"}, headers=headers
    )
    assert refused(other, 409) == "IDEMPOTENCY_CONFLICT"
    for path in ("/commands/한글", "/commands/fly", "/queries/fly", "/commands/use_login_link"):
        refused(await client.post(path, json={}), 404, 422)
    unknown = await client.post("/queries/find_piece", json={"piece_id": piece, "한글": 1})
    assert refused(unknown, 422) == "PAYLOAD_INVALID"


async def test_the_reference_shows_every_route_in_both_languages(
    client: httpx.AsyncClient,
) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    for language, title in (("ko", "Kyndof API 안내"), ("en", "Kyndof API reference")):
        page = await client.get("http://test/docs", headers={"Accept-Language": language})
        assert title in page.text
        assert "http://" not in page.text
        assert "https://" not in page.text
        for path in document["paths"]:
            assert path in page.text


async def test_every_route_describes_its_refusals(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if path.startswith("/health/"):
                continue
            refusal = operation["responses"]["default"]["content"]["application/json"]["schema"]
            assert refusal == {"$ref": "#/components/schemas/Refusal"}, path
            assert "422" in operation["responses"], path
            assert operation["description"], (method, path)
            if method == "post":
                names = [p.get("$ref", "") for p in operation["parameters"]]
                assert any("IdempotencyKey" in name for name in names), path
