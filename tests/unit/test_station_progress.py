"""Where a piece stands, from the package and from what was heard since."""

import hashlib

import pytest

from edge.infrastructure.wire_work_package import decode_work_package
from edge.station.hearing import Hearing
from edge.station.progress import Progress, StepRecord
from edge.station.work_package import WorkIndex
from tests.fakes import station_home as home

CUT, SEW, QC = (f"stp_{home.STEPS[stage]}" for stage in ("CUT", "SEW", "QC"))
PIECE = f"pc_{home.piece_ulid(1)}"

pytestmark = pytest.mark.requirement("TRK")


def standing(records, *, open_step=CUT, state="OPEN", attempt=1):
    package = home.package()
    piece = package.work_orders[0].pieces[0]
    piece.open_step_id, piece.state, piece.attempt = open_step, state, attempt
    raw = package.SerializeToString(deterministic=True)
    index = WorkIndex(decode_work_package(raw, hashlib.sha256(raw).hexdigest()))
    found = index.piece(PIECE)
    return Progress(records).standing(found.order, found.piece)


def record(kind, step, attempt=1, verdict=""):
    return StepRecord(
        piece_id=PIECE, step_id=step, kind=kind, attempt=attempt, verdict=verdict, station="X"
    )


def passed(step, attempt=1):
    return record("finished", step, attempt, "PASS")


def failed(step, attempt=1):
    return record("finished", step, attempt, "FAIL")


def brief(found):
    return (found.step.step_id if found.step else "", found.attempt, found.state)


def test_a_package_alone_names_step_and_attempt() -> None:
    assert brief(standing([])) == (CUT, 1, "OPEN")


def test_finishes_move_the_piece_on_and_the_last_one_ends_it() -> None:
    assert brief(standing([passed(CUT)])) == (SEW, 1, "OPEN")
    assert brief(standing([passed(CUT), passed(SEW), passed(QC)])) == ("", 1, "DONE")


def test_a_start_shows_as_started_and_a_double_changes_nothing() -> None:
    begun = record("started", CUT)
    assert brief(standing([begun, begun])) == (CUT, 1, "STARTED")
    assert brief(standing([begun, passed(CUT), passed(CUT)])) == (SEW, 1, "OPEN")


def test_records_already_in_the_package_count_once() -> None:
    assert brief(standing([passed(CUT), passed(SEW)], open_step=QC)) == (QC, 1, "OPEN")
    assert brief(standing([passed(CUT)], open_step=QC)) == (QC, 1, "OPEN")


def test_a_failure_waits_and_a_doubt_is_reviewed_until_the_package_says_more() -> None:
    assert brief(standing([failed(CUT)])) == (CUT, 1, "WAITING")
    assert brief(standing([record("finished", CUT, 1, "REVIEW")])) == (CUT, 1, "REVIEW")
    assert brief(standing([failed(CUT)], attempt=2)) == (CUT, 2, "OPEN")
    assert brief(standing([], state="REWORK")) == (CUT, 1, "WAITING")


def test_a_retake_after_a_doubt_is_the_newer_word() -> None:
    doubt = record("finished", CUT, 1, "REVIEW")
    assert brief(standing([doubt, passed(CUT)])) == (SEW, 1, "OPEN")


def test_a_rework_opens_every_later_step_again_with_its_attempt() -> None:
    story = [passed(CUT), passed(SEW), failed(QC)]
    assert brief(standing(story, open_step=SEW, attempt=2)) == (SEW, 2, "OPEN")
    story.append(passed(SEW, 2))
    assert brief(standing(story, open_step=SEW, attempt=2)) == (QC, 2, "OPEN")
    story.append(passed(QC, 2))
    assert brief(standing(story, open_step=SEW, attempt=2))[2] == "DONE"


def test_an_attempt_never_falls_along_the_order() -> None:
    assert brief(standing([passed(SEW, 2)], open_step=SEW, attempt=2)) == (QC, 2, "OPEN")


def test_a_restart_keeps_only_the_pieces_of_the_package() -> None:
    progress = Progress([passed(CUT)])
    progress.forget_all_but(frozenset())
    assert not progress.started_here(PIECE, CUT, 1)


def test_the_order_is_known_only_when_nothing_can_have_been_missed() -> None:
    hearing = Hearing()
    second = 1_000_000_000
    assert not hearing.order_known
    hearing.observe(broker=True, cloud=False, now_ns=0)
    assert not hearing.order_known
    hearing.observe(broker=True, cloud=True, now_ns=1 * second)
    hearing.observe(broker=True, cloud=True, now_ns=4 * second)
    assert hearing.order_known
    hearing.observe(broker=True, cloud=False, now_ns=5 * second)
    assert hearing.order_known
    hearing.observe(broker=False, cloud=True, now_ns=6 * second)
    hearing.observe(broker=True, cloud=False, now_ns=7 * second)
    assert not hearing.order_known
