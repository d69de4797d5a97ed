"""Outbox → PostgreSQL commit → acknowledgement → trim, by the real agent and a real `kyndof serve`.

PostgreSQL flushes every commit. The events are scans that a station refused: the projector passes
over them, so that its work is no part of the figures. In turns with it on the same server:
grpc.aio over mTLS with COPY and nothing else (`ratio_to_bare`). Then once more with 80 ms there and
back, and once with a backlog under which the station's present must still come through
(`state_p99_s`); after it the line goes dead without a word (`half_open_s`, the worst). The agent's
memory is watched while it drains.
"""

import asyncio
import contextlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

from tests.benchmarks.factory_run import load, quantile
from tests.benchmarks.report import Report, arguments
from tests.fakes.authority import Authority
from tests.fakes.floor import (
    STATION,
    AgentProcess,
    BrokerProcess,
    Producer,
    environment,
    free_port,
    until,
)
from tests.simulators.cloud_site import CloudSite
from tests.simulators.live_beside_backlog import Present, says, silence_noticed
from tests.simulators.network import NetworkProxy
from tests.simulators.sample_events import fill_outbox

ROOT = Path(__file__).parents[2]
HALF_TRIP_S = 0.04


class Way:
    """Where the agent finds the cloud."""

    def __init__(self, site: CloudSite, port: int | None = None) -> None:
        self.address = site.address if port is None else f"127.0.0.1:{port}"
        self.enrolment_address = site.enrolment_address


def positions(outbox: Path) -> tuple[int, int, int]:
    """Last, acknowledged and trimmed number of stream ``events``, as the file says."""
    with contextlib.closing(sqlite3.connect(f"file:{outbox}?mode=ro", uri=True)) as db:
        row = db.execute(
            "SELECT next_seq - 1, acked_seq, trimmed_seq FROM streams WHERE stream = 'events'"
        ).fetchone()
    return tuple(row)


class Drain:
    """What was seen while an outbox emptied itself."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.rss_mb = 0.0
        self.rate = self.stored_rate = 0.0
        self.cpu_us: dict[str, float] = {}

    async def watch(self, outbox: Path, agent: psutil.Process, others: dict[str, int]) -> None:
        """Look until everything is acknowledged and trimmed."""
        began_s, stored_s, first = 0.0, 0.0, 0
        watched = {"agent": agent.pid, **others}
        before: dict[str, float] = {}
        while True:
            last, acked, trimmed = positions(outbox)
            now_s = time.perf_counter()
            if acked and not began_s:
                began_s, first, before = now_s, acked, _used(watched)
            self.rss_mb = max(self.rss_mb, agent.memory_info().rss / 1e6)
            if acked == last and not stored_s:
                stored_s = now_s
            if trimmed == last:
                break
            await asyncio.sleep(0.02)
        done = max(1, last - first)
        self.rate = done / max(1e-6, time.perf_counter() - began_s)
        self.stored_rate = done / max(1e-6, stored_s - began_s)
        after = _used(watched)
        self.cpu_us = {name: (after[name] - before[name]) / done * 1e6 for name in watched}


def _used(watched: dict[str, int]) -> dict[str, float]:
    """Seconds of processor that processes and all below them have used."""
    used = {}
    for name, pid in watched.items():
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        used[name] = 0.0
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                used[name] += times.user + times.system
    return used


class Bench:
    """A cloud, a station's home, and outboxes to drain."""

    def __init__(self, folder: Path, site: CloudSite) -> None:
        self.folder = folder
        self.site = site
        self.home = folder / "station"
        self.station = self.home / "stations" / STATION
        self.outbox = self.station / "outbox.db"
        self.identity = ("", "")

    async def prepare(self, count: int) -> None:
        """A fresh outbox with so many events; the cloud has never heard of it."""
        await self.site.forget_events()
        for old in (*self.station.glob("outbox.db*"), *self.station.glob("link.json")):
            old.unlink()
        await asyncio.to_thread(fill_outbox, self.outbox, count, STATION)

    async def drain(self, count: int, port: int | None = None) -> Drain:
        """Start the agent on a full outbox and wait until it is empty."""
        await self.prepare(count)
        seen = Drain(count)
        with self.agent(port) as agent:
            process = psutil.Process(agent.child.pid)
            others = {"serve": self.site.serve_pid, "postgres": self.site.postgres.pid}
            async with asyncio.timeout(60 + count / 500):
                await seen.watch(self.outbox, process, others)
        return seen

    async def live(self, count: int, tries: int) -> tuple[list[float], list[float], float]:
        """Seconds of snapshots beside a backlog, of finding dead lines, and the agent's memory."""
        await self.prepare(count)
        folder = self.folder / "broker"
        folder.mkdir(exist_ok=True)
        broker, seen = BrokerProcess("mosquitto", folder), Drain(count)
        async with NetworkProxy("127.0.0.1", self.site.settings.grpc.port) as line:
            with broker, self.agent(line.port, broker.port) as agent:
                await broker.ready()
                watching = asyncio.create_task(
                    seen.watch(self.outbox, psutil.Process(agent.child.pid), {})
                )
                async with Producer(broker.port, name="live") as producer:
                    await until(lambda: says(self.station, connected=True), 60)
                    present = Present(self.site, self.identity, producer)
                    async with asyncio.timeout(120 + count / 500):
                        waits = await present.beside(count)
                        await watching
                silences = [await silence_noticed(self.station, line) for _ in range(tries)]
        return waits, silences, seen.rss_mb

    def agent(self, port: int | None = None, broker_port: int | None = None) -> AgentProcess:
        return AgentProcess(
            self.home,
            broker_port or free_port(),
            Way(self.site, port),
            KYNDOF_OUTBOX__RETENTION_H="0",
            KYNDOF_OUTBOX__MAX_MB="4096",
        )

    async def bare(self, count: int) -> float:
        """The bare pipeline on the same server; events a second."""
        url = self.site.postgres.url("postgres", "kyndof")
        command = [sys.executable, "-m", "tests.simulators.bare_uplink"]
        server = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs yet
            [*command, "serve", str(self.folder / "pki"), url],
            cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            port = (await asyncio.to_thread(server.stdout.readline)).strip()
            sent = await asyncio.to_thread(
                subprocess.run,
                [*command, "send", str(self.folder / "pki"), port, str(count)],
                cwd=ROOT, env=environment(), capture_output=True, text=True, check=True,
            )  # fmt: skip
        finally:
            server.kill()
            server.wait()
            server.stdout.close()
        return float(sent.stdout)


def leave_certificates(folder: Path) -> None:
    folder.mkdir(parents=True)
    authority = Authority()
    server, client = authority.server(), authority.station("org_bare", "sta_bare")
    (folder / "ca.pem").write_bytes(authority.pem)
    for name, issued in (("server", server), ("client", client)):
        (folder / f"{name}.key").write_bytes(issued.key_pem)
        (folder / f"{name}.pem").write_bytes(issued.certificate_pem)


@contextlib.asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """A folder that goes with the run."""
    with tempfile.TemporaryDirectory(prefix="kyndof-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        leave_certificates(folder / "pki")
        async with CloudSite.start(folder / "cloud") as site:
            made = Bench(folder, site)
            (made.identity,) = await site.enrol((STATION, made.station))
            yield made
        shutil.rmtree(folder / "cloud", ignore_errors=True)


async def measure(*, quick: bool) -> Report:
    """Ours and the bare pipeline in turns; then far away; then with the present beside."""
    count, rounds = (20_000, 1) if quick else (120_000, 3)
    ours: list[Drain] = []
    bare: list[float] = []
    async with bench() as made:
        for _ in range(rounds):
            ours.append(await made.drain(count))
            bare.append(await made.bare(count))
            cpu = {name: round(us) for name, us in ours[-1].cpu_us.items()}
            print(f"ours {ours[-1].rate:,.0f}/s, stored {ours[-1].stored_rate:,.0f}/s,"
                  f" µs of processor each {cpu}; bare {bare[-1]:,.0f}/s")  # fmt: skip
        async with NetworkProxy("127.0.0.1", made.site.settings.grpc.port) as network:
            network.faults.delay_s = HALF_TRIP_S
            far = await made.drain(count // 2, network.port)
        backlog, tries = (200_000, 2) if quick else (1_000_000, 5)
        waits, silences, live_mb = await made.live(backlog, tries)
    rate = statistics.median(seen.rate for seen in ours)
    report = Report(name="uplink", seed=1)
    report.figures = {
        "events_per_s": round(rate),
        "ratio_to_bare": round(rate / statistics.median(bare), 3),
        "bare_events_per_s": round(statistics.median(bare)),
        "far_events_per_s": round(far.rate),
        "state_p99_s": round(quantile(waits, 0.99), 2),
        "state_p50_s": round(quantile(waits, 0.5), 2),
        "half_open_s": round(max(silences), 1),
        "agent_rss_mb": round(max(*(seen.rss_mb for seen in (*ours, far)), live_mb), 1),
        "cpu_us": {name: round(us, 1) for name, us in ours[-1].cpu_us.items()},
        "events": count,
        "backlog": backlog,
        "snapshots": len(waits),
        "rounds": rounds,
        "load_1min": load(),
    }
    report.targets = {
        "events_per_s": (">=", 20_000),
        "ratio_to_bare": (">=", 0.4),
        "far_events_per_s": (">=", 5_000),
        "state_p99_s": ("<=", 2),
        "half_open_s": ("<=", 15),
        "agent_rss_mb": ("<=", 150),
    }
    return report


def main() -> int:
    options = arguments(__doc__ or "")
    return asyncio.run(measure(quick=options.quick)).print()


if __name__ == "__main__":
    raise SystemExit(main())
