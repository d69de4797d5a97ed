"""Held commands, lent rights, assigned work and due timers, over a real database."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cloud.commands.command import Command
from cloud.commands.errors import (
    ApprovalPendingError,
    ConflictError,
    ForbiddenError,
    PayloadInvalidError,
)
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.permissions.commands import (
    AnswerAssignment,
    ApproveRequest,
    AssignWork,
    DelegateAuthority,
    EndAbsence,
    GiveAdvice,
    ModifyRequest,
    RecordAbsence,
    RejectRequest,
    RevokeDelegation,
    UndoApproval,
    WithdrawRequest,
)
from cloud.permissions.errors import (
    AdviceNotAskedError,
    ApprovalClosedError,
    ApprovalPayloadChangedError,
    ApprovalUnknownError,
    AssignmentUnknownError,
    DelegationInvalidError,
    DelegationUnknownError,
)
from cloud.permissions.queries import (
    FindApproval,
    ListAllApprovals,
    ListApprovals,
    ListAssignments,
    ListDelegations,
    ListOwnRequests,
    WhyAllowed,
)
from tests.fakes.core import DEMO, context_of
from tests.fakes.office import (
    BUYER,
    CLERK,
    DEPUTY,
    FRIEND,
    LEAD,
    OWNER,
    SECOND,
    TAILOR,
    BuyCloth,
    CountRolls,
    CutPrice,
    Office,
    SellCloth,
    found_office,
    office_over,
    write_registry,
)


@pytest.fixture
async def office(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[Office]:
    write_registry(tmp_path)
    await found_office(database.owner)
    async with office_over(database.app, tmp_path) as opened:
        yield opened


async def send(office: Office, command: Command, user: str, **context: Any) -> Any:
    return await office.bus.send(command, context_of(user, **context))


async def held(office: Office, command: Command, user: str = BUYER, **context: Any) -> str:
    with pytest.raises(ApprovalPendingError) as waiting:
        await send(office, command, user, **context)
    return str(waiting.value.details["approval_id"])


async def detail(office: Office, approval_id: str, user: str = LEAD) -> Any:
    return await office.bus.ask(FindApproval(approval_id=approval_id), context_of(user))


@pytest.mark.requirement("APR")
async def test_the_informed_are_told_after_the_act_and_not_before(office: Office) -> None:
    approval_id = await held(office, BuyCloth(amount_krw=200_000))
    assert await office.events("person_informed") == []
    await send(office, ApproveRequest(approval_id=approval_id), LEAD)
    (told,) = await office.events("person_informed")
    assert (told["login"], told["action"], told["by"]) == (CLERK, "buy_cloth", BUYER)
    await send(office, BuyCloth(amount_krw=5), BUYER)
    assert len(await office.events("person_informed")) == 2
    assert await office.traded() == [200_000, 5]


@pytest.mark.requirement("APR")
async def test_fields_are_changed_with_a_diff_and_the_card_that_was_read_counts(
    office: Office,
) -> None:
    approval_id = await held(office, BuyCloth(amount_krw=900_000))
    seen = (await detail(office, approval_id)).payload_hash
    change = ModifyRequest(
        approval_id=approval_id, changes={"amount_krw": 300_000}, reason="예산", payload_hash=seen
    )
    await send(office, change, LEAD)
    for stale in (ApproveRequest(approval_id=approval_id, payload_hash=seen), change):
        with pytest.raises(ApprovalPayloadChangedError, match="after it was read"):
            await send(office, stale, DEPUTY)
    shown = await detail(office, approval_id)
    (changed,) = shown.changes
    (difference,) = changed.differences
    assert (difference.field, difference.before, difference.after) == (
        "amount_krw",
        900_000,
        300_000,
    )
    assert (changed.changed_by, changed.reason, shown.revision) == (LEAD, "예산", 2)
    await send(
        office, ApproveRequest(approval_id=approval_id, payload_hash=shown.payload_hash), LEAD
    )
    assert await office.traded() == [300_000]


@pytest.mark.requirement("APR")
@pytest.mark.parametrize(
    "changes",
    [
        {"amount_krw": "많이"},
        {"amount_krw": -1},
        {"nobody_knows": 1},
        {"amount_krw": 200_000},
        {"amount_krw": None},
    ],
)
async def test_only_typed_fields_are_changed(office: Office, changes: dict[str, Any]) -> None:
    approval_id = await held(office, BuyCloth(amount_krw=200_000))
    with pytest.raises(PayloadInvalidError):
        await send(
            office, ModifyRequest(approval_id=approval_id, changes=changes, reason="x"), LEAD
        )
    assert (await detail(office, approval_id)).revision == 1


@pytest.mark.requirement("APR", "RAB")
async def test_the_wrong_person_neither_reads_nor_decides(office: Office) -> None:
    approval_id = await held(office, BuyCloth(amount_krw=200_000))
    for user in (BUYER, SECOND, CLERK, OWNER):
        for act in (
            ApproveRequest(approval_id=approval_id),
            RejectRequest(approval_id=approval_id, reason="x"),
            ModifyRequest(approval_id=approval_id, changes={"amount_krw": 1}, reason="x"),
        ):
            with pytest.raises(ForbiddenError):
                await send(office, act, user)
    with pytest.raises(ApprovalUnknownError):
        await detail(office, approval_id, CLERK)
    with pytest.raises(ForbiddenError):
        await office.bus.ask(ListAllApprovals(), context_of(BUYER))
    assert len(await office.bus.ask(ListAllApprovals(), context_of(OWNER))) == 1
    assert [v.may_decide for v in await office.bus.ask(ListApprovals(), context_of(LEAD))] == [True]
    assert await office.bus.ask(ListApprovals(), context_of(CLERK)) == ()
    assert len(await office.bus.ask(ListOwnRequests(), context_of(BUYER))) == 1
    assert await office.traded() == []


@pytest.mark.requirement("APR")
async def test_of_two_approvers_one_wins_and_the_other_is_told(office: Office) -> None:
    approval_id = await held(office, BuyCloth(amount_krw=200_000))
    answers = await asyncio.gather(
        *(send(office, ApproveRequest(approval_id=approval_id), who) for who in (LEAD, DEPUTY)),
        return_exceptions=True,
    )
    (refused,) = [answer for answer in answers if isinstance(answer, Exception)]
    assert isinstance(refused, ApprovalClosedError)
    assert refused.details["state"] == "executed"
    assert refused.details["decided_by"] in {LEAD, DEPUTY}
    assert await office.traded() == [200_000]


@pytest.mark.requirement("APR")
async def test_a_replayed_click_gives_the_same_answer_and_does_nothing(office: Office) -> None:
    approval_id = await held(office, BuyCloth(amount_krw=200_000))
    click = ApproveRequest(approval_id=approval_id)
    first = await send(office, click, LEAD, idempotency_key="click")
    assert await send(office, click, LEAD, idempotency_key="click") == first
    with pytest.raises(ApprovalClosedError):
        await send(office, click, LEAD, idempotency_key="second click")
    assert await office.traded() == [200_000]


@pytest.mark.requirement("APR")
async def test_a_state_that_changed_meanwhile_is_refused_and_nothing_is_half_done(
    office: Office,
) -> None:
    approval_id = await held(office, BuyCloth(amount_krw=666_666))
    with pytest.raises(ConflictError, match="supplier"):
        await send(office, ApproveRequest(approval_id=approval_id), LEAD)
    shown = await detail(office, approval_id)
    assert (shown.approval.state, shown.approval.may_decide) == ("pending", True)
    assert await office.traded() == []


@pytest.mark.requirement("APR")
async def test_silence_escalates_then_expires_also_when_the_program_slept(office: Office) -> None:
    approval_id = await held(office, BuyCloth(amount_krw=200_000))
    assert await office.timers.look() == 0
    office.core.clock.advance(hours=4)
    assert await office.timers.look() == 1
    assert await office.timers.look() == 0
    (escalated,) = await office.events("approval_escalated")
    assert escalated["told"] == sorted([LEAD, DEPUTY, OWNER])
    assert (await detail(office, approval_id)).approval.escalated
    office.core.clock.advance(hours=44)
    assert await office.timers.look() == 1
    assert (await detail(office, approval_id)).approval.state == "expired"
    assert len(await office.events("approval_expired")) == 1
    with pytest.raises(ApprovalClosedError, match="expired"):
        await send(office, ApproveRequest(approval_id=approval_id), LEAD)


@pytest.mark.requirement("APR")
async def test_two_runners_fire_each_timer_once(office: Office) -> None:
    for amount in range(5):
        await held(office, BuyCloth(amount_krw=200_000 + amount))
    office.core.clock.advance(hours=4)
    await asyncio.gather(*(office.timers.look() for _ in range(4)))
    assert len(await office.events("approval_escalated")) == 5


@pytest.mark.requirement("RAB", "APR")
async def test_the_consulted_are_heard_before_but_forbid_nothing(office: Office) -> None:
    approval_id = await held(office, CutPrice(amount_krw=7))
    (asked,) = await office.events("person_consulted")
    assert (asked["login"], asked["approval_id"]) == (TAILOR, approval_id)
    with pytest.raises(AdviceNotAskedError):
        await send(office, GiveAdvice(approval_id=approval_id, advice="나도"), CLERK)
    advice = GiveAdvice(approval_id=approval_id, advice="반대합니다")
    await send(office, advice, TAILOR)
    with pytest.raises(AdviceNotAskedError):
        await send(office, advice, TAILOR)
    assert await office.timers.look() == 1
    assert await office.traded() == [7]
    shown = await detail(office, approval_id, BUYER)
    assert [(one.login, one.advice) for one in shown.advice] == [(TAILOR, "반대합니다")]


@pytest.mark.requirement("RAB", "APR")
async def test_advice_is_waited_for_no_longer_than_its_time(office: Office) -> None:
    approval_id = await held(office, CutPrice(amount_krw=7))
    office.core.clock.advance(minutes=29)
    assert await office.timers.look() == 0
    office.core.clock.advance(minutes=1)
    await office.timers.look()
    await office.timers.look()
    assert await office.traded() == [7]
    assert (await detail(office, approval_id, BUYER)).approval.state == "executed"


@pytest.mark.requirement("APR")
async def test_what_fails_when_its_moment_comes_is_told_and_not_tried_for_ever(
    office: Office,
) -> None:
    approval_id = await held(office, CutPrice(amount_krw=666_666))
    await send(office, GiveAdvice(approval_id=approval_id, advice="좋아요"), TAILOR)
    assert await office.timers.look() == 1
    assert await office.timers.look() == 0
    (failed,) = await office.events("approval_failed")
    assert (failed["code"], failed["requester"]) == ("CONFLICT", BUYER)
    assert (await detail(office, approval_id, BUYER)).approval.state == "failed"


@pytest.mark.requirement("APR")
async def test_an_approval_is_taken_back_within_its_window(office: Office) -> None:
    approval_id = await held(office, SellCloth(amount_krw=9))
    await send(office, GiveAdvice(approval_id=approval_id, advice="네"), TAILOR)
    given = await send(office, ApproveRequest(approval_id=approval_id), LEAD)
    assert given.state == "approved"
    assert await office.timers.look() == 0
    undo = UndoApproval(approval_id=approval_id, reason="잘못 눌렀습니다")
    with pytest.raises(ForbiddenError, match="only who gave"):
        await send(office, undo, DEPUTY)
    await send(office, undo, LEAD)
    office.core.clock.advance(seconds=61)
    await office.timers.look()
    assert await office.traded() == []
    await send(office, ApproveRequest(approval_id=approval_id), DEPUTY)
    office.core.clock.advance(seconds=61)
    await office.timers.look()
    assert await office.traded() == [9]
    with pytest.raises(ApprovalClosedError):
        await send(office, undo, DEPUTY)


@pytest.mark.requirement("APR")
async def test_who_changes_a_request_does_not_approve_it_where_duties_are_separated(
    office: Office,
) -> None:
    approval_id = await held(office, SellCloth(amount_krw=9))
    await send(office, GiveAdvice(approval_id=approval_id, advice="네"), TAILOR)
    await send(
        office, ModifyRequest(approval_id=approval_id, changes={"amount_krw": 8}, reason="x"), LEAD
    )
    with pytest.raises(ForbiddenError, match="duties are separated"):
        await send(office, ApproveRequest(approval_id=approval_id), LEAD)
    await send(office, ApproveRequest(approval_id=approval_id), DEPUTY)


@pytest.mark.requirement("APR")
async def test_the_requester_takes_a_request_back(office: Office) -> None:
    approval_id = await held(office, BuyCloth(amount_krw=200_000))
    with pytest.raises(ApprovalUnknownError):
        await send(office, WithdrawRequest(approval_id=approval_id), SECOND)
    await send(office, WithdrawRequest(approval_id=approval_id), BUYER)
    with pytest.raises(ApprovalClosedError, match="withdrawn"):
        await send(office, ApproveRequest(approval_id=approval_id), LEAD)


def lent(office: Office, taker: str = FRIEND, **more: Any) -> DelegateAuthority:
    now = office.core.clock.now()
    values: dict[str, Any] = {
        "actions": ("buy-cloth",),
        "begins_at": now,
        "ends_at": now + timedelta(days=1),
        "reason": "출장",
        **more,
    }
    return DelegateAuthority(taker=taker, **values)


@pytest.mark.requirement("RAB", "APR")
async def test_lent_rights_act_and_approve_up_to_their_amount(office: Office) -> None:
    with pytest.raises(ForbiddenError):
        await send(office, BuyCloth(amount_krw=10), FRIEND)
    view = await send(office, lent(office, largest_amount_krw=300_000), LEAD)
    await send(office, BuyCloth(amount_krw=10), FRIEND)
    small, large = (
        await held(office, BuyCloth(amount_krw=300_000)),
        await held(office, BuyCloth(amount_krw=300_001)),
    )
    await send(office, ApproveRequest(approval_id=small), FRIEND)
    with pytest.raises(ForbiddenError):
        await send(office, ApproveRequest(approval_id=large), FRIEND)
    (audit,) = await office.rows(
        "SELECT metadata->>'on_behalf_of' AS giver FROM audit_log"
        " WHERE action = 'buy_cloth' AND user_login = 'friend@demo.example' AND outcome = 'done'"
    )
    assert audit["giver"] == LEAD
    assert len(await office.bus.ask(ListDelegations(), context_of(FRIEND))) == 1
    with pytest.raises(DelegationUnknownError):
        await send(office, RevokeDelegation(delegation_id=view.delegation_id), BUYER)
    await send(office, RevokeDelegation(delegation_id=view.delegation_id), LEAD)
    with pytest.raises(ForbiddenError):
        await send(office, BuyCloth(amount_krw=10), FRIEND)


@pytest.mark.requirement("RAB")
async def test_a_delegation_ends_with_its_time_and_with_the_givers_right(office: Office) -> None:
    await send(office, lent(office, largest_amount_krw=300_000), LEAD)
    await office.rows(f"UPDATE persons SET active = false WHERE login = '{LEAD}'")  # noqa: S608
    with pytest.raises(ForbiddenError):
        await send(office, BuyCloth(amount_krw=10), FRIEND)
    await office.rows(f"UPDATE persons SET active = true WHERE login = '{LEAD}'")  # noqa: S608
    await send(office, BuyCloth(amount_krw=10), FRIEND)
    office.core.clock.advance(days=1)
    with pytest.raises(ForbiddenError):
        await send(office, BuyCloth(amount_krw=10), FRIEND)


@pytest.mark.requirement("RAB")
async def test_only_own_rights_are_lent_and_never_in_a_circle(office: Office) -> None:
    with pytest.raises(DelegationInvalidError, match="no right to buy_cloth"):
        await send(office, lent(office, BUYER), FRIEND)
    await send(office, lent(office, BUYER), LEAD)
    with pytest.raises(DelegationInvalidError, match="lends the same right"):
        await send(office, lent(office, LEAD), BUYER)
    with pytest.raises(DelegationInvalidError, match="themselves"):
        await send(office, lent(office, LEAD), LEAD)
    with pytest.raises(DelegationInvalidError, match="no active person"):
        await send(office, lent(office, "ghost@demo.example"), LEAD)
    answers = await asyncio.gather(
        send(office, lent(office, SECOND, actions=("count-rolls",)), BUYER),
        send(office, lent(office, BUYER, actions=("count-rolls",)), SECOND),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, DelegationInvalidError) for answer in answers) == 1


@pytest.mark.requirement("RAB")
async def test_a_silent_position_is_passed_over_until_the_backup_acts(office: Office) -> None:
    with pytest.raises(ForbiddenError, match="is backup"):
        await send(office, CountRolls(roll_id="roll_1"), CLERK)
    given = await send(
        office, AssignWork(action="count-rolls", resource="roll_1", fields={}), OWNER
    )
    assert (given.assignee, given.letter) == (BUYER, "R")
    for following in (SECOND, CLERK):
        office.core.clock.advance(hours=4)
        assert await office.timers.look() == 1
        assert (await office.events("work_assigned"))[-1]["assignee"] == following
    await send(office, CountRolls(roll_id="roll_1"), CLERK)
    with pytest.raises(ForbiddenError):
        await send(office, CountRolls(roll_id="roll_2"), CLERK)
    (late,) = await office.bus.ask(ListAssignments(), context_of(BUYER))
    with pytest.raises(AssignmentUnknownError):
        await send(office, AnswerAssignment(assignment_id=late.assignment_id), CLERK)
    await send(office, AnswerAssignment(assignment_id=late.assignment_id), BUYER)
    with pytest.raises(ForbiddenError):
        await send(office, CountRolls(roll_id="roll_1"), CLERK)


@pytest.mark.requirement("RAB")
async def test_doing_the_work_is_an_answer(office: Office) -> None:
    await send(office, AssignWork(action="count-rolls", resource="roll_1", fields={}), OWNER)
    await send(office, CountRolls(roll_id="roll_1"), BUYER)
    office.core.clock.advance(hours=4)
    assert await office.timers.look() == 1
    assert await office.events("work_unanswered") == []


@pytest.mark.requirement("RAB")
async def test_with_nobody_left_the_accountable_are_told(office: Office) -> None:
    now = office.core.clock.now()
    for login in (SECOND, LEAD, DEPUTY, CLERK):
        absence = RecordAbsence(
            login=login, begins_at=now, ends_at=now + timedelta(days=9), reason="휴가"
        )
        kept = await send(office, absence, OWNER)
    await send(office, AssignWork(action="count-rolls", resource="", fields={}), OWNER)
    office.core.clock.advance(hours=4)
    await office.timers.look()
    (unanswered,) = await office.events("work_unanswered")
    assert (unanswered["next_assignee"], unanswered["told"]) == ("", [DEPUTY, LEAD, OWNER])
    await send(office, CountRolls(), CLERK)
    await send(office, EndAbsence(absence_id=kept.absence_id), OWNER)


@pytest.mark.requirement("RAB")
async def test_why_reads_fields_as_the_command_types_them(office: Office) -> None:
    told = await office.bus.ask(
        WhyAllowed(user=SECOND, domain="", action="buy-cloth", fields={"amount_krw": "6000000"}),
        context_of(SECOND),
    )
    assert (told.domain, told.allowed) == ("office", False)
    told = await office.bus.ask(
        WhyAllowed(user=SECOND, domain="", action="buy-cloth", fields={"amount_krw": "5000"}),
        context_of(SECOND),
    )
    assert (told.allowed, told.letter, told.approval_needed) == (True, "R", False)


@pytest.mark.requirement("DBS", "APR")
async def test_another_organization_sees_no_timer_and_no_approval(office: Office) -> None:
    await held(office, BuyCloth(amount_krw=200_000))
    tables = (
        "approvals", "approval_changes", "approval_advice", "work_assignments", "timers",
        "delegations", "absences",
    )  # fmt: skip
    for table in tables:
        assert await office.core.pool.fetch(f"SELECT 1 FROM {table}") == []  # noqa: S608
    due = await office.core.pool.fetch(
        "SELECT organization_id FROM due_timers(now() + interval '100 years', 10)"
    )
    assert {row["organization_id"] for row in due} == {DEMO}
