"""Written down before shown: the workstation on fakes of its ports."""

import asyncio
from datetime import datetime, timedelta

import pytest

from edge.station.errors import (
    DiskFullError,
    InspectionUnavailableError,
    NotEnrolledError,
    StationBusyError,
)
from edge.station.events import AlarmCleared, AlarmRaised
from edge.station.progress import StepRecord
from tests.fakes import station_home as home
from tests.fakes.workstation import Stand, judged

PIECE_CODE = home.code("P", home.piece_ulid(3))
pytestmark = pytest.mark.requirement("KSK", "BUF", "VER")


async def test_the_verdict_is_shown_after_inspection_and_finish_were_committed_together() -> None:
    stand = await (await Stand().ready()).begun()
    await stand.station.act("finish")
    await stand.settled()
    assert stand.types()[-2:] == ["inspection_recorded", "step_finished"]
    facts, stamp = stand.journal.commits[-1]
    assert len(facts) == 2
    assert stamp.worker == "worker@demo.example"
    assert stamp.basis == stand.station.index.package.digest
    assert facts[0].picture_sha256 in stand.pictures.kept
    shown = stand.station.state.shown
    assert (stand.station.state.phase, shown.verdict) == ("verdict", "PASS")
    assert shown.scan_to_verdict_ms > 0


async def test_a_full_disk_shows_nothing_as_done_and_recovers_by_itself() -> None:
    stand = await (await Stand().ready()).begun()
    stand.journal.full = True
    await stand.station.act("finish")
    await stand.settled()
    state = stand.station.state
    assert (state.phase, state.refusal.code) == ("refused", "DISK_FULL")
    assert state.shown is None
    assert "disk_full" in stand.station.alarms.codes()
    assert "step_finished" not in stand.types()
    stand.journal.full = False
    await stand.station.tick()
    assert "disk_full" not in stand.station.alarms.codes()
    assert stand.station.state.phase == "guide"
    written = [f for f in stand.journal.facts if isinstance(f, AlarmRaised | AlarmCleared)]
    assert [(f.type, f.code) for f in written] == [
        ("alarm_raised", "disk_full"),
        ("alarm_cleared", "disk_full"),
    ]
    await stand.station.act("finish")
    await stand.settled()
    assert stand.station.state.phase == "verdict"


async def test_a_spent_reserve_is_told_at_the_kiosk_and_work_goes_on() -> None:
    stand = await Stand().ready()
    stand.journal.reserve = False
    await stand.station.tick()
    assert "disk_low" in stand.station.alarms.codes()
    assert [f.code for f in stand.journal.facts if isinstance(f, AlarmRaised)] == ["disk_low"]
    await stand.begun()
    await stand.station.act("finish")
    await stand.settled()
    assert stand.station.state.shown.verdict == "PASS"
    stand.journal.reserve = True
    await stand.station.tick()
    assert "disk_low" not in stand.station.alarms.codes()
    stand.station.agent_disk_low = True
    await stand.station.tick()
    assert "disk_low" in stand.station.alarms.codes()


async def test_the_counters_of_today_start_anew_at_local_midnight() -> None:
    stand = await Stand().ready()
    stand.clock.at = datetime(2026, 5, 4, 23, 50).astimezone()
    stand.inspector.answer = judged("FAIL")
    await stand.begun()
    await stand.station.act("finish")
    await stand.settled()
    shown = stand.station.snapshot()
    assert (shown.finished_count, shown.failed_count) == (1, 1)
    stand.clock.at += timedelta(minutes=11)
    await stand.station.tick()
    assert (stand.journal.snapshots[-1].finished_count, stand.station.tally.failed_count) == (0, 0)


async def test_a_retake_does_not_count_its_attempt_a_second_time() -> None:
    stand = await Stand().ready()
    stand.inspector.answer = judged("REVIEW")
    await stand.begun()
    await stand.station.act("finish")
    await stand.settled()
    stand.inspector.answer = judged("FAIL")
    await stand.station.act("retake")
    await stand.settled()
    assert stand.types().count("step_finished") == 2
    shown = stand.station.snapshot()
    assert (shown.finished_count, shown.failed_count) == (1, 1)


async def test_a_full_disk_at_the_start_button_is_told_to_who_pressed() -> None:
    stand = await Stand().ready()
    await stand.station.scan(home.code("B", home.BADGE_CUTTER), "hid")
    await stand.station.scan(PIECE_CODE, "hid")
    stand.journal.full = True
    with pytest.raises(DiskFullError):
        await stand.station.act("start")
    assert not stand.station.state.work.started


async def test_an_unplugged_camera_leaves_the_step_open() -> None:
    stand = await (await Stand().ready()).begun()
    stand.camera.unplugged = True
    await stand.station.act("finish")
    await stand.settled()
    assert stand.station.state.refusal.code == "CAMERA_UNPLUGGED"
    assert stand.station.state.work.started
    stand.camera.unplugged = False
    await stand.station.act("finish")
    await stand.settled()
    assert stand.station.state.shown.verdict == "PASS"


async def test_a_black_picture_is_refused_with_an_alarm_and_no_verdict() -> None:
    stand = await (await Stand().ready()).begun()
    stand.inspector.answer = judged("REVIEW", reasons=("frame_black",))
    await stand.station.act("finish")
    await stand.settled()
    assert stand.station.state.refusal.code == "FRAME_BLACK"
    assert "frame_black" in stand.station.alarms.codes()
    assert "step_finished" not in stand.types()
    stand.inspector.answer = judged()
    await stand.station.act("finish")
    await stand.settled()
    assert "frame_black" not in stand.station.alarms.codes()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InspectionUnavailableError(detail="BUNDLE_CORRUPT"), "INSPECTION_UNAVAILABLE"),
        (RuntimeError("the session broke"), "INSPECTION_FAILED"),
    ],
)
async def test_a_pipeline_that_cannot_judge_says_so_and_nothing_is_done(error, code) -> None:
    stand = await (await Stand().ready()).begun()
    stand.inspector.answer = error
    await stand.station.act("finish")
    await stand.settled()
    assert stand.station.state.refusal.code == code
    assert "step_finished" not in stand.types()


async def test_while_a_picture_is_judged_buttons_wait_and_scans_queue() -> None:
    stand = await (await Stand().ready()).begun()
    stand.inspector.gate = asyncio.Event()
    await stand.station.act("finish")
    with pytest.raises(StationBusyError):
        await stand.station.act("cancel")
    scan = asyncio.create_task(stand.station.scan(home.code("P", home.piece_ulid(4)), "hid"))
    await asyncio.sleep(0.01)
    assert not scan.done()
    stand.inspector.gate.set()
    await scan
    assert stand.station.state.work.piece.number == 4


async def test_what_a_neighbour_tells_counts_once() -> None:
    stand = await Stand(stages=("QC",)).ready()
    for stage, event_id in (("CUT", b"1"), ("SEW", b"2"), ("SEW", b"2")):
        record = StepRecord(
            piece_id=f"pc_{home.piece_ulid(3)}",
            step_id=f"stp_{home.STEPS[stage]}",
            kind="finished",
            attempt=1,
            verdict="PASS",
        )
        await stand.station.heard(event_id, record)
    await stand.station.scan(home.code("B", home.BADGE_INSPECTOR), "hid")
    await stand.station.scan(PIECE_CODE, "hid")
    assert stand.station.state.work.step.stage == "QC"


async def test_a_package_of_another_organization_is_refused() -> None:
    stand = await Stand().ready()
    package = home.package()
    package.organization_id = f"org_{home.OTHER}"
    with pytest.raises(NotEnrolledError):
        await stand.ready(package)


async def test_the_present_state_goes_out_when_it_changes() -> None:
    stand = await Stand().ready()
    await stand.station.tick()
    await stand.station.tick()
    assert len(stand.journal.snapshots) == 1
    await stand.station.scan(home.code("B", home.BADGE_CUTTER), "hid")
    await stand.station.tick()
    assert stand.journal.snapshots[-1].worker == "worker@demo.example"


async def test_links_and_camera_show_as_alarms_and_go_away() -> None:
    stand = Stand()
    await stand.station.observe(broker=False, cloud=False, camera="camera_unplugged")
    assert set(stand.station.alarms.codes()) == {
        "enrolment_pending",
        "broker_away",
        "camera_unplugged",
    }
    await stand.ready()
    await stand.station.observe(broker=True, cloud=True, camera=None)
    assert stand.station.alarms.codes() == ()
