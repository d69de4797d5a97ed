"""When a person is told: quiet hours across midnight and zones, digests, mutes."""

from datetime import UTC, datetime

import pytest

from cloud.events.event import RecordedEvent
from cloud.notifications.feed import ROUTES, told_of
from cloud.notifications.notification import (
    Channel,
    Wishes,
    is_muted,
    quiet_until,
    told_at,
    wishes_problem,
)

NIGHT = Wishes(quiet_from="22:00", quiet_until="07:30")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.requirement("NOT")
@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-02T21:59:59+09:00", None),
        ("2026-03-02T22:00:00+09:00", "2026-03-03T07:30:00+09:00"),
        ("2026-03-02T23:59:59+09:00", "2026-03-03T07:30:00+09:00"),
        ("2026-03-03T00:00:00+09:00", "2026-03-03T07:30:00+09:00"),
        ("2026-03-03T07:29:59+09:00", "2026-03-03T07:30:00+09:00"),
        ("2026-03-03T07:30:00+09:00", None),
        ("2026-12-31T23:00:00+09:00", "2027-01-01T07:30:00+09:00"),
    ],
)
def test_quiet_hours_cross_midnight_in_the_persons_zone(now, expected) -> None:
    assert quiet_until(at(now), NIGHT) == (at(expected) if expected else None)
    assert told_at(at(now), NIGHT) == at(expected or now)


@pytest.mark.requirement("NOT")
def test_quiet_hours_within_a_day_and_none() -> None:
    noon = Wishes(quiet_from="12:00", quiet_until="13:00")
    assert quiet_until(at("2026-03-02T12:30+09:00"), noon) == at("2026-03-02T13:00+09:00")
    assert quiet_until(at("2026-03-02T13:00+09:00"), noon) is None
    assert quiet_until(at("2026-03-02T12:30+09:00"), Wishes()) is None
    same = Wishes(quiet_from="12:00", quiet_until="12:00")
    assert quiet_until(at("2026-03-02T12:00+09:00"), same) is None


@pytest.mark.requirement("NOT")
def test_the_clock_that_is_put_forward_keeps_the_local_hour() -> None:
    # In Berlin the night of 29 March 2026 lacks the hour from two to three.
    berlin = Wishes(quiet_from="22:00", quiet_until="07:00", time_zone="Europe/Berlin")
    assert quiet_until(at("2026-03-28T23:00+01:00"), berlin) == at("2026-03-29T07:00+02:00")
    assert quiet_until(at("2026-10-24T23:00+02:00"), berlin) == at("2026-10-25T07:00+01:00")


@pytest.mark.requirement("NOT")
def test_a_digest_ends_with_its_part_of_the_day_and_waits_for_the_morning() -> None:
    hourly = Wishes(digest_min=60)
    assert told_at(at("2026-03-02T09:10+09:00"), hourly) == at("2026-03-02T10:00+09:00")
    assert told_at(at("2026-03-02T09:59+09:00"), hourly) == at("2026-03-02T10:00+09:00")
    assert told_at(at("2026-03-02T23:30+09:00"), hourly) == at("2026-03-03T00:00+09:00")
    daily = Wishes(digest_min=1440)
    assert told_at(at("2026-03-02T09:10+09:00"), daily) == at("2026-03-03T00:00+09:00")
    odd = Wishes(digest_min=7 * 60)
    assert told_at(at("2026-03-02T22:00+09:00"), odd) == at("2026-03-03T00:00+09:00")
    both = Wishes(digest_min=60, quiet_from="22:00", quiet_until="07:30")
    assert told_at(at("2026-03-02T21:30+09:00"), both) == at("2026-03-03T07:30+09:00")


@pytest.mark.requirement("NOT")
def test_a_letter_is_muted_and_no_other() -> None:
    wishes = Wishes(muted_letters=("I", "C"))
    assert [letter for letter in "RABSIC" if is_muted(letter, wishes)] == ["I", "C"]


@pytest.mark.requirement("NOT")
@pytest.mark.parametrize(
    "wishes",
    [
        Wishes(channels=(Channel.SLACK,)),
        Wishes(muted_letters=("X",)),
        Wishes(muted_letters=("",)),
        Wishes(quiet_from="22:00"),
        Wishes(quiet_from="22:00", quiet_until="7:30"),
        Wishes(quiet_from="24:00", quiet_until="07:30"),
        Wishes(quiet_from="밤", quiet_until="아침"),
        Wishes(quiet_from="-1:00", quiet_until="07:30"),
        Wishes(time_zone="Asia/Nowhere"),
        Wishes(time_zone="../../etc/passwd"),
        Wishes(time_zone="서울"),
        Wishes(time_zone=""),
        Wishes(digest_min=-1),
        Wishes(digest_min=1441),
    ],
)
def test_wishes_that_cannot_be_kept_are_refused(wishes) -> None:
    assert wishes_problem(wishes)
    assert wishes_problem(NIGHT) is None


class LeadDecides:
    def holders(self, organization_id, domain, action, letter):
        known = {
            ("production", "decide_piece", "A"): ("lead@demo.example",),
            ("rollouts", "halt_rollout", "A"): ("owner@demo.example",),
        }
        return known.get((domain, action, letter), ())


def event(kind: str, **payload: object) -> RecordedEvent:
    return RecordedEvent(
        organization_id="org_1", sequence=1, event_id="evt_1", type=kind,
        occurred_at=at("2026-03-02T09:00+09:00"), payload=dict(payload),
    )  # fmt: skip


@pytest.mark.requirement("NOT")
def test_the_right_persons_are_told_of_an_event() -> None:
    asked = told_of(
        event("approval_requested", approval_id="apr_1", action="approve_budget",
              requester="a@demo.example", approvers=["c@demo.example", "b@demo.example"]),
        LeadDecides(),
    )  # fmt: skip
    assert asked is not None
    assert (asked.letter, asked.subject) == ("A", "apr_1")
    assert asked.logins == ("b@demo.example", "c@demo.example")
    escalated = told_of(
        event("approval_escalated", approval_id="apr_1", action="approve_budget",
              requester="a@demo.example", reason="late", told=["c@demo.example"]),
        LeadDecides(),
    )  # fmt: skip
    assert escalated is not None
    assert escalated.logins == ("c@demo.example",)
    informed = told_of(
        event("person_informed", login="d@demo.example", letter="I", action="order_rework",
              domain="production", by="a@demo.example", resource="pc_1"),
        LeadDecides(),
    )  # fmt: skip
    assert informed is not None
    assert (informed.letter, informed.logins) == ("I", ("d@demo.example",))
    held = told_of(event("piece_quarantined", piece_id="pc_1", piece_number=7), LeadDecides())
    assert held is not None
    assert (held.logins, held.details) == (("lead@demo.example",), {"piece_number": "7"})


@pytest.mark.requirement("NOT", "ROL")
@pytest.mark.parametrize(
    ("stage", "told"),
    [
        ("HALTED", True), ("ROLLING_BACK", True), ("DONE", True),
        ("CANARY", False), ("WAVE_25", False), ("PAUSED", False), ("", False),
    ],
)  # fmt: skip
def test_who_answers_for_rollouts_hears_how_one_ended(stage: str, told: bool) -> None:
    moved = event("rollout_moved", rollout_id="rol_1", name="cotton", version="1.2",
                  next_stage=stage, code="LATE_FAILURE", moved_by="system")  # fmt: skip
    found = told_of(moved, LeadDecides())
    assert (found is not None) is told
    if found is not None:
        assert (found.logins, found.subject) == (("owner@demo.example",), "rol_1")
        assert found.details == {
            "name": "cotton", "version": "1.2", "next_stage": stage, "code": "LATE_FAILURE",
        }  # fmt: skip


@pytest.mark.requirement("NOT")
def test_what_nobody_needs_to_hear_tells_nobody() -> None:
    assert told_of(event("step_started", worker="a@demo.example"), LeadDecides()) is None
    assert told_of(event("notification_raised", login="a@demo.example"), LeadDecides()) is None
    assert told_of(event("rework_escalated", piece_id="pc_1"), LeadDecides()) is None
    for kind in ROUTES:
        told_of(event(kind), LeadDecides())
