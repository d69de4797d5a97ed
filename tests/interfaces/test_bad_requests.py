"""Requests that nobody should send: refused in one shape, never an error of the server."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.interfaces.rest_api import inspections, labels, pieces, work_orders
from cloud.interfaces.rest_api.access import Doorkeeper
from cloud.interfaces.rest_api.app import RestParts, build_app
from cloud.interfaces.rest_api.body_limit import LARGEST_BYTES
from cloud.organizations.person import Membership
from tests.fakes.core import DEMO, OTHER
from tests.fakes.production import factory_over

pytestmark = pytest.mark.requirement("API")
PIECE = f"pc_{'0' * 26}"
STEP = f"stp_{'0' * 26}"


class Secrets:
    """Keys of two people, and the web session of one."""

    async def key(self, secret: str) -> Membership | None:
        people = {
            "lead": Membership(organization_id=DEMO, login="lead@demo.example"),
            "stranger": Membership(organization_id=OTHER, login="worker@other.example"),
        }
        return people.get(secret)

    async def session(self, secret: str) -> Membership | None:
        return (
            Membership(organization_id=DEMO, login="lead@demo.example")
            if secret in {"lead"}
            else None
        )

    async def link(self, secret: str) -> None:
        return None


@pytest.fixture
async def client(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with factory_over(database) as factory:
        bus = factory.core.bus
        rooms = (work_orders, labels, pieces, inspections)
        app = build_app(
            RestParts(
                routers=[room.router(bus) for room in rooms],
                doorkeeper=Doorkeeper(Secrets()),
                ids=factory.core.ids,
                readiness={},
                dashboard=tmp_path,
            )
        )
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://test/api/v1", headers={"X-API-Key": "lead"}
        ) as client:
            yield client


def refused(answer: httpx.Response, *statuses: int) -> str:
    """Return the code of a refusal that has the one shape."""
    assert answer.status_code in statuses, f"{answer.status_code} {answer.text[:300]}"
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "details", "request_id"}
    assert error["message"]
    assert error["request_id"] == answer.headers["X-Request-ID"]
    return str(error["code"])


async def test_an_identifier_of_any_kind_is_refused_and_breaks_nothing(
    client: httpx.AsyncClient,
) -> None:
    for path in ("/pieces/{}", "/work-orders/{}", "/inspections/{}", "/guide-pictures/{}"):
        for identifier in ("한글", "pc_한글", "%00", "';DROP", "x" * 5000, PIECE):
            refused(await client.get(path.format(identifier)), 404, 422)


async def test_text_that_no_column_can_hold_is_refused_with_its_field(
    client: httpx.AsyncClient,
) -> None:
    for escaped in (rb"a\u0000b", rb"half \ud800"):
        answer = await client.post(
            f"/pieces/{PIECE}/overrides",
            content=b'{"step_id": "%s", "reason": "%s"}' % (STEP.encode(), escaped),
            headers={"Content-Type": "application/json"},
        )
        assert refused(answer, 422) == "PAYLOAD_INVALID"
        assert answer.json()["error"]["details"]["field"] == "reason"


async def test_json_that_is_none_is_refused(client: httpx.AsyncClient) -> None:
    for content in (b"{", b"", b"null", b"\xff\xfe", b"[" * 5000, b'{"a":NaN}'):
        answer = await client.post(
            "/work-orders", content=content, headers={"Content-Type": "application/json"}
        )
        assert refused(answer, 422) == "PAYLOAD_INVALID"


async def test_a_body_that_is_too_large_is_refused_whether_announced_or_not(
    client: httpx.AsyncClient,
) -> None:
    files = {"file": ("order.xlsx", b"x" * (LARGEST_BYTES + 1))}
    answer = await client.post("/work-orders/import", files=files)
    assert refused(answer, 413) == "BODY_TOO_LARGE"

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(LARGEST_BYTES // 65536 + 1):
            yield b" " * 65536

    answer = await client.post(
        "/work-orders", content=chunks(), headers={"Content-Type": "application/json"}
    )
    assert refused(answer, 413) == "BODY_TOO_LARGE"


async def test_a_file_that_is_no_spreadsheet_is_refused_with_its_problems(
    client: httpx.AsyncClient,
) -> None:
    for content in (b"", b"PK\x03\x04junk", b"%PDF-1.7", b"a,b\n1,\x00"):
        answer = await client.post("/work-orders/import", files={"file": ("한글.csv", content)})
        assert refused(answer, 422) == "SPREADSHEET_INVALID"
        assert all(one["message"] for one in answer.json()["error"]["details"]["problems"])


async def test_an_endless_idempotency_key_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        f"/pieces/{PIECE}/overrides",
        json={"step_id": STEP, "reason": "r"},
        headers={"Idempotency-Key": "k" * 201},
    )
    assert refused(answer, 422) == "PAYLOAD_INVALID"


async def test_another_organization_s_work_order_is_not_found(client: httpx.AsyncClient) -> None:
    ours = (await client.get("/work-orders")).json()["items"][0]["work_order_id"]
    answer = await client.get(f"/work-orders/{ours}", headers={"X-API-Key": "stranger"})
    assert refused(answer, 404) == "WORK_ORDER_UNKNOWN"


async def test_without_a_session_nothing_is_told(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/pieces/{PIECE}", headers={"X-API-Key": "nobody"})
    assert refused(answer, 401) == "NOT_SIGNED_IN"


async def test_a_cookie_from_a_foreign_page_does_not_act(client: httpx.AsyncClient) -> None:
    headers = {"X-API-Key": "", "Cookie": "kyndof_session=lead", "Origin": "http://evil.example"}
    answer = await client.post(
        f"/pieces/{PIECE}/overrides", json={"step_id": STEP, "reason": "r"}, headers=headers
    )
    assert refused(answer, 403) == "FOREIGN_ORIGIN"
