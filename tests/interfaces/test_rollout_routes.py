"""REST of bundles and rollouts, and who else may look."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.signing.bundle_keys import FolderBundleKeys
from cloud.interfaces.rest_api import rollouts
from cloud.interfaces.rest_api.access import Doorkeeper
from cloud.interfaces.rest_api.app import RestParts, build_app
from cloud.organizations.person import Membership
from tests.fakes.core import DEMO, OTHER
from tests.fakes.intake import intake_over
from tests.fakes.rollouts import Company

pytestmark = [pytest.mark.requirement("ROL", "API"), pytest.mark.timeout(60)]
PEOPLE = {
    "lead": (DEMO, "lead@demo.example"),
    "owner": (DEMO, "owner@demo.example"),
    "stranger": (OTHER, "lead@other.example"),
}


class Keys:
    """Keys that say whose they are."""

    async def session(self, secret: str) -> None:
        return None

    async def link(self, secret: str) -> None:
        return None

    async def key(self, secret: str) -> Membership | None:
        organization, login = PEOPLE[secret]
        return Membership(organization_id=organization, login=login)


@pytest.fixture
async def company(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[Company]:
    async with intake_over(database, tmp_path) as world:
        keys = FolderBundleKeys(tmp_path / "keys", world.core.clock)
        yield await Company(world=world, keys=keys).ready(2)


def client_of(company: Company, who: str) -> httpx.AsyncClient:
    app = build_app(
        RestParts(
            routers=[rollouts.router(company.world.core.bus)],
            doorkeeper=Doorkeeper(Keys()),
            ids=company.world.core.ids,
            readiness={},
            dashboard=Path("nowhere"),
        )
    )
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://cloud/api/v1",
        headers={"X-API-Key": who},
    )


async def test_a_rollout_is_made_approved_by_another_started_paused_and_taken_back(
    company: Company,
) -> None:
    digest = (await company.released()).model_digest
    stations = list(company.stations.values())
    async with client_of(company, "lead") as lead, client_of(company, "owner") as owner:
        (bundle,) = (await lead.get("/model-bundles")).json()
        assert (bundle["model_digest"], bundle["file_count"]) == (digest, 3)
        numbers = (await lead.get("/rollout-defaults")).json()
        assert (numbers["few"], numbers["trial"]["shadow_garments"]) == (True, 20)
        wish = {
            "model_digest": digest,
            "station_ids": stations,
            "canary_station_id": stations[0],
        }
        wrong = await lead.post("/rollouts", json=wish | {"canary_station_id": "nobody"})
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "ROLLOUT_INVALID")
        made = await lead.post("/rollouts", json=wish)
        assert (made.status_code, made.json()["stage"]) == (201, "DRAFT"), made.text
        place = f"/rollouts/{made.json()['rollout_id']}"
        own = await lead.post(f"{place}/approval", json={"model_digest": digest})
        assert (own.status_code, own.json()["error"]["code"]) == (403, "ROLLOUT_SELF_APPROVED")
        assert "다른 분" in own.json()["error"]["message"]
        early = await lead.post(f"{place}/start")
        assert (early.status_code, early.json()["error"]["code"]) == (409, "ROLLOUT_STAGE_WRONG")
        approved = await owner.post(f"{place}/approval", json={"model_digest": digest})
        assert approved.json()["stage"] == "SIGNED"
        for act, body in (
            ("start", None),
            ("pause", {"reason": "lunch"}),
            ("resumption", None),
            ("halt", {"reason": "visit"}),
        ):
            done = await lead.post(f"{place}/{act}", json=body)
            assert done.status_code == 204, done.text
        back = await lead.post(f"{place}/return", json={"reason": "all"})
        assert back.status_code == 204
        view = (await lead.get(place)).json()
        assert (view["stage"], view["stations"][0]["withdrawn"]) == ("ROLLING_BACK", True)
        (line,) = (await lead.get("/rollouts")).json()
        assert (line["station_count"], line["stations"]) == (2, [])
    async with client_of(company, "stranger") as stranger:
        assert (await stranger.get("/rollouts")).json() == []
        unknown = await stranger.get(place)
        assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "ROLLOUT_UNKNOWN")
