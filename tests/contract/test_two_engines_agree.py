"""The engine that serves against the naive procedure, on seeded random worlds.

Both read the same plain data. The engine's side completes, lints, decides, approves and routes by
its own code; nothing of the naive one is used but its answer.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from cloud.infrastructure.registry_files.document import RegistryFileError
from cloud.infrastructure.registry_files.org_files import matrix_of
from cloud.permissions.decision import Request, Standing, approvers, case_of, decide, route
from cloud.permissions.delegation import Delegation
from cloud.permissions.rabsic import Letter, Matrix, action_name, completed, lint
from tests.fakes import naive_rabsic, random_matrices

BLOCKS = 10
CASES_PER_BLOCK = 1_000
REQUESTS_PER_CASE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one engine says, in the words of both."""

    verdict: str
    approve: frozenset[str] = frozenset()
    consult: frozenset[str] = frozenset()
    inform: frozenset[str] = frozenset()
    assigned: frozenset[str] = frozenset()
    faults: frozenset[str] = frozenset()


@dataclass(slots=True)
class World:
    """A plain world, read once: each domain's completed matrix with its faults."""

    plain: Mapping[str, Any]
    matrices: dict[str, Matrix] = field(default_factory=dict)
    faults: dict[str, frozenset[str]] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = frozenset(self.plain["members"])
        for file in self.plain["matrices"]:
            try:
                draft = matrix_of(file)
            except RegistryFileError as refusal:
                # A line without any letter: the reader of files does not go on to the rules.
                self.refused(file, refusal.code)
                continue
            matrix, _ = completed(draft)
            self.matrices[draft.domain] = matrix
            self.faults[draft.domain] = frozenset(v.code for v in lint(matrix, known))
            for role in draft.roles:
                for entry in role.entries:
                    self.written[entry.action] = draft.domain

    def refused(self, file: Mapping[str, Any], code: str) -> None:
        self.faults[file["domain"]] = frozenset({code})
        for role in file["roles"]:
            for line in role["rabsic"]:
                self.written[action_name(line["action"])] = file["domain"]

    def standing(self, request: Mapping[str, Any], matrix: Matrix) -> Standing:
        now = request["now"]
        silent = frozenset[str]()
        if request["silence"]:
            case = case_of(matrix, action_name(request["action"]), request["fields"])
            silent = frozenset({case.primary}) if case.primary else silent
        return Standing(
            active=frozenset(self.plain["members"]),
            absent=frozenset(
                leave["login"]
                for leave in self.plain["absences"]
                if leave["from"] <= now < leave["until"]
            ),
            delegations=tuple(delegation_of(one) for one in self.plain["delegations"]),
            now=now,
            silent=silent,
        )


def delegation_of(plain: Mapping[str, Any]) -> Delegation:
    scope = plain["scope"]
    return Delegation(
        giver=plain["from"],
        taker=plain["to"],
        actions=frozenset(action_name(action) for action in scope["actions"]),
        ids=frozenset(scope["ids"] or ()),
        largest_amount=scope["max_amount"],
        begins_at=plain["valid_from"],
        ends_at=plain["valid_until"],
        reason=plain["reason"],
    )


def engine_answer(world: World, plain: Mapping[str, Any]) -> Answer:
    action, fields = action_name(plain["action"]), plain["fields"]
    domain = world.written.get(action)
    if domain is None:
        return Answer(verdict="DENY")
    if world.faults[domain]:
        return Answer(verdict="DENY", faults=world.faults[domain])
    matrix = world.matrices[domain]
    standing = world.standing(plain, matrix)
    case = case_of(matrix, action, fields)

    def asked(login: str) -> Request:
        return Request(user=login, action=action, fields=fields)

    decision = decide(asked(plain["login"]), matrix, standing)
    verdict = "DENY"
    if decision.allowed:
        verdict = "ALLOW" if decision.approval is None else "NEEDS_APPROVAL"
    return Answer(
        verdict=verdict,
        approve=approvers(case, asked(plain["login"]), standing),
        consult=case.holders(Letter.CONSULTED),
        inform=case.holders(Letter.INFORMED),
        assigned=frozenset(route(case, standing).logins),
    )


def naive_answer(world: Mapping[str, Any], request: Mapping[str, Any]) -> Answer:
    said = naive_rabsic.decide(dict(world), dict(request))
    return Answer(
        verdict=said.answer,
        approve=said.may_approve,
        consult=said.consult,
        inform=said.inform,
        assigned=said.assigned,
        faults=said.lint,
    )


@pytest.fixture
def naive(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the naive procedure remember its pure answers about one world; the call forgets them."""
    memories: list[dict[Any, Any]] = []

    def remembering(function: Callable[..., Any], key: Callable[..., Any]) -> Callable[..., Any]:
        memory: dict[Any, Any] = {}
        memories.append(memory)

        def remembered(*arguments: Any) -> Any:
            about = key(*arguments)
            if about not in memory:
                # The arguments are kept too, so that no identity is given away again.
                memory[about] = (function(*arguments), arguments)
            return memory[about][0]

        return remembered

    for name, key in (
        ("lint_domain", lambda _world, domain, _members: domain),
        (
            "completed_lines",
            lambda _world, domain, action: (domain, naive_rabsic.plain_name(action)),
        ),
        ("faults_of_action", id),
    ):
        monkeypatch.setattr(naive_rabsic, name, remembering(getattr(naive_rabsic, name), key))

    def forget() -> None:
        for memory in memories:
            memory.clear()

    return forget


@pytest.mark.requirement("RAB")
@pytest.mark.parametrize("block", range(BLOCKS))
def test_ten_thousand_random_matrices_are_judged_alike(
    block: int, naive: Callable[[], None]
) -> None:
    seen: Counter[str] = Counter()
    for seed in range(block * CASES_PER_BLOCK, (block + 1) * CASES_PER_BLOCK):
        naive()
        case = random_matrices.random_case(seed, REQUESTS_PER_CASE)
        world = World(plain=case.world)
        found = naive_rabsic.lint(case.world)
        for domain in world.faults:
            if world.faults[domain] == {"REGISTRY_INVALID"}:
                assert found[domain], seed
                world.faults[domain] = found[domain]
        assert world.faults == found, seed
        for request in case.requests:
            said = engine_answer(world, request)
            assert said == naive_answer(case.world, request), (seed, request)
            seen[said.verdict] += 1
    # Worth something only while every kind of answer comes up often.
    assert min(seen[verdict] for verdict in ("ALLOW", "DENY", "NEEDS_APPROVAL")) > 50


@pytest.mark.requirement("RAB")
def test_the_order_in_which_things_are_listed_changes_no_answer() -> None:
    for seed in range(500):
        case = random_matrices.random_case(seed, REQUESTS_PER_CASE)
        world = World(plain=case.world)
        shuffled = World(plain=random_matrices.reordered(case.world, seed))
        turned = World(plain=random_matrices.positions_reordered(case.world, seed))
        assert world.faults == shuffled.faults == turned.faults, seed
        for request in case.requests:
            said = engine_answer(world, request)
            assert said == engine_answer(shuffled, request), (seed, request)
            other = engine_answer(turned, request)
            # Who is the primary where none is written follows the listing; silence hangs on it.
            if not request["silence"]:
                assert replace(said, assigned=frozenset()) == replace(
                    other, assigned=frozenset()
                ), (seed, request)
