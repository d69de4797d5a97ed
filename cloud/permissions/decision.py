"""May this person do this now? One pure function, closed unless something opens it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cloud.permissions.delegation import Delegation
from cloud.permissions.rabsic import ApprovalPolicy, Letter, Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Who wants to do what, with the command's typed fields."""

    user: str
    action: str
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is true now: active persons of the organization, who of them is on leave, delegations.

    ``silent`` are positions that left this very work unanswered for too long.
    """

    active: frozenset[str]
    absent: frozenset[str]
    delegations: tuple[Delegation, ...]
    now: datetime
    silent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The positions that this very command concerns, by letter, and its approval policy."""

    action: str
    positions: Mapping[Letter, tuple[tuple[str, tuple[str, ...]], ...]]
    primary: str
    policy: ApprovalPolicy | None
    consultation_s: int = 0

    def holders(self, letter: Letter) -> frozenset[str]:
        """Return the logins that hold ``letter``."""
        return frozenset(
            login for _, holders in self.positions.get(letter, ()) for login in holders
        )

    def doers(self) -> Letter:
        """Return whose work this is: the Responsible's, or the Accountable's when there is none."""
        has_responsible = bool(self.positions.get(Letter.RESPONSIBLE))
        return Letter.RESPONSIBLE if has_responsible else Letter.ACCOUNTABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer with its reason. ``on_behalf_of`` names the giver of a delegation."""

    allowed: bool
    reason: str
    letter: Letter | None = None
    approval: ApprovalPolicy | None = None
    on_behalf_of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """To whom the work goes now: the holders of one position who are there, or nobody.

    ``level`` is the position's letter, or ``escalate``.
    """

    level: str
    logins: tuple[str, ...]
    position: str = ""


def case_of(matrix: Matrix, action: str, fields: Mapping[str, object]) -> Case:
    """Return the positions whose conditions this command meets."""
    positions: dict[Letter, dict[str, tuple[str, ...]]] = {}
    primary = ""
    for role, entry in matrix.entries(action):
        if not entry.matches(fields):
            continue
        for letter in entry.letters:
            positions.setdefault(letter, {})[role.name] = role.holders
        if entry.primary:
            primary = primary or role.name
    return Case(
        action=action,
        positions={letter: tuple(roles.items()) for letter, roles in positions.items()},
        primary=primary,
        policy=matrix.policies.get(action),
        consultation_s=matrix.consultations.get(action, 0),
    )


def decide(request: Request, matrix: Matrix | None, standing: Standing) -> Decision:
    """Judge ``request``. Nothing written, nobody present, nothing known: no."""
    if matrix is None:
        return _no(f"no valid matrix answers for {request.action}")
    if request.user not in standing.active:
        return _no(f"{request.user} is no active person of this organization")
    case = case_of(matrix, request.action, request.fields)
    if not case.positions:
        return _no(f"no position has a letter for {request.action} with these fields")
    if not case.positions.get(Letter.ACCOUNTABLE):
        return _no(f"nobody is accountable for {request.action} with these fields")
    own = _own_right(request.user, case, standing)
    if own.allowed:
        return _gated(own, case, request)
    lent = _lent_right(request, case, standing)
    return _gated(lent, case, request) if lent is not None else own


def may_approve(
    user: str, askers: frozenset[str], request: Request, matrix: Matrix | None, standing: Standing
) -> Decision:
    """Judge whether ``user`` may approve what ``askers`` asked: the requester and who changed it.

    That is the Accountable, or who stands for them by delegation; never an asker where duties
    are separated.
    """
    if matrix is None or user not in standing.active:
        return _no(f"{user} is not known here")
    case = case_of(matrix, request.action, request.fields)
    separated = case.policy is not None and case.policy.separation_of_duties
    if separated and user in askers:
        return _no("who asks does not approve: duties are separated")
    accountable = case.holders(Letter.ACCOUNTABLE) & standing.active
    if user in accountable:
        return Decision(allowed=True, reason="is accountable", letter=Letter.ACCOUNTABLE)
    for giver in sorted(accountable):
        refused = separated and giver in askers
        if not refused and _covered(giver, request, user, case, standing):
            return Decision(
                allowed=True,
                reason=f"is accountable by delegation of {giver}",
                letter=Letter.ACCOUNTABLE,
                on_behalf_of=giver,
            )
    return _no(f"only the accountable approves {request.action}")


def route(case: Case, standing: Standing) -> Route:
    """Return who should do the work now; an empty ``escalate`` means that nobody can.

    The primary Responsible first, then the others as listed, then Backup, then the Accountable.
    """
    for letter in (case.doers(), Letter.BACKUP, Letter.ACCOUNTABLE):
        ordered = sorted(
            case.positions.get(letter, ()), key=lambda position: position[0] != case.primary
        )
        for name, _ in ordered:
            present = _present_in(name, letter, case, standing)
            if present:
                return Route(level=letter.value, logins=present, position=name)
    return Route(level="escalate", logins=())


def _present_in(name: str, letter: Letter, case: Case, standing: Standing) -> tuple[str, ...]:
    """Return the holders of a position who are there; a silent position is not."""
    if name in standing.silent:
        return ()
    holders = dict(case.positions.get(letter, ())).get(name, ())
    return tuple(
        login for login in holders if login in standing.active and login not in standing.absent
    )


def _no(reason: str) -> Decision:
    return Decision(allowed=False, reason=reason)


def _own_right(user: str, case: Case, standing: Standing) -> Decision:
    if user in case.holders(Letter.ACCOUNTABLE):
        return Decision(allowed=True, reason="is accountable", letter=Letter.ACCOUNTABLE)
    if user in case.holders(Letter.RESPONSIBLE):
        return Decision(allowed=True, reason="is responsible", letter=Letter.RESPONSIBLE)
    if user in case.holders(Letter.BACKUP):
        return _backup(case, standing)
    passive = [
        letter
        for letter in (Letter.SUPPORT, Letter.CONSULTED, Letter.INFORMED)
        if user in case.holders(letter)
    ]
    if passive:
        words = " and ".join(letter.name.lower() for letter in passive)
        return _no(f"{user} is {words} for {case.action}, which does not execute it")
    return _no(f"{user} holds no position with a letter for {case.action} with these fields")


def _backup(case: Case, standing: Standing) -> Decision:
    letter = case.doers()
    for name, _ in case.positions.get(letter, ()):
        present = _present_in(name, letter, case, standing)
        if present:
            return _no(f"is backup, and {present[0]} is there")
    return Decision(
        allowed=True, reason="is backup while every responsible is away", letter=Letter.BACKUP
    )


def _lent_right(request: Request, case: Case, standing: Standing) -> Decision | None:
    givers = sorted({d.giver for d in standing.delegations if d.taker == request.user})
    for giver in givers:
        if giver not in standing.active or giver == request.user:
            continue
        right = _own_right(giver, case, standing)
        if right.allowed and _covered(giver, request, request.user, case, standing):
            return Decision(
                allowed=True,
                reason=f"{right.reason} by delegation of {giver}",
                letter=right.letter,
                on_behalf_of=giver,
            )
    return None


def _covered(giver: str, request: Request, taker: str, case: Case, standing: Standing) -> bool:
    amount_field = (
        case.policy.field if case.policy is not None and case.policy.above is not None else ""
    )
    return any(
        delegation.giver == giver
        and delegation.taker == taker
        and delegation.covers(request.action, request.fields, amount_field, standing.now)
        for delegation in standing.delegations
    )


def _gated(right: Decision, case: Case, request: Request) -> Decision:
    policy = case.policy
    if policy is None or not policy.asks(request.fields):
        return right
    if right.letter is Letter.ACCOUNTABLE and not policy.separation_of_duties:
        return right
    return Decision(
        allowed=True,
        reason=f"{right.reason}; an approval is needed",
        letter=right.letter,
        approval=policy,
        on_behalf_of=right.on_behalf_of,
    )
