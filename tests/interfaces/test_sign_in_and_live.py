"""The web's door over the whole composed application: sign-in, keys, live updates, health."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import websockets
from pydantic import SecretStr

from cloud.commands.command import CommandContext, Source
from cloud.composition.core import Core, compose_core
from cloud.composition.serving import compose_serving
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.http_server import HttpServer
from cloud.infrastructure.postgres.demo_organizations import DEMO, OTHER, load_demo_organizations
from cloud.infrastructure.postgres.pool import open_pool
from cloud.organizations.commands import AddPerson, CreateApiKey, CreateLoginLink, RevokeApiKey
from cloud.settings import CloudSettings, GrpcSettings


@dataclass
class Door:
    core: Core
    client: httpx.AsyncClient
    address: str

    async def link(self, login: str = "worker@demo.example", organization: str = DEMO) -> str:
        link = await self.core.bus.send(CreateLoginLink(login=login), system(organization))
        return str(link.token)

    async def key(self, login: str = "owner@demo.example", organization: str = DEMO) -> str:
        issued = await self.core.bus.send(
            CreateApiKey(login=login, name="test"), system(organization)
        )
        return str(issued.key)


def system(organization: str) -> CommandContext:
    return CommandContext(organization_id=organization, user="system", source=Source.SYSTEM)


def patient(address: str) -> httpx.AsyncClient:
    """Return a client that waits as long as a busy machine needs."""
    return httpx.AsyncClient(base_url=f"http://{address}", timeout=60)


@asynccontextmanager
async def opened(database: DatabaseUrls, home: Path) -> AsyncIterator[Door]:
    pool = await open_pool(database.app, largest_count=1)
    await load_demo_organizations(pool)
    await pool.close()
    settings = CloudSettings(
        home=home,
        database_url=SecretStr(database.app),
        grpc=GrpcSettings(port=0, enrolment_port=0),
    )
    async with compose_core(settings) as core, compose_serving(settings, core) as serving:
        server = HttpServer(serving.app, "127.0.0.1", 0, "KYNDOF_HTTP__PORT")
        await server.start()
        address = f"127.0.0.1:{server.port}"
        try:
            async with patient(address) as client:
                yield Door(core=core, client=client, address=address)
        finally:
            await server.stop()


@pytest.fixture
async def door(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[Door]:
    async with opened(database, tmp_path) as door:
        yield door


@pytest.mark.requirement("IAM", "WEB")
async def test_a_login_link_opens_one_session_and_no_second(door: Door) -> None:
    token = await door.link()
    first = await door.client.post("/api/v1/login", json={"token": token})
    assert first.status_code == 200
    assert first.json()["person"]["login"] == "worker@demo.example"
    cookie = first.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert (await door.client.get("/api/v1/me")).json()["organization_code"] == "demo"
    async with patient(door.address) as stranger:
        second = await stranger.post("/api/v1/login", json={"token": token})
        assert second.status_code == 401
        assert second.json()["error"]["code"] == "LOGIN_LINK_INVALID"
        assert (await stranger.get("/api/v1/me")).status_code == 401


@pytest.mark.requirement("IAM")
async def test_two_clicks_on_one_link_at_once_open_one_session(door: Door) -> None:
    token = await door.link()

    async def click() -> int:
        async with patient(door.address) as client:
            return (await client.post("/api/v1/login", json={"token": token})).status_code

    assert sorted(await asyncio.gather(*(click() for _ in range(6)))) == [200] + [401] * 5


@pytest.mark.requirement("IAM", "API")
async def test_nothing_is_readable_without_a_secret(door: Door) -> None:
    for path in ("/me", "/floor", "/work-orders", "/stations", "/commands", "/registry/problems"):
        answer = await door.client.get(f"/api/v1{path}", headers={"Accept-Language": "en"})
        assert answer.status_code == 401, path
        error = answer.json()["error"]
        assert error["code"] == "NOT_SIGNED_IN"
        assert error["message"] == "Please sign in."
        assert error["request_id"] == answer.headers["x-request-id"]


@pytest.mark.requirement("IAM", "API")
async def test_a_key_acts_as_its_person_until_it_is_revoked(door: Door) -> None:
    issued = await door.core.bus.send(
        CreateApiKey(login="owner@demo.example", name="report"), system(DEMO)
    )
    bearer = {"Authorization": f"Bearer {issued.key}"}
    me = await door.client.get("/api/v1/me", headers=bearer)
    assert me.json()["person"]["login"] == "owner@demo.example"
    owner = CommandContext(organization_id=DEMO, user="owner@demo.example", source=Source.WEB)
    await door.core.bus.send(RevokeApiKey(key_id=issued.key_id), owner)
    assert (await door.client.get("/api/v1/me", headers=bearer)).status_code == 401


@pytest.mark.requirement("IAM")
async def test_a_page_of_another_site_cannot_use_the_cookie(door: Door) -> None:
    await door.client.post("/api/v1/login", json={"token": await door.link()})
    answer = await door.client.post("/api/v1/logout", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "FOREIGN_ORIGIN"
    assert (await door.client.get("/api/v1/me")).status_code == 200


@pytest.mark.requirement("IAM")
async def test_signing_out_ends_the_session_even_for_a_kept_cookie(door: Door) -> None:
    await door.client.post("/api/v1/login", json={"token": await door.link()})
    kept = dict(door.client.cookies)
    assert (await door.client.post("/api/v1/logout")).status_code == 204
    async with httpx.AsyncClient(cookies=kept) as thief:
        assert (await thief.get(f"http://{door.address}/api/v1/me")).status_code == 401


@pytest.mark.requirement("IAM", "DBS")
async def test_a_person_sees_the_people_of_the_own_organization_alone(door: Door) -> None:
    key = await door.key("owner@other.example", OTHER)
    answer = await door.client.get("/api/v1/persons", headers={"X-API-Key": key})
    assert {person["login"].split("@")[1] for person in answer.json()} == {"other.example"}


@pytest.mark.requirement("BUS")
async def test_the_catalogue_describes_every_command_with_a_schema(door: Door) -> None:
    listed = (
        await door.client.get("/api/v1/commands", headers={"X-API-Key": await door.key()})
    ).json()
    by_type = {entry["type"]: entry for entry in listed}
    assert {"finish_step", "record_station_events", "create_work_order"} <= by_type.keys()
    assert "stage" in by_type["finish_step"]["payload_schema"]["properties"]


@pytest.mark.requirement("EVT", "WEB")
async def test_live_updates_resume_after_a_sequence_without_a_gap(door: Door) -> None:
    key = {"X-API-Key": await door.key()}
    context = system(DEMO)
    for number in range(3):
        command = AddPerson(login=f"p{number}@demo.example", name_ko="김", name_en="Kim")
        await door.core.bus.send(command, context)
    uri = f"ws://{door.address}/api/v1/live"
    async with websockets.connect(f"{uri}?after=1", additional_headers=key) as live:
        assert json.loads(await live.recv()) == {"type": "hello", "sequence": 1}
        assert [json.loads(await live.recv())["sequence"] for _ in range(2)] == [2, 3]
        await door.core.bus.send(
            AddPerson(login="late@demo.example", name_ko="이", name_en="Lee"), context
        )
        message = json.loads(await asyncio.wait_for(live.recv(), 5))
    assert message["sequence"] == 4
    assert message["type"] == "person_added"
    assert message["payload"]["login"] == "late@demo.example"


@pytest.mark.requirement("EVT", "IAM")
async def test_live_updates_are_closed_to_strangers_and_silent_about_others(door: Door) -> None:
    uri = f"ws://{door.address}/api/v1/live"
    async with websockets.connect(uri) as live:
        with pytest.raises(websockets.ConnectionClosedError) as closed:
            await asyncio.wait_for(live.recv(), 5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401
    key = {"X-API-Key": await door.key("owner@other.example", OTHER)}
    async with websockets.connect(uri, additional_headers=key) as live:
        await live.recv()
        await door.core.bus.send(
            AddPerson(login="mine@demo.example", name_ko="김", name_en="Kim"), system(DEMO)
        )
        await door.core.bus.send(
            AddPerson(login="theirs@other.example", name_ko="김", name_en="Kim"), system(OTHER)
        )
        heard = json.loads(await asyncio.wait_for(live.recv(), 5))
    assert heard["payload"]["login"] == "theirs@other.example"


@pytest.mark.requirement("DEP")
async def test_readiness_names_what_is_missing(door: Door) -> None:
    assert (await door.client.get("/health/live")).json() == {"status": "live"}
    answer = await door.client.get("/health/ready")
    checks = answer.json()["checks"]
    assert checks["database and migrations"] == "ok"
    assert checks["stations"] == "ok"
    # No broker runs in this test, unless somebody's stands on the default port.
    assert (answer.status_code == 503) == ("no MQTT broker answers" in checks["broker"])


@pytest.mark.requirement("WEB")
async def test_an_unknown_path_is_the_dashboards_and_an_unknown_api_path_is_not(
    door: Door,
) -> None:
    page = await door.client.get("/work-orders/wo_1")
    assert page.status_code == 200
    assert page.headers["x-content-type-options"] == "nosniff"
    missing = await door.client.get("/api/v1/nothing-here")
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "NOT_FOUND"
    outside = await door.client.get("/%2e%2e/%2e%2e/pyproject.toml")
    assert "build-system" not in outside.text


@pytest.mark.requirement("API")
async def test_a_taken_port_is_one_sentence_that_names_the_setting(door: Door) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = HttpServer(door.client, "127.0.0.1", port, "KYNDOF_HTTP__PORT")  # type: ignore[arg-type]
        with pytest.raises(Exception, match="KYNDOF_HTTP__PORT"):
            await server.start()
