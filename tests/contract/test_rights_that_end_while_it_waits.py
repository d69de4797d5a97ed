"""A right that ended while an approved command waited carries nothing out."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cloud.commands.command import Command
from cloud.commands.errors import ApprovalPendingError
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.permissions.commands import (
    ApproveRequest,
    DelegateAuthority,
    GiveAdvice,
    RevokeDelegation,
)
from cloud.permissions.queries import FindApproval
from tests.fakes.core import context_of
from tests.fakes.office import (
    BUYER,
    FRIEND,
    LEAD,
    OFFICE,
    TAILOR,
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


async def send(office: Office, command: Command, user: str) -> Any:
    return await office.bus.send(command, context_of(user))


async def held(office: Office, command: Command) -> str:
    with pytest.raises(ApprovalPendingError) as waiting:
        await send(office, command, BUYER)
    return str(waiting.value.details["approval_id"])


async def state_of(office: Office, approval_id: str) -> str:
    found = await office.bus.ask(FindApproval(approval_id=approval_id), context_of(BUYER))
    return str(found.approval.state)


async def given(office: Office, approver: str, amount_krw: int = 9) -> str:
    """Let a sale be approved by ``approver``; it waits out its minute."""
    approval_id = await held(office, SellCloth(amount_krw=amount_krw))
    await send(office, GiveAdvice(approval_id=approval_id, advice="네"), TAILOR)
    outcome = await send(office, ApproveRequest(approval_id=approval_id), approver)
    assert outcome.state == "approved"
    return approval_id


async def lose_the_position(office: Office, registry: Path) -> None:
    matrix = OFFICE.replace("[lead@demo.example, deputy@demo.example]", "[deputy@demo.example]")
    (registry / "org" / "office.yml").write_text(matrix, encoding="utf-8")
    await office.registry.look()


async def leave_the_organization(office: Office, _registry: Path) -> None:
    await office.rows(f"UPDATE persons SET active = false WHERE login = '{LEAD}'")  # noqa: S608


async def change_the_letters(office: Office, registry: Path) -> None:
    rule = "{action: sell-cloth, accountable: true}"
    matrix = OFFICE.replace(f"      - {rule}\n", "", 1).replace(
        "    holders: [clerk@demo.example]\n    rabsic:\n",
        f"    holders: [clerk@demo.example]\n    rabsic:\n      - {rule}\n",
    )
    (registry / "org" / "office.yml").write_text(matrix, encoding="utf-8")
    await office.registry.look()


@pytest.mark.requirement("APR", "RAB", "AUD")
@pytest.mark.parametrize("lose", [lose_the_position, leave_the_organization, change_the_letters])
async def test_who_lost_the_right_while_it_waited_has_not_approved(
    office: Office, tmp_path: Path, lose: Any
) -> None:
    approval_id = await given(office, LEAD)
    await lose(office, tmp_path)
    await refused_at_its_moment(office, approval_id, LEAD)


@pytest.mark.requirement("APR", "RAB", "AUD")
async def test_a_delegation_that_ended_while_it_waited_has_not_approved(office: Office) -> None:
    now = office.core.clock.now()
    lending = DelegateAuthority(
        taker=FRIEND,
        actions=("sell-cloth",),
        begins_at=now,
        ends_at=now + timedelta(days=1),
        reason="출장",
        largest_amount_krw=300_000,
    )
    view = await send(office, lending, LEAD)
    kept = await given(office, FRIEND, 8)
    office.core.clock.advance(seconds=61)
    await office.timers.look()
    assert await state_of(office, kept) == "executed"
    lost = await given(office, FRIEND)
    await send(office, RevokeDelegation(delegation_id=view.delegation_id), LEAD)
    await refused_at_its_moment(office, lost, FRIEND, traded=[8])


async def refused_at_its_moment(
    office: Office, approval_id: str, approver: str, traded: list[int] | None = None
) -> None:
    office.core.clock.advance(seconds=61)
    await office.timers.look()
    await office.timers.look()
    assert await office.traded() == (traded or [])
    assert await state_of(office, approval_id) == "failed"
    (failed,) = await office.events("approval_failed")
    assert (failed["code"], failed["requester"]) == ("APPROVER_RIGHT_LOST", BUYER)
    assert approver in failed["reason"]
    (audited,) = await office.rows(
        "SELECT metadata->'fields'->>'approval_id' AS approval,"
        " metadata->'fields'->>'reason' AS why FROM audit_log WHERE action = 'close_timer'"
    )
    assert audited["approval"] == approval_id
    assert approver in audited["why"]


@pytest.mark.requirement("APR", "RAB")
async def test_what_only_waited_for_advice_is_not_done_when_an_approval_is_needed_by_then(
    office: Office, tmp_path: Path
) -> None:
    approval_id = await held(office, CutPrice(amount_krw=7))
    await send(office, GiveAdvice(approval_id=approval_id, advice="네"), TAILOR)
    matrix = OFFICE.replace(
        "  - action: cut-price\n",
        "  - action: cut-price\n    approval: {always: true, sla: 1h, expires: 24h}\n",
    )
    (tmp_path / "org" / "office.yml").write_text(matrix, encoding="utf-8")
    await office.registry.look()
    await office.timers.look()
    assert await office.traded() == []
    (failed,) = await office.events("approval_failed")
    assert failed["approval_id"] == approval_id
