"""Approvals by REST and in the graph: the same rights, pages, few statements, live news."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from cloud.commands.command import Command
from cloud.commands.errors import ApprovalPendingError
from cloud.composition.graph import told
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.http_server import HttpServer
from cloud.infrastructure.postgres import organization_store, pool
from cloud.infrastructure.postgres.outbox_relay import OutboxRelay
from cloud.interfaces.graph_api import door
from cloud.interfaces.graph_api.limits import Limits
from cloud.interfaces.rest_api import approvals
from cloud.interfaces.rest_api.access import Doorkeeper
from cloud.interfaces.rest_api.app import RestParts, build_app
from cloud.organizations import handlers as organizations
from cloud.organizations.person import Membership
from cloud.organizations.queries import ListPersons, WhoAmI
from cloud.permissions.commands import ApproveRequest, ModifyRequest
from tests.fakes.core import DEMO, context_of
from tests.fakes.counted import Counted
from tests.fakes.office import (
    BUYER,
    EVERYBODY,
    LEAD,
    OWNER,
    SECOND,
    TAILOR,
    BuyCloth,
    Office,
    SellCloth,
    found_office,
    office_over,
    write_registry,
)
from tests.interfaces.test_bad_requests import refused
from tests.interfaces.test_graph import Listener, asked, client_over, connected

pytestmark = pytest.mark.requirement("APR", "GQL", "API")
LISTED = """
query($first: Int!) {
  approvals(first: $first) {
    nextCursor
    items { approvalId action mayDecide amountKrw requesterPerson { login nameKo }
      whole { command { type fields { name value } workOrder { number } }
              changes { reason person { login } differences { field before after } }
              advice { login advice person { nameEn } } } }
  }
}
"""


ALL = "changes { person { login nameKo } differences { field before after } } advice { login }"
ALL += " approval { whole { changes { person { login } differences { field before after } } } }"


class Badges:
    """Proves a person by their login, written as the key."""

    async def key(self, secret: str) -> Membership:
        return Membership(organization_id=DEMO, login=secret)

    async def session(self, secret: str) -> None:
        return None

    async def link(self, secret: str) -> None:
        return None


@pytest.fixture
async def office(
    database: DatabaseUrls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    monkeypatch.setattr(pool, "PlainConnection", Counted)
    write_registry(tmp_path)
    await found_office(database.owner)
    async with office_over(database.app, tmp_path, organization_store.STORES) as opened:
        for query in (ListPersons, WhoAmI):
            opened.bus.register_query(query, organizations.QUERIES[query])
        yield opened


def app_of(office: Office, folder: Path, live: Any = None) -> FastAPI:
    doorkeeper = Doorkeeper(Badges())  # type: ignore[arg-type]  # nobody else is proven here
    graph = door.GraphParts(
        bus=office.bus,
        live=live,
        prove=doorkeeper.context,
        prove_live=doorkeeper.live_context,
        tell=told,
        limits=Limits(),
    )
    return build_app(
        RestParts(
            routers=[approvals.router(office.bus), door.router(graph)],
            doorkeeper=doorkeeper,
            ids=office.core.ids,
            readiness={},
            dashboard=folder,
        )
    )


@pytest.fixture
async def client(office: Office, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with client_over(app_of(office, tmp_path)) as client:
        yield client


async def hold(office: Office, command: Command, user: str = BUYER) -> str:
    with pytest.raises(ApprovalPendingError) as waiting:
        await office.bus.send(command, context_of(user))
    return str(waiting.value.details["approval_id"])


async def hold_some(office: Office, count: int) -> list[str]:
    """Hold purchases and sales, each changed once by the lead."""
    held = []
    for number in range(count):
        command = BuyCloth(amount_krw=200_000 + number, roll_id=f"r{number}")
        held.append(await hold(office, command))
        wish = ModifyRequest(
            approval_id=held[-1], changes={"amount_krw": 150_000 + number}, reason="예산"
        )
        await office.bus.send(wish, context_of(LEAD))
        held.append(await hold(office, SellCloth(amount_krw=3_000_000_000)))
    return held


async def test_ten_times_as_many_approvals_take_no_more_statements(
    office: Office, client: httpx.AsyncClient
) -> None:
    ways = ("/approvals", "/approvals/own", "/approvals/all", "graph")

    async def statements(way: str) -> int:
        Counted.ran.clear()
        if way == "graph":
            found = (await asked(client, LISTED, first=50))["approvals"]["items"]
        else:
            user = OWNER if way.endswith("all") else LEAD
            found = (await client.get(way, headers={"X-API-Key": user})).json()
        assert found or way.endswith("own")
        return len(Counted.ran)

    client.headers["X-API-Key"] = LEAD
    await hold_some(office, 1)
    few = {way: await statements(way) for way in ways if await statements(way)}
    await hold_some(office, 10)
    assert {way: await statements(way) for way in ways} == few
    assert max(few[way] for way in ways[:3]) <= 10
    assert few["graph"] <= 30


async def test_rest_and_the_graph_show_each_person_the_same(
    office: Office, client: httpx.AsyncClient
) -> None:
    held = await hold_some(office, 2)
    seen: dict[str, int] = {}
    for user in EVERYBODY:
        client.headers["X-API-Key"] = user
        rest = (await client.get("/approvals")).json()
        graph = (await asked(client, LISTED, first=50))["approvals"]["items"]
        shown = {(one["approvalId"], one["mayDecide"], one["amountKrw"]) for one in graph}
        assert shown == {(o["approval_id"], o["may_decide"], o["amount_krw"]) for o in rest}
        seen[user] = len(rest)
        for approval in held:
            whole = await client.get(f"/approvals/{approval}")
            query = "query($id: ID!) { approval(approvalId: $id) { payloadHash mayWithdraw } }"
            linked = (await asked(client, query, id=approval))["approval"]
            if whole.status_code == 200:
                told_twice = (linked["payloadHash"], linked["mayWithdraw"])
                assert told_twice == (whole.json()["payload_hash"], whole.json()["may_withdraw"])
                listed = next((o for o in rest if o["approval_id"] == approval), None)
                assert listed is None or listed["action"] == whole.json()["approval"]["action"]
            else:
                assert refused(whole, 404) == "APPROVAL_UNKNOWN"
                assert linked is None
        everybody = await client.post("/graphql", json={"query": "{ allApprovals { nextCursor } }"})
        may = "errors" not in everybody.json()
        assert may == ((await client.get("/approvals/all")).status_code == 200) == (user == OWNER)
    assert seen[LEAD] == seen[BUYER] == 4
    assert seen[TAILOR] == 2
    assert seen[SECOND] == 0


async def test_an_approval_leads_to_its_people_its_command_and_its_history(
    office: Office, client: httpx.AsyncClient
) -> None:
    await hold_some(office, 1)
    client.headers["X-API-Key"] = LEAD
    bought, sold = (await asked(client, LISTED, first=50))["approvals"]["items"]
    assert bought["requesterPerson"] == {"login": BUYER, "nameKo": BUYER}
    command = bought["whole"]["command"]
    assert command["type"] == "buy_cloth"
    assert {one["name"]: one["value"] for one in command["fields"]} == {
        "amount_krw": 150_000,
        "roll_id": "r0",
    }
    assert command["workOrder"] is None
    [change] = bought["whole"]["changes"]
    assert (change["reason"], change["person"]) == ("예산", {"login": LEAD})
    assert change["differences"] == [{"field": "amount_krw", "before": 200_000, "after": 150_000}]
    [advice] = sold["whole"]["advice"]
    assert advice == {"login": TAILOR, "advice": None, "person": {"nameEn": TAILOR}}
    assert sold["amountKrw"] == 3_000_000_000
    await office.bus.send(ApproveRequest(approval_id=bought["approvalId"]), context_of(LEAD))
    client.headers["X-API-Key"] = BUYER
    query = "{ ownRequests { items { approvalId state decider { login } } } }"
    own = (await asked(client, query))["ownRequests"]["items"]
    assert [one["approvalId"] for one in own] == [sold["approvalId"], bought["approvalId"]]
    assert (own[1]["state"], own[1]["decider"]) == ("executed", {"login": LEAD})


async def test_lists_of_approvals_come_in_pages_without_gap_or_double(
    office: Office, client: httpx.AsyncClient
) -> None:
    held = await hold_some(office, 3)
    for path, user, newest_first in (
        ("/approvals", LEAD, False),
        ("/approvals/own", BUYER, True),
        ("/approvals/all", OWNER, True),
    ):
        client.headers["X-API-Key"] = user
        seen, cursor = [], ""
        while True:
            page = await client.get(path, params={"limit": 4, "cursor": cursor})
            seen += [one["approval_id"] for one in page.json()]
            cursor = page.headers.get("X-Next-Cursor", "")
            if not cursor:
                break
        assert seen == (held[::-1] if newest_first else held)
    client.headers["X-API-Key"] = BUYER
    graph, after = [], ""
    query = """query($after: String!) { ownRequests(first: 4, after: $after) {
                 nextCursor items { approvalId } } }"""
    while True:
        found = (await asked(client, query, after=after))["ownRequests"]
        graph += [one["approvalId"] for one in found["items"]]
        after = found["nextCursor"]
        if not after:
            break
    assert graph == held[::-1]


async def test_a_question_about_approvals_is_bounded_like_every_other(
    client: httpx.AsyncClient,
) -> None:
    client.headers["X-API-Key"] = LEAD
    deep = "{ approvals { items { " + "whole { approval { " * 8 + "action" + " } }" * 8 + " } } }"
    dear = "{ approvals(first: 50) { items { whole { changes { differences { field } } } } } "
    page = f"allApprovals(first: 50) {{ items {{ whole {{ {ALL} }} }} }}"
    dear += " ".join(f"a{number}: {page}" for number in range(14))
    for query in (deep, dear + "}"):
        answer = await client.post("/graphql", json={"query": query})
        assert answer.json()["errors"][0]["extensions"]["code"] == "GRAPH_QUESTION_INVALID"
    answer = await client.post(
        "/graphql", json={"query": "{ approvals(first: 999) { nextCursor } }"}
    )
    assert answer.json()["errors"][0]["extensions"]["code"] == "PAYLOAD_INVALID"


async def test_news_of_approvals_come_live_to_those_whom_they_concern(
    office: Office, database: DatabaseUrls, tmp_path: Path
) -> None:
    query = """subscription { approvalNews(after: "0") {
                 type approval { approval { state } mayAdvise } } }"""
    async with OutboxRelay(office.core.pool, database.app) as relay:
        server = HttpServer(app_of(office, tmp_path, relay), "127.0.0.1", 0, "X")
        await server.start()
        address = f"ws://127.0.0.1:{server.port}/api/v1/graphql"
        try:
            async with connected(address, LEAD) as one, connected(address, TAILOR) as other:
                lead, tailor = Listener(one), Listener(other)
                for listener in (lead, tailor):
                    await listener.greet()
                    await listener.ask(query)
                await hold(office, BuyCloth(amount_krw=200_000))
                await hold(office, SellCloth(amount_krw=1))
                news = (await lead.hear())["payload"]["data"]["approvalNews"]
                assert (news["type"], news["approval"]["approval"]["state"]) == (
                    "approval_requested",
                    "pending",
                )
                # The purchase is none of the tailor's business: the first news is the sale.
                news = (await tailor.hear())["payload"]["data"]["approvalNews"]
                assert news["approval"] == {"approval": {"state": "consulting"}, "mayAdvise": True}
        finally:
            await server.stop()
