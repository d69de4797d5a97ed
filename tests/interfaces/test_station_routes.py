"""REST of stations, disputes and pictures."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.interfaces.edge_intake.status import STATUS, status_of
from cloud.interfaces.rest_api import disputes, floor, media, stations
from cloud.interfaces.rest_api.access import Doorkeeper
from cloud.interfaces.rest_api.app import RestParts, build_app
from cloud.organizations.person import Membership
from cloud.stations.commands import DisputeEvent, StoreMedia
from cloud.stations.queries import StationKey, Upload
from tests.fakes.core import DEMO, OTHER, context_of
from tests.fakes.intake import IntakeWorld, intake_over
from tests.fakes.production import wish

pytestmark = [pytest.mark.requirement("API"), pytest.mark.timeout(60)]


class Keys:
    """Keys that say whose they are."""

    async def session(self, secret: str) -> None:
        return None

    async def link(self, secret: str) -> None:
        return None

    async def key(self, secret: str) -> Membership | None:
        organizations = {"ours": DEMO, "theirs": OTHER}
        if secret not in organizations:
            return None
        return Membership(organization_id=organizations[secret], login="lead@demo.example")


@asynccontextmanager
async def client_of(world: IntakeWorld, key: str) -> AsyncIterator[httpx.AsyncClient]:
    app = build_app(
        RestParts(
            routers=[
                floor.router(world.core.bus),
                stations.router(world.core.bus),
                disputes.router(world.core.bus),
                media.router(world.core.bus, world.vault),
            ],
            doorkeeper=Doorkeeper(Keys()),
            ids=world.core.ids,
            readiness={},
            dashboard=Path("nowhere"),
        )
    )
    transport = httpx.ASGITransport(app)
    headers = {"X-API-Key": key}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://cloud/api/v1", headers=headers
    ) as client:
        yield client


@pytest.fixture
async def world(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[IntakeWorld]:
    async with intake_over(database, tmp_path) as opened:
        yield opened


NEW = {"name": "CUT-01", "stages": ["CUT"], "title_ko": "재단", "title_en": "Cutting"}


async def test_a_station_is_registered_joined_and_shut_out(world: IntakeWorld) -> None:
    async with client_of(world, "ours") as client:
        made = await client.post("/stations", json=NEW)
        assert made.status_code == 201, made.text
        station_id = made.json()["station_id"]
        again = await client.post("/stations", json=NEW)
        assert (again.status_code, again.json()["error"]["code"]) == (409, "STATION_NAME_TAKEN")
        wrong = await client.post("/stations", json=NEW | {"name": "cut 1"})
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "STATION_INVALID")
        for stages in (["CUT", "NOPE"], ["CUTS"]):
            unknown = await client.post("/stations", json=NEW | {"name": "X-1", "stages": stages})
            told = unknown.json()["error"]
            assert (unknown.status_code, told["code"]) == (422, "STATION_STAGE_UNKNOWN")
            assert told["details"]["actual"] == stages[-1:]
            assert "QC" in told["details"]["expected"]
            assert "등록되지 않은 단계" in told["message"]
        english = await client.post(
            "/stations", json=NEW | {"stages": ["NOPE"]}, headers={"Accept-Language": "en"}
        )
        assert "no stage of this name" in english.json()["error"]["message"]
        request = {"serial": "appliance-7"}
        key = {"Idempotency-Key": "once"}
        first = await client.post(f"/stations/{station_id}/join-tokens", json=request, headers=key)
        second = await client.post(f"/stations/{station_id}/join-tokens", json=request, headers=key)
        assert first.status_code == 201
        assert first.json()["join_token"] != second.json()["join_token"]
        gone = await client.post(f"/stations/{station_id}/revocation", json={"reason": "sold"})
        assert gone.status_code == 204
        assert (await client.get("/stations")).json() == []
        assert (await client.get(f"/stations/{station_id}")).json()["status"] == "REVOKED"
    kept = await world.rows("SELECT result::text AS result FROM executions")
    assert all(first.json()["join_token"] not in (row["result"] or "") for row in kept)


async def test_the_floor_shows_stations_with_what_is_in_work(world: IntakeWorld) -> None:
    await world.core.bus.send(wish(), context_of("lead@demo.example"))
    await world.register()
    async with client_of(world, "ours") as client:
        floor = (await client.get("/floor")).json()
    (station,) = floor["stations"]
    assert (station["name"], station["online"], station["current_piece"]) == (
        "CUT-01",
        False,
        None,
    )
    assert floor["counts"]["open_count"] == 2
    assert floor["sequence"] == 2


async def test_one_organization_sees_nothing_of_another(world: IntakeWorld) -> None:
    station = await world.register()
    async with client_of(world, "theirs") as client:
        assert (await client.get("/stations")).json() == []
        assert (await client.get("/floor")).json()["stations"] == []
        assert (await client.get(f"/stations/{station.station_id}")).status_code == 404
        token = await client.post(
            f"/stations/{station.station_id}/join-tokens", json={"serial": "x"}
        )
        assert token.status_code == 404
    async with client_of(world, "unknown") as client:
        assert (await client.get("/stations")).status_code == 401


async def test_a_dispute_is_decided(world: IntakeWorld) -> None:
    station = await world.register()
    event_id = world.core.ids.new("evt")
    await world.core.bus.send(
        DisputeEvent(
            station_id=station.station_id, event_id=event_id, code="PIECE_UNKNOWN", detail="?"
        ),
        context_of("system"),
    )
    async with client_of(world, "ours") as client:
        (open_one,) = (await client.get("/disputes")).json()
        assert (open_one["event_id"], open_one["station_name"]) == (event_id, "CUT-01")
        bad = await client.post(
            f"/disputes/{event_id}/resolution", json={"decision": "MAYBE", "reason": "?"}
        )
        assert bad.json()["error"]["code"] == "DECISION_INVALID"
        decision = {"decision": "REJECTED", "reason": "torn label"}
        done = await client.post(f"/disputes/{event_id}/resolution", json=decision)
        assert done.json()["resolved_by"] == "lead@demo.example"
        twice = await client.post(f"/disputes/{event_id}/resolution", json=decision)
        assert twice.status_code == 409
        assert (await client.get("/disputes")).json() == []
        assert len((await client.get("/disputes?open_only=false")).json()) == 1


async def test_a_picture_is_read_by_its_own_organization_with_lasting_headers(
    world: IntakeWorld,
) -> None:
    station = await world.register()
    noise = np.random.default_rng(3).integers(0, 255, (90, 1200, 3), dtype=np.uint8)
    content = cv2.imencode(".png", noise)[1].tobytes()
    sha256 = hashlib.sha256(content).hexdigest()
    key = StationKey(organization_id=DEMO, station_id=station.station_id)
    upload = Upload(sha256=sha256, size_bytes=len(content), content_type="image/png", event_id="")
    await world.vault.begin(key, upload)
    await world.vault.append(key, sha256, 0, content)
    assert await world.vault.finish(key, upload) == ""
    async with client_of(world, "ours") as ours, client_of(world, "theirs") as theirs:
        assert (await ours.get(f"/media/{sha256}")).status_code == 404
        await world.core.bus.send(
            StoreMedia(
                station_id=station.station_id,
                sha256=sha256,
                size_bytes=len(content),
                content_type="image/png",
                event_id="",
            ),
            context_of("system"),
        )
        whole = await ours.get(f"/media/{sha256}")
        assert (whole.content, whole.headers["content-type"]) == (content, "image/png")
        assert "immutable" in whole.headers["cache-control"]
        tag = {"If-None-Match": whole.headers["etag"]}
        assert (await ours.get(f"/media/{sha256}", headers=tag)).status_code == 304
        small = await ours.get(f"/media/{sha256}?width=300")
        assert small.headers["content-type"] == "image/jpeg"
        assert len(small.content) < len(content)
        assert (await theirs.get(f"/media/{sha256}")).status_code == 404
        assert (await ours.get("/media/..%2F..%2Fetc")).status_code == 404
        (world.folder / "objects" / DEMO / sha256[:2] / sha256[2:]).unlink()
        assert (await ours.get(f"/media/{sha256}")).status_code == 404


def test_every_refusal_of_this_border_has_a_status() -> None:
    from cloud.commands import errors as commands  # noqa: PLC0415
    from cloud.stations import errors as mine  # noqa: PLC0415

    for module in (commands, mine):
        for error in vars(module).values():
            if isinstance(error, type) and issubclass(error, commands.CommandError):
                assert error in STATUS, error.__name__
                assert status_of(error("a sentence")) is STATUS[error]
