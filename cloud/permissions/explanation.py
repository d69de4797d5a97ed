"""Why somebody may or may not: the decision, spelled out line by line."""

from cloud.permissions.decision import Request, Standing, case_of, decide, route
from cloud.permissions.queries import Explanation
from cloud.permissions.rabsic import Matrix


def explain(
    request: Request, domain: str, matrix: Matrix | None, standing: Standing
) -> Explanation:
    """Return the decision on ``request`` with everything that led to it."""
    decision = decide(request, matrix, standing)
    steps: list[str] = []
    positions: tuple[str, ...] = ()
    level, goes_to = "escalate", tuple[str, ...]()
    if matrix is None:
        steps.append(f"no valid matrix for the domain {domain}")
    else:
        positions = tuple(role.name for role in matrix.roles if request.user in role.holders)
        steps += [_entry_line(request, name, matrix) for name in positions]
        case = case_of(matrix, request.action, request.fields)
        way = route(case, standing)
        level, goes_to = way.level, way.logins
        steps += [
            f"{letter.value}: " + ", ".join(f"{name} ({_people(who)})" for name, who in held)
            for letter, held in sorted(case.positions.items())
        ]
        away = sorted(standing.absent)
        if away:
            steps.append("away now: " + ", ".join(away))
        if standing.silent:
            steps.append("no answer in time: " + ", ".join(sorted(standing.silent)))
    return Explanation(
        user=request.user,
        domain=domain,
        action=request.action,
        allowed=decision.allowed,
        letter="" if decision.letter is None else decision.letter.value,
        reason=decision.reason,
        approval_needed=decision.approval is not None,
        positions=positions,
        steps=tuple(steps),
        level=level,
        goes_to=goes_to,
    )


def _people(logins: tuple[str, ...]) -> str:
    return ", ".join(logins) or "vacant"


def _entry_line(request: Request, name: str, matrix: Matrix) -> str:
    entries = [entry for role, entry in matrix.entries(request.action) if role.name == name]
    if not entries:
        return f"{name}: no letter for {request.action}"
    told = [
        "".join(sorted(letter.value for letter in entry.letters))
        + ("" if entry.matches(request.fields) else " (conditions not met)")
        for entry in entries
    ]
    return f"{name}: " + ", ".join(told)
