"""Webhooks in both directions, over a real PostgreSQL and real receivers on the loopback."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from cloud.commands.ports import UnitOfWork
from cloud.events.event import DomainEvent, RecordedEvent
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.postgres import webhook_store
from cloud.infrastructure.postgres.outbox_relay import OutboxReader, Place
from cloud.infrastructure.postgres.webhook_store import PostgresDeliveryBook, PostgresWebhookSecrets
from cloud.infrastructure.sealed_secrets import SealBrokenError, SecretSeal
from cloud.infrastructure.webhook_sender import HttpWebhookSender, WebhookUnreachableError
from cloud.interfaces.rest_api import webhooks
from cloud.interfaces.rest_api.access import Doorkeeper
from cloud.interfaces.rest_api.app import RestParts, build_app
from cloud.interfaces.webhooks import inbound
from cloud.interfaces.webhooks.outbound import WebhookCourier, WebhookFanOut, WebhookPace
from cloud.webhooks import handlers
from cloud.webhooks.commands import CreateWebhookEndpoint, CreateWebhookSubscription
from cloud.webhooks.errors import WebhookTargetRefusedError
from cloud.webhooks.ports import TargetRules, WebhookSecrets
from cloud.webhooks.signature import signed, verify
from tests.fakes.core import DEMO, OTHER, Core, add_organization, context_of, core_over
from tests.interfaces.test_bad_requests import Secrets, refused

pytestmark = pytest.mark.requirement("HOK")
OWNER = "lead@demo.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoHappened(DomainEvent):
    word: str


@dataclass
class Rules:
    allow_private: bool = True


@dataclass
class Receiver:
    """Answers as it is told, and remembers what came."""

    port: int = 0
    status: int = 200
    answer: bytes = b"thanks"
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    location: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?who=us"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")[1:]
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.came.append((headers, body))
        if self.status == 0:
            writer.transport.abort()
            return
        more = f"location: {self.location}\r\n" if self.location else ""
        writer.write(
            f"HTTP/1.1 {self.status} X\r\n{more}content-length: {len(self.answer)}\r\n\r\n".encode()
            + self.answer
        )
        await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with receiving(receiver.serve) as receiver.port:
        yield receiver


@dataclass
class Hooks:
    core: Core
    client: httpx.AsyncClient
    book: PostgresDeliveryBook
    courier: WebhookCourier
    urls: DatabaseUrls

    async def endpoint(self, name: str = "Notion") -> tuple[str, str]:
        issued = await self.core.bus.send(CreateWebhookEndpoint(name=name), context_of(OWNER))
        return issued.owner_id, issued.secret

    async def subscribe(self, url: str, *events: str) -> tuple[str, str]:
        command = CreateWebhookSubscription(url=url, events=events or ("*",))
        issued = await self.core.bus.send(command, context_of(OWNER))
        return issued.owner_id, issued.secret

    async def message(self, endpoint: str, secret: str, body: bytes, **changes: Any) -> Any:
        now = self.core.clock.now()
        headers = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signed(secret, changes.get("id", "msg_1"), now, body),
            "Content-Type": "application/json",
            **changes.pop("headers", {}),
        }
        if "id" in changes:
            headers["webhook-id"] = changes["id"]
        return await self.client.post(f"/hooks/{endpoint}", content=body, headers=headers)

    async def tell(self) -> None:
        """Hand every event so far to the fan-out, as the relay does."""
        hearing = WebhookFanOut(self.book)
        for event in await everything(self.core):
            await hearing.hear(event)

    async def rows(self, table: str) -> int:
        connection = await asyncpg.connect(self.urls.owner)
        try:
            async with connection.transaction():
                await connection.execute("SELECT set_config('kyndof.organization', $1, true)", DEMO)
                return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608
        finally:
            await connection.close()

    async def log(self, subscription: str) -> list[dict[str, Any]]:
        path = f"/webhooks/subscriptions/{subscription}/deliveries"
        found: list[dict[str, Any]] = (await self.client.get(path)).json()
        return found


def stores(seal: SecretSeal) -> dict[type, Any]:
    return {
        **webhook_store.STORES,
        WebhookSecrets: lambda c, o: PostgresWebhookSecrets(c, o, seal),
        TargetRules: lambda _c, _o: Rules(),
    }


@pytest.fixture
async def hooks(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[Hooks]:
    await add_organization(database.owner, DEMO, "demo", OWNER)
    await add_organization(database.owner, OTHER, "other", "worker@other.example")
    seal = SecretSeal.of_folder(tmp_path / "keys")
    async with core_over(database.app, stores(seal)) as core:
        for command, handler in handlers.COMMANDS.items():
            core.bus.register(command, handler)
        for query, question in handlers.QUERIES.items():
            core.bus.register_query(query, question)
        book = PostgresDeliveryBook(core.pool, core.clock, core.ids, seal)
        pace = WebhookPace(most_attempts_count=3, suspend_after_count=4)
        sender = HttpWebhookSender(allow_private=True, patience_s=5)
        app = build_app(
            RestParts(
                routers=[webhooks.router(core.bus), inbound.router(core.bus, book)],
                doorkeeper=Doorkeeper(Secrets()),
                ids=core.ids,
                readiness={},
                dashboard=tmp_path,
            )
        )
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url="http://test/api/v1",
            headers={"X-API-Key": "lead"},
        ) as client:
            courier = WebhookCourier(core.bus, book, sender, core.clock, pace)
            yield Hooks(core, client, book, courier, database)


async def test_a_proven_message_becomes_one_event_however_often_it_comes(hooks: Hooks) -> None:
    endpoint, secret = await hooks.endpoint()
    body = '{"task": "재단", "n": 1}'.encode()
    taken = await hooks.message(endpoint, secret, body)
    assert (taken.status_code, taken.json()) == (202, {"message_id": "msg_1"})
    again = await hooks.message(endpoint, secret, body)
    assert refused(again, 409) == "WEBHOOK_REPLAYED"
    events = await everything(hooks.core)
    came = [event for event in events if event.type == "webhook_received"]
    assert [event.payload["content"] for event in came] == [{"task": "재단", "n": 1}]


async def test_two_copies_at_the_same_moment_are_taken_once(hooks: Hooks) -> None:
    endpoint, secret = await hooks.endpoint()
    answers = await asyncio.gather(*(hooks.message(endpoint, secret, b"{}") for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [202, *[409] * 5]


async def test_what_is_not_proven_writes_nothing(hooks: Hooks) -> None:
    endpoint, secret = await hooks.endpoint()
    other, _ = await hooks.endpoint("Other")
    before = [await hooks.rows(table) for table in ("events", "audit_log", "webhook_messages")]
    ours = hooks.core.clock.now()
    late = str(int(ours.timestamp()) - 1000)
    for answer, statuses, code in (
        (await hooks.message(other, secret, b"{}"), 401, "WEBHOOK_SIGNATURE_INVALID"),
        (
            await hooks.message(endpoint, secret, b"{}", headers={"webhook-signature": ""}),
            401,
            "WEBHOOK_SIGNATURE_INVALID",
        ),
        (
            await hooks.message(endpoint, secret, b"{}", headers={"webhook-timestamp": late}),
            401,
            "WEBHOOK_SIGNATURE_INVALID",
        ),
        (await hooks.message(f"whe_{'0' * 26}", secret, b"{}"), 404, "WEBHOOK_ENDPOINT_UNKNOWN"),
        (await hooks.message("한글", secret, b"{}"), 422, "PAYLOAD_INVALID"),
        (await hooks.message(endpoint, secret, b"{"), 422, "WEBHOOK_BODY_INVALID"),
        (await hooks.message(endpoint, secret, b"[1]"), 422, "WEBHOOK_BODY_INVALID"),
        (await hooks.message(endpoint, secret, b'{"a":NaN}'), 422, "WEBHOOK_BODY_INVALID"),
        (await hooks.message(endpoint, secret, b'{"a":"\\u0000"}'), 422, "WEBHOOK_BODY_INVALID"),
        (await hooks.message(endpoint, secret, b"[" * 9000), 422, "WEBHOOK_BODY_INVALID"),
        (await hooks.message(endpoint, secret, b"x" * 300_000), 422, "WEBHOOK_BODY_INVALID"),
    ):
        assert refused(answer, statuses) == code
    hooks.core.clock.advance(minutes=10)
    old = {"webhook-timestamp": str(int(ours.timestamp()))}
    old["webhook-signature"] = signed(secret, "msg_1", ours, b"{}")
    answer = await hooks.message(endpoint, secret, b"{}", headers=old)
    assert refused(answer, 401) == "WEBHOOK_EXPIRED"
    after = [await hooks.rows(table) for table in ("events", "audit_log", "webhook_messages")]
    assert after == before


async def test_a_closed_door_takes_nothing(hooks: Hooks) -> None:
    endpoint, secret = await hooks.endpoint()
    assert (await hooks.client.delete(f"/webhooks/endpoints/{endpoint}")).status_code == 204
    answer = await hooks.message(endpoint, secret, b"{}")
    assert refused(answer, 404) == "WEBHOOK_ENDPOINT_UNKNOWN"


async def test_a_new_secret_holds_at_once_and_the_old_one_for_its_overlap(hooks: Hooks) -> None:
    endpoint, old = await hooks.endpoint()
    made = await hooks.client.post(f"/webhooks/secrets/{endpoint}/rotation", json={"overlap_h": 1})
    new = made.json()["secret"]
    assert (await hooks.message(endpoint, old, b"{}", id="a")).status_code == 202
    assert (await hooks.message(endpoint, new, b"{}", id="b")).status_code == 202
    hooks.core.clock.advance(hours=2)
    assert (await hooks.message(endpoint, old, b"{}", id="c")).status_code == 401
    assert (await hooks.message(endpoint, new, b"{}", id="d")).status_code == 202


async def test_secrets_lie_sealed_and_open_nowhere_else(hooks: Hooks, tmp_path: Path) -> None:
    endpoint, secret = await hooks.endpoint()
    connection = await asyncpg.connect(hooks.urls.owner)
    async with connection.transaction():
        await connection.execute("SELECT set_config('kyndof.organization', $1, true)", DEMO)
        sealed = await connection.fetchval("SELECT sealed FROM webhook_secrets")
    await connection.close()
    assert secret.encode() not in sealed
    seal = SecretSeal.of_folder(tmp_path / "keys")
    assert seal.opened(sealed, f"{DEMO}:webhook_secrets.sealed:{endpoint}:1") == secret
    for place in (f"{OTHER}:webhook_secrets.sealed:{endpoint}:1", f"{DEMO}:elsewhere"):
        with pytest.raises(SealBrokenError):
            seal.opened(sealed, place)


async def test_an_event_reaches_its_address_signed_and_is_logged(
    hooks: Hooks, receiver: Receiver
) -> None:
    subscription, secret = await hooks.subscribe(receiver.url, "demo_happened")
    await happen(hooks.core)
    await hooks.tell()
    await hooks.tell()
    assert await hooks.courier.round() == 1
    assert await hooks.courier.round() == 0
    [(headers, body)] = receiver.came
    named = ("webhook-id", "webhook-timestamp", "webhook-signature")
    verify([secret], tuple(headers[name] for name in named), body, hooks.core.clock.now())  # type: ignore[arg-type]
    sent = json.loads(body)
    assert (sent["type"], sent["data"]) == ("demo_happened", {"word": "한글"})
    [logged] = await hooks.log(subscription)
    assert (logged["state"], logged["attempts"][0]["status"]) == ("DELIVERED", 200)
    assert logged["attempts"][0]["detail"] == "thanks"


@pytest.mark.parametrize("status", [500, 404, 302, 0])
async def test_an_address_that_fails_is_tried_again_and_then_given_up(
    hooks: Hooks, receiver: Receiver, status: int
) -> None:
    receiver.status, receiver.location = status, receiver.url if status == 302 else ""
    subscription, _ = await hooks.subscribe(receiver.url, "demo_happened")
    await happen(hooks.core)
    await hooks.tell()
    for expected in (1, 1, 1, 0):
        assert await hooks.courier.round() == expected
        assert await hooks.courier.round() == 0  # not before its time
        hooks.core.clock.advance(hours=2)
    [logged] = await hooks.log(subscription)
    assert (logged["state"], logged["next_at"]) == ("FAILED", None)
    assert [one["status"] for one in logged["attempts"]] == [status] * 3
    assert len({headers["webhook-id"] for headers, _ in receiver.came}) == 1
    # Sent again by hand, with the same words, once the address is well.
    receiver.status, receiver.location = 200, ""
    path = f"/webhooks/deliveries/{logged['delivery_id']}/resend"
    assert (await hooks.client.post(path)).json()["state"] == "PENDING"
    assert await hooks.courier.round() == 1
    assert (await hooks.log(subscription))[0]["state"] == "DELIVERED"
    assert len({body for _, body in receiver.came}) == 1


async def test_an_address_that_fails_too_often_is_suspended_with_notice_until_somebody_acts(
    hooks: Hooks, receiver: Receiver
) -> None:
    receiver.status = 503
    subscription, _ = await hooks.subscribe(receiver.url, "demo_happened")
    for _ in range(2):
        await happen(hooks.core)
    await hooks.tell()
    for _ in range(2):
        await hooks.courier.round()
        hooks.core.clock.advance(hours=2)
    path = f"/webhooks/subscriptions/{subscription}"
    shown = await hooks.client.get(path)
    assert (shown.json()["state"], shown.json()["failures_count"]) == ("SUSPENDED", 4)
    events = await everything(hooks.core)
    notice = [e.payload for e in events if e.type == "webhook_subscription_changed"][-1]
    assert (notice["state"], notice["subscription_id"]) == ("SUSPENDED", subscription)
    await happen(hooks.core)
    await hooks.tell()
    assert await hooks.courier.round() == 0
    assert {one["state"] for one in await hooks.log(subscription)} <= {"FAILED", "PENDING"}
    receiver.status = 200
    wish = {"url": receiver.url, "events": ["demo_happened"], "is_active": True}
    assert refused(await hooks.client.put(path, json=wish), 428) == "PRECONDITION_REQUIRED"
    wrong = await hooks.client.put(path, json=wish, headers={"If-Match": '"old"'})
    assert refused(wrong, 412) == "PRECONDITION_FAILED"
    tag = shown.headers["ETag"]
    changed = await hooks.client.put(path, json=wish, headers={"If-Match": tag})
    assert changed.json()["state"] == "ACTIVE"
    await happen(hooks.core)
    await hooks.tell()
    await hooks.courier.round()
    assert (await hooks.log(subscription))[0]["state"] == "DELIVERED"


async def test_a_courier_that_dies_after_claiming_leaves_the_delivery_to_the_next(
    hooks: Hooks, receiver: Receiver
) -> None:
    await hooks.subscribe(receiver.url, "demo_happened")
    await happen(hooks.core)
    await hooks.tell()
    assert len(await hooks.book.claim(10)) == 1
    assert await hooks.courier.round() == 0
    hooks.core.clock.advance(minutes=2)
    assert await hooks.courier.round() == 1
    assert len(receiver.came) == 1


async def test_nothing_is_sent_into_private_networks_whatever_a_name_says(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = HttpWebhookSender(allow_private=False, patience_s=5)
    for url in (receiver.url, f"https://127.0.0.1:{receiver.port}/", "https://localhost/"):
        with pytest.raises(WebhookTargetRefusedError):
            await strict.post(url, b"{}", {})
    loop = asyncio.get_running_loop()

    async def two_faces(*_: Any, **__: Any) -> list[Any]:
        return [
            (socket.AF_INET, 1, 6, "", (address, 443)) for address in ("93.184.216.34", "10.0.0.7")
        ]

    monkeypatch.setattr(loop, "getaddrinfo", two_faces, raising=False)
    with pytest.raises(WebhookTargetRefusedError):
        await strict.post("https://example.com/", b"{}", {})
    assert receiver.came == []


async def test_a_receiver_that_never_ends_or_speaks_nonsense_is_left(receiver: Receiver) -> None:
    sender = HttpWebhookSender(allow_private=True, patience_s=0.5)
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        gone.set()
        writer.close()

    async with receiving(silent) as port:
        with pytest.raises(WebhookUnreachableError, match=r"no answer in 0\.5 s"):
            await sender.post(f"http://127.0.0.1:{port}/", b"{}", {})
        await asyncio.wait_for(gone.wait(), 30)

    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"SSH-2.0\r\n\r\n")
        writer.close()

    async with receiving(nonsense) as port:
        with pytest.raises(WebhookUnreachableError):
            await sender.post(f"http://127.0.0.1:{port}/", b"{}", {})
    receiver.answer = "끝없는 대답".encode() * 100_000
    answer = await HttpWebhookSender(allow_private=True).post(receiver.url, b"{}", {})
    assert answer.status == 200
    assert len(answer.excerpt) <= 500


async def test_another_organization_sees_and_reaches_nothing_of_it(
    hooks: Hooks, receiver: Receiver
) -> None:
    subscription, _ = await hooks.subscribe(receiver.url)
    stranger = {"X-API-Key": "stranger"}
    for path in (f"/webhooks/subscriptions/{subscription}", "/webhooks/subscriptions"):
        answer = await hooks.client.get(path, headers=stranger)
        assert answer.status_code == 404 or answer.json() == []
    await happen(hooks.core, OTHER, "worker@other.example")
    for event in await everything(hooks.core, OTHER):
        await WebhookFanOut(hooks.book).hear(event)
    assert await hooks.courier.round() == 0
    assert receiver.came == []


async def test_a_wish_that_makes_no_sense_is_refused(hooks: Hooks) -> None:
    for body, code in (
        ({"url": "https://예시.한국/", "events": ["*"]}, "WEBHOOK_TARGET_REFUSED"),
        ({"url": "https://example.com/", "events": []}, "WEBHOOK_SUBSCRIPTION_INVALID"),
        ({"url": "https://example.com/", "events": ["한글"]}, "WEBHOOK_SUBSCRIPTION_INVALID"),
        ({"url": "https://example.com/", "events": ["a"] * 101}, "WEBHOOK_SUBSCRIPTION_INVALID"),
        ({"url": "https://example.com/", "events": ["*"], "more": 1}, "PAYLOAD_INVALID"),
    ):
        answer = await hooks.client.post("/webhooks/subscriptions", json=body)
        assert refused(answer, 422) == code


async def everything(core: Core, organization_id: str = DEMO) -> list[RecordedEvent]:
    """Return the organization's events so far."""
    return (await OutboxReader(core.pool).after(organization_id, Place(), 1000)).events


async def happen(core: Core, organization_id: str = DEMO, user: str = OWNER) -> None:
    """Record one event as a handler does."""
    async with core.transactions.begin(context_of(user, organization_id=organization_id)) as unit:
        _record(unit)


def _record(unit: UnitOfWork) -> None:
    unit.record(DemoHappened(word="한글"))
