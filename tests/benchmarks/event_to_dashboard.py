"""From a fact written down at a station to the message at a dashboard's WebSocket client."""

import asyncio
import time
from datetime import datetime

from tests.benchmarks.factory_run import crew_at_order, load, quantile, running
from tests.benchmarks.report import Report, arguments
from tests.journeys.crew import Crew
from tests.simulators.doors import Live


async def _work(crew: Crew, pieces_count: int) -> None:
    """Start and finish a step of each piece by hand scanner: no camera, two facts a piece."""
    worker = crew.cutting
    kiosk = worker.bench.kiosk
    await worker.sign_in()
    for number in range(1, pieces_count + 1):
        job = await crew.job(number)
        await worker.clear()
        shown = await worker.show_piece(job, "usb")
        while shown["phase"] != "guide":
            await worker.clear()
            shown = await worker.show_piece(job, "usb")
        await kiosk.act("start")
        await kiosk.until(lambda s: bool(s["step"] and s["step"]["started"]))
        await asyncio.sleep(0.2)
        await kiosk.act("finish")
        await kiosk.until(lambda s: s["phase"] == "verdict")
        await asyncio.sleep(0.2)


def _latencies_ms(live: Live, offset_s: float) -> list[float]:
    """The envelope is stamped just before its commit, so the commit itself counts as well."""
    found = []
    for arrived_s, message in live.messages:
        stamp = {"step_started": "started_at", "step_finished": "finished_at"}.get(message["type"])
        if stamp is not None:
            written = datetime.fromisoformat(message["payload"][stamp]).timestamp()
            found.append((arrived_s + offset_s - written) * 1000)
    return found


async def measure(*, quick: bool) -> Report:
    """Let a worker scan and a dashboard look."""
    count = 10 if quick else 50
    async with running() as (factory, pictures):
        crew = await crew_at_order(factory, pictures, count, only_sewing=True)
        offset_s = time.time() - asyncio.get_running_loop().time()
        async with crew.lead.live() as live:
            await _work(crew, count)
            await live.event("step_finished", 30, piece_number=count)
            latencies = _latencies_ms(live, offset_s)
    report = Report(name="event_to_dashboard", seed=1)
    report.figures = {
        "p95_ms": round(quantile(latencies, 0.95), 1),
        "p50_ms": round(quantile(latencies, 0.5), 1),
        "events": len(latencies),
        "load_1min": load(),
    }
    report.targets = {"p95_ms": ("<=", 500)}
    return report


def main() -> int:
    options = arguments(__doc__ or "")
    return asyncio.run(measure(quick=options.quick)).print()


if __name__ == "__main__":
    raise SystemExit(main())
