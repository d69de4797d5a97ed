"""Events, while who relays them and PostgreSQL itself are killed: none lost, no effect twice."""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest

from cloud.audit.chain import ChainWalk
from cloud.audit.ports import AuditLog
from cloud.infrastructure.embedded.postgres import DatabaseUrls, EmbeddedPostgres
from cloud.infrastructure.postgres.migration import migrate
from cloud.infrastructure.postgres.pool import DATABASE_AWAY
from tests.contract.test_core_kills import line, process
from tests.fakes.bell_ringer import RingBell, ringing
from tests.fakes.core import DEMO, add_organization, context_of

NAMES = ("dashboard", "ledger")
BATCH_COUNT = 500
STILL_S = 180


@dataclass
class Weather:
    """A server of this test's own, reached by one address also after it was killed."""

    folder: Path
    address: Path
    servers: list[EmbeddedPostgres] = field(default_factory=list)
    relay_kills: int = 0
    server_kills: int = 0

    async def start_server(self) -> None:
        server = EmbeddedPostgres(self.folder / "postgres")
        await server.start()
        self.servers.append(server)
        socket = server.url("x", "x").rpartition("host=")[2]
        fresh = self.address.with_suffix(".new")
        fresh.symlink_to(socket)
        fresh.replace(self.address)

    async def kill_server(self) -> None:
        """kill -9 the server and all that serve its sessions, then start it over its data."""
        server = self.servers[-1]
        os.killpg(server.pid, signal.SIGKILL)
        while server.exited is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await server.stop()
        self.server_kills += 1
        await self.start_server()

    def urls(self) -> DatabaseUrls:
        def url(role: str) -> str:
            return f"postgresql://{role}@/storm?host={self.address}"

        return DatabaseUrls(
            app=url("kyndof_app"), owner=url("kyndof_owner"), jobs=url("kyndof_jobs")
        )


@asynccontextmanager
async def weather() -> AsyncIterator[Weather]:
    with tempfile.TemporaryDirectory(prefix="kyndof-storm-") as name:
        found = Weather(Path(name), Path(name) / "here")
        await found.start_server()
        try:
            await found.servers[-1].ensure_database("storm")
            await migrate(found.urls().owner)
            yield found
        finally:
            await found.servers[-1].stop()


async def ring(urls: DatabaseUrls, count: int) -> None:
    """Record ``count`` events in batches, each once however often the server is away."""
    async with ringing(urls.app) as core:
        for first in range(0, count, BATCH_COUNT):
            command = RingBell(number=first, count=min(BATCH_COUNT, count - first))
            while True:
                try:
                    await core.bus.send(command, context_of(idempotency_key=f"ring {first}"))
                    break
                except DATABASE_AWAY:
                    await asyncio.sleep(0.2)


async def value(urls: DatabaseUrls, sql: str) -> int:
    """Return one number, as soon as the server is there to say it."""
    while True:
        try:
            connection = await asyncpg.connect(
                urls.owner.replace("kyndof_owner@", "postgres@"), timeout=10, command_timeout=10
            )
            try:
                return int(await connection.fetchval(sql))
            finally:
                with suppress(*DATABASE_AWAY):
                    await connection.close(timeout=5)
        except DATABASE_AWAY:
            await asyncio.sleep(0.2)


ACTS = "SELECT coalesce(sum(audit_sequence), 0) FROM organization_heads"


async def reached(urls: DatabaseUrls, goal: int, what: str = ACTS) -> None:
    """Wait until the number is there, for as long as something moves."""
    moved_s, acts = time.monotonic(), -1
    while (found := await value(urls, what)) < goal:
        now = await value(urls, ACTS)
        if now != acts:
            moved_s, acts = time.monotonic(), now
        assert time.monotonic() - moved_s < STILL_S, f"nothing moves at {found} of {goal}"
        await asyncio.sleep(0.3)


async def storm(count: int, kills: int) -> dict[str, int]:
    """Let two subscribers hear ``count`` events through kills; return what was found."""
    async with weather() as sky:
        urls = sky.urls()
        await add_organization(urls.owner, DEMO, "demo")
        rings = -(-count // BATCH_COUNT)
        acts = count * len(NAMES) + rings
        ringer = asyncio.create_task(ring(urls, count))
        for turn in range(0, kills + 1, 2):
            # The relay lives through the kill of the server, and is killed itself after it.
            async with process("hear", urls.app, *NAMES) as child:
                await line(child)
                if turn < kills:
                    await reached(urls, acts * (turn + 1) // (kills + 1))
                    await sky.kill_server()
                await reached(urls, acts * min(turn + 2, kills + 1) // (kills + 1))
                if turn >= kills - 1:
                    heard = f"SELECT count(*) FROM subscriber_cursors WHERE sequence = {count}"  # noqa: S608
                    await reached(urls, len(NAMES), heard)
                assert child.returncode is None, "the relay did not live through it"
            sky.relay_kills += 1
        await ringer
        return {**await found_in(urls, count), "relay": sky.relay_kills, "server": sky.server_kills}


async def found_in(urls: DatabaseUrls, count: int) -> dict[str, int]:
    superuser = await asyncpg.connect(urls.owner.replace("kyndof_owner@", "postgres@"))
    try:
        events = await superuser.fetchrow(
            "SELECT count(*) AS n, count(DISTINCT payload->>'number') AS facts,"
            " max(sequence) AS last FROM events"
        )
        effects = await superuser.fetch(
            "SELECT v.event_id, n.name, count(e.key) AS times FROM events v"
            " CROSS JOIN unnest($1::text[]) AS n (name)"
            " LEFT JOIN executions e ON e.key = v.event_id AND e.user_login = n.name"
            " GROUP BY 1, 2",
            list(NAMES),
        )
        audited = await superuser.fetchval(
            "SELECT count(*) FROM audit_log WHERE action = 'answer_bell' AND outcome = 'done'"
        )
        behind = await superuser.fetchval(
            "SELECT count(*) FROM subscriber_cursors WHERE sequence <> $1 OR failures > 0", count
        )
    finally:
        await superuser.close()
    async with ringing(urls.app) as core, core.transactions.read(context_of()) as unit:
        log, walk = unit.store(AuditLog), ChainWalk()
        breaks = [b async for row, digest in log.rows() if (b := walk.step(row, digest))]
        breaks += [b for b in [walk.end(*await log.head())] if b]
    assert events is not None
    return {
        "events": events["n"],
        "unrecorded": count - events["facts"],
        "holes": events["last"] - events["n"],
        "lost": sum(row["times"] == 0 for row in effects),
        "doubled": sum(row["times"] > 1 for row in effects) + audited - count * len(NAMES),
        "behind": behind,
        "chain_breaks": len(breaks),
    }


def told(found: dict[str, int], count: int, begun_s: float) -> None:
    seconds = time.monotonic() - begun_s
    print(f"\n{count} events, {len(NAMES)} subscribers, {seconds:.0f} s: {found}", flush=True)
    kept = {name: found[name] for name in found if name not in {"events", "relay", "server"}}
    assert found["events"] == count
    assert set(kept.values()) == {0}, kept


@pytest.mark.faults
@pytest.mark.requirement("EVT", "AUD", "BUS")
async def test_two_thousand_events_through_a_killed_server_and_killed_relays() -> None:
    begun_s = time.monotonic()
    found = await storm(2_000, kills=2)
    told(found, 2_000, begun_s)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.requirement("EVT", "AUD", "BUS")
async def test_a_hundred_thousand_events_through_killed_servers_and_killed_relays() -> None:
    begun_s = time.monotonic()
    found = await storm(100_000, kills=20)
    told(found, 100_000, begun_s)
    assert found["server"] == 10
    assert found["relay"] == 11
