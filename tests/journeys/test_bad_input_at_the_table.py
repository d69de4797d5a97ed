"""Wrong codes, bad pictures and missing neighbours at a station of a running factory."""

import asyncio
import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.journeys.factory import CHECKOUT, Factory
from tests.simulators.doors import Cloud, Json, Kiosk, KioskRefusalError, Table
from tests.simulators.scenes import Request, draw, encode_frame

OTHER = "01K00THER00000000000000000"
ULID = "01K0DEM0000000000000000001"


def picture(kind: str, label: str) -> bytes:
    request = Request(kind=kind, label_text=label)  # type: ignore[arg-type]
    return encode_frame(draw(request, np.random.default_rng(1))[0])


async def refused(kiosk: Kiosk, action: str, code: str, **body: str) -> None:
    """Press a button and expect its refusal, in both languages."""
    with pytest.raises(KioskRefusalError) as refusal:
        await kiosk.act(action, **body)
    assert refusal.value.code == code
    assert refusal.value.korean
    assert refusal.value.english


async def accepted(kiosk: Kiosk, text: str) -> bool:
    """Return whether a scan was taken."""
    try:
        await kiosk.act("scan", text=text)
    except KioskRefusalError:
        return False
    return True


def alarmed(code: str) -> Callable[[Json], bool]:
    """Return whether an alarm stands."""
    return lambda state: code in {alarm["code"] for alarm in state["alarms"]}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What every part of the journey works with."""

    factory: Factory
    lead: Cloud
    cut: Kiosk
    table: Table
    label: str
    badges: dict[str, str]

    async def history(self) -> list[str]:
        """Return the kinds of what the cloud has recorded about the piece."""
        told: Json = await self.lead.get(f"/pieces/pc_{self.label[-26:]}")
        return [one["kind"] for one in told["history"]]


@pytest.mark.requirement("SCN", "KSK", "CAP", "TRK", "BUF", "REG")
async def test_whatever_goes_wrong_is_said_nothing_false_is_recorded_and_work_goes_on(
    tmp_path: Path,
) -> None:
    registry = tmp_path / "registry"
    shutil.copytree(CHECKOUT / "registry", registry)
    settings = {"KYNDOF_REGISTRY": str(registry)}
    async with Factory.start(tmp_path / "my home", settings=settings) as factory:
        lead = await factory.sign_in("lead@demo.example")
        order_id = (await lead.get("/work-orders"))["items"][0]["work_order_id"]
        labels = await lead.get(f"/work-orders/{order_id}/labels")
        scene = Scene(
            factory=factory,
            lead=lead,
            cut=await factory.kiosk("CUT-01"),
            table=await factory.table("CUT-01"),
            label=labels["pieces"][0]["text"],
            badges={line: one["text"] for one in labels["badges"] for line in one["lines"]},
        )
        await codes_that_are_none_somebody_else_s_or_too_early(scene)
        await pictures_that_show_nothing(scene)
        await no_broker_while_the_piece_is_judged(scene)
        await registry_files_that_break_while_serving(scene, registry)


async def codes_that_are_none_somebody_else_s_or_too_early(scene: Scene) -> None:
    cut, qc = scene.cut, await scene.factory.kiosk("QC-01")
    await refused(cut, "scan", "BADGE_MISSING", text=scene.label)
    await refused(cut, "scan", "CODE_FOREIGN", text="HELLO")
    await refused(cut, "scan", "CODE_OTHER_ORGANIZATION", text=f"KY1:P:{OTHER}:{ULID}")
    await refused(cut, "scan", "CODE_OTHER_ORGANIZATION", text=f"KY1:B:{OTHER}:{ULID}")
    # Until it has heard everybody for a while a station cannot know what comes first.
    await qc.act("scan", text=scene.badges["이반장"])
    async with asyncio.timeout(30):
        while await accepted(qc, scene.label):
            await qc.act("cancel")
            await asyncio.sleep(0.5)
    await refused(qc, "scan", "STEP_OUT_OF_ORDER", text=scene.label)
    assert await scene.history() == []


async def pictures_that_show_nothing(scene: Scene) -> None:
    cut = scene.cut
    await cut.act("scan", text=scene.badges["김작업"])
    await cut.act("scan", text=scene.label)
    await cut.act("start")
    await cut.until(alarmed("camera_unplugged"), 10)
    await cut.act("finish")
    told = await cut.until(lambda s: s["refusal"] is not None)
    assert told["refusal"]["code"] == "CAMERA_UNPLUGGED"
    scene.table.put(picture("black", scene.label))
    await cut.until(lambda s: not alarmed("camera_unplugged")(s), 10)
    await cut.act("finish")
    told = await cut.until(lambda s: (s["refusal"] or {}).get("code") == "FRAME_BLACK")
    assert told["refusal"]["ko"]
    assert "step_finished" not in await scene.history()


async def no_broker_while_the_piece_is_judged(scene: Scene) -> None:
    cut = scene.cut
    scene.table.put(picture("cut", scene.label))
    killing = asyncio.create_task(scene.factory.kill("broker"))
    await cut.until(lambda s: not s["link"]["broker"], 10)
    async with scene.lead.live() as live:
        await cut.act("finish")
        await cut.until(lambda s: s["phase"] == "verdict")
        await live.event("step_finished", piece_id=f"pc_{scene.label[-26:]}")
    await killing
    await cut.until(lambda s: s["link"]["broker"] and not s["spool"])
    assert (await scene.history()).count("step_finished") == 1


async def registry_files_that_break_while_serving(scene: Scene, registry: Path) -> None:
    files = ("org/production.yml", "standards/stages.yml")
    for name in files:
        (registry / name).write_text("broken: [", encoding="utf-8")
    told: list[Json] = []
    for restarted in (False, True):
        if restarted:
            await scene.factory.kill("serve")
        for _ in range(200):
            with contextlib.suppress(OSError, TimeoutError):
                told = await scene.lead.get("/registry/problems")
            if len(told) == len(files):
                break
            await asyncio.sleep(0.1)
        assert [(one["file"], one["serving"]) for one in told] == [
            (file, "last_good") for file in files
        ]
        assert all(one["line"] and one["reason"] for one in told)
        assert (await scene.lead.get("/stages"))[0]["code"] == "MAT"
        told = []
