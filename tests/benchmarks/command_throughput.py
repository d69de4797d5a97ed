"""Commands with permission, idempotency key, audit and outbox against bare transactions.

The bare side is asyncpg alone: the same connection pool, one transaction that sets the organization
and writes the same rows with the same statements, values made beforehand. Both sides run in turns
in one process on one database, a few at a time. The overhead is by how much the 99th percentile of
commands, one after another, lies above that of bare transactions; beside it, how far it
lies above their median.
"""

import asyncio
import hashlib
import logging
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from ulid import ULID

from cloud.infrastructure.postgres.idempotency_store import _CLAIM, _KEEP
from cloud.infrastructure.postgres.unit_of_work import _SET_ORGANIZATION, _TAKE_NUMBERS, _WRITE
from tests.benchmarks.report import Report, arguments
from tests.fakes.core import DEMO, context_of
from tests.fakes.office import LEAD, BuyCloth, Office, found_office, office_over, write_registry
from tests.postgres import PostgresForTests

AT_ONCE = 4
METADATA = (
    '{"fields":{"amount_krw":7,"roll_id":"roll"},"letter":"A","payload_hash":"' + "0" * 64 + '"}'
)
PAYLOAD = '{"action":"BuyCloth","amount_krw":7}'
TOLD = (
    '{"action":"buy_cloth","by":"lead@demo.example","domain":"office","letter":"I",'
    '"login":"clerk@demo.example","resource":"roll"}'
)
HASH = hashlib.sha256(b"").digest()
Act = Callable[[], Awaitable[None]]


def bare_act(office: Office) -> Act:
    """Return one bare transaction: a key, its answer, two events, one audit row, the head."""
    pool = office.core.pool

    async def act() -> None:
        now, key = datetime.now(UTC), str(ULID())
        events = [f"evt_{ULID()}", f"evt_{ULID()}"]
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(_SET_ORGANIZATION, DEMO)
            await connection.fetchval(_CLAIM, DEMO, LEAD, key, "0" * 64)
            await connection.execute(_KEEP, DEMO, LEAD, key, "web", "", '{"result":7}')
            head = await connection.fetchrow(_TAKE_NUMBERS, DEMO, 2, 1)
            await connection.execute(
                _WRITE, DEMO, [head["event_sequence"] - 1, head["event_sequence"]], events,
                ["cloth_traded", "person_informed"], [now, now], [PAYLOAD, TOLD], "",
                [head["audit_sequence"]], [now], [LEAD], ["web"], ["buy_cloth"], ["roll"],
                ["done"], [""], [METADATA], [HASH], HASH, head["recorded_at"],
            )  # fmt: skip

    return act


def full_act(office: Office) -> Act:
    """Return one command over the bus."""

    async def act() -> None:
        await office.bus.send(BuyCloth(amount_krw=7), context_of(LEAD, idempotency_key=str(ULID())))

    return act


async def rate(act: Act, count: int) -> float:
    """Return acts per second, ``AT_ONCE`` at a time."""

    async def several() -> None:
        for _ in range(count // AT_ONCE):
            await act()

    begun = perf_counter()
    await asyncio.gather(*(several() for _ in range(AT_ONCE)))
    return count / (perf_counter() - begun)


async def alone(act: Act, count: int) -> list[float]:
    """Return how long each of ``count`` acts took, one after another, in milliseconds."""
    took = []
    for _ in range(count):
        begun = perf_counter()
        await act()
        took.append((perf_counter() - begun) * 1000)
    return took


async def measured(office: Office, rounds: int, count: int) -> Report:
    ours, bare = full_act(office), bare_act(office)
    for act in (ours, bare):
        await rate(act, 40)
    ratios, mine, theirs = [], [], []
    for number in range(rounds):
        pair = [await rate(act, count) for act in ((ours, bare) if number % 2 else (bare, ours))]
        full, plain = pair if number % 2 else reversed(pair)
        ratios.append(full / plain)
        for _ in range(4):
            mine += await alone(ours, count // 16)
            theirs += await alone(bare, count // 16)
        print(f"round {number}: ours {full:.0f}/s, bare {plain:.0f}/s, {full / plain:.2f}")
    mine.sort()
    theirs.sort()
    floor_ms, last = statistics.median(theirs), len(mine) * 99 // 100
    report = Report(name="command_throughput")
    report.figures = {
        "ratio_to_bare": round(statistics.median(ratios), 3),
        "p99_ms": round(mine[last] - theirs[last], 2),
        "p50_ms": round(statistics.median(mine) - floor_ms, 2),
        "p99_over_bare_median_ms": round(mine[last] - floor_ms, 2),
        "bare_p50_ms": round(floor_ms, 2),
        "bare_p99_ms": round(theirs[last], 2),
        "rounds": rounds,
    }
    report.targets = {"ratio_to_bare": (">=", 0.4), "p99_ms": ("<=", 5.0)}
    return report


async def prepared(urls_of: PostgresForTests, folder: Path, *, quick: bool) -> Report:
    async with urls_of.fresh_database() as urls:
        write_registry(folder)
        await found_office(urls.owner)
        async with office_over(urls.app, folder) as office:
            return await measured(office, 3 if quick else 9, 200 if quick else 800)


def main() -> int:
    logging.disable(logging.CRITICAL)
    options = arguments(__doc__ or "")
    with tempfile.TemporaryDirectory(prefix="kyndof-bench-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        (place / "registry").mkdir()
        server = PostgresForTests(place)
        server.start()
        try:
            report = server._runner.run(prepared(server, place / "registry", quick=options.quick))
        finally:
            server.stop()
    return report.print()


if __name__ == "__main__":
    raise SystemExit(main())
