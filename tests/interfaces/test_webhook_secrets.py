"""Secrets of webhooks: sealed for their place, exchanged, and moved to another key."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from cloud.credentials.commands import ReencryptCredentials
from cloud.credentials.credential import SealedSecret, SecretPlace
from cloud.credentials.errors import CredentialDamagedError
from cloud.credentials.queries import CheckCredentials
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.signing.envelope import new_key
from cloud.interfaces.rest_api.access import Doorkeeper
from tests.fakes.core import DEMO, OTHER, context_of
from tests.fakes.webhooks import OWNER, Hooks, Receiver, happen, hooks_over, receiving, sealer_of
from tests.interfaces.test_bad_requests import Secrets, refused

pytestmark = pytest.mark.requirement("HOK", "ENC")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with receiving(receiver.serve) as receiver.port:
        yield receiver


@pytest.fixture
async def hooks(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[Hooks]:
    async with hooks_over(database, tmp_path, Doorkeeper(Secrets())) as hooks:
        yield hooks


async def test_a_new_secret_holds_at_once_and_the_old_one_for_its_overlap(hooks: Hooks) -> None:
    endpoint, old = await hooks.endpoint()
    made = await hooks.client.post(f"/webhooks/secrets/{endpoint}/rotation", json={"overlap_h": 1})
    new = made.json()["secret"]
    assert (await hooks.message(endpoint, old, b"{}", id="a")).status_code == 202
    assert (await hooks.message(endpoint, new, b"{}", id="b")).status_code == 202
    hooks.core.clock.advance(hours=2)
    assert (await hooks.message(endpoint, old, b"{}", id="c")).status_code == 401
    assert (await hooks.message(endpoint, new, b"{}", id="d")).status_code == 202


async def test_secrets_lie_sealed_and_open_nowhere_else(hooks: Hooks) -> None:
    endpoint, secret = await hooks.endpoint()
    row = (await hooks.sealed())[0]
    assert secret.encode() not in row["envelope"]
    sealed = SealedSecret(key_id=row["key_id"], envelope=row["envelope"])
    home = {"organization_id": DEMO, "credential_id": endpoint, "field": "secret_1"}
    assert sealer_of(hooks.keys).open(SecretPlace(**home), sealed).reveal() == secret
    for moved in ({"organization_id": OTHER}, {"credential_id": "x"}, {"field": "secret_2"}):
        with pytest.raises(CredentialDamagedError):
            sealer_of(hooks.keys).open(SecretPlace(**{**home, **moved}), sealed)


async def test_secrets_change_their_key_while_messages_come_and_go(
    hooks: Hooks, receiver: Receiver
) -> None:
    endpoint, secret = await hooks.endpoint()
    await hooks.subscribe(receiver.url, "demo_happened")
    hooks.keys.insert(0, new_key("two"))
    taken = [await hooks.message(endpoint, secret, b"{}", id="before")]
    while True:
        told = await hooks.core.bus.send(ReencryptCredentials(limit=1), context_of(OWNER))
        taken.append(await hooks.message(endpoint, secret, b"{}", id=f"{told.remaining_count}"))
        if not told.remaining_count:
            break
    assert [answer.status_code for answer in taken] == [202, 202, 202]
    assert {row["key_id"] for row in await hooks.sealed()} == {"two"}
    # The old key is not needed any more.
    del hooks.keys[1:]
    await happen(hooks.core)
    await hooks.tell()
    assert await hooks.courier.round() == 1
    assert len(receiver.came) == 1
    report = await hooks.core.bus.ask(CheckCredentials(), context_of(OWNER))
    assert (report.opened_count, report.closed) == (2, ())


async def test_a_secret_that_does_not_open_stops_its_own_deliveries_and_no_others(
    hooks: Hooks, receiver: Receiver
) -> None:
    broken, _ = await hooks.subscribe(receiver.url, "demo_happened")
    hooks.keys[:] = [new_key("two")]
    await hooks.subscribe(receiver.url, "demo_happened")
    await happen(hooks.core)
    await hooks.tell()
    assert await hooks.courier.round() == 2
    assert len(receiver.came) == 1
    [logged] = await hooks.log(broken)
    assert logged["state"] == "PENDING"
    assert logged["attempts"][0]["detail"].startswith("CREDENTIAL_KEY_UNKNOWN")
    report = await hooks.core.bus.ask(CheckCredentials(), context_of(OWNER))
    assert report.closed == ((broken, "CREDENTIAL_KEY_UNKNOWN"),)


async def test_without_a_secret_that_holds_the_sender_is_told_so(hooks: Hooks) -> None:
    endpoint, secret = await hooks.endpoint()
    connection = await asyncpg.connect(hooks.urls.owner.replace("kyndof_owner@", "postgres@"))
    await connection.execute("DELETE FROM webhook_secrets")
    await connection.close()
    answer = await hooks.message(endpoint, secret, b"{}")
    assert refused(answer, 409) == "WEBHOOK_SECRET_MISSING"
