"""What goes wrong at a station is said there, nothing is recorded as done, and work goes on."""

from pathlib import Path

import pytest

from tests.journeys.crew import Crew
from tests.journeys.factory import Factory

_ORGANIZATION = "01K0DEM0000000000000000000"


@pytest.mark.requirement("SCN", "CAP", "KSK", "TRK")
@pytest.mark.timeout(600)
async def test_wrong_codes_and_a_blind_camera_are_named_and_record_nothing(
    factory: Factory, pictures: Path
) -> None:
    crew = await Crew.at(factory, pictures, {1: "good"})
    worker, kiosk = crew.cutting, crew.cutting.bench.kiosk
    job = await crew.job(1)
    nobody = "0" * 26
    wrong = {
        f"KY1:P:{_ORGANIZATION}:{nobody}": "PIECE_UNKNOWN",
        f"KY1:P:01K00THER00000000000000000:{nobody}": "CODE_OTHER_ORGANIZATION",
        "https://example.com/poster": "CODE_FOREIGN",
    }
    for text, code in wrong.items():
        assert await worker.scan_wrongly(text, code) == code
    assert await crew.inspecting.scan_wrongly(job.code, "out of order") == "STEP_OUT_OF_ORDER"
    unplugged = await worker.work_soon(job, "usb", fault="unplugged")
    assert unplugged["verdict"] == "PASS"
    assert _faults(crew) == ["CAMERA_UNPLUGGED"]
    second = await crew.job(2)
    verdict = await worker.work_soon(second, "usb", fault="black")
    assert verdict["verdict"] == "PASS"
    assert _faults(crew) == ["CAMERA_UNPLUGGED", "FRAME_BLACK"]
    await kiosk.until(lambda s: not s["alarms"], 15)
    await _judged_once(crew, (job.piece_id, second.piece_id))


def _faults(crew: Crew) -> list[str]:
    return [line["refusal"] for line in crew.ledger.lines if line["what"] == "fault"]


async def _judged_once(crew: Crew, piece_ids: tuple[str, ...]) -> None:
    async with crew.lead.live(after=0) as live:
        for piece_id in piece_ids:
            await live.event("step_finished", 30, piece_id=piece_id, stage="CUT")
    for piece_id in piece_ids:
        piece = await crew.lead.get(f"/pieces/{piece_id}")
        assert [one["verdict"] for one in piece["inspections"]] == ["PASS"]
        assert piece["open_stage"] == "SEW"
