"""Commands, queries and the context in which they are given."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

_WORD = re.compile(r"(?<!^)(?=[A-Z])")


NOT_TOLD = "not_told"


def secret_field() -> Any:  # noqa: ANN401  as `dataclasses.field` has it
    """Return a field that no log, hash, audit row or stored approval ever holds.

    A password is guessable, so that even its hash would tell it.
    """
    return field(repr=False, metadata={NOT_TOLD: True})


def summed_up_field() -> Any:  # noqa: ANN401  as `dataclasses.field` has it
    """Return a large field for which another one, a digest of it, stands in hash and audit."""
    return field(repr=False, metadata={NOT_TOLD: True})


class Command:
    """Marks a frozen dataclass as a wish to change something.

    Its type is the class name in snake_case, unique in the system, and is its RABSIC action.
    ``domain`` names the matrix that answers for it; the fields are plain, typed values.
    ``secret_answer`` marks one whose answer holds a secret: it is told once and never stored, so
    a repeated idempotency key is refused instead of answered again. ``undo_window_s`` is how long
    an approved one waits before it is carried out, so that the approver may take the word back.
    ``founds_organization`` marks one whose organization is not there before it: a refusal of it
    has no chain that it could be audited in, and is logged alone.
    """

    __slots__ = ()
    domain: str = ""
    secret_answer: bool = False
    undo_window_s: int = 0
    founds_organization: bool = False


class Query:
    """Marks a frozen dataclass as a question. ``restricted`` ones need a RABSIC letter."""

    __slots__ = ()
    restricted: bool = False
    domain: str = ""


def command_type(kind: type[Command] | type[Query]) -> str:
    """Return the type, ``FinishStep`` → ``finish_step``."""
    return _WORD.sub("_", kind.__name__).lower()


class Source(StrEnum):
    """Through which door a command came."""

    SLACK = "slack"
    WEB = "web"
    TERMINAL = "terminal"
    API = "api"
    KIOSK = "kiosk"
    STATION = "station"
    VENDOR = "vendor"
    WEBHOOK = "webhook"
    MCP = "mcp"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandContext:
    """Who asks, for which organization, through which door.

    ``user`` is a person's login, ``station:<sta_…>`` for a station's own acts or ``system``.
    ``scopes`` narrow what the person may do through this door; None: they do not. ``metadata`` is
    written by the door alone, never by whoever knocks.
    """

    organization_id: str
    user: str
    source: Source
    session: str | None = None
    idempotency_key: str | None = None
    trace_id: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    scopes: frozenset[str] | None = None
