"""Seeded worlds for permission procedures: matrices, people, absences, delegations, requests.

``random_case(seed)`` gives the same case for the same seed, in the plain form which
``tests.fakes.naive_rabsic`` reads. No instant asked about is the edge of an interval, each action
belongs to one domain, and each domain has one file: the rules say nothing exact about those.
About one case in five has a spoiled matrix; ``Case.spoiled`` says how.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

Plain = dict[str, Any]
NOON = datetime(2031, 5, 14, 12, tzinfo=UTC)
STAGES = ("CUT", "SEW", "PACK")
ACTIONS = {
    "production": ("finish-step", "override_order", "quarantine-piece"),
    "marketing": ("create-campaign", "approve_budget"),
}
UNLISTED = "paint_the_roof"
STRANGER = "stranger@nowhere.example"
DOERS = ("responsible", "backup", "support", "informed", "consulted")
SPOILS = (
    "A_MULTIPLE",
    "A_MISSING",
    "R_PRIMARY_MULTIPLE",
    "B_EQUALS_R",
    "PERSON_UNKNOWN",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One world, the questions about it, and the fault put in on purpose, if any."""

    seed: int
    world: Plain
    requests: list[Plain]
    spoiled: str | None


def random_case(seed: int, requests_count: int = 12) -> Case:
    """Build the case of a seed: mostly sound, mostly small, often awkward."""
    dice = Random(seed)  # noqa: S311 - a repeatable case, no secret
    members = [f"person{number}@demo.example" for number in range(dice.randint(3, 7))]
    matrices = [random_file(dice, domain, members) for domain in sorted(ACTIONS)]
    spoiled = None
    if dice.random() < 0.2:
        spoiled = dice.choice(SPOILS)
        spoil(dice, dice.choice(matrices), spoiled)
    dice.shuffle(matrices)
    world: Plain = {
        "matrices": matrices,
        "members": members,
        "absences": random_absences(dice, members),
        "delegations": random_delegations(dice, members, doers_of(matrices)),
    }
    requests = [random_request(dice, members) for _ in range(requests_count)]
    for request in requests:
        if world["delegations"] and dice.random() < 0.4:
            aim_at_delegation(dice, request, dice.choice(world["delegations"]))
    return Case(seed=seed, world=world, requests=requests, spoiled=spoiled)


def random_file(dice: Random, domain: str, members: list[str]) -> Plain:
    """One domain's file; one person often sits in several positions, some sit empty."""
    roles: list[Plain] = [
        {
            "name": f"{domain} position {number}",
            "holders": dice.sample(members, dice.choice((0, 1, 1, 1, 2, 2))),
            "rabsic": [],
        }
        for number in range(dice.randint(2, 5))
    ]
    owner = dice.choice(roles)
    for action in ACTIONS[domain]:
        put_letters(dice, action, roles, owner if dice.random() < 0.7 else dice.choice(roles))
    if not any(line.get("accountable") for role in roles for line in role["rabsic"]):
        owner["rabsic"].append({"action": ACTIONS[domain][0], "accountable": True})
    if dice.random() < 0.1:
        vacated = dice.choice(roles)
        vacated["holders"] = []
    for role in roles:
        dice.shuffle(role["rabsic"])
    policies = [policy for action in ACTIONS[domain] for policy in random_policies(dice, action)]
    return {"domain": domain, "roles": roles, "policies": policies}


def put_letters(dice: Random, action: str, roles: list[Plain], accountable: Plain) -> None:
    """Letters of one action: one A or none written, R of any number, overlapping conditions."""
    name = respelled(dice, action)
    with_a = dice.random() < 0.85
    if with_a:
        line: Plain = {"action": name, "accountable": True}
        if dice.random() < 0.1:
            line["when"] = random_condition(dice)
        accountable["rabsic"].append(line)
    primary_at = dice.choice(roles) if dice.random() < 0.6 else None
    for role in roles:
        if dice.random() < 0.75:
            letter = dice.choice((*DOERS, "responsible", "backup"))
            if letter == "backup" and role is accountable:  # completion could make it B of itself
                letter = "responsible"
            line = {"action": respelled(dice, action), letter: True}
            if letter == "responsible" and role is primary_at:
                line["primary"] = True
            if dice.random() < 0.35:
                line["when"] = random_condition(dice)
            if letter != "informed" and dice.random() < 0.15:
                line["informed"] = True
            role["rabsic"].append(line)
    if not with_a and not any(listed(role, action) for role in roles):
        accountable["rabsic"].append({"action": name, "informed": True})


def listed(role: Plain, action: str) -> bool:
    """The position says something about the action."""
    wanted = action.replace("-", "_")
    return any(line["action"].replace("-", "_") == wanted for line in role["rabsic"])


def respelled(dice: Random, action: str) -> str:
    """Hyphens or underscores: the same action."""
    return action.replace("_", "-") if dice.random() < 0.5 else action.replace("-", "_")


def random_condition(dice: Random) -> Plain:
    """One or two fields; the stages of two conditions often overlap."""
    when: Plain = {"stage": dice.sample(STAGES, dice.choice((1, 1, 2)))}
    if dice.random() < 0.3:
        when["urgent"] = [dice.choice((True, False))]
    return when


def random_policies(dice: Random, action: str) -> list[Plain]:
    """No policy, or one that asks always, above an amount or outside a scope."""
    if dice.random() < 0.4:
        return []
    kinds: list[Plain] = [
        {"always": True},
        {"field": "amount_krw", "above": 100_000},
        {"field": "amount_krw", "above": 100_000},
        {"field": "stage", "outside": list(STAGES[:2])},
    ]
    approval = dice.choice(kinds) | {"sla": "4h", "expires": "48h"}
    if dice.random() < 0.7:
        approval["separation_of_duties"] = dice.random() < 0.5
    return [{"action": respelled(dice, action), "approval": approval}]


def spoil(dice: Random, file: Plain, fault: str) -> None:
    """Put one fault into a file, whatever it said before."""
    roles, action = file["roles"], ACTIONS[file["domain"]][0]
    if fault == "PERSON_UNKNOWN":
        dice.choice(roles)["holders"].append(STRANGER)
    elif fault == "B_EQUALS_R":
        line = {"action": action, "responsible": True, "backup": True}
        dice.choice(roles)["rabsic"].append(line)
    elif fault == "A_MISSING":
        for role in roles:
            for line in role["rabsic"]:
                line.pop("accountable", None)
        roles[0]["rabsic"].append({"action": action, "responsible": True})
    else:
        letters = (
            {"accountable": True}
            if fault == "A_MULTIPLE"
            else {"responsible": True, "primary": True}
        )
        for role in roles[:2]:
            role["rabsic"].append({"action": action, **letters})


def random_absences(dice: Random, members: list[str]) -> list[Plain]:
    """Leave now, over or to come; now and then everybody is away."""
    everyone = dice.random() < 0.1
    absences: list[Plain] = []
    for login in members:
        if everyone or dice.random() < 0.4:
            starts_h = -30 if everyone else dice.choice((-90, -30, -3, 5))
            lasts_h = 60 if everyone else dice.choice((2, 20, 60))
            begins = NOON + timedelta(hours=starts_h, minutes=7)
            absences.append(
                {"login": login, "from": begins, "until": begins + timedelta(hours=lasts_h)}
            )
    return absences


def doers_of(matrices: list[Plain]) -> list[str]:
    """Those who are R, A or B of something, and have something to lend."""
    return sorted(
        {
            login
            for file in matrices
            for role in file["roles"]
            for line in role["rabsic"]
            if line.get("responsible") or line.get("accountable") or line.get("backup")
            for login in role["holders"]
            if login != STRANGER
        }
    )


def random_delegations(dice: Random, members: list[str], doers: list[str]) -> list[Plain]:
    """Valid, over, to come, too small, passed on, in a circle, of rights not held, to strangers."""
    delegations = [random_delegation(dice, members, doers) for _ in range(dice.randint(0, 4))]
    if delegations and dice.random() < 0.5:
        passed_on = copy.deepcopy(dice.choice(delegations))
        passed_on["from"], passed_on["to"] = passed_on["to"], dice.choice(members)
        delegations.append(passed_on)
    if delegations and dice.random() < 0.2:
        back = copy.deepcopy(dice.choice(delegations))
        back["from"], back["to"] = back["to"], back["from"]
        delegations.append(back)
    if dice.random() < 0.1:
        to_a_stranger = random_delegation(dice, members, doers)
        to_a_stranger[dice.choice(("from", "to"))] = STRANGER
        delegations.append(to_a_stranger)
    dice.shuffle(delegations)
    return delegations


def random_delegation(dice: Random, members: list[str], doers: list[str]) -> Plain:
    """From one member to another, mostly in force, mostly by one who has rights to lend."""
    giver = dice.choice(doers if doers and dice.random() < 0.85 else members)
    taker = dice.choice([login for login in members if login != giver])
    every = [action for actions in ACTIONS.values() for action in actions]
    begins = NOON + timedelta(hours=dice.choice((-90, -30, -30, -30, 6)), minutes=11)
    return {
        "from": giver,
        "to": taker,
        "scope": {
            "actions": [respelled(dice, one) for one in dice.sample(every, dice.randint(1, 5))],
            "ids": dice.choice((None, None, ["wo_1"], ["wo_1", "wo_2"])),
            "max_amount": dice.choice((None, 50_000, 100_000, 300_000)),
        },
        "valid_from": begins,
        "valid_until": begins + timedelta(hours=dice.choice((12, 80, 80))),
        "reason": "away for a fitting",
    }


def aim_at_delegation(dice: Random, request: Plain, delegation: Plain) -> None:
    """Let the delegate ask for something near the edge of what was lent."""
    request["login"] = delegation["to"]
    request["action"] = dice.choice(delegation["scope"]["actions"])
    if dice.random() < 0.8:
        request["now"] = NOON
    most, fields = delegation["scope"]["max_amount"], request["fields"]
    fields.pop("amount_krw", None)
    if most is not None and dice.random() < 0.9:
        fields["amount_krw"] = most + dice.choice((-1, 0, 0, 1, 100_000))
    if delegation["scope"]["ids"] and dice.random() < 0.8:
        fields["work_order_id"] = dice.choice(delegation["scope"]["ids"])


def random_request(dice: Random, members: list[str]) -> Plain:
    """Who asks for what, with some fields missing or of the wrong type."""
    every = [action for actions in ACTIONS.values() for action in actions]
    fields: Plain = {}
    if dice.random() < 0.8:
        fields["stage"] = dice.choice((*STAGES, "QC"))
    if dice.random() < 0.6:
        fields["urgent"] = dice.choice((True, False, 1, "true"))
    if dice.random() < 0.7:
        amounts = (0, 50_000, 99_999, 100_000, 100_001, 300_000, 5_000_000, "90000", None)
        fields["amount_krw"] = dice.choice(amounts)
    if dice.random() < 0.7:
        fields["work_order_id"] = dice.choice(("wo_1", "wo_2", "wo_3"))
    return {
        "login": STRANGER if dice.random() < 0.04 else dice.choice(members),
        "action": UNLISTED if dice.random() < 0.05 else respelled(dice, dice.choice(every)),
        "fields": fields,
        "now": NOON + timedelta(hours=dice.choice((0, 0, 0, -40, 40))),
        "silence": dice.random() < 0.25,
    }


def reordered(world: Plain, seed: int) -> Plain:
    """The same world with everything shuffled whose order says nothing.

    Positions keep theirs: who is primary or next may follow the listing.
    """
    dice = Random(seed)  # noqa: S311 - a repeatable case, no secret
    other = copy.deepcopy(world)
    for name in ("matrices", "members", "absences", "delegations"):
        dice.shuffle(other[name])
    for file in other["matrices"]:
        dice.shuffle(file["policies"])
        for role in file["roles"]:
            dice.shuffle(role["holders"])
            dice.shuffle(role["rabsic"])
    return other


def positions_reordered(world: Plain, seed: int) -> Plain:
    """The same world with each file's positions shuffled: nobody's answer may lean on it.

    Only where every action states its primary; ``assigned`` may still differ, it follows the list.
    """
    dice = Random(seed)  # noqa: S311 - a repeatable case, no secret
    other = copy.deepcopy(world)
    for file in other["matrices"]:
        dice.shuffle(file["roles"])
    return other
