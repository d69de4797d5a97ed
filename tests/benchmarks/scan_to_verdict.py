"""From a scan to the verdict on the kiosk's WebSocket, 12 Mpx, everything of `make up` running."""

import asyncio
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.infrastructure.onnx_bundle_folder import OnnxBundleFolders
from edge.infrastructure.onnx_defect_detector import OnnxDefectDetector
from edge.infrastructure.opencv_pictures import OpenCvScaler
from edge.inspection.findings import findings_of
from edge.inspection.style_bank import StyleBank
from edge.inspection.texture import Cloth, Pyramid, TextureJudge
from tests.benchmarks.factory_run import crew_at_order, load, quantile, running
from tests.benchmarks.report import Report, arguments
from tests.journeys.crew import Crew
from tests.journeys.factory import CHECKOUT
from tests.simulators.wardrobe import Look, Wardrobe
from tests.simulators.workers import Job, StationWorker

_STEADY = 2  # the first verdicts of a process also warm its caches; they are told apart


async def scans(pieces_count: int, pictures: Path) -> list[tuple[str, float]]:
    """Cut, sew and inspect pieces; seconds from the finishing scan to the verdict, by stage."""
    times: list[tuple[str, float]] = []
    async with running() as (factory, _):
        crew = await crew_at_order(factory, pictures, pieces_count)
        for number in range(1, pieces_count + 1):
            for _ in range(3):
                job = await crew.job(number)
                worker = crew.inspecting if job.stage == "QC" else crew.cutting
                elapsed_s = await _timed(worker, job)
                if job.stage != "SEW":
                    times.append((job.stage, elapsed_s))
                await _turned(crew, number, job.stage)
    return times


async def _timed(worker: StationWorker, job: Job) -> float:
    kiosk, scanner = worker.bench.kiosk, worker.bench.scanner
    await worker.sign_in()
    await worker.clear()
    shown = await worker.show_piece(job, "usb")
    while shown["phase"] != "guide":
        await worker.clear()
        shown = await worker.show_piece(job, "usb")
    await kiosk.act("start")
    await kiosk.until(lambda s: bool(s["step"] and s["step"]["started"]))
    await worker.make(job)
    await asyncio.sleep(1.5)
    begun = time.perf_counter()
    scanner.read(job.code)
    await kiosk.until(lambda s: s["phase"] == "verdict", 60)
    return time.perf_counter() - begun


async def _turned(crew: Crew, number: int, stage: str) -> None:
    for _ in range(200):
        if (await crew.job(number)).stage != stage:
            return
        await asyncio.sleep(0.1)


class _Recorder(OnnxDefectDetector):
    """Keeps the tensors that the tile loop gives to the session."""

    def __init__(self, threads: int) -> None:
        super().__init__(OnnxBundleFolders("").base(), threads)
        self.ready: list[tuple[NDArray[Any], ...]] | None = None

    def features(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self.ready is not None:
            self.ready.append((tiles,))
        return super().features(tiles)

    def judge(
        self,
        features: NDArray[np.float32],
        mean: NDArray[np.float32],
        whitening: NDArray[np.float32],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if self.ready is not None:
            self.ready.append((features, mean, whitening))
        return super().judge(features, mean, whitening)

    def bare(self, ready: list[tuple[NDArray[Any], ...]]) -> None:
        for given in ready:
            if len(given) == 1:
                super().features(*given)
            else:
                super().judge(*given)


async def overhead(rounds: int, pictures: Path) -> list[float]:
    """The tile loop over the bare session on the same tensors, interleaved; one ratio a round.

    Both run in one thread, so processor time tells their cost whoever else is on the machine.
    """
    encoded, _ = await Wardrobe(pictures).picture(Look(kind="good", pitch_mm=3.0))
    frame = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR_RGB)
    garment = np.ascontiguousarray(frame[650:2350, 1420:2580], dtype=np.uint8)
    folder = CHECKOUT / "registry" / "standards" / "styles"
    bank = StyleBank.from_bytes((folder / "demo-bodice.bank").read_bytes())
    detector = _Recorder(threads=1)
    judge, scaler = TextureJudge(detector), OpenCvScaler()
    shape = (-(-garment.shape[0] // 8), -(-garment.shape[1] // 8))
    cells = np.ones(shape, dtype=bool)

    def ours() -> None:
        cloth = Cloth(pyramid=Pyramid(garment, scaler), cells=cells, foreign=~cells)
        findings_of(judge.score_map(cloth, bank.scales), bank.threshold_score)

    detector.ready = []
    ours()
    ready, detector.ready = detector.ready, None
    ratios = []
    for _ in range(rounds):
        start = time.process_time()
        ours()
        middle = time.process_time()
        detector.bare(ready)
        ratios.append((middle - start) / (time.process_time() - middle))
    return ratios


async def measure(*, quick: bool) -> Report:
    """Run both parts."""
    import tempfile  # noqa: PLC0415 - only here

    with tempfile.TemporaryDirectory(prefix="kyndof-bench-") as folder:
        ratios = await overhead(8 if quick else 25, Path(folder))
        times = await scans(4 if quick else 16, Path(folder))
    steady = [elapsed_s for _, elapsed_s in times[_STEADY:]]
    report = Report(name="scan_to_verdict", seed=1)
    report.figures = {
        "p95_s": round(quantile(steady, 0.95), 3),
        "p50_s": round(quantile(steady, 0.5), 3),
        "cut_p50_s": round(quantile([s for stage, s in times if stage == "CUT"], 0.5), 3),
        "qc_p50_s": round(quantile([s for stage, s in times if stage == "QC"], 0.5), 3),
        "first_s": round(times[0][1], 3),
        "overhead_ratio": round(quantile(ratios, 0.5), 3),
        "verdicts": len(steady),
        "load_1min": load(),
    }
    report.targets = {"p95_s": ("<=", 1.0), "overhead_ratio": ("<=", 1.25)}
    return report


def main() -> int:
    options = arguments(__doc__ or "")
    return asyncio.run(measure(quick=options.quick)).print()


if __name__ == "__main__":
    raise SystemExit(main())
