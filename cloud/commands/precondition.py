"""A command that is meant for what the asker has seen: it runs only while that still holds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cloud.commands.command import Query
from cloud.commands.errors import CommandError, ConflictError


class StateChangedError(ConflictError):
    """What the asker has seen is not what is there now."""

    code = "PRECONDITION_FAILED"


class PreconditionMissingError(CommandError):
    """The act needs the asker to say which state it is meant for."""

    code = "PRECONDITION_REQUIRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    """``holds`` is given the answer to ``query`` inside the command's own transaction."""

    query: Query
    holds: Callable[[Any], bool]
