"""Stations that all come back at once after a cut: how soon each is served, and how evenly.

The stations are the agent's uplink with its own backoff and certificates, in this one process; the
cloud is a real `kyndof serve` on PostgreSQL that flushes. `p95_s` counts from the moment the line
is back to a station's first acknowledgement. Then all get the same backlog at the same moment:
`jain` looks at what each has got across when half of it all is.
"""

import asyncio
import random
import tempfile
import time
from pathlib import Path

from tests.benchmarks.factory_run import load, quantile
from tests.benchmarks.report import Report, arguments
from tests.fakes.floor import until
from tests.simulators.cloud_site import CloudSite
from tests.simulators.fleet import SimulatedStation, fleet, jain
from tests.simulators.network import NetworkProxy

SEED = 5
OUTAGE_S = 5.0


async def caught_up(stations: list[SimulatedStation], share: float, within_s: float) -> float:
    """Wait until such a share of everything made is acknowledged; the seconds that took."""
    began_s = time.perf_counter()
    total = sum(len(station.outbox.events["events"]) for station in stations)
    await until(
        lambda: sum(station.uplink.committed() for station in stations) >= share * total, within_s
    )
    return time.perf_counter() - began_s


async def cut(line: NetworkProxy, stations: list[SimulatedStation], backlog: int) -> float:
    """Take the line away, let things happen meanwhile, give it back; the moment it was back."""
    line.faults.refuse = True
    await line.cut()
    for station in stations:
        station.make(backlog)
    await asyncio.sleep(OUTAGE_S)
    for station in stations:
        station.uplink.acked_at_s = None
    line.faults.refuse = False
    return time.perf_counter()


async def contend(stations: list[SimulatedStation], backlog: int) -> list[float]:
    """Give everybody the same at once; what each has got across when half of it all is."""
    before = [station.uplink.committed() for station in stations]
    half = sum(before) + backlog * len(stations) // 2
    for station in stations:
        station.make(backlog)
    await until(lambda: sum(station.uplink.committed() for station in stations) >= half, 300)
    shares = [
        float(station.uplink.committed() - had)
        for station, had in zip(stations, before, strict=True)
    ]
    await caught_up(stations, 1.0, 300)
    return shares


async def measure(*, quick: bool) -> Report:
    """Connect all, cut, and watch them come back."""
    count, backlog = (40, 100) if quick else (200, 200)
    contended = 5 * backlog
    chance = random.Random(SEED)  # noqa: S311
    with tempfile.TemporaryDirectory(prefix="kyndof-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        async with (
            CloudSite.start(folder / "cloud") as site,
            NetworkProxy("127.0.0.1", site.settings.grpc.port) as line,
            fleet(site, folder, count, line.port, chance) as stations,
        ):
            for station in stations:
                station.make(10)
            await caught_up(stations, 1.0, 300)
            connects = [station.connects for station in stations]
            back_s = await cut(line, stations, backlog)
            whole_s = await caught_up(stations, 1.0, 300)
            shares = await contend(stations, contended)
            waits = [station.uplink.acked_at_s - back_s for station in stations]
            tries = [s.connects - had for s, had in zip(stations, connects, strict=True)]
            rows = await site.ask(
                "SELECT count(*), count(DISTINCT event_id) FROM station_events"
                " WHERE standing = 'accepted'"
            )
    report = Report(name="fleet_reconnect", seed=SEED)
    report.figures = {
        "p95_s": round(quantile(waits, 0.95), 2),
        "jain": round(jain(shares), 3),
        "p50_s": round(quantile(waits, 0.5), 2),
        "worst_s": round(max(waits), 2),
        "all_there_s": round(whole_s, 2),
        "connects_each": round(sum(tries) / count, 1),
        "lost": count * (10 + backlog + contended) - rows[0][0],
        "doubled": rows[0][0] - rows[0][1],
        "stations": count,
        "load_1min": load(),
    }
    report.targets = {
        "p95_s": ("<=", 30),
        "jain": (">=", 0.9),
        "lost": ("<=", 0),
        "doubled": ("<=", 0),
    }
    return report


def main() -> int:
    options = arguments(__doc__ or "")
    return asyncio.run(measure(quick=options.quick)).print()


if __name__ == "__main__":
    raise SystemExit(main())
