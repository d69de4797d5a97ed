"""RABSIC matrices: positions, their letters per action, completion and lint.

Responsible executes. Accountable answers, approves and may execute. Backup acts as Responsible
while every Responsible is absent. Support, Informed and Consulted never execute.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum


class Letter(StrEnum):
    """A position's part in an action."""

    RESPONSIBLE = "R"
    ACCOUNTABLE = "A"
    BACKUP = "B"
    SUPPORT = "S"
    INFORMED = "I"
    CONSULTED = "C"


Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A typed field of the command is one of ``values``, or a number within bounds.

    ``above`` is excluded, ``up_to`` included; None does not bound; with bounds ``values`` is empty.
    """

    field: str
    values: frozenset[Scalar] = frozenset()
    above: int | None = None
    up_to: int | None = None

    def holds(self, fields: Mapping[str, object]) -> bool:
        """Say whether the command's field fits; a missing field never does."""
        if self.field not in fields:
            return False
        value = fields[self.field]
        if type(value) is str and not self.bounded:
            # The usual case, and text equals nothing but text.
            return value in self.values
        if isinstance(value, tuple | list | frozenset):
            return bool(value) and all(self.fits(item) for item in value)
        return self.fits(value)

    def meets(self, other: "Condition") -> bool:
        """Say whether one value could fit both."""
        if self.bounded and other.bounded:
            above = [bound for bound in (self.above, other.above) if bound is not None]
            up_to = [bound for bound in (self.up_to, other.up_to) if bound is not None]
            return not above or not up_to or max(above) < min(up_to)
        if self.bounded:
            return any(self.fits(value) for value in other.values)
        return any(other.fits(value) for value in self.values)

    @property
    def bounded(self) -> bool:
        """Say whether it asks for a number within bounds."""
        return self.above is not None or self.up_to is not None

    def fits(self, value: object) -> bool:
        """Say whether one value fits."""
        value = value.value if isinstance(value, Enum) else value
        if self.bounded:
            return (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and (self.above is None or value > self.above)
                and (self.up_to is None or value <= self.up_to)
            )
        return any(_alike(value, allowed) for allowed in self.values)


def _alike(value: object, allowed: Scalar) -> bool:
    """Say whether both are the same text, the same number or the same truth value."""
    if isinstance(value, bool) or isinstance(allowed, bool):
        return value is allowed
    return isinstance(value, str | int | float) and value == allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something is written: file, line counted from 1."""

    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A position's letters for one action, under conditions on the command's fields."""

    action: str
    letters: frozenset[Letter]
    primary: bool = False
    when: tuple[Condition, ...] = ()
    place: Place = Place()

    def matches(self, fields: Mapping[str, object]) -> bool:
        """Say whether every condition holds."""
        for condition in self.when:  # noqa: SIM110  half the time of all(), on every decision
            if not condition.holds(fields):
                return False
        return True

    def overlaps(self, other: "Entry") -> bool:
        """Say whether one command could match both: no field whose values are disjoint."""
        theirs = {condition.field: condition for condition in other.when}
        return all(
            condition.field not in theirs or condition.meets(theirs[condition.field])
            for condition in self.when
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A position with its holders' logins; none means that it is vacant."""

    name: str
    title_ko: str = ""
    title_en: str = ""
    holders: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()
    place: Place = Place()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalPolicy:
    """When an action waits for its Accountable.

    Always, or when the integer ``field`` is above ``above``, or when ``field`` is not one of
    ``inside``. A field that is missing or of another type asks for the approval.
    """

    always: bool = False
    field: str = ""
    above: int | None = None
    inside: frozenset[Scalar] | None = None
    sla_s: int = 4 * 3600
    expires_s: int = 48 * 3600
    separation_of_duties: bool = False

    def asks(self, fields: Mapping[str, object]) -> bool:
        """Say whether this command needs an approval."""
        if self.always or self.field not in fields:
            return True
        value = fields[self.field]
        if self.above is not None:
            if not isinstance(value, int) or isinstance(value, bool):
                return True
            return not 0 <= value <= self.above
        if self.inside is None:
            return True
        return not Condition(field=self.field, values=self.inside).holds(fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """One domain's positions and policies; ``consultations`` are seconds to wait for advice."""

    domain: str
    roles: tuple[Role, ...]
    policies: Mapping[str, ApprovalPolicy]
    consultations: Mapping[str, int] = field(default_factory=dict)
    place: Place = Place()
    _by_action: dict[str, tuple[tuple[Role, Entry], ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def actions(self) -> tuple[str, ...]:
        """Return every action that is named, in order of first mention."""
        named = [entry.action for role in self.roles for entry in role.entries]
        return tuple(dict.fromkeys([*named, *self.policies, *self.consultations]))

    def entries(self, action: str) -> tuple[tuple[Role, Entry], ...]:
        """Return the entries for ``action`` with their positions, as listed."""
        if not self._by_action:
            # Filled whole before it is seen: a reader in between finds all or builds it again.
            found: dict[str, list[tuple[Role, Entry]]] = {}
            for role in self.roles:
                for entry in role.entries:
                    found.setdefault(entry.action, []).append((role, entry))
            self._by_action.update({name: tuple(pairs) for name, pairs in found.items()})
        return self._by_action.get(action, ())

    def has(self, action: str, letter: Letter) -> bool:
        """Say whether any position has ``letter`` for ``action``, whatever its conditions."""
        for _, entry in self.entries(action):  # noqa: SIM110  as above
            if letter in entry.letters:
                return True
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """What makes a matrix invalid: the code, where, what was expected and what was found."""

    code: str
    domain: str
    action: str
    field: str
    expected: str
    actual: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One thing that completion filled in, for people to see."""

    action: str
    what: str
    role: str


def action_name(text: str) -> str:
    """Return the action as a command type; ``-`` and ``_`` are alike."""
    return text.strip().lower().replace("-", "_")


def completed(matrix: Matrix) -> tuple[Matrix, tuple[Completion, ...]]:
    """Fill in what a matrix may leave out, and say what was filled in.

    No Accountable: the only position that is Accountable for anything in this domain. No
    Responsible: the Accountable executes. No primary: the only Responsible that is not
    Accountable, else the first listed.
    """
    notes: list[Completion] = []
    for action in matrix.actions():
        for fill in (_fill_accountable, _fill_responsible, _fill_primaries):
            matrix = fill(matrix, action, notes)
    return matrix, tuple(notes)


def _positions(matrix: Matrix, action: str, letter: Letter) -> list[Role]:
    found = [role for role, entry in matrix.entries(action) if letter in entry.letters]
    return list({role.name: role for role in found}.values())


def _with_entry(matrix: Matrix, name: str, entry: Entry) -> Matrix:
    return _with_role(matrix, name, lambda entries: (*entries, entry))


def _with_role(
    matrix: Matrix, name: str, change: Callable[[tuple[Entry, ...]], tuple[Entry, ...]]
) -> Matrix:
    roles = tuple(
        replace(role, entries=change(role.entries)) if role.name == name else role
        for role in matrix.roles
    )
    return replace(matrix, roles=roles)


def _fill_accountable(matrix: Matrix, action: str, notes: list[Completion]) -> Matrix:
    if _positions(matrix, action, Letter.ACCOUNTABLE):
        return matrix
    accountable = {
        role.name
        for role in matrix.roles
        for entry in role.entries
        if Letter.ACCOUNTABLE in entry.letters
    }
    if len(accountable) != 1:
        return matrix
    (name,) = accountable
    notes.append(Completion(action=action, what="accountable", role=name))
    entry = Entry(action=action, letters=frozenset({Letter.ACCOUNTABLE}), place=matrix.place)
    return _with_entry(matrix, name, entry)


def _fill_responsible(matrix: Matrix, action: str, notes: list[Completion]) -> Matrix:
    if _positions(matrix, action, Letter.RESPONSIBLE):
        return matrix
    # On the Accountable's own lines, so that their conditions hold for the execution too.
    for role in _positions(matrix, action, Letter.ACCOUNTABLE):
        notes.append(Completion(action=action, what="responsible", role=role.name))
        matrix = _with_role(
            matrix,
            role.name,
            lambda entries: tuple(
                replace(entry, letters=entry.letters | {Letter.RESPONSIBLE})
                if entry.action == action and Letter.ACCOUNTABLE in entry.letters
                else entry
                for entry in entries
            ),
        )
    return matrix


def _fill_primaries(matrix: Matrix, action: str, notes: list[Completion]) -> Matrix:
    responsible = [
        (role, entry)
        for role, entry in matrix.entries(action)
        if Letter.RESPONSIBLE in entry.letters
    ]
    if not responsible or any(entry.primary for _, entry in responsible):
        return matrix
    accountable = {role.name for role in _positions(matrix, action, Letter.ACCOUNTABLE)}
    name = first_of([role.name for role, _ in responsible], accountable)
    notes.append(Completion(action=action, what="primary", role=name))
    return _with_role(
        matrix,
        name,
        lambda entries: tuple(
            replace(entry, primary=True)
            if entry.action == action and Letter.RESPONSIBLE in entry.letters
            else entry
            for entry in entries
        ),
    )


def first_of(responsible: Iterable[str], accountable: Collection[str]) -> str:
    """Return the primary where none is written: the only one not Accountable, else the first.

    Chosen for the action as a whole, and again for a command whose conditions leave no primary.
    """
    names = list(dict.fromkeys(responsible))
    others = [name for name in names if name not in accountable]
    return others[0] if len(others) == 1 else names[0]


def lint(matrix: Matrix, known: frozenset[str] | None = None) -> tuple[Violation, ...]:
    """Return everything that makes ``matrix`` (completed) invalid; empty when it is valid.

    ``known`` are the logins that exist; ``None`` leaves holders unchecked.
    """
    found = [violation for action in matrix.actions() for violation in _lint(matrix, action)]
    if known is not None:
        found += [
            Violation(
                code="PERSON_UNKNOWN",
                domain=matrix.domain,
                action="",
                field=f"{role.name}.holders",
                expected="a login of an organization",
                actual=holder,
                place=role.place,
            )
            for role in matrix.roles
            for holder in role.holders
            if holder not in known
        ]
    return tuple(found)


def _lint(matrix: Matrix, action: str) -> Iterable[Violation]:
    entries = matrix.entries(action)
    place = entries[0][1].place if entries else matrix.place

    def violation(code: str, field: str, expected: str, actual: Iterable[str]) -> Violation:
        return Violation(
            code=code,
            domain=matrix.domain,
            action=action,
            field=field,
            expected=expected,
            actual=", ".join(actual) or "none",
            place=place,
        )

    accountable = [role.name for role in _positions(matrix, action, Letter.ACCOUNTABLE)]
    if not accountable:
        yield violation("A_MISSING", "accountable", "one position", accountable)
    if len(accountable) > 1:
        yield violation("A_MULTIPLE", "accountable", "one position", accountable)
    responsible = [pair for pair in entries if Letter.RESPONSIBLE in pair[1].letters]
    if not responsible:
        yield violation("R_MISSING", "responsible", "at least one position", ())
    primaries = [(role, entry) for role, entry in responsible if entry.primary]
    if responsible and not primaries:
        yield violation("R_PRIMARY_MISSING", "primary", "one of the responsible", ())
    rivals = [
        role.name
        for role, entry in primaries
        if any(other.name != role.name and p.overlaps(entry) for other, p in primaries)
    ]
    if rivals:
        yield violation("R_PRIMARY_MULTIPLE", "primary", "one of the responsible", rivals)
    for name in _backs_itself_up(entries):
        yield violation("B_EQUALS_R", "backup", "another position than the responsible", (name,))


def _backs_itself_up(entries: tuple[tuple[Role, Entry], ...]) -> list[str]:
    names = [
        role.name
        for role, entry in entries
        if Letter.BACKUP in entry.letters
        and any(
            Letter.RESPONSIBLE in other.letters and other.overlaps(entry)
            for same, other in entries
            if same.name == role.name
        )
    ]
    return list(dict.fromkeys(names))
