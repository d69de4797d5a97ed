"""Work given to a person in a position; silence after the deadline counts as its absence."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

AssignmentState = Literal["open", "silent", "answered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """``resource`` is the identifier that the work is about; empty: the action as such.

    ``fields`` are the typed fields, plain JSON data, by which its positions were found.
    """

    assignment_id: str
    domain: str
    action: str
    resource: str
    fields: dict[str, Any]
    position: str
    assignee: str
    letter: str
    assigned_by: str
    assigned_at: datetime
    due_at: datetime
    state: AssignmentState = "open"
    answered_at: datetime | None = None
