"""Where a piece stands, whatever the order in which its facts come."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.production.change import facts_between
from cloud.production.events import PieceCompleted, PieceQuarantined, StepOpened
from cloud.production.piece import Decision, DecisionKind, Piece, PieceState
from cloud.production.step import Step, StepFinish, StepStart

MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CUT, SEW, QC = (
    Step(
        step_id=f"stp_{stage}",
        position=position,
        stage=stage,
        title_ko=stage,
        title_en=stage,
        requires_quality_check=stage != "SEW",
    )
    for position, stage in enumerate(("CUT", "SEW", "QC"), start=1)
)
FRESH = Piece(
    piece_id="pc_1",
    work_order_id="wo_1",
    work_order_number="WO-1",
    number=1,
    size="M",
    spec_version="wo_1.1",
    known_versions=frozenset({"wo_1.1", "wo_1.2"}),
    rework_limit=2,
    steps=(CUT, SEW, QC),
)


def at(minute: int) -> datetime:
    return MORNING + timedelta(minutes=minute)


def start(step: Step, minute: int, attempt: int = 1) -> StepStart:
    return StepStart(
        step_id=step.step_id,
        attempt=attempt,
        spec_version="wo_1.1",
        station_id="sta_1",
        worker="worker",
        at=at(minute),
    )


def finish(
    step: Step, minute: int, verdict: str, attempt: int = 1, *, critical: bool = False
) -> StepFinish:
    return StepFinish(
        step_id=step.step_id,
        attempt=attempt,
        spec_version="wo_1.1",
        station_id="sta_1",
        worker="worker",
        at=at(minute),
        inspection_id="" if verdict == "NONE" else f"ins_{step.stage}_{attempt}_{minute}",
        verdict=verdict,
        critical=critical,
    )


def decide(piece: Piece, kind: DecisionKind, step: Step, attempt: int, **more: str) -> Piece:
    return piece.with_decision(
        Decision(
            position=piece.next_decision,
            kind=kind,
            step_id=step.step_id,
            attempt=attempt,
            reason="because",
            by="lead",
            at=at(1000),
            **more,
        )
    )


def told(piece: Piece, *facts: StepStart | StepFinish) -> Piece:
    for fact in facts:
        piece = piece.with_start(fact) if isinstance(fact, StepStart) else piece.with_finish(fact)
    return piece


def standing(piece: Piece) -> tuple[str, str, int]:
    progress = piece.progress()
    return progress.state, progress.step.stage if progress.step else "", progress.attempt


pytestmark = pytest.mark.requirement("TRK")


def test_a_fresh_piece_waits_for_its_first_step() -> None:
    assert standing(FRESH) == ("OPEN", "CUT", 1)


def test_a_start_and_a_pass_open_the_next_step() -> None:
    piece = told(FRESH, start(CUT, 0))
    assert standing(piece) == ("STARTED", "CUT", 1)
    assert standing(told(piece, finish(CUT, 5, "PASS"))) == ("OPEN", "SEW", 1)


def test_a_step_without_a_check_passes_with_no_verdict() -> None:
    piece = told(FRESH, finish(CUT, 5, "PASS"), finish(SEW, 9, "NONE"))
    assert standing(piece) == ("OPEN", "QC", 1)


def test_a_piece_is_done_after_its_last_step() -> None:
    facts = (finish(CUT, 5, "PASS"), finish(SEW, 9, "NONE"), finish(QC, 12, "PASS"))
    before = told(FRESH, *facts[:2])
    after = told(before, facts[2])
    assert standing(after) == ("DONE", "", 0)
    assert [type(fact) for fact in facts_between(before, after)] == [PieceCompleted]


def test_a_finish_without_a_start_is_its_own_start() -> None:
    run = told(FRESH, finish(CUT, 5, "PASS")).runs["stp_CUT", 1]
    assert run.began_at == at(5)


def test_a_fact_told_twice_changes_nothing() -> None:
    piece = told(FRESH, start(CUT, 0), finish(CUT, 5, "PASS"))
    assert told(piece, start(CUT, 0), finish(CUT, 5, "PASS")) == piece
    assert told(piece, finish(CUT, 8, "PASS")) == piece


def test_an_early_fact_counts_as_soon_as_its_turn_comes() -> None:
    early = told(FRESH, start(SEW, 7), finish(SEW, 9, "NONE"))
    assert standing(early) == ("OPEN", "CUT", 1)
    assert early.first_before(SEW) == CUT
    late = told(early, finish(CUT, 5, "PASS"))
    assert standing(late) == ("OPEN", "QC", 1)
    assert [type(fact) for fact in facts_between(early, late)] == [StepOpened]


@pytest.mark.requirement("VER")
def test_a_review_waits_for_a_person() -> None:
    piece = told(FRESH, finish(CUT, 5, "REVIEW"))
    assert standing(piece) == ("REVIEW", "CUT", 1)
    passed = decide(piece, DecisionKind.VERDICT, CUT, 1, verdict="PASS")
    assert standing(passed) == ("OPEN", "SEW", 1)
    failed = decide(piece, DecisionKind.VERDICT, CUT, 1, verdict="FAIL")
    assert standing(failed) == ("REWORK", "CUT", 1)


@pytest.mark.requirement("VER")
def test_the_last_word_of_people_counts() -> None:
    piece = told(FRESH, finish(CUT, 5, "REVIEW"))
    piece = decide(piece, DecisionKind.VERDICT, CUT, 1, verdict="FAIL")
    piece = decide(piece, DecisionKind.VERDICT, CUT, 1, verdict="PASS")
    assert standing(piece) == ("OPEN", "SEW", 1)


@pytest.mark.requirement("VER")
def test_a_piece_may_be_shown_again_after_a_review_but_not_after_a_failure() -> None:
    again = told(FRESH, finish(CUT, 5, "REVIEW"), finish(CUT, 6, "PASS"))
    assert standing(again) == ("OPEN", "SEW", 1)
    failed = told(FRESH, finish(CUT, 5, "FAIL"), finish(CUT, 6, "PASS"))
    assert standing(failed) == ("REWORK", "CUT", 1)


@pytest.mark.requirement("VER")
def test_something_critical_puts_the_piece_into_quarantine() -> None:
    after = told(FRESH, finish(CUT, 5, "FAIL", critical=True))
    assert standing(after) == ("QUARANTINE", "CUT", 1)
    assert [type(fact) for fact in facts_between(FRESH, after)] == [PieceQuarantined]
    assert standing(decide(after, DecisionKind.RELEASE, CUT, 1)) == ("OPEN", "SEW", 1)
    assert standing(decide(after, DecisionKind.SCRAP, CUT, 1)) == ("SCRAPPED", "", 0)


@pytest.mark.requirement("VER")
def test_a_criticality_that_comes_later_quarantines_too() -> None:
    failed = told(FRESH, finish(CUT, 5, "FAIL"))
    known = failed.with_criticality("ins_CUT_1_5", critical=True)
    assert standing(known) == ("QUARANTINE", "CUT", 1)
    assert failed.with_criticality("ins_other", critical=True) == failed


@pytest.mark.requirement("RWK")
def test_a_rework_opens_the_earlier_step_and_all_after_it() -> None:
    piece = told(FRESH, finish(CUT, 5, "PASS"), finish(SEW, 9, "NONE"), finish(QC, 12, "FAIL"))
    piece = decide(
        piece,
        DecisionKind.REWORK,
        SEW,
        2,
        spec_version="wo_1.2",
        instruction_ko="스티치 재작업 필요 (2.5 mm 간격)",
        instruction_en="Redo the stitching (pitch 2.5 mm)",
    )
    assert standing(piece) == ("OPEN", "SEW", 2)
    assert piece.progress().instruction_ko == "스티치 재작업 필요 (2.5 mm 간격)"
    assert piece.spec_version == "wo_1.2"
    assert piece.attempt_of(CUT) == 1
    assert piece.attempt_of(QC) == 2
    piece = told(piece, finish(SEW, 20, "NONE", 2))
    assert standing(piece) == ("OPEN", "QC", 2)
    assert piece.progress().instruction_ko == ""
    assert standing(told(piece, finish(QC, 25, "PASS", 2))) == ("DONE", "", 0)


@pytest.mark.requirement("RWK")
def test_a_late_fact_of_an_old_attempt_moves_nothing() -> None:
    piece = told(FRESH, finish(CUT, 5, "FAIL"))
    piece = decide(piece, DecisionKind.REWORK, CUT, 2)
    late = told(piece, start(CUT, 1), finish(CUT, 4, "FAIL"))
    assert standing(late) == ("OPEN", "CUT", 2)


def test_an_override_passes_over_what_is_not_begun_but_not_over_a_failure() -> None:
    piece = decide(FRESH, DecisionKind.OVERRIDE, SEW, 1)
    assert standing(piece) == ("OPEN", "SEW", 1)
    assert piece.first_before(SEW) is None
    assert standing(told(piece, finish(CUT, 5, "FAIL"))) == ("REWORK", "CUT", 1)


@pytest.mark.requirement("RWK")
def test_an_escalated_attempt_waits_for_the_accountable() -> None:
    piece = told(FRESH, finish(CUT, 5, "FAIL"))
    piece = decide(piece, DecisionKind.ESCALATION, CUT, 1)
    assert standing(piece) == ("ESCALATED", "CUT", 1)
    assert standing(decide(piece, DecisionKind.REWORK, CUT, 2)) == ("OPEN", "CUT", 2)


FACTS = st.one_of(
    st.builds(
        start, st.sampled_from((CUT, SEW, QC)), st.integers(0, 30), attempt=st.integers(1, 2)
    ),
    st.builds(
        finish,
        st.sampled_from((CUT, SEW, QC)),
        st.integers(0, 30),
        st.sampled_from(("PASS", "FAIL", "REVIEW", "NONE")),
        attempt=st.integers(1, 2),
    ),
)


@given(st.lists(FACTS, max_size=12), st.randoms(use_true_random=False), st.booleans())
def test_any_order_and_any_repetition_of_facts_gives_the_same_piece(
    facts: list[StepStart | StepFinish], chance: object, is_reworked: bool
) -> None:
    piece = decide(FRESH, DecisionKind.REWORK, SEW, 2) if is_reworked else FRESH
    shuffled = [*facts, *facts[: len(facts) // 2]]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    straight, crooked = told(piece, *facts), told(piece, *shuffled)
    assert dict(straight.runs) == dict(crooked.runs)
    assert straight.progress() == crooked.progress()


@given(st.lists(FACTS, max_size=12))
def test_no_facts_of_stations_bring_a_piece_past_a_failed_check(
    facts: list[StepStart | StepFinish],
) -> None:
    failed = told(FRESH, finish(CUT, -5, "FAIL"))
    piece = told(failed, *facts)
    assert standing(piece) == ("REWORK", "CUT", 1)
    assert piece.progress().state is not PieceState.DONE


def test_pieces_compare_by_their_facts() -> None:
    assert told(FRESH, start(CUT, 0)) != FRESH
    assert replace(FRESH) == FRESH
