"""Restoring a session of 200 entries through the bus: hot, warm (Redis) and cold (PostgreSQL).

All three answer the same question to the same person, with the same checks. Cold starts without
a copy, and makes one. The three take turns, session by session.
"""

import asyncio
import random
import shutil
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np

from cloud.commands.command import CommandContext, Source
from cloud.composition.core import Core, compose_core
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.hot_store.memory_sessions import MemoryHotSessions
from cloud.infrastructure.hot_store.redis_link import RedisLink
from cloud.infrastructure.hot_store.redis_sessions import RedisHotSessions
from cloud.infrastructure.postgres.demo_organizations import DEMO, load_demo_organizations
from cloud.infrastructure.postgres.pool import open_pool
from cloud.sessions.commands import AppendToSession, StartSession
from cloud.sessions.queries import RestoredSession, RestoreSession
from cloud.settings import CloudSettings
from tests.benchmarks.report import Report, arguments
from tests.postgres import PostgresForTests
from tests.redis import running_redis

SEED = 8
ENTRIES_COUNT = 200
OWNER = CommandContext(organization_id=DEMO, user="worker@demo.example", source=Source.WEB)


async def fill(core: Core, sessions_count: int, letters: random.Random) -> list[str]:
    """Begin sessions and say 200 things in each; return their identifiers."""
    made = []
    for _ in range(sessions_count):
        begun = await core.bus.send(StartSession(), OWNER)
        made.append(begun.session_id)
        for _ in range(ENTRIES_COUNT):
            text = "".join(letters.choices("가나다라마바사 abcdefg", k=letters.randint(20, 240)))
            await core.bus.send(AppendToSession(session_id=begun.session_id, text=text), OWNER)
    return made


async def timed(core: Core, session_id: str) -> tuple[float, RestoredSession]:
    """Return how long a restore took, in ms, and what came."""
    begun_s = time.perf_counter()
    found = await core.bus.ask(RestoreSession(session_id=session_id), OWNER)
    return (time.perf_counter() - begun_s) * 1000, found


async def measure(core: Core, link: RedisLink | None, options: tuple[int, int]) -> dict[str, list]:
    """Take each way in turn for each session; options: sessions, rounds."""
    sessions_count, rounds = options
    memory = MemoryHotSessions()
    ways = {"hot": memory} | ({"warm": RedisHotSessions(link)} if link else {})
    core.hot.tier = memory
    sessions = await fill(core, sessions_count, random.Random(SEED))  # noqa: S311  a repeatable text
    took: dict[str, list[float]] = {"hot": [], "warm": [], "cold": []}
    for _ in range(rounds):
        for session_id in sessions:
            if link:
                await link.client.flushall()
            core.hot.tier = RedisHotSessions(link) if link else MemoryHotSessions()
            elapsed_ms, cold = await timed(core, session_id)
            took["cold"].append(elapsed_ms)
            for name, tier in ways.items():
                core.hot.tier = tier
                await tier.put(DEMO, cold)
                elapsed_ms, found = await timed(core, session_id)
                took[name].append(elapsed_ms)
                if found != cold or len(found.entries) != ENTRIES_COUNT:
                    raise RuntimeError(f"{name} gives another session than the database")
    return took


async def run(urls: DatabaseUrls, folder: Path, *, quick: bool) -> int:
    """Measure and report."""
    pool = await open_pool(urls.app, largest_count=1)
    await load_demo_organizations(pool)
    await pool.close()
    with_redis = shutil.which("redis-server") is not None
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(running_redis(folder)) if with_redis else None
        settings = CloudSettings(home=folder, database_url=urls.app)
        core = await stack.enter_async_context(compose_core(settings))
        link = RedisLink(redis.url) if redis else None
        took = await measure(core, link, (4, 25) if quick else (20, 50))
        if link:
            await link.close()
    report = Report(name="session_restore", seed=SEED)
    for name, values in took.items():
        if values:
            median, p95 = np.quantile(values, (0.5, 0.95))
            print(f"{name:<5} {len(values)} restores, median {median:.3f} ms, p95 {p95:.3f} ms")
            report.figures[f"{name}_p50_ms"] = round(float(median), 3)
            report.figures[f"{name}_p95_ms"] = round(float(p95), 3)
    cold = float(np.median(took["cold"]))
    report.figures["hot_to_cold_ratio"] = round(cold / float(np.median(took["hot"])), 1)
    if took["warm"]:
        report.figures["warm_to_cold_ratio"] = round(cold / float(np.median(took["warm"])), 1)
    else:
        report.figures["warm_p95_ms"] = report.figures["hot_p95_ms"]
        print("no redis-server: warm is the memory of the process")
    report.targets = {
        "hot_to_cold_ratio": (">=", 10),
        "warm_p95_ms": ("<=", 50),
        "cold_p95_ms": ("<=", 200),
    }
    return report.print()


def main() -> int:
    options = arguments(__doc__ or "")
    with tempfile.TemporaryDirectory(prefix="kyndof-bench-") as place:
        folder = Path(place)
        server = PostgresForTests(folder)
        server.start()
        try:
            urls = server._runner.run(server.server.ensure_database("bench", "kyndof_template"))
            return asyncio.run(run(urls, folder, quick=options.quick))
        finally:
            server.stop()


if __name__ == "__main__":
    raise SystemExit(main())
