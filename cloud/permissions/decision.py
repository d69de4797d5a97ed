"""May this person do this now? One pure function, closed unless something opens it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cloud.permissions.delegation import Delegation, straight
from cloud.permissions.rabsic import ApprovalPolicy, Letter, Matrix, first_of


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

    def holds(self, login: str, letter: Letter) -> bool:
        """Say whether ``login`` holds ``letter``."""
        return any(login in holders for _, holders in self.positions.get(letter, ()))

    def holders(self, letter: Letter) -> frozenset[str]:
        """Return the logins that hold ``letter``."""
        return frozenset(
            login for _, holders in self.positions.get(letter, ()) for login in holders
        )


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
    if not primary and Letter.RESPONSIBLE in positions:
        accountable = positions.get(Letter.ACCOUNTABLE, {})
        primary = first_of(positions[Letter.RESPONSIBLE], accountable)
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
    if not matrix.has(request.action, Letter.ACCOUNTABLE):
        return _no(f"nobody is accountable for {request.action}")
    case = case_of(matrix, request.action, request.fields)
    right = _own_right(request.user, case, standing)
    if not right.allowed:
        right = _lent_right(request, case, standing) or right
    return _gated(right, case, request, standing) if right.allowed else right


def may_approve(
    user: str, asked: Request, changed_by: frozenset[str], matrix: Matrix | None, standing: Standing
) -> Decision:
    """Judge whether ``user`` may approve what another asked and ``changed_by`` changed since.

    That is the Accountable, or who stands for them by delegation. Nobody approves their own
    request, nor, where duties are separated, what they have changed in it.
    """
    if matrix is None or user not in standing.active:
        return _no(f"{user} is not known here")
    if user == asked.user:
        return _no("nobody approves their own request")
    case = case_of(matrix, asked.action, asked.fields)
    separated = case.policy is not None and case.policy.separation_of_duties
    if separated and user in changed_by:
        return _no("who changed a request does not approve it: duties are separated")
    return _accountable_right(user, case, asked, standing)


def _accountable_right(user: str, case: Case, request: Request, standing: Standing) -> Decision:
    """Say whether ``user`` is Accountable for this, in person or by delegation."""
    accountable = case.holders(Letter.ACCOUNTABLE) & standing.active
    if user in accountable:
        return Decision(allowed=True, reason="is accountable", letter=Letter.ACCOUNTABLE)
    giver = _giver(accountable, request, user, case, standing)
    if giver is None:
        return _no(f"only the accountable approves {request.action}")
    return Decision(
        allowed=True,
        reason=f"is accountable by delegation of {giver}",
        letter=Letter.ACCOUNTABLE,
        on_behalf_of=giver,
    )


def approvers(case: Case, request: Request, standing: Standing) -> frozenset[str]:
    """Return who could approve ``request``: every Accountable and delegate but the asker."""
    accountable = case.holders(Letter.ACCOUNTABLE) & standing.active
    lent = {
        one.taker
        for one in _valid(request, standing)
        if one.giver in accountable
        if one.covers(request.action, request.fields, _amount_field(case), standing.now)
    }
    return (accountable | lent) - {request.user}


def route(case: Case, standing: Standing) -> Route:
    """Return who should do the work now; an empty ``escalate`` means that nobody can.

    The primary Responsible first, then the others as listed, then Backup, then the Accountable.
    """
    for letter in (Letter.RESPONSIBLE, Letter.BACKUP, Letter.ACCOUNTABLE):
        if letter is Letter.BACKUP and Letter.RESPONSIBLE not in case.positions:
            continue
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
    if case.holds(user, Letter.ACCOUNTABLE):
        return Decision(allowed=True, reason="is accountable", letter=Letter.ACCOUNTABLE)
    if case.holds(user, Letter.RESPONSIBLE):
        return Decision(allowed=True, reason="is responsible", letter=Letter.RESPONSIBLE)
    if case.holds(user, Letter.BACKUP):
        return _backup(case, standing)
    passive = [
        letter
        for letter in (Letter.SUPPORT, Letter.CONSULTED, Letter.INFORMED)
        if case.holds(user, letter)
    ]
    if passive:
        words = " and ".join(letter.name.lower() for letter in passive)
        return _no(f"{user} is {words} for {case.action}, which does not execute it")
    return _no(f"{user} holds no position with a letter for {case.action} with these fields")


def _backup(case: Case, standing: Standing) -> Decision:
    responsible = case.positions.get(Letter.RESPONSIBLE, ())
    if not responsible:
        return _no("is backup, and nobody is responsible with these fields who could be away")
    for name, _ in responsible:
        present = _present_in(name, Letter.RESPONSIBLE, case, standing)
        if present:
            return _no(f"is backup, and {present[0]} is there")
    return Decision(
        allowed=True, reason="is backup while every responsible is away", letter=Letter.BACKUP
    )


def _lent_right(request: Request, case: Case, standing: Standing) -> Decision | None:
    """Return the best right that somebody lent the asker: the Accountable's before others'."""
    if not standing.delegations:
        return None
    accountable = _accountable_right(request.user, case, request, standing)
    if accountable.allowed:
        return accountable
    rights = {
        giver: _own_right(giver, case, standing)
        for giver in {one.giver for one in standing.delegations if one.taker == request.user}
        if giver in standing.active
    }
    holding = frozenset(giver for giver, right in rights.items() if right.allowed)
    giver = _giver(holding, request, request.user, case, standing)
    if giver is None:
        return None
    return Decision(
        allowed=True,
        reason=f"{rights[giver].reason} by delegation of {giver}",
        letter=rights[giver].letter,
        on_behalf_of=giver,
    )


def _valid(request: Request, standing: Standing) -> tuple[Delegation, ...]:
    if not standing.delegations:
        return ()
    return straight(standing.delegations, request.action, standing.active, standing.now)


def _giver(
    givers: frozenset[str], request: Request, taker: str, case: Case, standing: Standing
) -> str | None:
    """Return the first of ``givers`` who lent ``taker`` a right that covers this."""
    found = {
        one.giver
        for one in _valid(request, standing)
        if one.taker == taker
        and one.giver in givers
        and one.covers(request.action, request.fields, _amount_field(case), standing.now)
    }
    return min(found, default=None)


def _amount_field(case: Case) -> str:
    return case.policy.field if case.policy is not None and case.policy.above is not None else ""


def _gated(right: Decision, case: Case, request: Request, standing: Standing) -> Decision:
    """Say whether the right is enough, waits for an approval, or finds nobody to approve it."""
    policy = case.policy
    if policy is None or not policy.asks(request.fields):
        return right
    if not policy.separation_of_duties:
        if right.letter is Letter.ACCOUNTABLE:
            return right
        lent = _accountable_right(request.user, case, request, standing)
        if lent.allowed:
            return lent
    if not approvers(case, request, standing):
        return _no(f"{right.reason}; an approval is needed and nobody else can give it")
    return Decision(
        allowed=True,
        reason=f"{right.reason}; an approval is needed",
        letter=right.letter,
        approval=policy,
        on_behalf_of=right.on_behalf_of,
    )
