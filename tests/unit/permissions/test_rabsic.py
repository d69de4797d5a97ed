"""RABSIC: completion, lint and the decision, by table and for any order of positions."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.infrastructure.registry_files.org_files import (
    MatrixInvalidError,
    draft_matrix,
    read_matrix,
)
from cloud.permissions.decision import (
    Decision,
    Request,
    Standing,
    case_of,
    decide,
    may_approve,
    route,
)
from cloud.permissions.delegation import Delegation
from cloud.permissions.explanation import explain
from cloud.permissions.rabsic import (
    ApprovalPolicy,
    Condition,
    Entry,
    Letter,
    Matrix,
    Role,
    completed,
    lint,
)
from cloud.permissions.roster import stages_of, supervises

SCHEMA = json.loads(Path("registry/schemas/org.schema.json").read_text(encoding="utf-8"))
MARKETING = (Path(__file__).parent / "marketing.yml").read_text(encoding="utf-8")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
EVERYBODY = frozenset({"ann@k", "bob@k", "cho@k", "dan@k"})


def role(name: str, letters: str, *holders: str, **entry: object) -> Role:
    """One position with one entry for the action `sew`; `R!` marks the primary."""
    return Role(
        name=name,
        holders=holders,
        entries=(
            Entry(
                action="sew",
                letters=frozenset(Letter(letter) for letter in letters.replace("!", "")),
                primary="!" in letters,
                **entry,  # type: ignore[arg-type]
            ),
        ),
    )


def matrix_of(*roles: Role, policy: ApprovalPolicy | None = None) -> Matrix:
    return Matrix(domain="d", roles=roles, policies={} if policy is None else {"sew": policy})


def asked(
    matrix: Matrix,
    user: str,
    fields: Mapping[str, object] | None = None,
    absent: frozenset[str] = frozenset(),
    *lent: Delegation,
) -> Decision:
    standing = Standing(active=EVERYBODY, absent=absent, delegations=lent, now=NOW)
    return decide(Request(user=user, action="sew", fields=fields or {}), matrix, standing)


def codes(matrix: Matrix, known: frozenset[str] | None = None) -> list[str]:
    return [violation.code for violation in lint(matrix, known)]


USUAL = matrix_of(
    role("Worker", "R!", "ann@k"), role("Lead", "A", "bob@k"), role("Spare", "B", "cho@k")
)


@pytest.mark.requirement("RAB")
@pytest.mark.parametrize(
    ("user", "absent", "allowed", "letter"),
    [
        ("ann@k", (), True, "R"),
        ("bob@k", (), True, "A"),
        ("cho@k", (), False, None),
        ("cho@k", ("ann@k",), True, "B"),
        ("cho@k", ("bob@k",), False, None),
        ("dan@k", ("ann@k", "bob@k", "cho@k"), False, None),
        ("eve@k", (), False, None),
    ],
)
def test_who_may(user: str, absent: tuple[str, ...], allowed: bool, letter: str | None) -> None:
    decision = asked(USUAL, user, absent=frozenset(absent))
    assert (decision.allowed, decision.letter) == (allowed, letter)
    assert decision.reason


@pytest.mark.requirement("RAB")
@pytest.mark.parametrize("letter", ["S", "I", "C", "SIC"])
def test_who_helps_knows_or_is_asked_does_not_execute(letter: str) -> None:
    matrix = matrix_of(
        role("W", "R!", "ann@k"), role("L", "A", "bob@k"), role("X", letter, "cho@k")
    )
    assert not asked(matrix, "cho@k", absent=frozenset({"ann@k", "bob@k"})).allowed


@pytest.mark.requirement("RAB")
def test_a_backup_waits_while_any_responsible_is_there() -> None:
    matrix = matrix_of(
        role("W1", "R!", "ann@k"),
        role("W2", "R", "dan@k"),
        role("L", "A", "bob@k"),
        role("X", "B", "cho@k"),
    )
    assert not asked(matrix, "cho@k", absent=frozenset({"ann@k"})).allowed
    assert asked(matrix, "cho@k", absent=frozenset({"ann@k", "dan@k"})).allowed


@pytest.mark.requirement("RAB")
def test_a_vacant_position_sends_work_to_backup_then_accountable_then_up() -> None:
    matrix = matrix_of(role("W", "R!"), role("L", "A", "bob@k"), role("X", "B", "cho@k"))
    assert asked(matrix, "cho@k").letter == "B"
    case = case_of(matrix, "sew", {})

    def level(*absent: str) -> tuple[str, tuple[str, ...]]:
        standing = Standing(active=EVERYBODY, absent=frozenset(absent), delegations=(), now=NOW)
        way = route(case, standing)
        return way.level, way.logins

    assert level() == ("B", ("cho@k",))
    assert level("cho@k") == ("A", ("bob@k",))
    assert level("cho@k", "bob@k") == ("escalate", ())


@pytest.mark.requirement("RAB")
def test_conditions_look_at_typed_fields_and_a_missing_one_closes() -> None:
    when = (Condition(field="stage", values=frozenset({"CUT"})),)
    matrix = matrix_of(role("W", "R!", "ann@k", when=when), role("L", "A", "bob@k"))
    assert asked(matrix, "ann@k", {"stage": "CUT"}).allowed
    assert not asked(matrix, "ann@k", {"stage": "SEW"}).allowed
    assert not asked(matrix, "ann@k", {}).allowed
    assert not asked(matrix, "ann@k", {"stage": ("CUT", "SEW")}).allowed
    assert asked(matrix, "bob@k", {"stage": "SEW"}).allowed


@pytest.mark.requirement("RAB")
def test_a_number_is_no_truth() -> None:
    condition = Condition(field="count", values=frozenset({1}))
    assert condition.holds({"count": 1})
    assert not condition.holds({"count": True})


@pytest.mark.requirement("RAB")
def test_nothing_opens_without_a_matrix_or_an_accountable() -> None:
    standing = Standing(active=EVERYBODY, absent=frozenset(), delegations=(), now=NOW)
    request = Request(user="ann@k", action="sew", fields={})
    assert not decide(request, None, standing).allowed
    assert not asked(matrix_of(role("W", "R!", "ann@k")), "ann@k").allowed


@pytest.mark.requirement("APR")
@pytest.mark.parametrize(
    ("policy", "fields", "needed"),
    [
        (ApprovalPolicy(always=True), {}, True),
        (ApprovalPolicy(field="amount_krw", above=100_000), {"amount_krw": 100_000}, False),
        (ApprovalPolicy(field="amount_krw", above=100_000), {"amount_krw": 100_001}, True),
        (ApprovalPolicy(field="amount_krw", above=100_000), {}, True),
        (ApprovalPolicy(field="amount_krw", above=100_000), {"amount_krw": "5"}, True),
        (ApprovalPolicy(field="amount_krw", above=100_000), {"amount_krw": None}, True),
        (ApprovalPolicy(field="stage", inside=frozenset({"CUT"})), {"stage": "CUT"}, False),
        (ApprovalPolicy(field="stage", inside=frozenset({"CUT"})), {"stage": "SEW"}, True),
    ],
)
def test_when_an_approval_is_needed(
    policy: ApprovalPolicy, fields: dict[str, object], needed: bool
) -> None:
    matrix = matrix_of(role("W", "R!", "ann@k"), role("L", "A", "bob@k"), policy=policy)
    decision = asked(matrix, "ann@k", fields)
    assert decision.allowed
    assert (decision.approval is not None) == needed
    assert asked(matrix, "bob@k", fields).approval is None


@pytest.mark.requirement("APR")
def test_separated_duties_ask_for_a_second_accountable() -> None:
    policy = ApprovalPolicy(always=True, separation_of_duties=True)
    matrix = matrix_of(role("W", "R!", "ann@k"), role("L", "A", "bob@k", "cho@k"), policy=policy)
    request = Request(user="bob@k", action="sew", fields={})
    standing = Standing(active=EVERYBODY, absent=frozenset(), delegations=(), now=NOW)
    changed = frozenset({"cho@k"})
    assert asked(matrix, "bob@k").approval is policy
    assert not may_approve("cho@k", request, changed, matrix, standing).allowed
    assert not may_approve("bob@k", request, frozenset(), matrix, standing).allowed
    assert may_approve("cho@k", request, frozenset(), matrix, standing).allowed
    assert not may_approve("ann@k", request, frozenset(), matrix, standing).allowed


def lent(**changes: object) -> Delegation:
    values: dict[str, object] = {
        "giver": "ann@k",
        "taker": "dan@k",
        "actions": frozenset({"sew"}),
        "ids": frozenset(),
        "largest_amount": None,
        "begins_at": NOW - timedelta(hours=1),
        "ends_at": NOW + timedelta(hours=1),
        "reason": "holiday",
    }
    return Delegation(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.requirement("RAB")
@pytest.mark.parametrize(
    ("delegation", "fields", "allowed"),
    [
        (lent(), {}, True),
        (lent(actions=frozenset({"cut"})), {}, False),
        (lent(ends_at=NOW), {}, False),
        (lent(begins_at=NOW + timedelta(seconds=1)), {}, False),
        (lent(ids=frozenset({"pc_1"})), {"piece_id": "pc_1"}, True),
        (lent(ids=frozenset({"pc_1"})), {"piece_id": "pc_2"}, False),
        (lent(), {"amount_krw": 1}, False),
        (lent(largest_amount=10), {"amount_krw": 10}, True),
        (lent(largest_amount=10), {"amount_krw": 11}, False),
        (lent(largest_amount=10), {}, False),
        (lent(largest_amount=10), {"amount_krw": -1}, False),
        (lent(giver="cho@k"), {}, False),
        (lent(giver="eve@k"), {}, False),
    ],
)
def test_a_delegation_lends_what_the_giver_has_and_no_more(
    delegation: Delegation, fields: dict[str, object], allowed: bool
) -> None:
    decision = asked(USUAL, "dan@k", fields, frozenset(), delegation)
    assert decision.allowed == allowed
    assert decision.on_behalf_of == ("ann@k" if allowed else "")


@pytest.mark.requirement("RAB")
def test_what_was_lent_is_not_lent_on() -> None:
    chain = (lent(), lent(giver="dan@k", taker="cho@k"))
    assert not asked(USUAL, "cho@k", {}, frozenset(), *chain).allowed


@pytest.mark.requirement("RAB")
@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ((role("W", "R!", "ann@k"),), ["A_MISSING"]),
        ((role("W", "R!"), role("L", "A"), role("M", "A")), ["A_MULTIPLE"]),
        ((role("L", "A"),), ["R_MISSING"]),
        ((role("W", "R"), role("L", "A")), ["R_PRIMARY_MISSING"]),
        ((role("W", "R!"), role("V", "R!"), role("L", "A")), ["R_PRIMARY_MULTIPLE"]),
        ((role("W", "R!B"), role("L", "A")), ["B_EQUALS_R"]),
        ((role("W", "R!"), role("L", "A")), []),
    ],
)
def test_each_rule_of_a_matrix_has_its_code(roles: tuple[Role, ...], expected: list[str]) -> None:
    assert codes(matrix_of(*roles)) == expected


@pytest.mark.requirement("RAB")
def test_a_holder_whom_nobody_knows_is_named() -> None:
    assert codes(USUAL, frozenset({"ann@k", "bob@k"})) == ["PERSON_UNKNOWN"]


@pytest.mark.requirement("RAB")
def test_disjoint_conditions_have_a_primary_each() -> None:
    def at(stage: str) -> tuple[Condition, ...]:
        return (Condition(field="stage", values=frozenset({stage})),)

    matrix = matrix_of(
        role("Cutter", "R!", when=at("CUT")), role("Sewer", "R", when=at("SEW")), role("L", "A")
    )
    filled, _ = completed(matrix)
    assert codes(filled) == []
    assert case_of(filled, "sew", {"stage": "CUT"}).primary == "Cutter"
    assert case_of(filled, "sew", {"stage": "SEW"}).primary == "Sewer"


@pytest.mark.requirement("RAB")
def test_an_accountable_who_executes_does_so_under_its_own_conditions() -> None:
    when = (Condition(field="stage", values=frozenset({"CUT"})),)
    filled, notes = completed(matrix_of(role("L", "A", "bob@k", when=when)))
    assert [note.what for note in notes] == ["responsible", "primary"]
    assert asked(filled, "bob@k", {"stage": "CUT"}).allowed
    assert not asked(filled, "bob@k", {"stage": "SEW"}).allowed


@pytest.mark.requirement("RAB")
def test_amounts_and_numbers_are_conditions_with_bounds() -> None:
    small = (Condition(field="amount_krw", up_to=100_000),)
    large = (Condition(field="amount_krw", above=100_000),)
    matrix = matrix_of(
        role("Buyer", "R!", "ann@k", when=small),
        role("Head", "R!", "dan@k", when=large),
        role("L", "A", "bob@k"),
    )
    assert codes(matrix) == []
    assert asked(matrix, "ann@k", {"amount_krw": 100_000}).allowed
    assert not asked(matrix, "ann@k", {"amount_krw": 100_001}).allowed
    assert not asked(matrix, "dan@k", {"amount_krw": 100_000}).allowed
    assert asked(matrix, "dan@k", {"amount_krw": 100_001}).allowed
    for value in (None, "5", True):
        assert not asked(matrix, "ann@k", {"amount_krw": value}).allowed
    overlapping = (Condition(field="amount_krw", above=99_999),)
    both = replace(matrix, roles=(*matrix.roles[:1], role("H", "R!", when=overlapping)))
    assert "R_PRIMARY_MULTIPLE" in codes(both)


@pytest.mark.requirement("RAB")
def test_an_approval_that_nobody_could_give_is_refused_at_once() -> None:
    matrix = matrix_of(role("W", "R!", "ann@k"), role("L", "A"), policy=ApprovalPolicy(always=True))
    assert "nobody else can give it" in asked(matrix, "ann@k").reason


@pytest.mark.requirement("RAB")
def test_delegations_in_a_circle_are_all_void() -> None:
    circle = (lent(), lent(giver="dan@k", taker="cho@k"), lent(giver="cho@k", taker="ann@k"))
    assert asked(USUAL, "dan@k", {}, frozenset(), lent()).allowed
    assert not asked(USUAL, "dan@k", {}, frozenset(), *circle).allowed


@pytest.mark.requirement("RAB")
def test_silence_of_the_primary_sends_work_to_the_next_position_and_then_to_backup() -> None:
    matrix = matrix_of(
        role("W1", "R!", "ann@k"),
        role("W2", "R", "dan@k"),
        role("L", "A", "bob@k"),
        role("X", "B", "cho@k"),
    )
    case = case_of(matrix, "sew", {})

    def way(*silent: str) -> tuple[str, tuple[str, ...]]:
        standing = Standing(
            active=EVERYBODY,
            absent=frozenset(),
            delegations=(),
            now=NOW,
            silent=frozenset(silent),
        )
        found = route(case, standing)
        return found.position, found.logins

    assert way() == ("W1", ("ann@k",))
    assert way("W1") == ("W2", ("dan@k",))
    assert way("W1", "W2") == ("X", ("cho@k",))
    assert way("W1", "W2", "X") == ("L", ("bob@k",))


@pytest.mark.requirement("RAB")
def test_the_marketing_example_is_completed_as_people_expect() -> None:
    draft = draft_matrix("org/marketing.yml", MARKETING, SCHEMA)
    _, notes = completed(draft)
    assert {(note.action, note.what, note.role) for note in notes} == {
        ("create_campaign", "primary", "Specialist"),
        ("approve_budget", "responsible", "Manager"),
        ("approve_budget", "primary", "Manager"),
        ("execute_ads", "accountable", "Manager"),
        ("execute_ads", "primary", "Specialist"),
    }
    assert lint(read_matrix("org/marketing.yml", MARKETING, SCHEMA), frozenset()) == ()


@pytest.mark.requirement("RAB")
def test_no_accountable_and_two_in_the_domain_is_an_error_with_its_line() -> None:
    text = MARKETING.replace(
        "  - name: Specialist\n    rabsic:\n",
        ("  - name: Specialist\n    rabsic:\n      - {action: hire, accountable: true}\n"),
    )
    with pytest.raises(MatrixInvalidError) as refusal:
        read_matrix("org/marketing.yml", text, SCHEMA)
    assert (refusal.value.code, refusal.value.file) == ("A_MISSING", "org/marketing.yml")
    assert text.splitlines()[refusal.value.line - 1].strip().startswith("- {action: execute-ads")


@pytest.mark.requirement("RAB")
def test_an_explanation_names_position_letter_and_who_works() -> None:
    standing = Standing(active=EVERYBODY, absent=frozenset({"ann@k"}), delegations=(), now=NOW)
    told = explain(Request(user="cho@k", action="sew", fields={}), "d", USUAL, standing)
    assert (told.allowed, told.letter, told.positions) == (True, "B", ("Spare",))
    assert (told.level, told.goes_to) == ("B", ("cho@k",))
    assert "Spare: B" in told.steps
    assert "away now: ann@k" in told.steps


@pytest.mark.requirement("RAB")
def test_the_demo_matrices_say_where_a_worker_may_finish() -> None:
    text = Path("registry/org/production.yml").read_text(encoding="utf-8")
    matrix = read_matrix("org/production.yml", text, SCHEMA)
    stages = ("CUT", "SEW", "QC", "ZZZ")
    assert stages_of("worker@demo.example", stages, matrix, NOW) == ("CUT", "SEW", "QC")
    assert stages_of("designer@demo.example", stages, matrix, NOW) == ()
    logins = ("worker@demo.example", "designer@demo.example", "lead@demo.example", "nobody")
    assert [supervises(login, matrix, NOW) for login in logins] == [False, False, True, False]
    assert not supervises("lead@demo.example", None, NOW)


LOGINS = st.sampled_from(sorted(EVERYBODY))
ENTRIES = st.builds(
    Entry,
    action=st.just("sew"),
    letters=st.frozensets(st.sampled_from(list(Letter)), min_size=1, max_size=3),
    primary=st.booleans(),
    when=st.one_of(
        st.just(()),
        st.builds(
            lambda values: (Condition(field="stage", values=values),),
            st.frozensets(st.sampled_from(["CUT", "SEW"]), min_size=1),
        ),
    ),
)
ROLES = st.lists(
    st.builds(
        lambda holders, entries: (tuple(holders), tuple(entries)),
        st.lists(LOGINS, unique=True, max_size=3),
        st.lists(ENTRIES, min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=5,
)


@pytest.mark.requirement("RAB")
@given(ROLES, st.randoms(use_true_random=False), LOGINS, st.frozensets(LOGINS))
def test_the_order_of_positions_never_matters(
    drafts: list[tuple[tuple[str, ...], tuple[Entry, ...]]],
    chance: object,
    user: str,
    absent: frozenset[str],
) -> None:
    roles = [
        Role(name=f"P{number}", holders=holders, entries=entries)
        for number, (holders, entries) in enumerate(drafts)
    ]
    mixed = list(roles)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    answers = []
    for order in (roles, mixed, roles[::-1]):
        matrix, _ = completed(matrix_of(*order, policy=ApprovalPolicy(always=True)))
        decision = asked(matrix, user, {"stage": "CUT"}, absent)
        answers.append(
            (
                decision.allowed,
                decision.letter,
                decision.approval is not None,
                sorted(violation.code for violation in lint(matrix))
                if not any(entry.primary for _, entries in drafts for entry in entries)
                else None,
            )
        )
    assert answers[0] == answers[1] == answers[2]
