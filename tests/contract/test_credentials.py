"""Credentials on a real PostgreSQL: sealed for their place, replaced, rotated while serving."""

import asyncio
import base64
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest
from ulid import ULID

from cloud.commands.errors import IdempotencyConflictError, PayloadInvalidError
from cloud.commands.secret import Secret
from cloud.credentials import handlers
from cloud.credentials.commands import (
    ReencryptCredentials,
    RemoveCredential,
    ReplaceCredential,
    StoreCredential,
)
from cloud.credentials.credential import SealedSecret, SecretPlace
from cloud.credentials.errors import (
    CredentialDamagedError,
    CredentialExistsError,
    CredentialKeysInvalidError,
    CredentialKeysMissingError,
    CredentialKeyUnknownError,
    CredentialUnknownError,
)
from cloud.credentials.ports import SealedElsewhere, Sealer
from cloud.credentials.queries import (
    CheckCredentials,
    CredentialsReport,
    CredentialView,
    ListCredentials,
)
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.postgres.credential_store import (
    STORES,
    PostgresCredentialStore,
    SealedCredentialVault,
)
from cloud.infrastructure.postgres.webhook_secret_store import SealedTables
from cloud.infrastructure.signing.envelope import EnvelopeSealer, KeyRing, new_key
from cloud.infrastructure.signing.own_keys import make_own_keys, read_own_keys
from tests.fakes.core import DEMO, OTHER, Core, add_organization, context_of, core_over

pytestmark = pytest.mark.requirement("ENC")
WORD = "xoxb-열려라-sesame"
OWNER = "owner@demo.example"


def key(name: str) -> str:
    return f"{name}:{base64.b64encode(name.encode().ljust(32, b'.')).decode()}"


@dataclass
class World:
    """A bus with credentials, and the ring's text, which a test may change as an operator does."""

    core: Core
    keys: list[str] = field(default_factory=lambda: [key("one")])

    @property
    def sealer(self) -> EnvelopeSealer:
        return EnvelopeSealer(KeyRing(lambda: "\n".join(self.keys)))

    async def store(self, secret: str = WORD, name: str = "notion", **more: str) -> CredentialView:
        command = StoreCredential(name=name, field="api_key", secret=Secret(secret))
        view: CredentialView = await self.core.bus.send(command, context_of(OWNER, **more))
        return view

    async def reveal(self, name: str = "notion", organization_id: str = DEMO) -> str:
        context = context_of(OWNER, organization_id=organization_id)
        async with self.core.pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute(
                "SELECT set_config('kyndof.organization', $1, true)", context.organization_id
            )
            store = PostgresCredentialStore(connection, organization_id)
            secret = await SealedCredentialVault(store, self.sealer).reveal(name, "api_key")
        return secret.reveal()

    async def report(self) -> CredentialsReport:
        report: CredentialsReport = await self.core.bus.ask(CheckCredentials(), context_of(OWNER))
        return report


@pytest.fixture
async def world(database: DatabaseUrls) -> AsyncIterator[World]:
    await add_organization(database.owner, DEMO, "demo", OWNER)
    await add_organization(database.owner, OTHER, "other")
    worlds: list[World] = []
    more = {
        **STORES,
        Sealer: lambda _connection, _organization: worlds[0].sealer,
        SealedElsewhere: SealedTables,
    }
    async with core_over(database.app, more) as core:
        for kind, handler in handlers.COMMANDS.items():
            core.bus.register(kind, handler)
        for question, answer in handlers.QUERIES.items():
            core.bus.register_query(question, answer)
        worlds.append(World(core))
        yield worlds[0]


@pytest.fixture
async def superuser(database: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.owner.replace("kyndof_owner@", "postgres@"))
    yield connection
    await connection.close()


async def test_a_secret_is_kept_sealed_and_lies_nowhere_in_the_open(
    world: World, superuser: asyncpg.Connection
) -> None:
    view = await world.store(idempotency_key="k")
    assert (view.name, view.field, view.key_id) == ("notion", "api_key", "one")
    assert await world.reveal() == WORD
    for table in ("credentials", "events", "audit_log", "executions", "idempotency_keys"):
        rows = await superuser.fetch(f"SELECT t::text AS row FROM {table} t")  # noqa: S608
        assert rows
        coded = base64.b64encode(WORD.encode()).decode(), WORD.encode().hex()
        assert not [row for row in rows for form in (WORD, *coded) if form in row["row"]]


async def test_questions_tell_names_and_never_secrets(world: World) -> None:
    await world.store()
    (view,) = await world.core.bus.ask(ListCredentials(), context_of(OWNER))
    assert WORD not in repr(view)
    assert view.name == "notion"
    assert await world.report() == CredentialsReport(opened_count=1, closed=())
    assert ListCredentials.restricted
    assert CheckCredentials.restricted


async def test_a_secret_is_replaced_and_removed(world: World) -> None:
    view = await world.store()
    command = ReplaceCredential(credential_id=view.credential_id, secret=Secret("another"))
    await world.core.bus.send(command, context_of(OWNER))
    assert await world.reveal() == "another"
    gone = RemoveCredential(credential_id=view.credential_id, reason="the service is left")
    await world.core.bus.send(gone, context_of(OWNER))
    for late in (command, gone):
        with pytest.raises(CredentialUnknownError):
            await world.core.bus.send(late, context_of(OWNER))
    with pytest.raises(CredentialUnknownError):
        await world.reveal()


async def test_the_same_name_is_kept_once_and_names_are_plain(world: World) -> None:
    await world.store()
    with pytest.raises(CredentialExistsError):
        await world.store("another")
    assert await world.reveal() == WORD
    for name in ("노션", "", "a b", "A", "x" * 65):
        with pytest.raises(PayloadInvalidError):
            await world.store(name=name)


async def test_the_same_key_with_another_secret_is_a_conflict(world: World) -> None:
    await world.store(idempotency_key="k")
    await world.store(idempotency_key="k")
    with pytest.raises(IdempotencyConflictError):
        await world.store("another", idempotency_key="k")


@pytest.mark.parametrize(
    "envelope",
    [WORD.encode(), b"", b"KYE1" + WORD.encode(), WORD.encode() * 20],
    ids=["plain", "empty", "plain behind the mark", "long plain"],
)
async def test_the_table_refuses_plaintext(
    world: World, superuser: asyncpg.Connection, envelope: bytes
) -> None:
    view = await world.store()
    with pytest.raises(asyncpg.CheckViolationError, match="credentials_are_sealed"):
        await superuser.execute(
            "UPDATE credentials SET envelope = $1 WHERE credential_id = $2",
            envelope,
            view.credential_id,
        )


async def test_ciphertext_that_was_moved_does_not_open(
    world: World, superuser: asyncpg.Connection
) -> None:
    """To another organization, to another credential, to another field, to another key's name."""
    view = await world.store()
    sealed = SealedSecret(
        key_id="one", envelope=await superuser.fetchval("SELECT envelope FROM credentials")
    )
    home = {"organization_id": DEMO, "credential_id": view.credential_id, "field": "api_key"}
    assert world.sealer.open(SecretPlace(**home), sealed) == Secret(WORD)
    moved = [
        {**home, "organization_id": OTHER},
        {**home, "credential_id": f"crd_{ULID()}"},
        {**home, "field": "password"},
    ]
    for place in moved:
        with pytest.raises(CredentialDamagedError):
            world.sealer.open(SecretPlace(**place), sealed)
    await superuser.execute("UPDATE credentials SET organization_id = $1", OTHER)
    with pytest.raises(CredentialDamagedError):
        await world.reveal(organization_id=OTHER)
    await superuser.execute("UPDATE credentials SET organization_id = $1", DEMO)
    assert await world.reveal() == WORD
    await superuser.execute("UPDATE credentials SET field = 'password'")
    assert (await world.report()).closed == ((view.credential_id, "CREDENTIAL_DAMAGED"),)


def test_every_flipped_bit_is_found() -> None:
    sealer = EnvelopeSealer(KeyRing(lambda: key("one")))
    place = SecretPlace(organization_id=DEMO, credential_id="crd_1", field="f")
    sealed = sealer.seal(place, Secret("x"))
    for bit in range(len(sealed.envelope) * 8):
        changed = bytearray(sealed.envelope)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CredentialDamagedError):
            sealer.open(place, SealedSecret(key_id="one", envelope=bytes(changed)))
    for count in range(len(sealed.envelope)):
        with pytest.raises(CredentialDamagedError):
            sealer.open(place, SealedSecret(key_id="one", envelope=sealed.envelope[:count]))


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    sealer = EnvelopeSealer(KeyRing(lambda: key("one")))
    place = SecretPlace(organization_id=DEMO, credential_id="crd_1", field="f")
    assert len({sealer.seal(place, Secret("x")).envelope for _ in range(50)}) == 50


async def test_a_missing_key_is_named_with_its_setting_and_nothing_is_written(world: World) -> None:
    world.keys.clear()
    with pytest.raises(CredentialKeysMissingError, match="KYNDOF_CREDENTIAL_KEYS_FILE"):
        await world.store()
    world.keys.append(key("one"))
    await world.store()
    world.keys[:] = [key("two")]
    with pytest.raises(CredentialKeyUnknownError, match="the key one is not in"):
        await world.reveal()
    assert (await world.report()).closed[0][1] == "CREDENTIAL_KEY_UNKNOWN"


@pytest.mark.parametrize(
    "text",
    ["one", "one:xyz", "one:" + base64.b64encode(b"short").decode(), "One Key",
     f"{key('a')} {key('a')}"],
)  # fmt: skip
def test_keys_that_cannot_be_read_are_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(CredentialKeysInvalidError, match="KYNDOF_CREDENTIAL_KEYS") as refusal:
        KeyRing(lambda: text).current()
    assert text not in str(refusal.value)


def test_a_fresh_key_is_an_entry_of_the_ring() -> None:
    ring = KeyRing(lambda: f"{new_key('2026-11')}\n{key('one')}\n")
    assert ring.current()[0] == "2026-11"
    assert new_key("a") != new_key("a")
    with pytest.raises(CredentialKeysInvalidError):
        new_key("No Name")


async def fill(superuser: asyncpg.Connection, sealer: EnvelopeSealer, count: int) -> None:
    """Write many credentials at once, sealed as the program seals them."""
    rows = []
    for number in range(count):
        credential_id = f"crd_{ULID()}"
        place = SecretPlace(organization_id=DEMO, credential_id=credential_id, field="api_key")
        sealed = sealer.seal(place, Secret(f"secret {number}"))
        rows.append((DEMO, credential_id, f"n{number}", "api_key", sealed.key_id, sealed.envelope))
    await superuser.executemany(
        "INSERT INTO credentials VALUES ($1, $2, $3, $4, $5, $6, 'u', now())", rows
    )


async def rotate(world: World) -> int:
    done_count = 0
    while True:
        told = await world.core.bus.send(ReencryptCredentials(), context_of(OWNER))
        done_count += told.done_count
        if not told.remaining_count:
            return done_count


async def test_ten_thousand_are_rotated_while_readers_go_on_without_a_failed_call(
    world: World, superuser: asyncpg.Connection
) -> None:
    count = 10_000
    await fill(superuser, world.sealer, count)
    world.keys.insert(0, key("two"))
    calls, done = [0, 0], asyncio.Event()

    async def read(seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311  which one is read
        while not done.is_set():
            number = chance.randrange(count)
            calls[0] += 1
            assert await world.reveal(f"n{number}") == f"secret {number}"
            calls[1] += 1

    readers = [asyncio.create_task(read(seed)) for seed in range(4)]
    await world.store("stored meanwhile", name="meanwhile")
    assert await rotate(world) == count
    done.set()
    await asyncio.gather(*readers)
    assert calls[0] == calls[1] > 0
    assert await superuser.fetch("SELECT DISTINCT key_id FROM credentials") == [("two",)]
    # The old key is not needed any more.
    world.keys[:] = [key("two")]
    assert await world.report() == CredentialsReport(opened_count=count + 1, closed=())


async def test_rotation_leaves_a_secret_alone_that_somebody_replaces_meanwhile(
    world: World, superuser: asyncpg.Connection
) -> None:
    view = await world.store()
    world.keys.insert(0, key("two"))
    async with superuser.transaction():
        await superuser.execute("SELECT 1 FROM credentials FOR UPDATE")
        told = await world.core.bus.send(ReencryptCredentials(), context_of(OWNER))
        assert (told.done_count, told.remaining_count) == (0, 1)
    assert await rotate(world) == 1
    assert await world.reveal() == WORD
    assert view.key_id == "one"


def test_a_ring_in_a_file_is_read_again_when_a_name_is_not_known(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(key("one"), encoding="utf-8")
    serving, rotating = (
        EnvelopeSealer(KeyRing(lambda: file.read_text(encoding="utf-8"))) for _ in range(2)
    )
    place = SecretPlace(organization_id=DEMO, credential_id="crd_1", field="f")
    assert serving.open(place, serving.seal(place, Secret("x"))) == Secret("x")
    file.write_text(f"{key('two')} {key('one')}", encoding="utf-8")
    sealed = rotating.seal(place, Secret("y"))
    assert sealed.key_id == "two"
    assert serving.open(place, sealed) == Secret("y")
    file.unlink()
    with pytest.raises(CredentialKeysInvalidError, match="KYNDOF_CREDENTIAL_KEYS_FILE"):
        serving.seal(place, Secret("z"))


def test_a_home_makes_its_own_key_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    assert read_own_keys(tmp_path) == ""
    make_own_keys(tmp_path)
    first = read_own_keys(tmp_path)
    make_own_keys(tmp_path)
    assert read_own_keys(tmp_path) == first
    assert KeyRing(lambda: first).current()[0] == "own-1"
    (file,) = (tmp_path / "keys").iterdir()
    assert file.stat().st_mode & 0o077 == 0
