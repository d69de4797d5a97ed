"""Story three: scan, judge on the spot, correct the design, rework; cloud and stations for real."""

import asyncio
import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest

from tests.journeys.crew import Crew
from tests.journeys.factory import Factory
from tests.simulators.doors import Json, Live, brief
from tests.simulators.workers import Job

_BEHIND = {"PIECE_WAITING", "STEP_OUT_OF_ORDER", "STEP_ALREADY_DONE"}


@pytest.mark.requirement("WOR", "TRK", "CAP", "SCN", "DEF", "MEA", "VER")
@pytest.mark.requirement("RWK", "FBK", "MQT", "SYN", "KSK", "AUD")
@pytest.mark.timeout(600)
async def test_an_uneven_hem_fails_is_corrected_by_the_designer_sewn_again_and_passes(
    factory: Factory, pictures: Path
) -> None:
    crew = await Crew.at(factory, pictures, {1: "uneven"})
    async with crew.lead.live() as live:
        await _cut_and_sew(crew, live)
        failed = await _fail_for_stitches(crew, live)
        await _picture_arrives(crew, live, failed)
        await _correct_and_rework(crew, live, failed)
        await _pass(crew, live)
    await _nothing_is_open_or_doubtful(factory, crew)


async def _cut_and_sew(crew: Crew, live: Live) -> None:
    job = await crew.job(1)
    verdict = await crew.cutting.work_soon(job, "camera")
    assert verdict["verdict"] == "PASS"
    assert {m["outcome"] for m in verdict["measurements"]} == {"PASS"}
    lengths = {m["name"]: (m["value_mm"], m["uncertainty_mm"]) for m in verdict["measurements"]}
    truth = crew.ledger.lines[-1]["truth"]["measures_mm"]
    for name, (value_mm, uncertainty_mm) in lengths.items():
        assert abs(value_mm - truth[name]) <= 1.5 * uncertainty_mm
    await live.event("step_finished", piece_id=job.piece_id, stage="CUT", verdict="PASS")
    await live.event("step_opened", piece_id=job.piece_id, stage="SEW")
    sew = await crew.job(1)
    assert (sew.stage, sew.attempt) == ("SEW", 1)
    verdict = await crew.cutting.work_soon(sew, "usb")
    assert verdict["verdict"] == "NONE"
    assert verdict["next"]["ko"] == "다음: 검품 시작 가능 (QC)"
    await live.event("step_opened", piece_id=job.piece_id, stage="QC")


async def _fail_for_stitches(crew: Crew, live: Live) -> Json:
    job = await crew.job(1)
    assert job.stage == "QC"
    verdict = await crew.inspecting.work_soon(job, "typed")
    assert verdict["verdict"] == "FAIL"
    hem = verdict["stitches"][0]
    assert (hem["seam"], hem["outcome"]) == ("hem", "FAIL")
    assert hem["cv_ratio"] > 0.12
    assert {m["outcome"] for m in verdict["measurements"]} == {"PASS"}
    recorded = await live.event("inspection_recorded", piece_id=job.piece_id, stage="QC")
    assert recorded["verdict"] == "FAIL"
    kiosk = crew.inspecting.bench.kiosk
    shown = await kiosk.until(lambda s: s["phase"] == "verdict", 5)
    assert shown["verdict"]["next"]["ko"] == "재작업 지시를 기다리세요."
    order = await crew.order()
    line = order["pieces"][0]
    assert (line["state"], line["open_stage"]) == ("REWORK", "QC")
    return recorded


async def _picture_arrives(crew: Crew, live: Live, failed: Json) -> None:
    inspection = await crew.lead.get(f"/inspections/{failed['inspection_id']}")
    digest = inspection["picture_sha256"]
    await live.event("media_stored", sha256=digest)
    picture = await crew.designer.fetch(f"/media/{digest}")
    assert picture.status_code == 200
    assert hashlib.sha256(picture.content).hexdigest() == digest
    at_kiosk = await crew.inspecting.bench.kiosk.get(f"/picture/{digest}")
    assert at_kiosk.status_code == 200
    assert (await crew.lead.get(f"/inspections/{failed['inspection_id']}"))["picture_available"]


async def _correct_and_rework(crew: Crew, live: Live, failed: Json) -> None:
    piece = await crew.designer.get(f"/pieces/{failed['piece_id']}")
    change = {"stage": "QC", "kind": "stitch", "name": "hem", "field": "pitch_mm", "value": 2.5}
    made = await crew.designer.post(
        f"/specs/{piece['spec_version']}/corrections",
        {"changes": [change], "reason": "간격을 줄임", "inspection_id": failed["inspection_id"]},
    )
    assert made["spec_version"] != piece["spec_version"]
    gap = made["gaps"][0]
    assert (gap["digital_mm"], gap["corrected_mm"]) == (3.0, 2.5)
    sewing = next(step["step_id"] for step in piece["steps"] if step["stage"] == "SEW")
    outcome = await crew.designer.post(
        f"/pieces/{failed['piece_id']}/rework",
        {
            "step_id": sewing,
            "reason": "스티치가 고르지 않음",
            "inspection_id": failed["inspection_id"],
            "spec_version": made["spec_version"],
        },
    )
    assert (outcome["open_stage"], outcome["attempt"]) == ("SEW", 2)
    await live.event("rework_ordered", piece_id=failed["piece_id"], stage="SEW", attempt=2)
    job = await crew.job(1)
    assert job.pitch_mm == 2.5
    await _guide_tells_the_correction(crew, job)
    await crew.cutting.work_soon(job, "usb")


async def _guide_tells_the_correction(crew: Crew, job: Job) -> None:
    kiosk = crew.cutting.bench.kiosk
    async with asyncio.timeout(30):
        while True:
            await crew.cutting.clear()
            shown = await crew.cutting.show_piece(job, "usb")
            if shown["phase"] == "guide":
                break
            # The station's work package is a moment behind; what it says meanwhile is right too.
            assert shown["refusal"]["code"] in _BEHIND
    assert kiosk.state["step"]["rework"]
    assert "2.5" in kiosk.state["step"]["instruction_ko"]
    assert "2.5" in kiosk.state["step"]["instruction_en"]


async def _pass(crew: Crew, live: Live) -> None:
    await live.event("step_opened", stage="QC", attempt=2)
    job = await crew.job(1)
    assert (job.stage, job.attempt) == ("QC", 2)
    verdict = await crew.inspecting.work_soon(job, "camera")
    assert verdict["verdict"] == "PASS"
    hem = verdict["stitches"][0]
    assert abs(hem["pitch_mm"] - 2.5) < 0.05
    assert verdict["next"]["ko"] == "모든 공정 끝 · 포장으로 보내세요."
    await live.event("piece_completed", piece_id=job.piece_id)
    assert await crew.inspecting.scan_wrongly(job.code, "done") == "PIECE_DONE"


async def _nothing_is_open_or_doubtful(factory: Factory, crew: Crew) -> None:
    order = await crew.order()
    line = order["pieces"][0]
    assert line["state"] == "DONE"
    piece = await crew.lead.get(f"/pieces/{line['piece_id']}")
    told = [(one["stage"], one["attempt"], one["verdict"]) for one in piece["inspections"]]
    assert told == [("CUT", 1, "PASS"), ("QC", 1, "FAIL"), ("QC", 2, "PASS")]
    assert [one["stage"] for one in piece["reworks"]] == ["SEW"]
    kinds = Counter(one["kind"] for one in piece["history"])
    assert (kinds["step_started"], kinds["step_finished"], kinds["rework"]) == (5, 5, 1)
    assert await crew.lead.get("/disputes") == []
    report = json.loads(await factory.command("audit", "verify", "--json"))
    assert report["holds"], report


@pytest.mark.requirement("BUF", "SYN", "TRK")
@pytest.mark.timeout(600)
async def test_a_piece_loses_nothing_and_doubles_nothing_when_station_and_cloud_are_killed(
    factory: Factory, pictures: Path
) -> None:
    crew = await Crew.at(factory, pictures, {1: "good"})
    async with crew.lead.live(after=0) as live:
        job = await crew.job(1)
        killing = asyncio.create_task(factory.kill("serve"))
        verdict = await crew.cutting.work_soon(job, "usb")
        assert verdict["verdict"] == "PASS"
        # The station goes down with what it has not sent; its kiosk comes back with all of it.
        await asyncio.gather(killing, factory.kill("CUT-01"))
        await live.event("step_finished", 90, piece_id=job.piece_id, stage="CUT")
        await live.event("step_opened", 30, piece_id=job.piece_id, stage="SEW")
        await _killed_between_start_and_finish(factory, crew)
        await live.event("step_opened", 60, piece_id=job.piece_id, stage="QC")
        verdict = await crew.inspecting.work_soon(await crew.job(1), "usb")
        assert verdict["verdict"] == "PASS"
        await live.event("piece_completed", 60, piece_id=job.piece_id)
        events = [message for _, message in live.messages if message["type"] != "hello"]
    _all_once(events, job.piece_id)
    assert await crew.lead.get("/disputes") == []


async def _killed_between_start_and_finish(factory: Factory, crew: Crew) -> None:
    kiosk = crew.cutting.bench.kiosk
    job = await crew.job(1)
    await kiosk.until(lambda s: kiosk.connected and s["worker"] is not None, 60)
    await crew.cutting.clear()
    await crew.cutting.show_piece(job, "usb")
    await kiosk.act("start")
    await kiosk.until(lambda s: bool(s["step"] and s["step"]["started"]))
    await factory.kill("CUT-01")
    # A fresh process knows only what lies on its disk.
    await kiosk.until(lambda s: s["phase"] == "idle" and s["worker"] is not None, 60)
    assert kiosk.state["station"]["ready"], "the kiosk is open and knows no work"
    shown = await crew.cutting.show_piece(job, "usb")
    assert shown["phase"] == "guide", brief(shown)
    assert shown["step"]["started"], "the start before the kill is forgotten"
    verdict = await crew.cutting.work_soon(job, "usb")
    assert verdict["verdict"] == "NONE"


def _all_once(events: list[Json], piece_id: str) -> None:
    """Every fact about the piece came once, in an unbroken sequence."""
    sequences = [event["sequence"] for event in events]
    assert sequences == sorted(set(sequences)), "a sequence came twice or late"
    facts = Counter(
        (event["type"], event["payload"]["stage"], event["payload"]["attempt"])
        for event in events
        if event["type"] in {"step_started", "step_finished", "inspection_recorded"}
        and event["payload"]["piece_id"] == piece_id
    )
    assert facts == {
        ("step_started", "CUT", 1): 1,
        ("inspection_recorded", "CUT", 1): 1,
        ("step_finished", "CUT", 1): 1,
        ("step_started", "SEW", 1): 1,
        ("step_finished", "SEW", 1): 1,
        ("step_started", "QC", 1): 1,
        ("inspection_recorded", "QC", 1): 1,
        ("step_finished", "QC", 1): 1,
    }
