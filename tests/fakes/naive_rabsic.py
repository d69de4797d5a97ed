"""A second, slow and literal procedure for RABSIC: who may act, approve, advise and hear of it.

Written from the settled rules alone, to be compared with the engine that serves; the two share no
line. Every rule is one small function. Nothing is remembered between two questions.

Plain data, as the YAML files give it::

    world = {"matrices": [file, ...], "members": [login, ...],
             "absences": [{"login", "from", "until"}, ...],
             "delegations": [{"from", "to", "scope": {"actions", "ids", "max_amount"},
                              "valid_from", "valid_until"}, ...]}
    file = {"domain", "roles": [{"name", "holders", "rabsic": [entry, ...]}],
            "policies": [{"action", "approval": {"field", "above", "always", "outside",
                                                 "separation_of_duties"}}]}
    request = {"login", "action", "fields": {...}, "now": datetime, "silence": bool}

Readings chosen where the rules leave room (the letter-and-number is for a comparison's notes):

* M1 an action belongs to the one domain whose roles list it; listed by two domains or by none: no.
  A policy alone lists nothing. ``request["domain"]`` may name the domain.
* M2 an invalid domain answers no to everything; other domains go on. Files of one domain add up.
* M3 completion is done once for the action, before any command is seen and whatever its ``when``
  says; only who is primary is completed again among the R that fit the command.
* M4 two A, two primaries, or B beside R are faults only where one command could meet both.
* M5 ``B_EQUALS_R`` is about one position, not about one person with two positions.
* M6 ``R_MISSING`` comes only beside ``A_MISSING``; ``R_PRIMARY_MISSING`` cannot outlive completion.
* M7 ``primary`` without ``responsible`` means nothing. Letters count only when literally true.
* W1 a condition on a field that the command lacks, or states in another type, does not hold.
* W2 no R fits the command: B stays out (nobody is absent), A may act. No A fits: no approver.
* P1 being away or silent takes no right from anybody; it lets B in and moves the assignment.
* P2 silence makes the whole primary position absent, and is believed without looking for an SLA.
* P3 a delegate does not count as the presence of the R who delegated.
* P4 intervals contain their start and not their end; one without both ends never holds.
* P5 assigned: holders present of the primary R, else of the next R as listed, else of the first B,
  else of A, else nobody (it escalates).
* G1 an approval limit whose field is missing, no integer or negative: approval is needed; an
  approval without any condition too. Exactly the limit is not above it. ``outside`` is a list for
  ``field`` or a mapping like ``when``. Several policies: each may ask, each may separate duties.
* G2 needed approval without anybody to give it: no. Nobody is the approver of an own request.
* G3 whoever also has A's right, by a second position or delegated, is not asked for approval,
  unless duties are separated; then the second approver may be a co-holder, or A's delegate.
* G4 the sets speak of the command, whoever asks; ``may_execute`` is by letter, approval or not.
* D1 delegable is what the giver may do by own positions now: R, A, and B while B acts.
* D2 every delegation on a circle of those now valid for this action is void, all of them.
* D3 without a maximum a delegation covers no command that has, or should have, an amount; with one
  it covers only a stated amount up to it. Amount fields: the policy's, ``amount``, ``amount_*``.
* D4 no ``actions``: covers nothing; no ``ids``: not limited; else one of the command's ``id`` or
  ``*_id`` fields is among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

Plain = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the rules say about one command at one moment."""

    answer: str  # ALLOW, NEEDS_APPROVAL or DENY
    reason: str
    may_execute: frozenset[str] = frozenset()
    may_approve: frozenset[str] = frozenset()
    consult: frozenset[str] = frozenset()
    inform: frozenset[str] = frozenset()
    assigned: frozenset[str] = frozenset()
    escalates: bool = False
    lint: frozenset[str] = frozenset()


# --- the matrix as written ---


def plain_name(action: object) -> str:
    """A hyphen and an underscore in an action's name are the same."""
    return str(action).replace("-", "_")


def positions_of(matrices: list[Plain], domain: str) -> list[Plain]:
    """The positions of a domain, in the order of listing."""
    files = [file for file in matrices if file.get("domain") == domain]
    return [role for file in files for role in file.get("roles") or []]


def domains_of(matrices: list[Plain], action: str) -> list[str]:
    """The domains in which some position lists the action."""
    every = sorted({file["domain"] for file in matrices})
    return [domain for domain in every if written_lines(matrices, domain, action)]


def written_lines(matrices: list[Plain], domain: str, action: str) -> list[Plain]:
    """Each line about the action, with the position it stands under."""
    return [
        {**entry, "position": role["name"]}
        for role in positions_of(matrices, domain)
        for entry in role.get("rabsic") or []
        if plain_name(entry.get("action")) == plain_name(action)
    ]


def has(line: Plain, letter: str) -> bool:
    """A letter is given only where the file says true."""
    return line.get(letter) is True


def approvals_of(matrices: list[Plain], domain: str, action: str) -> list[Plain]:
    """What the domain's policies say about approving the action."""
    policies = [
        policy
        for file in matrices
        if file.get("domain") == domain
        for policy in file.get("policies") or []
        if plain_name(policy.get("action")) == plain_name(action)
    ]
    return [policy["approval"] for policy in policies if policy.get("approval") is not None]


# --- completion, before anything is judged ---


def accountable_positions(matrices: list[Plain], domain: str) -> list[str]:
    """Every position of the domain that is A of anything."""
    names = [
        role["name"]
        for role in positions_of(matrices, domain)
        if any(has(entry, "accountable") for entry in role.get("rabsic") or [])
    ]
    return sorted(set(names))


def with_an_a(lines: list[Plain], of_the_domain: list[str]) -> list[Plain]:
    """An action without A takes the domain's A, if the domain has just one."""
    if any(has(line, "accountable") for line in lines) or len(of_the_domain) != 1:
        return lines
    return [*lines, {"position": of_the_domain[0], "accountable": True}]


def with_an_r(lines: list[Plain]) -> list[Plain]:
    """An action without R is executed by its A."""
    if any(has(line, "responsible") for line in lines):
        return lines
    return [{**line, "responsible": True} if has(line, "accountable") else line for line in lines]


def primary_positions(lines: list[Plain]) -> list[str]:
    """The primary R as written; else the one R that is not A; else the R listed first."""
    written = {
        line["position"] for line in lines if has(line, "responsible") and has(line, "primary")
    }
    if written:
        return sorted(written)
    doers = in_order(lines, "responsible")
    not_a = [name for name in doers if name not in in_order(lines, "accountable")]
    if len(not_a) == 1:
        return not_a
    return doers[:1]


def in_order(lines: list[Plain], letter: str) -> list[str]:
    """Positions that have the letter, each once, as listed."""
    return list(dict.fromkeys(line["position"] for line in lines if has(line, letter)))


def completed_lines(matrices: list[Plain], domain: str, action: str) -> list[Plain]:
    """First an A, then an R, then a primary."""
    lines = written_lines(matrices, domain, action)
    lines = with_an_r(with_an_a(lines, accountable_positions(matrices, domain)))
    if any(has(line, "responsible") and has(line, "primary") for line in lines):
        return lines
    chosen = primary_positions(lines)
    return [
        {**line, "primary": has(line, "responsible") and line["position"] in chosen}
        for line in lines
    ]


# --- conditions on typed fields ---


def one_of(value: object, allowed: object) -> bool:
    """The value is among those allowed, type included: 1 is neither true nor "1"."""
    choices = allowed if isinstance(allowed, list) else [allowed]
    return any(type(value) is type(choice) and value == choice for choice in choices)


def fits(line: Plain, fields: Plain) -> bool:
    """Each field named in the condition is in the command and has one of the values."""
    when = line.get("when", {})
    if not isinstance(when, dict):
        return False
    return all(name in fields and one_of(fields[name], when[name]) for name in when)


def fitting(lines: list[Plain], fields: Plain) -> list[Plain]:
    """The lines which speak of this command."""
    return [line for line in lines if fits(line, fields)]


def conceivable_fields(lines: list[Plain]) -> list[Plain]:
    """Every command that the conditions can tell apart; a field may also be anything else."""
    values: dict[str, list[Any]] = {}
    for line in lines:
        for name, allowed in dict(line.get("when") or {}).items():
            choices = allowed if isinstance(allowed, list) else [allowed]
            values.setdefault(name, []).extend(choices)
    ways = [[{}, *({name: value} for value in values[name])] for name in sorted(values)]
    return [
        {name: value for part in combination for name, value in part.items()}
        for combination in product(*ways)
    ]


# --- faults of a matrix ---


def faults_of_action(lines: list[Plain]) -> set[str]:
    """One A, at least one R, one primary, and no position that is B of its own work."""
    found = set()
    if not in_order(lines, "accountable"):
        found.add("A_MISSING")
    if not in_order(lines, "responsible"):
        found.add("R_MISSING")
    elif not primary_positions(lines):
        found.add("R_PRIMARY_MISSING")
    for fields in conceivable_fields(lines):
        met = fitting(lines, fields)
        doers = in_order(met, "responsible")
        if len(in_order(met, "accountable")) > 1:
            found.add("A_MULTIPLE")
        if len(primary_positions(met)) > 1:
            found.add("R_PRIMARY_MULTIPLE")
        if set(in_order(met, "backup")) & set(doers):
            found.add("B_EQUALS_R")
    return found


def lint_domain(matrices: list[Plain], domain: str, members: list[str]) -> frozenset[str]:
    """All faults of a domain: those of its actions, and holders whom nobody knows."""
    found: set[str] = set()
    for role in positions_of(matrices, domain):
        if any(login not in members for login in role.get("holders") or []):
            found.add("PERSON_UNKNOWN")
        for entry in role.get("rabsic") or []:
            found |= faults_of_action(completed_lines(matrices, domain, str(entry.get("action"))))
    return frozenset(found)


def lint(world: Plain) -> dict[str, frozenset[str]]:
    """The faults of each domain; an empty set is a sound one."""
    return {
        file["domain"]: lint_domain(world["matrices"], file["domain"], world["members"])
        for file in world["matrices"]
    }


# --- who is there ---


def within(start: Any, end: Any, now: Any) -> bool:
    """From the start on, and no longer at the end."""
    return bool(start and end and start <= now < end)


def is_away(login: str, world: Plain, now: Any) -> bool:
    """A leave record covers this moment."""
    return any(
        leave.get("login") == login and within(leave.get("from"), leave.get("until"), now)
        for leave in world["absences"]
    )


def holders_of(world: Plain, domain: str, names: list[str]) -> set[str]:
    """The persons in these positions; a position may be vacant."""
    return {
        login
        for role in positions_of(world["matrices"], domain)
        if role["name"] in names
        for login in role.get("holders") or []
    }


def present_in(world: Plain, domain: str, name: str, now: Any) -> set[str]:
    """The holders of one position who are not on leave."""
    return {login for login in holders_of(world, domain, [name]) if not is_away(login, world, now)}


def doers_present(world: Plain, domain: str, met: list[Plain], request: Plain) -> list[str]:
    """R positions with somebody there: not vacant, not all on leave, not the silent primary."""
    silent = primary_positions(met) if request.get("silence") else []
    return [
        name
        for name in in_order(met, "responsible")
        if name not in silent and present_in(world, domain, name, request["now"])
    ]


def backup_acts(world: Plain, domain: str, met: list[Plain], request: Plain) -> bool:
    """B is let in only while there is an R for this, and every R is absent."""
    return bool(in_order(met, "responsible")) and not doers_present(world, domain, met, request)


def assigned_to(world: Plain, domain: str, met: list[Plain], request: Plain) -> frozenset[str]:
    """The primary R if there, else the next R, else B, else A, else nobody."""
    there = doers_present(world, domain, met, request)
    chain = [name for name in primary_positions(met) if name in there] + there
    if backup_acts(world, domain, met, request):
        chain += in_order(met, "backup")
    chain += in_order(met, "accountable")
    silent = primary_positions(met) if request.get("silence") else []
    for name in chain:
        people = present_in(world, domain, name, request["now"])
        if people and name not in silent:
            return frozenset(people)
    return frozenset()


# --- own rights, then lent ones ---


def own_executors(world: Plain, domain: str, met: list[Plain], request: Plain) -> set[str]:
    """R executes, A may, B only when let in; S, I and C never, whatever order they stand in."""
    names = [*in_order(met, "responsible"), *in_order(met, "accountable")]
    if backup_acts(world, domain, met, request):
        names += in_order(met, "backup")
    return holders_of(world, domain, names)


def own_approvers(world: Plain, domain: str, met: list[Plain]) -> set[str]:
    """A approves."""
    return holders_of(world, domain, in_order(met, "accountable"))


def is_amount(value: object) -> bool:
    """Money is an integer, and true is no number."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def amount_fields(approvals: list[Plain], fields: Plain) -> set[str]:
    """The fields which hold, or should hold, an amount."""
    named = {str(approval.get("field")) for approval in approvals if "above" in approval}
    return named | {name for name in fields if name == "amount" or name.startswith("amount_")}


def amount_is_covered(delegation: Plain, approvals: list[Plain], fields: Plain) -> bool:
    """Without a maximum no amount is covered; with one, a stated amount up to it."""
    most = (delegation.get("scope") or {}).get("max_amount")
    names = amount_fields(approvals, fields)
    if most is None:
        return not names
    stated = [fields[name] for name in names if is_amount(fields.get(name))]
    return is_amount(most) and 0 < len(stated) == len(names) and max(stated) <= most


def id_is_covered(delegation: Plain, fields: Plain) -> bool:
    """A delegation for certain things covers only commands about one of them."""
    ids = (delegation.get("scope") or {}).get("ids")
    if ids is None:
        return True
    stated = [fields[name] for name in fields if name == "id" or name.endswith("_id")]
    return any(value in ids for value in stated)


def valid_now(delegation: Plain, world: Plain, request: Plain) -> bool:
    """Between two members, at this moment, for this action."""
    actions = (delegation.get("scope") or {}).get("actions") or []
    return (
        delegation.get("from") in world["members"]
        and delegation.get("to") in world["members"]
        and within(delegation.get("valid_from"), delegation.get("valid_until"), request["now"])
        and plain_name(request["action"]) in [plain_name(action) for action in actions]
    )


def reachable(start: str, delegations: list[Plain]) -> set[str]:
    """Everybody to whom a chain of delegations leads from this person."""
    found: set[str] = set()
    for _ in range(len(delegations) + 1):
        for delegation in delegations:
            if delegation["from"] == start or delegation["from"] in found:
                found.add(delegation["to"])
    return found


def lent(givers: set[str], world: Plain, request: Plain, approvals: list[Plain]) -> set[str]:
    """Who received the right straight from one who holds it: never second-hand, never in a circle.

    ``givers`` hold the right by position now, so a delegation ends when its giver loses it.
    """
    valid = [d for d in world["delegations"] if valid_now(d, world, request)]
    fields = request.get("fields") or {}
    straight = [d for d in valid if d["from"] not in {d["to"], *reachable(d["to"], valid)}]
    return {
        d["to"]
        for d in straight
        if d["from"] in givers and id_is_covered(d, fields)
        if amount_is_covered(d, approvals, fields)
    }


# --- approval ---


def above_limit(approval: Plain, fields: Plain) -> bool:
    """The amount is over the limit, or cannot be shown not to be."""
    value = fields.get(str(approval.get("field")))
    limit = approval.get("above")
    if not (is_amount(value) and is_amount(limit)):
        return True
    return bool(value > limit)  # type: ignore[operator]


def outside_scope(approval: Plain, fields: Plain) -> bool:
    """The command leaves the scope, or cannot be shown to stay inside."""
    scope = approval["outside"]
    inside = scope if isinstance(scope, dict) else {str(approval.get("field")): scope}
    return not inside or not fits({"when": inside}, fields)


def asks(approval: Plain, fields: Plain) -> bool:
    """Always, above an amount, or outside a scope; a policy that says none of them always asks."""
    if not {"always", "above", "outside"} & set(approval):
        return True
    if "always" in approval and approval["always"] is not False:
        return True
    if "above" in approval and above_limit(approval, fields):
        return True
    return "outside" in approval and outside_scope(approval, fields)


def duties_are_separated(approvals: list[Plain]) -> bool:
    """Only where the policy says true must A find a second approver."""
    return any(approval.get("separation_of_duties") is True for approval in approvals)


# --- the answer ---


def domain_of(world: Plain, request: Plain) -> str | None:
    """The one domain that the command's action belongs to."""
    found = domains_of(world["matrices"], request["action"])
    if request.get("domain") is not None:
        found = [domain for domain in found if domain == request["domain"]]
    return found[0] if len(found) == 1 else None


def decide(world: Plain, request: Plain) -> Verdict:
    """Answer one request; whatever is missing means no."""
    domain = domain_of(world, request)
    if domain is None:
        return Verdict(answer="DENY", reason="no single domain lists the action")
    faults = lint_domain(world["matrices"], domain, world["members"])
    if faults:
        return Verdict(answer="DENY", reason="the matrix is invalid", lint=faults)
    fields = request.get("fields") or {}
    met = fitting(completed_lines(world["matrices"], domain, request["action"]), fields)
    approvals = approvals_of(world["matrices"], domain, request["action"])
    executors = own_executors(world, domain, met, request)
    approvers = own_approvers(world, domain, met)
    executors |= lent(executors, world, request, approvals)
    approvers |= lent(approvers, world, request, approvals)
    assigned = assigned_to(world, domain, met, request)
    asking = [approval for approval in approvals if asks(approval, fields)]
    answer, reason = answer_for(request["login"], world["members"], executors, approvers, asking)
    return Verdict(
        answer=answer,
        reason=reason,
        may_execute=frozenset(executors),
        may_approve=frozenset(approvers - {request["login"]}),
        consult=frozenset(holders_of(world, domain, in_order(met, "consulted"))),
        inform=frozenset(holders_of(world, domain, in_order(met, "informed"))),
        assigned=assigned,
        escalates=not assigned,
    )


def answer_for(
    login: str,
    members: list[str],
    executors: set[str],
    approvers: set[str],
    asking: list[Plain],
) -> tuple[str, str]:
    """Yes, after approval, or no, with the reason."""
    if login not in members:
        return "DENY", "not a member"
    if login not in executors:
        return "DENY", "no letter that executes"
    if not asking:
        return "ALLOW", "executes, no approval asked for"
    if login in approvers and not duties_are_separated(asking):
        return "ALLOW", "is the approver"
    if not approvers - {login}:
        return "DENY", "approval is needed and nobody can give it"
    return "NEEDS_APPROVAL", "another person approves"
