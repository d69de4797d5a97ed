"""The worker's way through a piece, and every refusal on it."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from edge.infrastructure.wire_work_package import decode_work_package
from edge.interfaces.kiosk.texts import say
from edge.station import guide
from edge.station.errors import (
    ChoiceUnknownError,
    NothingToFinishError,
    NothingToRetakeError,
    NothingToStartError,
    StandardMissingError,
)
from edge.station.events import (
    BadgeEnded,
    BadgeScanned,
    InspectionRecorded,
    ScanRefused,
    StepFinished,
    StepStarted,
)
from edge.station.guide_state import Floor, GuideState
from edge.station.inspection_record import InspectionRecord
from edge.station.progress import Progress, StepRecord
from edge.station.work_package import WorkIndex
from edge.station.worker import BadgeRules
from tests.fakes import station_home as home

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
CUT, SEW, QC = (f"stp_{home.STEPS[stage]}" for stage in ("CUT", "SEW", "QC"))
PIECE = f"pc_{home.piece_ulid(3)}"
BADGE = home.code("B", home.BADGE_CUTTER)
INSPECTOR = home.code("B", home.BADGE_INSPECTOR)
PIECE_CODE = home.code("P", home.piece_ulid(3))

pytestmark = pytest.mark.requirement("KSK", "TRK", "SCN")


def floor(package=None, *, stages=("CUT", "SEW"), order_known=True, records=(), now=NOON, **more):
    content = package or home.package(stages=stages)
    raw = content.SerializeToString(deterministic=True)
    digest = __import__("hashlib").sha256(raw).hexdigest()
    return Floor(
        **(
            {
                "organization_id": f"org_{home.ORGANIZATION}",
                "stages": frozenset(stages),
                "index": WorkIndex(decode_work_package(raw, digest)),
                "progress": Progress(records),
                "order_known": order_known,
                "rules": BadgeRules(silence=timedelta(minutes=30), shift_end=time(18, 0)),
                "now": now,
            }
            | more
        )
    )


def signed_in(around=None, badge=BADGE):
    return guide.scan(GuideState(), around or floor(), badge, "hid").state


def done(step, verdict="PASS", attempt=1, piece=PIECE):
    return StepRecord(
        piece_id=piece, step_id=step, kind="finished", attempt=attempt, verdict=verdict
    )


def refusal(decision):
    assert decision.state.phase == "refused"
    return decision.state.refusal.code


def test_a_badge_signs_the_worker_in() -> None:
    decision = guide.scan(GuideState(), floor(), BADGE, "hid")
    assert decision.state.worker.login == "worker@demo.example"
    assert decision.facts == (BadgeScanned(login="worker@demo.example", reader="hid"),)


def test_another_badge_ends_the_first_one() -> None:
    around = floor(stages=("CUT", "SEW", "QC"))
    decision = guide.scan(signed_in(around), around, INSPECTOR, "hid")
    assert decision.facts[0] == BadgeEnded(login="worker@demo.example", reason="other_badge")
    assert decision.state.worker.login == "lead@demo.example"


def test_scanning_the_same_piece_starts_and_then_finishes_its_step() -> None:
    around = floor()
    shown = guide.scan(signed_in(), around, PIECE_CODE, "camera")
    assert (shown.state.phase, shown.facts) == ("guide", ())
    begun = guide.scan(shown.state, around, PIECE_CODE, "camera")
    assert begun.facts == (
        StepStarted(
            piece_id=PIECE,
            step_id=CUT,
            stage="CUT",
            spec_version="1",
            attempt=1,
            reader="camera",
            order_unconfirmed=False,
        ),
    )
    ended = guide.scan(begun.state, around, PIECE_CODE, "hid")
    assert ended.inspect
    assert ended.state.phase == "capturing"
    assert ended.facts == ()


def test_an_inspection_and_the_finish_come_as_one_pair_of_facts() -> None:
    around = floor()
    state = guide.start(guide.scan(signed_in(), around, PIECE_CODE, "hid").state, around).state
    state = guide.finish(state, around).state
    record = InspectionRecord(verdict="FAIL")
    decision = guide.judged(state, record, "ins_1", "ab" * 32)
    assert [type(fact) for fact in decision.facts] == [InspectionRecorded, StepFinished]
    assert decision.facts[1].verdict == "FAIL"
    assert decision.facts[1].inspection_id == "ins_1"
    assert decision.state.phase == "verdict"


def test_a_step_without_a_check_is_finished_at_once() -> None:
    around = floor(home.package(checked=False))
    state = guide.start(guide.scan(signed_in(), around, PIECE_CODE, "hid").state, around).state
    decision = guide.finish(state, around)
    assert decision.facts[0].verdict == "NONE"
    assert decision.state.shown.verdict == "NONE"


def test_without_a_badge_a_scan_is_refused_and_nothing_is_recorded() -> None:
    decision = guide.scan(GuideState(), floor(), PIECE_CODE, "hid")
    assert refusal(decision) == "BADGE_MISSING"
    assert decision.facts == ()


OTHER = home.code("P", home.piece_ulid(3), home.OTHER)
UNKNOWN = home.code("P", "01JP1ECE000000000000999999")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (home.code("B", "01JBADGE000000000000N0B0DY"), "BADGE_UNKNOWN"),
        (INSPECTOR, "BADGE_NOT_FOR_STAGE"),
        ("https://vendor.example/wo/1", "CODE_FOREIGN"),
        ("KY1:P:short", "CODE_FOREIGN"),
        ("", "CODE_FOREIGN"),
        (OTHER, "CODE_OTHER_ORGANIZATION"),
        (UNKNOWN, "PIECE_UNKNOWN"),
        (home.code("W", "01JW0RK0000000000000000ZZZ"), "ORDER_UNKNOWN"),
        (home.code("S", "01JSTEP000000000000000ZZZZ"), "ORDER_UNKNOWN"),
        (home.code("T", home.ORDER), "CODE_NOT_FOR_WORK"),
        (home.code("C", home.ORDER), "CODE_NOT_FOR_WORK"),
        ("ZZZZZZ", "SHORT_CODE_UNKNOWN"),
    ],
)
def test_a_code_that_starts_nothing_here_is_refused_by_name(text, code) -> None:
    decision = guide.scan(signed_in(), floor(), text, "hid")
    assert refusal(decision) == code
    if text:
        assert decision.facts == (ScanRefused(text=text, code=code, reader="hid"),)


def test_before_enrolment_and_before_the_package_scans_are_refused() -> None:
    assert refusal(guide.scan(GuideState(), floor(organization_id=None), BADGE, "hid")) == (
        "NOT_ENROLLED"
    )
    assert refusal(guide.scan(GuideState(), floor(index=None), BADGE, "hid")) == "PACKAGE_MISSING"


def test_an_open_earlier_step_sends_the_piece_there() -> None:
    around = floor(stages=("QC",))
    decision = guide.scan(signed_in(around, INSPECTOR), around, PIECE_CODE, "hid")
    assert refusal(decision) == "STEP_OUT_OF_ORDER"
    assert decision.state.refusal.details["stage"] == "CUT"
    assert decision.state.refusal.details["step_ko"] == "재단"
    assert say("refusal.STEP_OUT_OF_ORDER", "ko", decision.state.refusal.details) == (
        "먼저 재단(CUT) 공정을 끝내야 합니다. 재단(CUT) 스테이션으로 가져가세요."
    )


def test_the_refusal_names_the_stations_that_take_the_open_step() -> None:
    package = home.package(stages=("QC",))
    package.work_orders[0].steps[0].stations.extend(["CUT-01", "CUT-02"])
    around = floor(package, stages=("QC",))
    decision = guide.scan(signed_in(around, INSPECTOR), around, PIECE_CODE, "hid")
    details = decision.state.refusal.details
    assert say("refusal.STEP_OUT_OF_ORDER", "en", details) == (
        "Cutting (CUT) comes first. Take it to CUT-01, CUT-02."
    )


@pytest.mark.parametrize(("verdict", "still"), [("PASS", False), ("FAIL", False), ("REVIEW", True)])
def test_a_rework_is_over_once_its_verdict_stands(verdict, still) -> None:
    package = home.package()
    piece = package.work_orders[0].pieces[2]
    piece.open_step_id, piece.attempt, piece.instruction_ko = CUT, 2, "다시 자르세요"
    around = floor(package)
    shown = guide.scan(signed_in(), around, PIECE_CODE, "hid").state
    assert shown.work.rework
    looking = guide.finish(guide.start(shown, around).state, around).state
    assert looking.work.rework
    record = InspectionRecord(verdict=verdict)
    judged = guide.judged(looking, record, "ins_1", "").state
    assert judged.work.rework is still
    assert guide.refreshed(judged, around).work.rework is still


def test_a_piece_is_judged_by_the_points_of_its_size() -> None:
    package = home.package()
    standard = package.work_orders[0].steps[0].standard
    standard.points[0].size = "L"
    medium = standard.points.add()
    medium.CopyFrom(standard.points[0])
    medium.size, medium.nominal_mm = "M", 480.0
    work = guide.scan(signed_in(), floor(package), PIECE_CODE, "hid").state.work
    assert [(point.size, point.nominal_mm) for point in work.standard.points] == [("M", 480.0)]


def test_what_the_neighbour_finished_opens_the_next_step() -> None:
    around = floor(stages=("QC",), records=[done(CUT), done(SEW)])
    decision = guide.scan(signed_in(around, INSPECTOR), around, PIECE_CODE, "hid")
    assert decision.state.work.step.step_id == QC
    assert not decision.state.work.order_unconfirmed


def test_with_a_silent_floor_the_order_is_accepted_unconfirmed() -> None:
    around = floor(stages=("QC",), order_known=False)
    shown = guide.scan(signed_in(around, INSPECTOR), around, PIECE_CODE, "hid")
    assert shown.state.work.order_unconfirmed
    begun = guide.start(shown.state, around)
    assert begun.facts[0].order_unconfirmed


def test_a_finished_step_names_the_station_that_comes_next() -> None:
    around = floor(stages=("CUT",), records=[done(CUT)])
    decision = guide.scan(signed_in(around), around, PIECE_CODE, "hid")
    assert refusal(decision) == "STEP_ALREADY_DONE"
    assert decision.state.refusal.details["stage"] == "SEW"


def test_a_station_of_another_kind_is_refused() -> None:
    package = home.package(stages=("CUT", "PACK"))
    package.roster[0].stages.append("PACK")
    around = floor(package, stages=("PACK",))
    decision = guide.scan(signed_in(around), around, PIECE_CODE, "hid")
    assert refusal(decision) == "STATION_WRONG_KIND"


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("DONE", "PIECE_DONE"),
        ("QUARANTINE", "PIECE_QUARANTINED"),
        ("ESCALATED", "PIECE_ESCALATED"),
        ("SCRAPPED", "PIECE_SCRAPPED"),
        ("REVIEW", "PIECE_IN_REVIEW"),
        ("REWORK", "PIECE_WAITING"),
    ],
)
def test_a_piece_that_waits_for_people_is_refused(state, code) -> None:
    package = home.package()
    package.work_orders[0].pieces[2].state = state
    around = floor(package)
    assert refusal(guide.scan(signed_in(), around, PIECE_CODE, "hid")) == code


def test_a_piece_in_rework_elsewhere_is_sent_there() -> None:
    package = home.package(stages=("QC",))
    piece = package.work_orders[0].pieces[2]
    piece.open_step_id, piece.attempt = SEW, 2
    piece.instruction_ko = "스티치 재작업 필요 (2.5 mm 간격)"
    around = floor(package, stages=("QC",))
    decision = guide.scan(signed_in(around, INSPECTOR), around, PIECE_CODE, "hid")
    assert refusal(decision) == "PIECE_IN_REWORK"
    assert decision.state.refusal.details["stage"] == "SEW"


def test_an_ordered_rework_is_shown_with_its_instruction_and_attempt() -> None:
    package = home.package()
    piece = package.work_orders[0].pieces[2]
    piece.open_step_id, piece.attempt = SEW, 2
    piece.instruction_ko = "스티치 재작업 필요 (2.5 mm 간격)"
    records = [done(CUT), done(SEW, "FAIL")]
    work = guide.scan(signed_in(), floor(package, records=records), PIECE_CODE, "hid").state.work
    assert (work.step.step_id, work.attempt, work.rework) == (SEW, 2, True)
    assert work.piece.instruction_ko == "스티치 재작업 필요 (2.5 mm 간격)"


def test_a_failed_piece_waits_until_its_rework_is_ordered() -> None:
    around = floor(records=[done(CUT, "FAIL")])
    assert refusal(guide.scan(signed_in(), around, PIECE_CODE, "hid")) == "PIECE_WAITING"


def test_a_badge_without_the_steps_stage_may_not_begin_it() -> None:
    package = home.package()
    del package.roster[0].stages[:]
    package.roster[0].stages.append("SEW")
    around = floor(package)
    decision = guide.scan(signed_in(around), around, PIECE_CODE, "hid")
    assert refusal(decision) == "BADGE_NOT_FOR_STAGE"
    assert decision.state.refusal.details["stage"] == "CUT"


def test_six_characters_find_the_piece_or_list_several() -> None:
    one = guide.scan(signed_in(), floor(), "000003", "kiosk")
    assert one.state.work.piece.number == 3
    package = home.package()
    package.work_orders[0].pieces[4].piece_id = "pc_01JP1ECE000000000001000003"
    around = floor(package)
    several = guide.scan(signed_in(), around, "000003", "kiosk")
    assert several.state.phase == "choose"
    assert len(several.state.choices) == 2
    chosen = guide.choose(several.state, around, several.state.choices[1].id)
    assert chosen.state.work.piece.number == 5
    with pytest.raises(ChoiceUnknownError):
        guide.choose(several.state, around, "pc_other")


def test_six_characters_of_a_badge_sign_in_where_nobody_is() -> None:
    decision = guide.scan(GuideState(), floor(), home.BADGE_CUTTER[-6:].lower(), "kiosk")
    assert decision.state.worker.login == "worker@demo.example"


def test_a_work_order_lists_the_pieces_that_wait_here() -> None:
    around = floor(records=[done(CUT, piece=f"pc_{home.piece_ulid(1)}")])
    decision = guide.scan(signed_in(), around, home.code("W", home.ORDER), "hid")
    assert [choice.number for choice in decision.state.choices] == list(range(1, 11))
    everywhere = floor(stages=("QC",))
    state = signed_in(everywhere, INSPECTOR)
    decision = guide.scan(state, everywhere, home.code("W", home.ORDER), "hid")
    assert refusal(decision) == "NO_PIECE_WAITING"


def test_a_step_card_acts_on_the_piece_shown() -> None:
    around = floor()
    shown = guide.scan(signed_in(), around, PIECE_CODE, "hid").state
    wrong = guide.scan(shown, around, home.code("S", home.STEPS["SEW"]), "hid")
    assert refusal(wrong) == "STEP_CARD_MISMATCH"
    right = guide.scan(wrong.state, around, home.code("S", home.STEPS["CUT"]), "hid")
    assert isinstance(right.facts[0], StepStarted)


def test_a_refusal_leaves_the_piece_on_the_table() -> None:
    around = floor()
    begun = guide.start(guide.scan(signed_in(), around, PIECE_CODE, "hid").state, around).state
    refused = guide.scan(begun, around, OTHER, "hid").state
    assert refused.work == begun.work
    assert guide.cancel(refused).state.phase == "guide"
    assert guide.finish(refused, around).inspect


def test_buttons_without_their_piece_are_refused() -> None:
    around = floor()
    with pytest.raises(NothingToStartError):
        guide.start(signed_in(), around)
    with pytest.raises(NothingToFinishError):
        guide.finish(signed_in(), around)
    with pytest.raises(NothingToRetakeError):
        guide.retake(signed_in(), around)


def test_a_checked_step_without_a_standard_cannot_be_finished() -> None:
    package = home.package()
    package.work_orders[0].steps[0].ClearField("standard")
    around = floor(package)
    state = guide.start(guide.scan(signed_in(), around, PIECE_CODE, "hid").state, around).state
    with pytest.raises(StandardMissingError):
        guide.finish(state, around)


def test_only_a_doubtful_verdict_can_be_taken_again() -> None:
    around = floor()
    state = guide.start(guide.scan(signed_in(), around, PIECE_CODE, "hid").state, around).state
    looking = guide.finish(state, around).state
    passed = guide.judged(looking, InspectionRecord(verdict="PASS"), "ins_1", "").state
    with pytest.raises(NothingToRetakeError):
        guide.retake(passed, around)
    doubtful = guide.judged(looking, InspectionRecord(verdict="REVIEW"), "ins_1", "").state
    again = guide.retake(doubtful, around)
    assert again.inspect
    assert again.state.work.attempt == 1


@pytest.mark.parametrize(
    ("after", "reason"),
    [(timedelta(minutes=30), "silence"), (timedelta(hours=6), "silence")],
)
def test_silence_ends_the_badge(after, reason) -> None:
    state = signed_in()
    decision = guide.tick(state, floor(now=NOON + after))
    assert decision.facts == (BadgeEnded(login="worker@demo.example", reason=reason),)
    assert decision.state.worker is None
    assert guide.tick(state, floor(now=NOON + after - timedelta(hours=5, minutes=31))) is None


def test_the_end_of_the_shift_ends_the_badge() -> None:
    state = signed_in()
    late = replace(state.worker, last_act=NOON.replace(hour=17, minute=50))
    evening = floor(now=NOON.replace(hour=18, minute=0))
    decision = guide.tick(replace(state, worker=late), evening)
    assert decision.facts[0].reason == "shift_end"


def test_a_new_package_refreshes_the_piece_on_the_table() -> None:
    state = guide.scan(signed_in(), floor(), PIECE_CODE, "hid").state
    package = home.package()
    package.work_orders[0].pieces[2].instruction_ko = "간격을 줄이세요"
    fresh = guide.refreshed(state, floor(package))
    assert fresh.work.piece.instruction_ko == "간격을 줄이세요"
