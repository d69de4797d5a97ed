"""Sign-in by an OpenID provider and linking a Slack account, each against a real server."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey
from pydantic import SecretStr

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.settings import OpenIdProviderSettings, SlackSignInSettings
from tests.fakes.identity import House, house_over, refused
from tests.fakes.outside_providers import CLIENT, SECRET, FakeOpenId, FakeSlack, served

pytestmark = pytest.mark.requirement("IAM")


@pytest.fixture
async def openid() -> AsyncIterator[FakeOpenId]:
    fake = FakeOpenId()
    async with served(fake):
        yield fake


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    fake = FakeSlack()
    async with served(fake):
        yield fake


@pytest.fixture
async def house(
    database: DatabaseUrls, tmp_path: Path, openid: FakeOpenId, slack: FakeSlack
) -> AsyncIterator[House]:
    async with house_over(
        database,
        tmp_path,
        openid=OpenIdProviderSettings(
            issuer=openid.address, client_id=CLIENT, client_secret=SecretStr(SECRET), name="Haus"
        ),
        slack=SlackSignInSettings(
            address=slack.address, client_id=CLIENT, client_secret=SecretStr(SECRET)
        ),
    ) as house:
        yield house


async def arrival(client: httpx.AsyncClient, openid: FakeOpenId) -> dict[str, str]:
    url = (await client.post("/login/openid/departure")).json()["url"]
    code, state = openid.consent(url)
    return {"code": code, "state": state}


async def test_a_provider_s_verified_person_comes_in_and_is_linked(
    house: House, openid: FakeOpenId
) -> None:
    async with house.browser() as client:
        assert (await client.get("/login/methods")).json() == {
            "password": True, "openid": "Haus", "slack": True,
        }  # fmt: skip
        body = await arrival(client, openid)
        me = await client.post("/login/openid", json=body)
        assert me.json()["person"]["login"] == "worker@demo.example"
        # The same return a second time opens nothing.
        assert refused(await client.post("/login/openid", json=body), 403) == "PROVIDER_REFUSED"
        # From now on the subject counts, not the address.
        openid.person |= {"email": "renamed@demo.example"}
        again = await client.post("/login/openid", json=await arrival(client, openid))
        assert again.json()["person"]["login"] == "worker@demo.example"
        # Somebody who gets the old address later is not that person.
        openid.person = {"sub": "x-2", "email": "worker@demo.example", "email_verified": True}
        thief = await client.post("/login/openid", json=await arrival(client, openid))
        assert refused(thief, 403) == "PROVIDER_REFUSED"


async def test_a_return_needs_its_own_browser_state_and_a_token_that_holds(
    house: House, openid: FakeOpenId
) -> None:
    async with house.browser() as client, house.browser() as other:
        body = await arrival(client, openid)
        await arrival(other, openid)
        assert refused(await other.post("/login/openid", json=body), 403) == "PROVIDER_REFUSED"
        for damaged in ({"state": "한글"}, {"state": "x" * 9000}, {"state": ""}, {"code": "한글"}):
            wrong = {**(await arrival(client, openid)), **damaged}
            answer = await client.post("/login/openid", json=wrong)
            assert refused(answer, 403) == "PROVIDER_REFUSED"
        now = int(time.time())
        for changes in (
            {"nonce": "another"}, {"aud": "another"}, {"iss": "http://another"}, {"exp": now - 900},
            {"nonce": None}, {"sub": None}, {"aud": [CLIENT, "x"], "azp": "x"}, {"sub": "한글"},
        ):  # fmt: skip
            openid.changes = changes
            answer = await client.post("/login/openid", json=await arrival(client, openid))
            assert refused(answer, 403) == "PROVIDER_REFUSED", changes
        openid.changes = {}
        openid.signing = ECKey.generate_key("P-256", {"kid": "one"})
        answer = await client.post("/login/openid", json=await arrival(client, openid))
        assert refused(answer, 403) == "PROVIDER_REFUSED"
        openid.signing, openid.algorithm = OctKey.import_key(SECRET * 3), "HS256"
        answer = await client.post("/login/openid", json=await arrival(client, openid))
        assert refused(answer, 403) == "PROVIDER_REFUSED"
        openid.signing, openid.algorithm = None, "ES256"
        for nobody in (
            {"sub": "p3", "email": "worker@demo.example", "email_verified": False},
            {"sub": "p3", "email": "nobody@demo.example", "email_verified": True},
            {"sub": "p3"},
        ):
            openid.person = nobody
            answer = await client.post("/login/openid", json=await arrival(client, openid))
            assert refused(answer, 403) == "PROVIDER_PERSON_UNKNOWN"


async def test_what_is_not_configured_names_its_setting_and_what_is_away_says_so(
    database: DatabaseUrls, tmp_path: Path
) -> None:
    async with house_over(database, tmp_path) as house, house.signed_in() as owner:
        for path, setting in (
            ("/login/openid/departure", "KYNDOF_OPENID__ISSUER"),
            ("/me/slack/departure", "KYNDOF_SLACK__CLIENT_ID"),
        ):
            answer = await owner.post(path)
            assert refused(answer, 503) == "PROVIDER_NOT_CONFIGURED"
            assert answer.json()["error"]["details"]["setting"] == setting
    nowhere = OpenIdProviderSettings(
        issuer="http://127.0.0.1:9", client_id="x", client_secret=SecretStr("y")
    )
    async with (
        house_over(database, tmp_path, openid=nowhere) as house,
        house.browser() as client,
    ):
        assert refused(await client.post("/login/openid/departure"), 502) == "PROVIDER_AWAY"


async def test_a_slack_account_is_linked_by_the_person_who_set_out(
    house: House, slack: FakeSlack
) -> None:
    async with house.signed_in() as owner, house.signed_in("worker@demo.example") as worker:

        async def set_out(client: httpx.AsyncClient) -> dict[str, str]:
            code, state = slack.consent((await client.post("/me/slack/departure")).json()["url"])
            return {"code": code, "state": state}

        body = await set_out(owner)
        stolen = await worker.post("/me/slack", json=body)
        assert refused(stolen, 403) == "PROVIDER_REFUSED"
        linked = await owner.post("/me/slack", json=body)
        assert linked.json()["slack_user_id"] == "U0G9QF9C6"
        assert refused(await owner.post("/me/slack", json=body), 403) == "PROVIDER_REFUSED"
        taken = await worker.post("/me/slack", json=await set_out(worker))
        assert refused(taken, 409) == "SLACK_ACCOUNT_TAKEN"
        wrong = {**(await set_out(owner)), "code": "한글"}
        assert refused(await owner.post("/me/slack", json=wrong), 403) == "PROVIDER_REFUSED"
        slack.person = {"https://slack.com/team_id": "한글"}
        assert refused(await owner.post("/me/slack", json=await set_out(owner)), 403)
        gone = "/me/slack/T012AB3C4/U0G9QF9C6/removal"
        assert refused(await worker.post(gone), 404) == "NOT_FOUND"
        assert (await owner.post(gone)).status_code == 204
        assert (await owner.get("/me/access")).json()["slack_accounts"] == []
