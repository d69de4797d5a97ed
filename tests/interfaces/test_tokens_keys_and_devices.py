"""Access and refresh tokens, keys with scopes, devices, and that none stands for another."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloud.commands.command import CommandContext, Source
from cloud.commands.errors import CommandError
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.organizations.commands import CreateLoginLink, CreateOwnApiKey, IssueTokens
from cloud.organizations.queries import ListApiKeys
from tests.fakes.identity import DEMO, OTHER, OWNER, House, house_over, refused

pytestmark = pytest.mark.requirement("IAM")


@pytest.fixture
async def house(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[House]:
    async with house_over(database, tmp_path) as house:
        yield house


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_pair_is_issued_refreshed_and_never_mixed_up(house: House) -> None:
    async with house.signed_in() as owner, house.browser() as program:
        pair = (await owner.post("/tokens", json={"client": "재고 프로그램"})).json()
        me = await program.get("/me", headers=bearer(pair["access_token"]))
        assert me.json()["person"]["login"] == OWNER
        # A refresh token opens nothing, an access token refreshes nothing.
        for headers in (bearer(pair["refresh_token"]), {"X-API-Key": pair["refresh_token"]}):
            assert refused(await program.get("/me", headers=headers), 401) == "TOKEN_KIND_WRONG"
        mixed = {"refresh_token": pair["access_token"]}
        assert refused(await program.post("/tokens/refresh", json=mixed), 401) == "TOKEN_KIND_WRONG"
        assert refused(await program.get("/me", headers={"X-API-Key": pair["access_token"]}), 401)
        second = await program.post(
            "/tokens/refresh", json={"refresh_token": pair["refresh_token"]}
        )
        assert second.status_code == 200
        assert second.json()["refresh_token"] != pair["refresh_token"]
        # A token is no session: it makes neither keys nor tokens.
        for path, body in (("/tokens", {"client": "x"}), ("/me/keys", {"name": "x"})):
            answer = await program.post(path, json=body, headers=bearer(pair["access_token"]))
            assert refused(answer, 403) == "SESSION_NEEDED"
        for damaged in ("한글", "x" * 9000, "", "kyndof_rt_unknown", "a\u0000"):
            answer = await program.post("/tokens/refresh", json={"refresh_token": damaged})
            assert answer.status_code in {401, 422}
        token = pair["access_token"]
        for damaged in (token[:-3] + "AAA", token.replace(".", ".A", 1), "a.b.c", "x." * 2000):
            assert refused(await program.get("/me", headers=bearer(damaged)), 401)


async def test_a_refresh_token_that_comes_twice_ends_the_sign_in_and_is_audited(
    house: House,
) -> None:
    async with house.signed_in() as owner, house.browser() as program:
        first = (await owner.post("/tokens", json={"client": "tool"})).json()
        body = {"refresh_token": first["refresh_token"]}
        second = (await program.post("/tokens/refresh", json=body)).json()
        assert refused(await program.post("/tokens/refresh", json=body), 401) == (
            "REFRESH_TOKEN_REUSED"
        )
        # The thief's and the owner's tokens are both worth nothing now.
        later = {"refresh_token": second["refresh_token"]}
        assert refused(await program.post("/tokens/refresh", json=later), 401) == (
            "REFRESH_TOKEN_INVALID"
        )
        for pair in (first, second):
            assert refused(await program.get("/me", headers=bearer(pair["access_token"])), 401)
        assert await house.audited("token_reuse_found") == ["done"]
        [family] = await house.write("SELECT ended_reason FROM token_families")
        assert family["ended_reason"] == "a refresh token came twice"


async def test_of_two_users_of_one_refresh_token_at_most_one_goes_on(house: House) -> None:
    async with house.signed_in() as owner, house.browser() as program:
        pair = (await owner.post("/tokens", json={"client": "tool"})).json()
        body = {"refresh_token": pair["refresh_token"]}
        answers = await asyncio.gather(
            *(program.post("/tokens/refresh", json=body) for _ in range(6))
        )
        codes = sorted(one.status_code for one in answers)
        assert codes == [200] + [401] * 5
        [family] = await house.write("SELECT ended_at FROM token_families")
        assert family["ended_at"] is not None


async def test_what_is_over_is_over(house: House) -> None:
    async with house.signed_in() as owner, house.browser() as program:
        made = [(await owner.post("/tokens", json={"client": f"t{n}"})).json() for n in range(3)]
        await house.write("UPDATE refresh_tokens SET expires_at = now() - interval '1 second'")
        old = await program.post(
            "/tokens/refresh", json={"refresh_token": made[0]["refresh_token"]}
        )
        assert refused(old, 401) == "REFRESH_TOKEN_INVALID"
        revoked = {"refresh_token": made[1]["refresh_token"]}
        assert (await program.post("/tokens/revocation", json=revoked)).status_code == 204
        assert refused(await program.get("/me", headers=bearer(made[1]["access_token"])), 401)
        assert (await program.get("/me", headers=bearer(made[2]["access_token"]))).is_success
        assert (await owner.post("/logout/everywhere")).status_code == 204
        assert refused(await program.get("/me", headers=bearer(made[2]["access_token"])), 401)
        assert refused(await owner.get("/me"), 401) == "NOT_SIGNED_IN"


async def test_a_key_does_what_its_scopes_and_its_person_both_may(house: House) -> None:
    async with house.signed_in() as owner, house.browser() as program:
        body = {"name": "읽기", "scopes": ["read", "list_api_keys"]}
        issued = (await owner.post("/me/keys", json=body)).json()
        key = {"X-API-Key": issued["key"]}
        assert (await program.get("/persons", headers=key)).status_code == 200
        assert (await program.get("/keys", headers=key)).status_code == 200
        listed = (await program.get("/keys", headers=key)).json()
        assert [one["scopes"] for one in listed] == [["list_api_keys", "read"]]
        assert listed[0]["last_used_at"]
        assert issued["key"] not in str(listed)
        for path, more in (
            ("/persons", {"login": "p@demo.example", "name_ko": "김", "name_en": "Kim"}),
            ("/commands/add_person", {"login": "p@demo.example", "name_ko": "김", "name_en": "K"}),
            ("/me/language", {"language": "ko"}),
            ("/persons/login-links", {"login": OWNER}),
        ):
            answer = await program.post(path, json=more, headers=key)
            assert refused(answer, 403) == "SCOPE_MISSING"
            assert answer.json()["error"]["details"]["scope"]
        assert refused(await program.get("/invitations", headers=key), 403) == "SCOPE_MISSING"
        hashes = await house.write("SELECT key_hash, name FROM api_keys")
        assert issued["key"].encode() not in hashes[0]["key_hash"]
        for scopes in ([], ["한글"], ["fly"], ["production.fly"], ["x" * 300], ["*"]):
            answer = await owner.post("/me/keys", json={"name": "k", "scopes": scopes})
            assert refused(answer, 422) == "SCOPE_UNKNOWN"
        wide = await owner.post("/me/keys", json={"name": "k", "scopes": ["production.*", "live"]})
        assert wide.status_code == 201
    async with house.signed_in("worker@demo.example") as worker:
        # A scope gives no right: the worker may not list keys, whatever the key says.
        body = {"name": "k", "scopes": ["list_api_keys"]}
        key = {"X-API-Key": (await worker.post("/me/keys", json=body)).json()["key"]}
        async with house.browser() as program:
            assert refused(await program.get("/keys", headers=key), 403) == "FORBIDDEN"


async def test_a_narrowed_key_makes_nothing_wider(house: House) -> None:
    narrow = CommandContext(
        organization_id=DEMO,
        user=OWNER,
        source=Source.API,
        scopes=frozenset({"create_login_link", "create_own_api_key", "issue_tokens"}),
        metadata={"proof": "password", "session_id": "web_1"},
    )
    for command in (
        CreateLoginLink(login=OWNER),
        CreateOwnApiKey(name="k"),
        CreateOwnApiKey(name="k", scopes=("read",)),
        IssueTokens(client="c"),
    ):
        with pytest.raises(CommandError) as refusal:
            await house.core.bus.send(command, narrow)
        assert refusal.value.code == "SCOPE_WIDENED"
    with pytest.raises(CommandError) as unread:
        await house.core.bus.ask(ListApiKeys(), narrow)
    assert unread.value.code == "SCOPE_MISSING"


async def test_keys_expire_and_are_ended_by_their_person_alone(house: House) -> None:
    soon = datetime.now(UTC) + timedelta(days=1)
    async with house.signed_in() as owner, house.browser() as program:
        body = {"name": "k", "expires_at": soon.isoformat()}
        issued = (await owner.post("/me/keys", json=body)).json()
        key = {"X-API-Key": issued["key"]}
        assert (await program.get("/me", headers=key)).status_code == 200
        async with house.signed_in("worker@demo.example") as worker:
            for name in (issued["key_id"], "key_한글", "x" * 900, "web_", "fam_x"):
                answer = await worker.post(f"/me/access/{name}/end")
                assert refused(answer, 404) == "NOT_FOUND"
        await house.write("UPDATE api_keys SET expires_at = now() - interval '1 second'")
        assert refused(await program.get("/me", headers=key), 401) == "NOT_SIGNED_IN"
        for days in (-1, 800):
            ends = (datetime.now(UTC) + timedelta(days=days)).isoformat()
            answer = await owner.post("/me/keys", json={"name": "k", "expires_at": ends})
            assert refused(answer, 422) == "EXPIRY_INVALID"
        assert (await owner.post(f"/me/access/{issued['key_id']}/end")).status_code == 204


async def test_one_sees_and_ends_the_own_sessions(house: House) -> None:
    async with house.signed_in() as first, house.linked_in() as second:
        sessions = (await first.get("/me/access")).json()["sessions"]
        assert [(one["proof"], one["here"]) for one in sessions] == [
            ("link", False), ("password", True),
        ]  # fmt: skip
        assert (await first.post(f"/me/access/{sessions[0]['access_id']}/end")).status_code == 204
        assert refused(await second.get("/me"), 401) == "NOT_SIGNED_IN"


async def test_a_device_waits_is_approved_and_gets_its_tokens_once(house: House) -> None:
    async with house.signed_in() as owner, house.browser() as device:
        asked = {"client": "kyndof 터미널", "scopes": ["read"]}
        codes = (await device.post("/device/codes", json=asked)).json()
        own = {"device_code": codes["device_code"]}
        assert refused(await device.post("/device/tokens", json=own), 400) == "DEVICE_PENDING"
        assert refused(await device.post("/device/tokens", json=own), 429) == "DEVICE_SLOW_DOWN"
        shown = codes["user_code"].lower().replace("-", " ")
        seen = await owner.get(f"/device/{shown}")
        assert seen.json()["client"] == "kyndof 터미널"
        for stranger in ("한글한글한글한글", "AAAA-AAAA", "BCDF-GHJK", "x" * 900):
            assert refused(await owner.get(f"/device/{stranger}"), 404) == "DEVICE_CODE_UNKNOWN"
        yes = {"user_code": codes["user_code"], "approve": True}
        assert (await owner.post("/device/decisions", json=yes)).status_code == 200
        assert refused(await owner.post("/device/decisions", json=yes), 404)
        both = await asyncio.gather(*(device.post("/device/tokens", json=own) for _ in range(4)))
        assert sorted(one.status_code for one in both) == [200, 410, 410, 410]
        pair = next(one.json() for one in both if one.is_success)
        headers = bearer(pair["access_token"])
        assert (await device.get("/me", headers=headers)).json()["person"]["login"] == OWNER
        language = await device.post("/me/language", json={"language": "ko"}, headers=headers)
        assert refused(language, 403) == "SCOPE_MISSING"


async def test_a_device_is_denied_forgotten_or_asks_for_nonsense(house: House) -> None:
    async with house.signed_in() as owner, house.browser() as device:
        codes = (await device.post("/device/codes", json={"client": "x"})).json()
        no = {"user_code": codes["user_code"], "approve": False}
        assert (await owner.post("/device/decisions", json=no)).status_code == 200
        own = {"device_code": codes["device_code"]}
        assert refused(await device.post("/device/tokens", json=own), 403) == "DEVICE_DENIED"
        late = (await device.post("/device/codes", json={"client": "x"})).json()
        await house.write(
            "UPDATE device_codes SET expires_at = now() - interval '1 second'",
            organization="org_00000000000000000000000000",
        )
        yes = {"user_code": late["user_code"], "approve": True}
        assert refused(await owner.post("/device/decisions", json=yes), 404)
        own = {"device_code": late["device_code"]}
        assert refused(await device.post("/device/tokens", json=own), 410) == "DEVICE_EXPIRED"
        for unknown in ("한글", "", "x" * 5000, "a\u0000"):
            answer = await device.post("/device/tokens", json={"device_code": unknown})
            assert answer.status_code in {410, 422}
        for bad in ({"client": ""}, {"client": "x" * 101}, {"client": "a\u0000"}):
            assert refused(await device.post("/device/codes", json=bad), 422)
        wish = (await device.post("/device/codes", json={"client": "x", "scopes": ["fly"]})).json()
        yes = {"user_code": wish["user_code"], "approve": True}
        assert refused(await owner.post("/device/decisions", json=yes), 422) == "SCOPE_UNKNOWN"
        assert refused(await device.post("/device/decisions", json=yes), 401) == "NOT_SIGNED_IN"


async def test_what_is_anothers_organization_s_is_not_there(house: House) -> None:
    async with house.signed_in() as ours, house.signed_in("owner@other.example", OTHER) as theirs:
        issued = (await ours.post("/me/keys", json={"name": "k"})).json()
        answer = await theirs.post(f"/keys/{issued['key_id']}/revocation")
        assert refused(answer, 404) == "NOT_FOUND"
        assert (await theirs.get("/keys")).json() == []
        gone = {"login": "worker@demo.example", "reason": "x"}
        assert refused(await theirs.post("/persons/removal", json=gone), 404) == "PERSON_UNKNOWN"
        link = await theirs.post("/persons/password-links", json={"login": OWNER})
        assert refused(link, 404) == "PERSON_UNKNOWN"
