"""A decision of the serving engine against casbin's `enforce`, on the same 1,000 rules.

900 rules let a position act at a stage, 100 make a position accountable for an action at every
stage. Each request is asked once; both must answer alike. Runs alternate in blocks. Beside it, for
reading alone: casbin's fast enforcer, which looks rules up by action, and stored answers in a
dictionary, because casbin for Python brings no cached enforcer of its own.
"""

import gc
import logging
import random
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import perf_counter_ns, thread_time_ns

import casbin

from cloud.permissions.decision import Request, Standing, decide
from cloud.permissions.rabsic import Condition, Entry, Letter, Matrix, Role
from tests.benchmarks.report import Report, arguments

SEED = 20_260
ACTIONS = [f"action_{number}" for number in range(100)]
STAGES = [f"S{number}" for number in range(10)]
POSITIONS = [f"position {number}" for number in range(50)]
PEOPLE = [f"person{number}@demo.example" for number in range(500)]
BLOCKS = 10
MODEL = """
[request_definition]
r = sub, act, stage
[policy_definition]
p = sub, act, stage
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.act == p.act && (p.stage == "*" || r.stage == p.stage) && g(r.sub, p.sub)
"""
Rule = tuple[str, str, str]
Asked = tuple[str, str, str]


def rules_of(dice: random.Random) -> list[Rule]:
    """Return 900 rules of one stage and 100 of every stage, all different."""
    every = [(p, a, s) for p in POSITIONS[:49] for a in ACTIONS for s in STAGES]
    heads = [(POSITIONS[49] if n % 2 else POSITIONS[48], a, "*") for n, a in enumerate(ACTIONS)]
    return [*dice.sample(every, 900), *heads]


def matrix_of(rules: Sequence[Rule], seats: Sequence[tuple[str, str]]) -> Matrix:
    """Return the rules as positions with their letters."""
    roles = []
    for position in POSITIONS:
        entries = [
            Entry(action=action, letters=frozenset({Letter.ACCOUNTABLE}))
            if stage == "*"
            else Entry(
                action=action,
                letters=frozenset({Letter.RESPONSIBLE}),
                when=(Condition(field="stage", values=frozenset({stage})),),
            )
            for owner, action, stage in rules
            if owner == position
        ]
        holders = tuple(person for person, seat in seats if seat == position)
        roles.append(Role(name=position, holders=holders, entries=tuple(entries)))
    return Matrix(domain="bench", roles=tuple(roles), policies={})


def requests_of(
    dice: random.Random, rules: Sequence[Rule], seats: Sequence[tuple[str, str]], count: int
) -> list[Asked]:
    """Return distinct requests, about a third of them aimed at a rule that allows them."""
    holders: dict[str, list[str]] = {}
    for person, seat in seats:
        holders.setdefault(seat, []).append(person)
    found: set[Asked] = set()
    while len(found) < count:
        if dice.random() < 0.35:
            position, action, stage = dice.choice(rules)
            person = dice.choice(holders[position])
            found.add((person, action, dice.choice(STAGES) if stage == "*" else stage))
        else:
            found.add((dice.choice(PEOPLE), dice.choice(ACTIONS), dice.choice(STAGES)))
    return sorted(found, key=lambda _: dice.random())


def timed(ask: Callable[[Asked], bool], asked: Sequence[Asked]) -> tuple[list[bool], list[int]]:
    """Return the answers and how long each took, in nanoseconds."""
    answers, took = [], []
    for one in asked:
        begun = perf_counter_ns()
        answer = ask(one)
        took.append(perf_counter_ns() - begun)
        answers.append(answer)
    return answers, took


def cpu_timed(ask: Callable[[Asked], bool], asked: Sequence[Asked]) -> list[int]:
    """Return the processor time of each call: what it takes whoever else is using the machine."""
    took = []
    for one in asked:
        begun = thread_time_ns()
        ask(one)
        took.append(thread_time_ns() - begun)
    return took


def enforcer(kind: type, rules: Sequence[Rule], seats: Sequence[tuple[str, str]], **more: object):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as model:
        model.write(MODEL)
        model.flush()
        made = kind(model.name, **more)
    made.add_policies([list(rule) for rule in rules])
    made.add_grouping_policies([list(seat) for seat in seats])
    return made


def main() -> int:
    logging.disable(logging.INFO)
    options = arguments(__doc__ or "")
    dice = random.Random(SEED)  # noqa: S311  repeatable, no secret
    rules = rules_of(dice)
    seats = [(person, seat) for person in PEOPLE for seat in dice.sample(POSITIONS, 2)]
    asked = requests_of(dice, rules, seats, 500 if options.quick else 10_000)
    matrix = matrix_of(rules, seats)
    standing = Standing(
        active=frozenset(PEOPLE), absent=frozenset(), delegations=(), now=datetime.now(UTC)
    )

    def ours(one: Asked) -> bool:
        request = Request(user=one[0], action=one[1], fields={"stage": one[2]})
        return decide(request, matrix, standing).allowed

    plain = enforcer(casbin.Enforcer, rules, seats)
    fast = enforcer(casbin.FastEnforcer, rules, seats, cache_key_order=[1])
    cached: dict[Asked, bool] = {}

    def remembered(one: Asked) -> bool:
        # What a cached enforcer does with a request that it was asked before.
        return cached[one]

    mine: list[int] = []
    theirs: list[int] = []
    faster: list[int] = []
    stored: list[int] = []
    unequal = allowed = 0
    busy: list[int] = []
    gc.collect()
    for block in range(BLOCKS):
        part = asked[block::BLOCKS]
        said, took = timed(ours, part)
        mine += took
        busy += cpu_timed(ours, part)
        answers, took = timed(lambda one: bool(plain.enforce(*one)), part)
        theirs += took
        quick, took = timed(lambda one: bool(fast.enforce(*one)), part)
        faster += took
        cached.update(zip(part, answers, strict=True))
        _, took = timed(remembered, part)
        stored += took
        unequal += sum(a != b or a != c for a, b, c in zip(said, answers, quick, strict=True))
        allowed += sum(said)
        print(
            f"block {block}: ours {sum(mine) / len(mine) / 1e3:.1f} µs, "
            f"casbin {sum(theirs) / len(theirs) / 1e3:.0f} µs"
        )
    report = Report(name="permission_decision", seed=SEED)
    report.figures = {
        "ratio_to_casbin": round(sum(theirs) / sum(mine), 1),
        "p99_ms": round(sorted(mine)[len(mine) * 99 // 100] / 1e6, 4),
        "p99_cpu_ms": round(sorted(busy)[len(busy) * 99 // 100] / 1e6, 4),
        "mean_us": round(sum(mine) / len(mine) / 1e3, 2),
        "casbin_mean_us": round(sum(theirs) / len(theirs) / 1e3, 1),
        "casbin_fast_mean_us": round(sum(faster) / len(faster) / 1e3, 1),
        "stored_answer_mean_us": round(sum(stored) / len(stored) / 1e3, 3),
        "requests": len(asked),
        "allowed": allowed,
        "unequal": unequal,
    }
    report.targets = {
        "ratio_to_casbin": (">=", 20.0),
        "p99_ms": ("<=", 0.2),
        "unequal": ("<=", 0.0),
    }
    return report.print()


if __name__ == "__main__":
    raise SystemExit(main())
