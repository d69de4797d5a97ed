"""Proportional resident memory of an idle factory, a minute after it is ready."""

import asyncio

import psutil

from tests.benchmarks.factory_run import load, running
from tests.benchmarks.report import Report, arguments
from tests.journeys.factory import STATIONS, Factory


def _mb(*pids: int) -> float:
    """Proportional set size of processes, in MB: shared pages are divided among their users."""
    return round(sum(psutil.Process(pid).memory_full_info().pss for pid in pids) / 1e6, 1)


def _figures(factory: Factory) -> dict[str, object]:
    stations = [_mb(factory.pid(name), factory.agent_pid(name)) for name in STATIONS]
    pid_file = factory.home / "postgres" / "data" / "postmaster.pid"
    postmaster = psutil.Process(int(pid_file.read_text("utf-8").split()[0]))
    backends = [child.pid for child in postmaster.children(recursive=True)]
    return {
        "cloud_mb": _mb(factory.pid("serve"), factory.pid("worker")),
        "station_mb": max(stations),
        "serve_mb": _mb(factory.pid("serve")),
        "worker_mb": _mb(factory.pid("worker")),
        "broker_mb": _mb(factory.pid("broker")),
        "postgres_mb": _mb(postmaster.pid, *backends),
        "load_1min": load(),
    }


async def measure(*, quick: bool) -> Report:
    """Let it stand idle and look."""
    report = Report(name="resident_memory", seed=1)
    async with running(demo=False) as (factory, _):
        await asyncio.sleep(10 if quick else 60)
        report.figures = await asyncio.to_thread(_figures, factory)
    report.targets = {"cloud_mb": ("<=", 400), "station_mb": ("<=", 350)}
    return report


def main() -> int:
    options = arguments(__doc__ or "")
    return asyncio.run(measure(quick=options.quick)).print()


if __name__ == "__main__":
    raise SystemExit(main())
