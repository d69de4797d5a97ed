"""Passwords, invitations, memberships and limits, over every door of the web."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from cloud.commands.errors import CommandError
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.jobs.housekeeping import remove_expired
from cloud.infrastructure.system_time import UlidFactory
from cloud.organizations.commands import CreateOrganization
from cloud.settings import SignInSettings
from tests.fakes.identity import DEMO, OTHER, OWNER, PASSWORD, House, house_over, refused

pytestmark = pytest.mark.requirement("IAM")
NEW = "다리미는 뜨겁습니다 7"


@pytest.fixture
async def house(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[House]:
    async with house_over(database, tmp_path) as house:
        yield house


async def test_a_password_opens_a_session_and_is_changed_with_the_old_one(house: House) -> None:
    async with house.signed_in() as first, house.browser() as second:
        credentials = {"login": " Owner@Demo.example ", "password": PASSWORD}
        answer = await second.post("/login/password", json=credentials)
        assert answer.status_code == 200
        assert "httponly" in answer.headers["set-cookie"].lower()
        wrong = {"current_password": "no", "new_password": NEW}
        assert refused(await first.post("/me/password", json=wrong), 401) == "SIGN_IN_REFUSED"
        weak = {"current_password": PASSWORD, "new_password": "1234567890"}
        assert refused(await first.post("/me/password", json=weak), 422) == "PASSWORD_WEAK"
        right = {"current_password": PASSWORD, "new_password": NEW}
        assert (await first.post("/me/password", json=right)).status_code == 204
        assert (await first.get("/me")).status_code == 200
        assert refused(await second.get("/me"), 401) == "NOT_SIGNED_IN"
        assert refused(await second.post("/login/password", json=credentials), 401)
    stored = await house.write("SELECT hash FROM passwords")
    assert [row["hash"][:9] for row in stored] == ["$argon2id"]
    told = await house.write("SELECT metadata::text AS text FROM audit_log")
    assert not [row for row in told if NEW in row["text"] or PASSWORD in row["text"]]


async def test_nothing_tells_whether_a_login_exists(house: House) -> None:
    async with house.signed_in(), house.browser() as stranger:
        answers = [
            await stranger.post("/login/password", json={"login": login, "password": password})
            for login, password in (
                (OWNER, "wrong password"),
                ("worker@demo.example", "has no password"),
                ("nobody@demo.example", "whatever"),
                ("한글@demo.example", "whatever"),
                ("x" * 5000, "whatever"),
                (OWNER, "p" * 5000),
                ("a\u0000b@demo.example", "whatever"),
            )
        ]
    for answer in answers:
        body = answer.json()["error"]
        body.pop("request_id")
        assert refused(answer, 401) == "SIGN_IN_REFUSED"
        assert body == {
            "code": "SIGN_IN_REFUSED",
            "message": "Login or password is not right.",
            "details": {"reason": "login and password do not belong together"},
        }
    assert await house.audited("sign_in_with_password") == ["refused", "refused"]


async def test_a_password_link_works_once_and_not_when_it_is_old(house: House) -> None:
    async with house.signed_in() as owner, house.browser() as worker:
        made = await owner.post("/persons/password-links", json={"login": "worker@demo.example"})
        body = {"token": made.json()["token"], "password": PASSWORD}
        assert (await worker.post("/password/link", json={**body, "password": "short"})).json()[
            "error"
        ]["code"] == "PASSWORD_WEAK"
        both = await asyncio.gather(*(worker.post("/password/link", json=body) for _ in range(4)))
        assert sorted(one.status_code for one in both) == [200, 401, 401, 401]
        assert refused(await worker.post("/password/link", json=body), 401)
        old = await owner.post("/persons/password-links", json={"login": "lead@demo.example"})
        await house.write("UPDATE password_links SET expires_at = now() - interval '1 second'")
        late = {"token": old.json()["token"], "password": PASSWORD}
        answer = await worker.post("/password/link", json=late)
        assert refused(answer, 401) == "PASSWORD_LINK_INVALID"
        assert refused(await worker.post("/password/link", json={**late, "token": "한글"}), 401)


async def test_a_hash_with_old_parameters_is_renewed_at_the_next_sign_in(house: House) -> None:
    async with house.signed_in(), house.browser() as later:
        weak = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
        await house.write("UPDATE passwords SET hash = $1", weak)
        credentials = {"login": OWNER, "password": PASSWORD}
        assert (await later.post("/login/password", json=credentials)).status_code == 200
        [row] = await house.write("SELECT hash FROM passwords")
        assert "m=65536" in row["hash"]


async def test_attempts_are_limited_for_known_and_unknown_accounts_alike_and_kept_over_a_restart(
    database: DatabaseUrls, tmp_path: Path
) -> None:
    few = SignInSettings(account_burst_count=3, account_per_h_count=60, address_burst_count=1000)
    for login in (OWNER, "nobody@demo.example"):
        for turn in range(2):  # the second turn is another process over the same database
            async with (
                house_over(database, tmp_path, sign_in=few) as house,
                house.browser() as client,
            ):
                tries = [
                    await client.post(
                        "/login/password",
                        json={"login": login, "password": "wrong"},
                        headers={"Accept-Language": "ko"},
                    )
                    for _ in range(4)
                ]
                codes = [one.status_code for one in tries]
                assert codes == ([401, 401, 401, 429] if turn == 0 else [429] * 4)
                assert refused(tries[-1], 429) == "TOO_MANY_ATTEMPTS"
                assert 0 < int(tries[-1].headers["Retry-After"]) <= 60
                assert "잠시" in tries[-1].json()["error"]["message"]


async def test_one_address_is_limited_whatever_it_tries(
    database: DatabaseUrls, tmp_path: Path
) -> None:
    few = SignInSettings(address_burst_count=2, address_per_h_count=60)
    async with house_over(database, tmp_path, sign_in=few) as house:
        for network in ("2001:db8::1", "2001:db8::2"):  # one subscriber's /64
            async with house.browser(network) as client:
                for number in range(1):
                    body = {"login": f"p{number}@x.example", "password": "wrong"}
                    assert (await client.post("/login/password", json=body)).status_code == 401
        async with house.browser("2001:db8::3") as client:
            answer = await client.post("/password/link", json={"token": "x", "password": "y"})
            assert refused(answer, 429) == "TOO_MANY_ATTEMPTS"
        async with house.browser("2001:db8:1::1") as elsewhere:
            answer = await elsewhere.post("/password/link", json={"token": "x", "password": "y"})
            assert refused(answer, 401) == "PASSWORD_LINK_INVALID"


async def test_somebody_is_invited_joins_with_a_password_and_is_removed_with_all_doors(
    house: House,
) -> None:
    invited = {"login": "new@demo.example", "name_ko": "새사람", "name_en": "New"}
    async with house.signed_in() as owner, house.browser() as fresh:
        made = (await owner.post("/invitations", json=invited)).json()
        told = await fresh.post("/invitations/description", json={"token": made["token"]})
        assert told.json()["organization_name_ko"] == "데모 공방"
        accept = {"token": made["token"], "password": PASSWORD}
        assert (await fresh.post("/invitations/acceptance", json=accept)).status_code == 200
        assert (await fresh.get("/me")).json()["person"]["name_ko"] == "새사람"
        again = await fresh.post("/invitations/acceptance", json=accept)
        assert refused(again, 404) == "INVITATION_INVALID"
        language = await fresh.post("/me/language", json={"language": "en"})
        assert language.json()["language"] == "en"
        assert refused(await fresh.post("/me/language", json={"language": "한글"}), 422)
        key = (await fresh.post("/me/keys", json={"name": "report"})).json()["key"]
        pair = (await fresh.post("/tokens", json={"client": "tool"})).json()
        gone = {"login": "new@demo.example", "reason": "left"}
        assert refused(await fresh.post("/persons/removal", json=gone), 403) == "FORBIDDEN"
        assert (await owner.post("/persons/removal", json=gone)).status_code == 204
        assert refused(await fresh.get("/me"), 401) == "NOT_SIGNED_IN"
        async with house.browser() as program:
            for headers in (
                {"X-API-Key": key},
                {"Authorization": f"Bearer {pair['access_token']}"},
            ):
                assert refused(await program.get("/me", headers=headers), 401) == "NOT_SIGNED_IN"
            tried = {"refresh_token": pair["refresh_token"]}
            assert refused(await program.post("/tokens/refresh", json=tried), 401)
            signed = {"login": "new@demo.example", "password": PASSWORD}
            assert refused(await program.post("/login/password", json=signed), 401)


async def test_the_last_owner_stays(house: House) -> None:
    async with house.signed_in() as owner:
        body = {"login": OWNER, "reason": "tired"}
        assert refused(await owner.post("/persons/removal", json=body), 409) == "LAST_OWNER"
        assert refused(await owner.post("/me/leave", json={"reason": "x"}), 409) == "LAST_OWNER"
        assert (await owner.get("/me")).status_code == 200


async def test_a_person_belongs_to_two_organizations_and_switches(house: House) -> None:
    me = {"login": "worker@demo.example", "name_ko": "김작업", "name_en": "Kim"}
    async with (
        house.signed_in("owner@other.example", OTHER) as other,
        house.signed_in("worker@demo.example") as worker,
        house.signed_in("lead@demo.example") as lead,
    ):
        token = (await other.post("/invitations", json=me)).json()["token"]
        foreign = await lead.post("/invitations/acceptance", json={"token": token})
        assert refused(foreign, 403) == "INVITATION_FOR_ANOTHER"
        joined = await worker.post("/invitations/acceptance", json={"token": token})
        assert joined.json()["organization_code"] == "other"
        codes = [one["code"] for one in (await worker.get("/me/organizations")).json()]
        assert codes == ["demo", "other"]
        back = await worker.post("/me/organization", json={"organization_id": DEMO})
        assert back.json()["organization_code"] == "demo"
        for nowhere in ("org_한글", "org_00000000000000000000000000", "x" * 900, "a\u0000"):
            answer = await worker.post("/me/organization", json={"organization_id": nowhere})
            assert answer.status_code in {404, 422}
        assert refused(await lead.post("/me/organization", json={"organization_id": OTHER}), 404)
        link = await other.post("/persons/password-links", json={"login": me["login"]})
        assert refused(link, 422) == "PASSWORD_NOT_HERE"
    # Whoever manages one organization makes no link into another.
    async with house.linked_in("worker@demo.example", OTHER) as intruder:
        answer = await intruder.post("/me/organization", json={"organization_id": DEMO})
        assert refused(answer, 403) == "OWN_PROOF_NEEDED"


async def test_who_is_let_go_at_home_still_signs_in_elsewhere_and_comes_back(
    house: House,
) -> None:
    login = "worker@demo.example"
    me = {"login": login, "name_ko": "김작업", "name_en": "Kim"}
    gone, signed = {"login": login, "reason": "left"}, {"login": login, "password": PASSWORD}
    async with (
        house.signed_in("owner@other.example", OTHER) as other,
        house.signed_in() as owner,
        house.signed_in(login) as worker,
        house.browser() as fresh,
    ):
        early = await owner.post("/persons/password-links", json={"login": login})
        token = (await other.post("/invitations", json=me)).json()["token"]
        await worker.post("/invitations/acceptance", json={"token": token})
        assert (await owner.post("/persons/removal", json=gone)).status_code == 204
        entered = await fresh.post("/login/password", json=signed)
        assert entered.json()["organization_code"] == "other"
        codes = [one["code"] for one in (await fresh.get("/me/organizations")).json()]
        assert codes == ["other"]
        late = {"token": early.json()["token"], "password": NEW}
        assert refused(await fresh.post("/password/link", json=late), 401)
        link = await other.post("/persons/password-links", json={"login": login})
        assert link.status_code == 201
        kept = await house.write(
            "SELECT w.organization_id FROM passwords w JOIN persons p USING (user_id)"
            " WHERE p.login = $1 GROUP BY 1",
            login,
        )
        assert [row["organization_id"] for row in kept] == [OTHER]
        # Back at the first organization, the password stays with the person.
        again = (await owner.post("/invitations", json=me)).json()["token"]
        back = await fresh.post("/invitations/acceptance", json={"token": again})
        assert back.json()["organization_code"] == "demo"
        link = await owner.post("/persons/password-links", json={"login": login})
        assert refused(link, 422) == "PASSWORD_NOT_HERE"
        assert (await fresh.post("/login/password", json=signed)).status_code == 200
        assert (await other.post("/persons/removal", json=gone)).status_code == 204
        entered = await fresh.post("/login/password", json=signed)
        assert entered.json()["organization_code"] == "demo"
        assert (await owner.post("/persons/removal", json=gone)).status_code == 204
        assert refused(await fresh.post("/login/password", json=signed), 401) == "SIGN_IN_REFUSED"


async def test_logins_that_look_like_machines_or_not_at_all_are_refused(house: House) -> None:
    async with house.signed_in() as owner:
        for login in ("station:sta_1@x.example", "system", "한글@demo.example", "a b@c", "@", ""):
            body = {"login": login, "name_ko": "김", "name_en": "Kim"}
            assert refused(await owner.post("/persons", json=body), 422) == "LOGIN_INVALID"
        for name in ("", " ", "x" * 101, "a\u200bb"):
            body = {"login": "p@demo.example", "name_ko": name, "name_en": "Kim"}
            assert refused(await owner.post("/persons", json=body), 422) == "NAME_INVALID"


async def test_an_organization_is_made_with_its_first_person(house: House) -> None:
    made = {
        "code": "sewing", "name_ko": "바느질 공방", "name_en": "Sewing", "owner_name_ko": "한대표",
        "owner_login": "han@sewing.example", "owner_name_en": "Han",
    }  # fmt: skip
    new = UlidFactory().new("org")
    link = await house.system(CreateOrganization(**made), new)
    async with house.browser() as first:
        body = {"token": link.token, "password": PASSWORD}
        assert (await first.post("/password/link", json=body)).status_code == 200
        assert (await first.get("/me")).json()["organization_code"] == "sewing"
        assert [one["login"] for one in (await first.get("/persons")).json()] == [
            "han@sewing.example"
        ]
    for field, value in (
        ("code", "한글"), ("code", ""), ("name_ko", " "), ("owner_login", "station:x@y"),
    ):  # fmt: skip
        with pytest.raises(CommandError) as refusal:
            await house.system(
                CreateOrganization(**{**made, field: value}), UlidFactory().new("org")
            )
        assert refusal.value.code in {"NAME_INVALID", "LOGIN_INVALID"}


async def test_of_two_who_take_a_code_at_once_one_is_refused_in_words(house: House) -> None:
    made = CreateOrganization(
        code="loom", name_ko="베틀", name_en="Loom", owner_login="han@loom.example",
        owner_name_ko="한대표", owner_name_en="Han",
    )  # fmt: skip
    answers = await asyncio.gather(
        *(house.system(made, UlidFactory().new("org")) for _ in range(6)), return_exceptions=True
    )
    refusals = [one for one in answers if isinstance(one, BaseException)]
    assert len(refusals) == 5
    assert {getattr(one, "code", repr(one)) for one in refusals} == {"ORGANIZATION_CODE_TAKEN"}
    (count,) = await house.write("SELECT count(*) AS n FROM organizations WHERE code = 'loom'")
    assert count["n"] == 1


async def test_who_founds_an_organization_has_no_right_until_a_matrix_names_them(
    house: House,
) -> None:
    made = await house.system(
        CreateOrganization(
            code="yarn", name_ko="실", name_en="Yarn", owner_login="lee@yarn.example",
            owner_name_ko="이대표", owner_name_en="Lee",
        ),
        UlidFactory().new("org"),
    )  # fmt: skip
    assert not made.owner_has_position
    named = await house.system(
        CreateOrganization(
            code="silk", name_ko="비단", name_en="Silk", owner_login=OWNER,
            owner_name_ko="대표", owner_name_en="Owner",
        ),
        UlidFactory().new("org"),
    )  # fmt: skip
    assert named.owner_has_position


async def test_what_has_expired_is_removed(house: House) -> None:
    async with house.signed_in() as owner:
        await owner.post("/persons/password-links", json={"login": "lead@demo.example"})
        await owner.post("/tokens", json={"client": "tool"})
        await house.write("UPDATE password_links SET expires_at = now() - interval '2 days'")
        await house.write("UPDATE token_families SET expires_at = now() - interval '40 days'")
        assert await remove_expired(house.core.pool) >= 3
        assert not await house.write("SELECT FROM refresh_tokens")
        assert (await owner.get("/me")).status_code == 200
