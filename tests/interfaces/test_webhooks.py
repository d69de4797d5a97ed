"""Webhooks in both directions, over a real PostgreSQL and real receivers on the loopback."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.webhook_sender import HttpWebhookSender, WebhookUnreachableError
from cloud.interfaces.rest_api.access import Doorkeeper
from cloud.interfaces.webhooks.outbound import WebhookFanOut
from cloud.webhooks.errors import WebhookTargetRefusedError
from cloud.webhooks.signature import signed, verify
from tests.fakes.core import OTHER
from tests.fakes.webhooks import (
    Hooks,
    Receiver,
    everything,
    happen,
    hooks_over,
    receiving,
)
from tests.interfaces.test_bad_requests import Secrets, refused

pytestmark = pytest.mark.requirement("HOK")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with receiving(receiver.serve) as receiver.port:
        yield receiver


@pytest.fixture
async def hooks(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[Hooks]:
    async with hooks_over(database, tmp_path, Doorkeeper(Secrets())) as hooks:
        yield hooks


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
