"""The naive permission procedure, checked against answers computed by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.fakes.naive_rabsic import Verdict, decide, lint
from tests.fakes.random_matrices import positions_reordered, random_case, reordered

pytestmark = pytest.mark.requirement("RAB")

Plain = dict[str, Any]
NOW = datetime(2031, 5, 14, 12, tzinfo=UTC)
MEMBERS = ["ann", "bob", "cho", "dan", "eve", "fay"]


def position(name: str, holders: list[str], *rabsic: Plain) -> Plain:
    return {"name": name, "holders": holders, "rabsic": list(rabsic)}


def world_of(
    *roles: Plain,
    approval: Plain | None = None,
    absences: list[Plain] | None = None,
    delegations: list[Plain] | None = None,
) -> Plain:
    policies = [] if approval is None else [{"action": "do-it", "approval": approval}]
    return {
        "matrices": [{"domain": "work", "roles": list(roles), "policies": policies}],
        "members": MEMBERS,
        "absences": absences or [],
        "delegations": delegations or [],
    }


def do_it(**letters: object) -> Plain:
    return {"action": "do-it", **letters}


def ask(world: Plain, login: str, *, silence: bool = False, **fields: object) -> Verdict:
    request = {"login": login, "action": "do_it", "fields": fields, "now": NOW, "silence": silence}
    return decide(world, request)


def leave(login: str, from_h: int = -1, until_h: int = 1) -> Plain:
    start, end = NOW + timedelta(hours=from_h), NOW + timedelta(hours=until_h)
    return {"login": login, "from": start, "until": end}


def lend(giver: str, taker: str, from_h: int = -1, until_h: int = 1, **scope: object) -> Plain:
    return {
        "from": giver,
        "to": taker,
        "scope": {"actions": ["do-it"], "ids": None, "max_amount": None, **scope},
        "valid_from": NOW + timedelta(hours=from_h),
        "valid_until": NOW + timedelta(hours=until_h),
    }


ANN_DOES = position("Doer", ["ann"], do_it(responsible=True, primary=True))
BOB_DOES_TOO = position("Second doer", ["bob"], do_it(responsible=True))
CHO_BACKS = position("Backup", ["cho"], do_it(backup=True))
DAN_LEADS = position("Lead", ["dan"], do_it(accountable=True))
EVE_ADVISES = position("Adviser", ["eve"], do_it(consulted=True))
FAY_HEARS = position("Hearer", ["fay"], do_it(informed=True, support=True))
WHOLE = (ANN_DOES, BOB_DOES_TOO, CHO_BACKS, DAN_LEADS, EVE_ADVISES, FAY_HEARS)
ABOVE = {"field": "amount_krw", "above": 100_000}
ALWAYS = {"always": True}


def marketing() -> Plain:
    manager = position(
        "Manager",
        ["ann"],
        {"action": "create-campaign", "responsible": True, "accountable": True},
        {"action": "approve-budget", "accountable": True},
        {"action": "execute-ads", "consulted": True},
    )
    specialist = position(
        "Specialist",
        ["bob"],
        {"action": "create-campaign", "responsible": True},
        {"action": "approve-budget", "informed": True},
        {"action": "execute-ads", "responsible": True},
    )
    matrix = {"domain": "marketing", "roles": [manager, specialist]}
    return {"matrices": [matrix], "members": MEMBERS, "absences": [], "delegations": []}


def market(world: Plain, login: str, action: str) -> Verdict:
    return decide(world, {"login": login, "action": action, "fields": {}, "now": NOW})


def test_the_marketing_example_is_completed_and_sound() -> None:
    assert lint(marketing()) == {"marketing": frozenset()}


def test_marketing_assigns_a_campaign_to_the_specialist_the_only_r_that_is_not_a() -> None:
    verdict = market(marketing(), "ann", "create_campaign")
    assert verdict.answer == "ALLOW"
    assert verdict.may_execute == {"ann", "bob"}
    assert verdict.assigned == {"bob"}


def test_marketing_lets_only_the_manager_approve_a_budget_and_tells_the_specialist() -> None:
    verdict = market(marketing(), "bob", "approve-budget")
    assert verdict.answer == "DENY"
    assert verdict.may_execute == {"ann"}
    assert verdict.assigned == {"ann"}
    assert verdict.inform == {"bob"}


def test_marketing_ads_get_the_domains_only_a_who_may_execute_and_is_asked_before() -> None:
    verdict = market(marketing(), "bob", "execute-ads")
    assert verdict.answer == "ALLOW"
    assert verdict.may_execute == {"ann", "bob"}
    assert verdict.may_approve == {"ann"}
    assert verdict.consult == {"ann"}


def test_marketing_without_holders_denies_everybody_and_escalates() -> None:
    world = marketing()
    for role in world["matrices"][0]["roles"]:
        del role["holders"]
    assert lint(world) == {"marketing": frozenset()}
    verdict = market(world, "ann", "create-campaign")
    assert (verdict.answer, verdict.may_execute, verdict.escalates) == ("DENY", frozenset(), True)


@pytest.mark.parametrize(
    ("login", "answer"),
    [
        ("ann", "ALLOW"),
        ("bob", "ALLOW"),
        ("cho", "DENY"),
        ("dan", "ALLOW"),
        ("eve", "DENY"),
        ("fay", "DENY"),
        ("nobody", "DENY"),
    ],
)
def test_r_and_a_execute_and_nobody_else_while_r_is_there(login: str, answer: str) -> None:
    verdict = ask(world_of(*WHOLE), login)
    assert verdict.answer == answer
    assert verdict.may_execute == {"ann", "bob", "dan"}
    assert (verdict.consult, verdict.inform) == ({"eve"}, {"fay"})
    assert verdict.assigned == {"ann"}


def test_b_waits_while_another_r_is_present() -> None:
    verdict = ask(world_of(*WHOLE, absences=[leave("ann")]), "cho")
    assert (verdict.answer, verdict.assigned) == ("DENY", {"bob"})


def test_b_acts_when_every_r_is_on_leave() -> None:
    verdict = ask(world_of(*WHOLE, absences=[leave("ann"), leave("bob")]), "cho")
    assert (verdict.answer, verdict.assigned) == ("ALLOW", {"cho"})


@pytest.mark.parametrize(("from_h", "until_h"), [(-3, -1), (0, 0), (-2, 0), (1, 3)])
def test_leave_that_is_over_or_to_come_lets_no_backup_in(from_h: int, until_h: int) -> None:
    away = [leave("ann", from_h, until_h), leave("bob")]
    assert ask(world_of(*WHOLE, absences=away), "cho").answer == "DENY"


def test_b_acts_when_the_only_r_position_is_vacant() -> None:
    vacant = position("Doer", [], do_it(responsible=True))
    assert ask(world_of(vacant, CHO_BACKS, DAN_LEADS), "cho").answer == "ALLOW"


def test_silence_of_the_primary_lets_b_in_only_without_another_r() -> None:
    alone = world_of(ANN_DOES, CHO_BACKS, DAN_LEADS)
    assert ask(alone, "cho").answer == "DENY"
    assert ask(alone, "cho", silence=True).answer == "ALLOW"
    verdict = ask(world_of(*WHOLE), "cho", silence=True)
    assert (verdict.answer, verdict.assigned) == ("DENY", {"bob"})


def test_work_goes_to_a_without_r_and_b_and_escalates_without_a() -> None:
    away = [leave("ann"), leave("bob"), leave("cho")]
    assert ask(world_of(*WHOLE, absences=away), "dan").assigned == {"dan"}
    verdict = ask(world_of(*WHOLE, absences=[*away, leave("dan")]), "dan")
    assert (verdict.answer, verdict.assigned, verdict.escalates) == ("ALLOW", frozenset(), True)


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"amount_krw": 100_000}, "ALLOW"),
        ({"amount_krw": 100_001}, "NEEDS_APPROVAL"),
        ({"amount_krw": "1"}, "NEEDS_APPROVAL"),
        ({"amount_krw": True}, "NEEDS_APPROVAL"),
        ({}, "NEEDS_APPROVAL"),
    ],
)
def test_r_needs_approval_above_the_limit_or_without_an_amount(fields: Plain, answer: str) -> None:
    verdict = ask(world_of(*WHOLE, approval=ABOVE), "ann", **fields)
    assert (verdict.answer, verdict.may_approve) == (answer, {"dan"})


def test_a_is_not_asked_for_an_approval_of_the_own_request() -> None:
    assert ask(world_of(*WHOLE, approval=ALWAYS), "dan").answer == "ALLOW"


def test_separated_duties_ask_for_a_second_approver_and_deny_without_one() -> None:
    separated = {**ALWAYS, "separation_of_duties": True}
    assert ask(world_of(*WHOLE, approval=separated), "dan").answer == "DENY"
    two = position("Lead", ["dan", "eve"], do_it(accountable=True))
    verdict = ask(world_of(ANN_DOES, two, approval=separated), "dan")
    assert (verdict.answer, verdict.may_approve) == ("NEEDS_APPROVAL", {"eve"})


def test_needed_approval_is_denied_where_a_is_vacant() -> None:
    vacant = position("Lead", [], do_it(accountable=True))
    assert ask(world_of(ANN_DOES, vacant, approval=ALWAYS), "ann").answer == "DENY"
    assert ask(world_of(ANN_DOES, vacant), "ann").answer == "ALLOW"


def test_leaving_the_scope_needs_approval() -> None:
    world = world_of(*WHOLE, approval={"field": "stage", "outside": ["CUT"]})
    assert ask(world, "ann", stage="CUT").answer == "ALLOW"
    assert ask(world, "ann", stage="SEW").answer == "NEEDS_APPROVAL"
    assert ask(world, "ann").answer == "NEEDS_APPROVAL"


def test_a_condition_needs_its_field_and_type() -> None:
    cutter = position("Cutter", ["ann"], do_it(responsible=True, when={"stage": ["CUT"]}))
    world = world_of(cutter, CHO_BACKS, DAN_LEADS)
    assert ask(world, "ann", stage="CUT").answer == "ALLOW"
    assert ask(world, "ann", stage="SEW").answer == "DENY"
    assert ask(world, "ann").answer == "DENY"
    assert ask(world, "ann", stage=["CUT"]).answer == "DENY"
    assert ask(world, "cho").answer == "DENY"
    assert ask(world, "dan").answer == "ALLOW"


def test_a_person_with_several_positions_has_the_sum_of_their_rights() -> None:
    hears = position("Hearer", ["ann"], do_it(informed=True))
    leads = position("Lead", ["ann"], do_it(accountable=True))
    does = position("Doer", ["ann"], do_it(responsible=True))
    for roles in ((hears, leads, does), (does, hears, leads), (leads, does, hears)):
        assert ask(world_of(*roles, approval=ALWAYS), "ann").answer == "ALLOW"


def test_a_delegate_acts_and_approves_for_the_giver() -> None:
    world = world_of(*WHOLE, approval=ALWAYS, delegations=[lend("dan", "fay")])
    verdict = ask(world, "ann")
    assert (verdict.answer, verdict.may_approve) == ("NEEDS_APPROVAL", {"dan", "fay"})
    assert ask(world, "fay").answer == "ALLOW"


@pytest.mark.parametrize(
    "delegation",
    [
        lend("ann", "fay", -3, -1),
        lend("ann", "fay", 1, 3),
        lend("ann", "fay", actions=["something-else"]),
        lend("ann", "fay", actions=[]),
        lend("ann", "fay", ids=["wo_2"]),
        lend("ann", "fay", max_amount=49_999),
        lend("ann", "fay", max_amount=None),
        lend("cho", "fay", max_amount=90_000),
        lend("eve", "fay", max_amount=90_000),
        lend("nobody", "fay", max_amount=90_000),
    ],
)
def test_a_delegation_that_does_not_reach_the_command_lends_nothing(delegation: Plain) -> None:
    world = world_of(*WHOLE, delegations=[delegation])
    assert ask(world, "fay", amount_krw=50_000, work_order_id="wo_1").answer == "DENY"


def test_a_delegation_covers_its_ids_up_to_its_amount_and_needs_one_stated() -> None:
    lent = lend("ann", "fay", ids=["wo_1"], max_amount=50_000)
    world = world_of(*WHOLE, delegations=[lent])
    assert ask(world, "fay", amount_krw=50_000, work_order_id="wo_1").answer == "ALLOW"
    assert ask(world, "fay", work_order_id="wo_1").answer == "DENY"
    assert ask(world, "fay", amount_krw=50_000).answer == "DENY"


def test_without_a_maximum_no_amount_is_covered_not_even_an_unstated_one() -> None:
    plain = world_of(*WHOLE, delegations=[lend("ann", "fay")])
    assert ask(plain, "fay").answer == "ALLOW"
    limited = world_of(*WHOLE, approval=ABOVE, delegations=[lend("ann", "fay")])
    assert ask(limited, "fay").answer == "DENY"


def test_a_right_is_not_passed_on_twice() -> None:
    world = world_of(*WHOLE, delegations=[lend("ann", "eve"), lend("eve", "fay")])
    assert ask(world, "eve").answer == "ALLOW"
    assert ask(world, "fay").answer == "DENY"


def test_delegations_in_a_circle_lend_nothing() -> None:
    circle = [lend("ann", "eve"), lend("eve", "fay"), lend("fay", "ann")]
    assert ask(world_of(*WHOLE, delegations=circle), "eve").may_execute == {"ann", "bob", "dan"}
    broken = [*circle[:2], lend("fay", "ann", 1, 3)]
    assert ask(world_of(*WHOLE, delegations=broken), "eve").answer == "ALLOW"


def test_the_delegate_of_a_backup_waits_like_the_backup() -> None:
    lent = [lend("cho", "fay")]
    assert ask(world_of(*WHOLE, delegations=lent), "fay").answer == "DENY"
    away = [leave("ann"), leave("bob")]
    assert ask(world_of(*WHOLE, delegations=lent, absences=away), "fay").answer == "ALLOW"


def test_a_delegate_of_an_absent_r_does_not_keep_the_backup_out() -> None:
    world = world_of(
        ANN_DOES, CHO_BACKS, DAN_LEADS, absences=[leave("ann")], delegations=[lend("ann", "fay")]
    )
    assert ask(world, "fay").may_execute == {"ann", "cho", "dan", "fay"}


def test_an_action_that_nobody_lists_is_denied() -> None:
    request = {"login": "dan", "action": "fly", "fields": {}, "now": NOW, "silence": False}
    assert decide(world_of(*WHOLE), request).answer == "DENY"


SECOND_LEAD = position("Other lead", ["eve"], do_it(accountable=True))
SECOND_PRIMARY = position("Other doer", ["eve"], do_it(responsible=True, primary=True))
CUTS = {"stage": ["CUT"]}
SEWS_OR_CUTS = {"stage": ["SEW", "CUT"]}


@pytest.mark.parametrize(
    ("roles", "codes"),
    [
        ((ANN_DOES,), {"A_MISSING"}),
        ((CHO_BACKS,), {"A_MISSING", "R_MISSING"}),
        ((ANN_DOES, DAN_LEADS, SECOND_LEAD), {"A_MULTIPLE"}),
        ((ANN_DOES, DAN_LEADS, SECOND_PRIMARY), {"R_PRIMARY_MULTIPLE"}),
        ((position("Both", [], do_it(responsible=True, backup=True)), DAN_LEADS), {"B_EQUALS_R"}),
        ((position("Lead", [], do_it(accountable=True, backup=True)),), {"B_EQUALS_R"}),
        ((position("Doer", ["nobody"], do_it(responsible=True)), DAN_LEADS), {"PERSON_UNKNOWN"}),
        ((DAN_LEADS,), set()),
        ((BOB_DOES_TOO, DAN_LEADS), set()),
    ],
)
def test_an_invalid_matrix_is_named_and_denies(roles: tuple[Plain, ...], codes: set[str]) -> None:
    world = world_of(*roles)
    assert lint(world) == {"work": codes}
    if codes:
        assert ask(world, "dan").answer == "DENY"


def test_two_primaries_are_a_fault_only_where_their_conditions_meet() -> None:
    cut = position("Cutter", ["ann"], do_it(responsible=True, primary=True, when=CUTS))
    sew = position("Sewer", ["bob"], do_it(responsible=True, primary=True, when={"stage": "SEW"}))
    both = position("Any", ["bob"], do_it(responsible=True, primary=True, when=SEWS_OR_CUTS))
    assert lint(world_of(cut, sew, DAN_LEADS)) == {"work": frozenset()}
    assert lint(world_of(cut, both, DAN_LEADS)) == {"work": {"R_PRIMARY_MULTIPLE"}}


def test_a_missing_a_is_not_guessed_between_two() -> None:
    world = marketing()
    world["matrices"][0]["roles"][1]["rabsic"].append({"action": "sell", "accountable": True})
    assert lint(world) == {"marketing": {"A_MISSING"}}


def states_every_primary(world: Plain) -> bool:
    """Each action's R are all primary or beside one that is, so that no completion follows a list.

    Simplest sufficient form: every line with R is the only one of its action in its file.
    """
    for file in world["matrices"]:
        doers = [
            line["action"].replace("-", "_")
            for role in file["roles"]
            for line in role["rabsic"]
            if line.get("responsible")
        ]
        if len(doers) != len(set(doers)):
            return False
    return True


def test_answers_do_not_depend_on_any_order() -> None:
    positions_moved = 0
    for seed in range(60):
        case = random_case(seed, requests_count=6)
        shuffled = reordered(case.world, seed)
        moved = positions_reordered(case.world, seed)
        fixed = states_every_primary(case.world)
        positions_moved += fixed
        for request in case.requests:
            verdict = decide(case.world, request)
            assert decide(shuffled, request) == verdict
            if fixed:
                again = decide(moved, request)
                assert (again.answer, again.may_execute) == (verdict.answer, verdict.may_execute)
    assert positions_moved > 0


def test_random_cases_repeat_and_reach_every_answer_and_fault() -> None:
    answers: set[str] = set()
    codes: set[str] = set()
    for seed in range(120):
        case = random_case(seed, requests_count=4)
        assert case == random_case(seed, requests_count=4)
        found = frozenset().union(*lint(case.world).values())
        codes |= found
        assert case.spoiled is None or case.spoiled in found
        answers |= {decide(case.world, request).answer for request in case.requests}
    assert answers == {"ALLOW", "NEEDS_APPROVAL", "DENY"}
    assert codes >= {"A_MISSING", "A_MULTIPLE", "R_MISSING", "R_PRIMARY_MULTIPLE"}
    assert codes >= {"B_EQUALS_R", "PERSON_UNKNOWN"}
