"""Kill -9 in the middle: no committed act without its audit row, no event lost, none seen twice."""

import asyncio
import base64
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest
from ulid import ULID

from cloud.audit.chain import first_break
from cloud.audit.ports import AuditLog
from cloud.commands.secret import Secret
from cloud.credentials.credential import SecretPlace
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.signing.envelope import EnvelopeSealer, KeyRing
from tests.fakes.bell_ringer import RingBell, ringing
from tests.fakes.core import DEMO, add_organization, context_of

BOUND_S = 60.0


@asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of its own that is killed at the end, if nobody did so before."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.fakes.bell_ringer", *arguments, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield child
    finally:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
        transport = child._transport  # type: ignore[attr-defined]
        transport.close()


async def line(child: asyncio.subprocess.Process) -> int | None:
    """Return the number on the next line; None at the end."""
    assert child.stdout is not None
    async with asyncio.timeout(BOUND_S):
        text = (await child.stdout.readline()).decode().strip()
    return None if not text else int(text) if text.isdigit() else 0


@asynccontextmanager
async def superuser(urls: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(urls.owner.replace("kyndof_owner@", "postgres@"))
    try:
        yield connection
    finally:
        await connection.close()


@pytest.mark.faults
@pytest.mark.requirement("AUD", "EVT", "BUS")
async def test_a_killed_process_leaves_no_committed_act_without_its_audit_row(
    database: DatabaseUrls,
) -> None:
    await add_organization(database.owner, DEMO, "demo")
    told = 0
    for round_number in range(6):
        first = 1000 * round_number
        async with process("act", database.app, str(first)) as child:
            for _ in range(5 + 13 * round_number):
                number = await line(child)
                assert number is not None
                told += 1
            child.kill()
            while await line(child) is not None:
                told += 1
    async with superuser(database) as connection:
        events = await connection.fetch("SELECT sequence FROM events ORDER BY 1")
        acts = await connection.fetch(
            "SELECT sequence FROM audit_log WHERE action = 'ring_bell' ORDER BY 1"
        )
    assert len(events) == len(acts) >= told > 0
    for rows in (events, acts):
        assert [row["sequence"] for row in rows] == list(range(1, len(rows) + 1))
    async with ringing(database.app) as core, core.transactions.read(context_of()) as unit:
        log = unit.store(AuditLog)
        assert first_break([row async for row in log.rows()], *await log.head()) is None


async def hear_through_kills(database: DatabaseUrls, count: int, kills: int) -> None:
    """Let two subscribers hear ``count`` events while their process is killed again and again."""
    await add_organization(database.owner, DEMO, "demo")
    names = ("dashboard", "ledger")
    async with ringing(database.app) as core, superuser(database) as connection:
        for first in range(0, count, 100):
            size = min(100, count - first)
            await core.bus.send(RingBell(number=first, count=size), context_of())
        answered = "SELECT count(*) FROM audit_log WHERE action = 'answer_bell'"
        for kill in range(kills + 1):
            goal = count * len(names) * (kill + 1) // (kills + 1)
            async with process("hear", database.app, *names) as child:
                await line(child)
                async with asyncio.timeout(max(BOUND_S, count / 20)):
                    while await connection.fetchval(answered) < goal:  # noqa: ASYNC110
                        await asyncio.sleep(0.05)
        seen = await connection.fetch(
            """SELECT e.user_login, e.key, count(*) AS times FROM executions e
               JOIN events v ON v.event_id = e.key GROUP BY 1, 2"""
        )
        acts = await connection.fetchval(answered)
    assert acts == len(seen) == count * len(names)
    assert {row["times"] for row in seen} == {1}


@pytest.mark.requirement("EVT")
async def test_a_thousand_effects_through_kills_none_lost_and_none_twice(
    database: DatabaseUrls,
) -> None:
    await hear_through_kills(database, count=500, kills=3)


def key(name: str) -> str:
    return f"{name}:{base64.b64encode(name.encode().ljust(32, b'.')).decode()}"


@pytest.mark.faults
@pytest.mark.requirement("ENC")
async def test_a_killed_rotation_goes_on_where_it_was(database: DatabaseUrls) -> None:
    await add_organization(database.owner, DEMO, "demo")
    old = EnvelopeSealer(KeyRing(lambda: key("one")))
    both = EnvelopeSealer(KeyRing(lambda: f"{key('two')} {key('one')}"))
    rows = []
    for number in range(1_000):
        place = SecretPlace(organization_id=DEMO, credential_id=f"crd_{ULID()}", field="f")
        sealed = old.seal(place, Secret(f"secret {number}"))
        rows.append((DEMO, place.credential_id, f"n{number}", sealed.key_id, sealed.envelope))
    async with superuser(database) as connection:
        await connection.executemany(
            "INSERT INTO credentials VALUES ($1, $2, $3, 'f', $4, $5, 'u', now())", rows
        )
        remaining = 1_000
        for lines in (3, 7, 12, 1_000):
            async with process("rotate", database.app, f"{key('two')} {key('one')}") as child:
                for _ in range(lines):
                    told = await line(child)
                    if told is None:
                        break
                    assert told < remaining
                    remaining = told
                child.kill() if remaining else None
        assert remaining == 0
        stored = await connection.fetch("SELECT * FROM credentials")
    assert {row["key_id"] for row in stored} == {"two"}
    for row in stored:
        place = SecretPlace(organization_id=DEMO, credential_id=row["credential_id"], field="f")
        sealed = both.seal(place, Secret("x"))
        opened = both.open(place, type(sealed)(key_id="two", envelope=row["envelope"]))
        assert opened.reveal() == f"secret {row['name'].removeprefix('n')}"
