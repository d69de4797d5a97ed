"""A simulated worker at one station: badge, piece, guide, work, done, verdict, next."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tests.simulators.doors import (
    HandScanner,
    Json,
    Kiosk,
    KioskRefusalError,
    Table,
    TooLateError,
    brief,
)
from tests.simulators.garments import Makers
from tests.simulators.ledger import Ledger
from tests.simulators.wardrobe import Look, Wardrobe

Way = Literal["camera", "usb", "typed"]
WAYS: tuple[Way, ...] = ("camera", "usb", "typed")
Fault = Literal["black", "unplugged"]
_CAMERA_S, _ANSWER_S, _VERDICT_S = 12.0, 15.0, 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One step of one piece, as the worker knows it from the order's papers."""

    piece_id: str
    number: int
    order: str
    stage: str
    attempt: int
    code: str
    lines: tuple[str, ...]
    pitch_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What stands at one station."""

    kiosk: Kiosk
    scanner: HandScanner
    table: Table
    wardrobe: Wardrobe


class StationWorker:
    """Works at one station; `pace_s` is how long a hand's move takes."""

    def __init__(
        self, bench: Bench, badge: str, makers: Makers, ledger: Ledger, *, pace_s: float, seed: int
    ) -> None:
        self.bench = bench
        self._badge = badge
        self.makers = makers
        self._ledger = ledger
        self._pace_s = pace_s
        self._chance = np.random.default_rng(seed)

    # Scans

    async def sign_in(self) -> None:
        """Scan the badge where nobody is signed in."""
        kiosk = self.bench.kiosk
        await kiosk.until(lambda s: s["station"]["enrolled"] and s["station"]["ready"], 120)
        if kiosk.state["worker"] is None:
            self.bench.scanner.read(self._badge)
            await kiosk.until(lambda s: s["worker"] is not None, _ANSWER_S)

    async def clear(self) -> None:
        """Take whatever is on the screen away."""
        for _ in range(4):
            if self.bench.kiosk.state["phase"] == "idle":
                return
            with contextlib.suppress(KioskRefusalError):
                await self.bench.kiosk.act("cancel")
            with contextlib.suppress(TooLateError):
                await self.bench.kiosk.until(lambda s: s["phase"] == "idle", 1)

    async def show_piece(self, job: Job, way: Way) -> Json:
        """Scan a piece in one of three ways and return the kiosk's answer: guide or refusal."""
        kiosk = self.bench.kiosk
        if way == "camera":
            picture, _ = await self.bench.wardrobe.picture(
                Look(kind="empty"), (job.code, job.lines)
            )
            self.bench.table.put(picture)
            with contextlib.suppress(TooLateError):
                return await kiosk.until(lambda s: _answers(s, job), _CAMERA_S)
        elif way == "typed":
            with contextlib.suppress(KioskRefusalError):
                await kiosk.act("scan", text=job.code[-6:])
            shown = await kiosk.until(
                lambda s: _answers(s, job) or s["phase"] == "choose", _ANSWER_S
            )
            if shown["phase"] == "choose":
                await kiosk.act("choose", piece_id=job.piece_id)
            return await kiosk.until(lambda s: _answers(s, job), _ANSWER_S)
        self.bench.scanner.read(job.code)
        return await kiosk.until(lambda s: _answers(s, job), _ANSWER_S)

    async def scan_wrongly(self, text: str, why: str) -> str:
        """Scan something that does not belong here and return the refusal's code."""
        await self.sign_in()
        await self.clear()
        self.bench.scanner.read(text)
        shown = await self.bench.kiosk.until(lambda s: s["phase"] != "idle", _ANSWER_S)
        refusal = (shown["refusal"] or {"code": ""})["code"]
        self._ledger.note(
            "wrong_scan", station=self.bench.kiosk.name, why=why, text=text, refusal=refusal
        )
        await self._pause()
        await self.clear()
        return str(refusal)

    # Work

    async def work(
        self, job: Job, way: Way | None = None, fault: Fault | None = None
    ) -> Json | None:
        """Do one step of one piece; the verdict as the kiosk shows it, or None when refused.

        With `fault` something is wrong with the first look of the camera.
        """
        kiosk = self.bench.kiosk
        await self.sign_in()
        await self.clear()
        chosen: Way = way or WAYS[int(self._chance.integers(3))]
        shown = await self.show_piece(job, chosen)
        if shown["phase"] != "guide":
            return await self._refused(job, shown)
        await self._pause()
        if not shown["step"]["started"]:
            await kiosk.act("start")
            await kiosk.until(lambda s: bool(s["step"] and s["step"]["started"]), _ANSWER_S)
        truth = await self.make(job)
        await self._pause(0.6)
        if fault is not None and shown["step"]["requires_quality_check"]:
            await self._look_in_vain(job, fault)
        await kiosk.act("finish")
        shown = await kiosk.until(lambda s: s["phase"] in {"verdict", "refused"}, _VERDICT_S)
        if shown["phase"] == "refused":
            return await self._refused(job, shown)
        verdict: Json = shown["verdict"]
        self._ledger.note(
            "step",
            station=kiosk.name,
            piece_id=job.piece_id,
            number=job.number,
            order=job.order,
            stage=job.stage,
            attempt=job.attempt,
            way=chosen,
            truth=truth,
            shown=verdict["verdict"],
            scan_to_verdict_ms=verdict["scan_to_verdict_ms"],
        )
        await self._pause(2)
        return verdict

    async def work_soon(
        self, job: Job, way: Way, within_s: float = 30, fault: Fault | None = None
    ) -> Json:
        """`work`, scanned again while the station's work package does not know the job yet.

        Raises:
            TooLateError: it is still refused after ``within_s``.
        """
        loop = asyncio.get_running_loop()
        until_s = loop.time() + within_s
        while (verdict := await self.work(job, way, fault)) is None:
            if loop.time() > until_s:
                raise TooLateError(f"still refused: {self._ledger.lines[-1]}")
            await asyncio.sleep(0.3)
        return verdict

    async def _look_in_vain(self, job: Job, fault: Fault) -> None:
        """Press Done while the camera sees nothing; then put that right."""
        kiosk, table = self.bench.kiosk, self.bench.table
        if fault == "unplugged":
            table.unplug()
            with contextlib.suppress(TooLateError):
                await kiosk.until(
                    lambda s: any(a["code"] == "camera_unplugged" for a in s["alarms"]), 10
                )
        else:
            right = table.picture
            picture, _ = await self.bench.wardrobe.picture(Look(kind=fault))
            table.put(picture)
            await self._pause()
            table.picture = right
        await kiosk.act("finish")
        shown = await kiosk.until(lambda s: s["phase"] in {"verdict", "refused"}, _VERDICT_S)
        refusal = (shown["refusal"] or {"code": ""})["code"]
        self._ledger.note(
            "fault", station=kiosk.name, piece_id=job.piece_id, fault=fault, refusal=refusal
        )
        table.put(table.picture)
        await self._pause()
        if shown["phase"] == "refused":
            await kiosk.act("cancel")
            await kiosk.until(lambda s: s["phase"] == "guide", _ANSWER_S)

    async def make(self, job: Job) -> dict[str, Any]:
        """Do the handiwork and lay the result on the table."""
        garment = self.makers.garment(job.piece_id)
        if job.stage == "CUT":
            garment = self.makers.cut(job.piece_id, job.number, job.attempt)
        elif job.stage == "SEW":
            garment = self.makers.sew(job.piece_id, job.number, job.attempt, job.pitch_mm)
        picture, truth = await self.bench.wardrobe.picture(garment.look(job.stage))
        self.bench.table.put(picture)
        return {key: truth[key] for key in ("look", "measures_mm", "seams")} | {
            "defects": [defect["class"] for defect in truth["defects"]]
        }

    async def _refused(self, job: Job, shown: Json) -> None:
        self._ledger.note(
            "refused",
            station=self.bench.kiosk.name,
            piece_id=job.piece_id,
            stage=job.stage,
            refusal=(shown["refusal"] or {"code": ""})["code"],
            state=brief(shown),
        )
        await self._pause()
        await self.clear()

    async def _pause(self, times: float = 1.0) -> None:
        await asyncio.sleep(times * self._pace_s * float(self._chance.uniform(0.8, 1.2)))


def _answers(state: Json, job: Job) -> bool:
    """Whether the screen speaks about this piece."""
    if state["phase"] == "refused":
        text = state["refusal"]["code_text"]
        return bool(text) and text[-6:] == job.code[-6:]
    piece = state["piece"]
    return state["phase"] == "guide" and piece is not None and piece["id"] == job.piece_id
