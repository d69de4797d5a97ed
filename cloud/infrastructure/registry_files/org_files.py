"""Reads `registry/org/*.yml` into completed, linted matrices."""

from collections.abc import Mapping
from typing import Any

from cloud.infrastructure.registry_files.document import (
    Document,
    RegistryFileError,
    check_schema,
    read_document,
)
from cloud.permissions.rabsic import (
    ApprovalPolicy,
    Condition,
    Entry,
    Letter,
    Matrix,
    Place,
    Role,
    Violation,
    action_name,
    completed,
    lint,
)

_WORDS = {
    "responsible": Letter.RESPONSIBLE,
    "accountable": Letter.ACCOUNTABLE,
    "backup": Letter.BACKUP,
    "support": Letter.SUPPORT,
    "informed": Letter.INFORMED,
    "consulted": Letter.CONSULTED,
}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class MatrixInvalidError(RegistryFileError):
    """The file is well written, but its matrix breaks a rule; ``violations`` lists all."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        first = violations[0]
        about = first.action or first.field
        reason = f"{about}: {first.expected} expected, {first.actual} given"
        super().__init__(first.place.file, first.place.line, first.code, reason)
        self.violations = violations


def read_matrix(
    file: str, text: str, schema: Mapping[str, Any], known: frozenset[str] | None = None
) -> Matrix:
    """Return the completed matrix in ``text``.

    Raises:
        RegistryFileError: not YAML or not the schema; with the line.
        MatrixInvalidError: a rule of RABSIC is broken.
    """
    matrix = draft_matrix(file, text, schema)
    matrix, _ = completed(matrix)
    if violations := lint(matrix, known):
        raise MatrixInvalidError(violations)
    return matrix


def draft_matrix(file: str, text: str, schema: Mapping[str, Any]) -> Matrix:
    """Return the matrix as written, not completed.

    Raises:
        RegistryFileError: not YAML or not the schema; with the line.
    """
    document = read_document(file, text)
    check_schema(document, schema)
    return _matrix(document)


def matrix_of(data: Mapping[str, Any]) -> Matrix:
    """Return the matrix in plain ``data`` that no file holds, not completed.

    Raises:
        RegistryFileError: it contradicts itself.
    """
    return _matrix(Document(file="", data=data, lines={}))


def _matrix(document: Document) -> Matrix:
    roles: dict[str, Role] = {}
    for index, role in enumerate(document.data["roles"]):
        if role["name"] in roles:
            raise RegistryFileError(
                document.file,
                document.line(("roles", index)),
                "REGISTRY_INVALID",
                f"the position {role['name']} is written twice",
            )
        roles[role["name"]] = _role(document, index, role)
    return Matrix(
        domain=document.data["domain"].replace("-", "_"),
        roles=tuple(roles.values()),
        policies=_policies(document),
        consultations={
            action_name(policy["action"]): _seconds(policy["consultation"]["wait"])
            for policy in document.data.get("policies", ())
            if "consultation" in policy
        },
        place=Place(file=document.file, line=document.line(("domain",))),
    )


def _role(document: Document, index: int, data: Mapping[str, Any]) -> Role:
    title = data.get("title", {})
    return Role(
        name=data["name"],
        title_ko=title.get("ko", data["name"]),
        title_en=title.get("en", data["name"]),
        holders=tuple(data.get("holders", ())),
        entries=tuple(
            _entry(document, ("roles", index, "rabsic", place), entry)
            for place, entry in enumerate(data["rabsic"])
        ),
        place=Place(file=document.file, line=document.line(("roles", index))),
    )


def _entry(document: Document, place: tuple[str | int, ...], data: Mapping[str, Any]) -> Entry:
    letters = frozenset(letter for word, letter in _WORDS.items() if data.get(word))
    line = document.line(place)
    if not letters:
        raise RegistryFileError(
            document.file, line, "REGISTRY_INVALID", f"{data['action']}: no letter is given"
        )
    if data.get("primary") and Letter.RESPONSIBLE not in letters:
        raise RegistryFileError(
            document.file,
            line,
            "REGISTRY_INVALID",
            f"{data['action']}: primary without responsible",
        )
    return Entry(
        action=action_name(data["action"]),
        letters=letters,
        primary=bool(data.get("primary")),
        when=tuple(_condition(field, fit) for field, fit in data.get("when", {}).items()),
        place=Place(file=document.file, line=line),
    )


def _condition(field: str, fit: Any) -> Condition:  # noqa: ANN401  plain YAML data
    if isinstance(fit, Mapping):
        return Condition(field=field, above=fit.get("above"), up_to=fit.get("up_to"))
    return Condition(field=field, values=frozenset(fit if isinstance(fit, list) else [fit]))


def _policies(document: Document) -> dict[str, ApprovalPolicy]:
    policies: dict[str, ApprovalPolicy] = {}
    named: set[str] = set()
    for index, policy in enumerate(document.data.get("policies", ())):
        action = action_name(policy["action"])
        if action in named:
            raise RegistryFileError(
                document.file,
                document.line(("policies", index)),
                "REGISTRY_INVALID",
                f"{policy['action']} has two policies",
            )
        named.add(action)
        approval = policy.get("approval")
        if approval is None:
            continue
        outside = approval.get("outside")
        policies[action] = ApprovalPolicy(
            always=approval.get("always", False),
            field=approval.get("field", ""),
            above=approval.get("above"),
            inside=None if outside is None else frozenset(outside),
            sla_s=_seconds(approval.get("sla", "4h")),
            expires_s=_seconds(approval.get("expires", "48h")),
            separation_of_duties=approval.get("separation_of_duties", False),
        )
    return policies


def _seconds(text: str) -> int:
    return int(text[:-1]) * _SECONDS[text[-1]]
