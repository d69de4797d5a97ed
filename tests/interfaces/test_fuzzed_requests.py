"""Thousands of requests that nobody should send: a coded refusal each, nothing written, no 500."""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from cloud.webhooks.signature import signed
from tests.fakes.fuzz import NASTY_TEXTS, PROOFS, Answer, Nonsense, Sent, call
from tests.fakes.fuzzed_doors import Doors, doors_over
from tests.postgres import PostgresForTests

pytestmark = [
    pytest.mark.requirement("API", "GQL", "HOK", "IAM"),
    pytest.mark.asyncio(loop_scope="module"),
]
SEED = 20260302
HANGUL = re.compile(r"[\uac00-\ud7a3]")
COUNT = 10_000
#: What is not configured in this run is told so, with the setting's name.
NOT_SET = b'"setting":"KYNDOF_'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def doors(
    postgres: PostgresForTests, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Doors]:
    """One application and one database for all: nothing here may write."""
    home = tmp_path_factory.mktemp("fuzzed")
    async with postgres.fresh_database() as database, doors_over(database, home) as doors:
        yield doors


def rest(doors: Doors, made: Nonsense) -> Callable[[], Sent]:
    """Return a maker of wrong requests for every route that the description names."""
    document = doors.app.openapi()
    routes = [
        (path, method.upper(), operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if not path.startswith(("/health", "/api/v1/hooks", "/api/v1/graphql"))
        # Open to everybody: there is no wrong way to ask.
        and not (method == "get" and operation.get("security") == [])
    ]

    def one() -> Sent:
        path, method, operation = made.random.choice(routes)
        content = operation.get("requestBody", {}).get("content", {})
        has_place = "{" in path
        headers = made.headers(with_body=bool(content))
        filled = re.sub(r"\{(\w+)\}", lambda m: made.identifier(m.group(1)), path)
        sent = Sent(method, filled, headers)
        if content:
            sent.body = made.wrong_body(fields_of(content, document))
        if (not content and not has_place) or made.random.random() < 0.2:
            sent.headers = made.proof(sent.headers)
        if made.random.random() < 0.05:
            sent.method = made.random.choice(["PATCH", "TRACE", "한글", "CONNECT"])
        if made.random.random() < 0.3:
            sent.query = made.random.choice(["limit=-1", "cursor=%00", "limit=x", "a[]=1", "%ff"])
        return sent

    return one


def fields_of(content: dict[str, Any], document: dict[str, Any]) -> list[str]:
    schema = content.get("application/json", {}).get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    found = document["components"]["schemas"].get(name, schema)
    return list(found.get("properties", {"query": 1}))


def graph(doors: Doors, made: Nonsense) -> Callable[[], Sent]:
    """Return a maker of wrong questions for the graph."""
    names = ["workOrders", "workOrder", "piece", "한글", "stations", "floor", "__schema", "a b"]

    def one() -> Sent:
        name, value = made.random.choice(names), json.dumps(made.random.choice(NASTY_TEXTS))
        query = made.random.choice(
            [
                f"{{ {name}(first: {value}) {{ nextCursor }} }}",
                f"{{ {name} {{ 한글 }} }}",
                f"mutation {{ {name} }}",
                f"{{ piece(pieceId: {value}, unknown: 1) {{ number }} }}",
                "{" * made.random.randrange(1, 500),
                "query($id: ID!) { piece(pieceId: $id) { number } }",
                f"{{ ...f }} fragment f on Query {{ {name} {{ ...f }} }}",
                made.random.choice(NASTY_TEXTS),
                " ".join(f"a{n}: floor {{ sequence }}" for n in range(40)).join("{}"),
            ]
        )
        body: Any = {"query": query, "variables": {"id": made.value()}}
        if made.random.random() < 0.3:
            body[made.word()] = made.value()
        content = json.dumps(body).encode()
        if made.random.random() < 0.3:
            content = made.wrong_body(["query", "variables", "operationName"])
        headers = made.headers(with_body=True)
        headers = made.proof(headers) if made.random.random() < 0.15 else headers
        return Sent("POST", "/api/v1/graphql", headers, content)

    return one


def hook(doors: Doors, made: Nonsense) -> Callable[[], Sent]:
    """Return a maker of messages that nobody has signed, or not so."""

    def one() -> Sent:
        now = datetime.now(UTC)
        body = made.random.choice([b"{}", b"[]", b"{", '{"한글": 1}'.encode()])
        if made.random.random() < 0.01:
            body = b"x" * 300_000
        secret = made.random.choice([doors.secret, "whsec_AAAA"])
        number = f"msg_{made.random.randrange(10**9)}"
        headers = {
            "content-type": "application/json",
            "webhook-id": number,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signed(secret, number, now, body),
            **{k: v for k, v in made.headers(with_body=False).items() if k not in PROOFS},
        }
        spoilt = made.random.choice(["webhook-id", "webhook-timestamp", "webhook-signature"])
        headers[spoilt] = made.random.choice([*NASTY_TEXTS, "v1,", "v1,AAAA", "0", "9" * 30, "１"])
        headers[spoilt] = headers[spoilt].replace("\x00", "")
        path = doors.endpoint if made.random.random() < 0.8 else made.identifier("endpoint")
        return Sent("POST", f"/api/v1/hooks/{path}", headers, body)

    return one


def check(sent: Sent, answer: Answer) -> str:
    """Return the code of a refusal in the asker's language; anything else fails."""
    shown = f"{sent.method} {sent.path[:200]!r} {sent.headers} {sent.body[:300]!r} -> "
    shown += f"{answer.status} {answer.body[:300]!r}"
    assert answer.status < 500 or NOT_SET in answer.body, shown
    if answer.status == 200 and sent.path == "/api/v1/graphql":
        errors = answer.json().get("errors")
        assert errors, shown
        error = {"code": errors[0]["extensions"]["code"], "message": errors[0]["message"]}
    else:
        assert answer.status >= 400, shown
        body = answer.json()
        error = (
            body["error"]
            if "error" in body
            else {
                "code": body["errors"][0]["extensions"]["code"],
                "message": body["errors"][0]["message"],
            }
        )
    assert bool(HANGUL.search(error["message"])) == (sent.language == "ko"), shown
    assert "x-request-id" in answer.headers
    return str(error["code"])


def identity(doors: Doors, made: Nonsense) -> Callable[[], Sent]:
    """Return a maker of well-formed requests whose proof is spent, another's or never was."""

    def token() -> str:
        return str(made.random.choice([*doors.tokens, *NASTY_TEXTS, "kyndof_rt_x", "x" * 40]))

    ways: dict[str, Callable[[], Any]] = {
        "/login": lambda: {"token": token()},
        "/tokens/refresh": lambda: {"refresh_token": token()},
        "/device/tokens": lambda: {"device_code": token()},
        "/invitations/acceptance": lambda: {"token": token()},
        "/invitations/description": lambda: {"token": token()},
        "/password/link": lambda: {"token": token(), "password": made.value()},
        "/login/openid": lambda: {"code": token(), "state": token()},
        "/me/organization": lambda: {"organization_id": made.value()},
        "/me/password": lambda: {"old": token(), "new": made.value()},
        "/device/decisions": lambda: {"user_code": token(), "allowed": made.value()},
        "/persons/removal": lambda: {
            "login": made.random.choice(["worker@other.example", token()])
        },
    }

    def one() -> Sent:
        path = made.random.choice(list(ways))
        headers = made.headers(with_body=False) | {"content-type": "application/json"}
        headers.pop("idempotency-key", None)
        if made.random.random() < 0.3:
            headers = made.proof(headers)
        return Sent("POST", f"/api/v1{path}", headers, json.dumps(ways[path]()).encode())

    return one


MAKERS = {"rest": rest, "identity": identity, "graph": graph, "webhooks": hook}


async def fuzz(doors: Doors, name: str, count: int) -> Counter[str]:
    made = Nonsense(SEED, doors.others, doors.proofs, doors.spent)
    one, codes = MAKERS[name](doors, made), Counter[str]()
    before = await doors.rows()
    for _ in range(count):
        sent = one()
        codes[check(sent, await call(doors.app, sent))] += 1
    assert await doors.rows() == before
    return codes


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", MAKERS)
async def test_ten_thousand_wrong_requests_are_refused_with_a_code_and_write_nothing(
    doors: Doors, name: str
) -> None:
    codes = await fuzz(doors, name, COUNT)
    assert sum(codes.values()) == COUNT
    assert len(codes) >= 3, codes
