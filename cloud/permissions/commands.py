"""What may be asked of permissions: decide approvals, note absence, lend rights, assign work."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cloud.commands.command import Command

LONGEST_TEXT_COUNT = 2000


def _said(text: str, what: str) -> None:
    if not text.strip():
        raise ValueError(f"{what} needs a reason")
    if len(text) > LONGEST_TEXT_COUNT:
        raise ValueError(f"a reason has at most {LONGEST_TEXT_COUNT} characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveRequest(Command):
    """Let a held command be carried out, once. Only its Accountable may.

    ``payload_hash`` is that of the version which the approver saw; empty: whatever is stored.
    """

    domain = "permissions"

    approval_id: str
    payload_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectRequest(Command):
    """Refuse a held command for good, with the reason that the requester is told."""

    domain = "permissions"

    approval_id: str
    reason: str

    def check(self) -> None:
        """Refuse an empty reason."""
        _said(self.reason, "a rejection")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyRequest(Command):
    """Change typed fields of a held command before deciding it. Only its Accountable may.

    ``changes`` are plain JSON data by field; ``payload_hash`` as in ``ApproveRequest``.
    """

    domain = "permissions"

    approval_id: str
    changes: dict[str, Any]
    reason: str
    payload_hash: str = ""

    def check(self) -> None:
        """Refuse a change of nothing and an empty reason."""
        if not self.changes:
            raise ValueError("a modification names at least one field")
        _said(self.reason, "a modification")


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoApproval(Command):
    """Take an approval back while the command's undo window is open. Only who gave it may."""

    domain = "permissions"

    approval_id: str
    reason: str

    def check(self) -> None:
        """Refuse an empty reason."""
        _said(self.reason, "taking an approval back")


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawRequest(Command):
    """Take one's own held command back."""

    domain = "permissions"

    approval_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveAdvice(Command):
    """Answer a consultation; advice is heard, it does not forbid."""

    domain = "permissions"

    approval_id: str
    advice: str

    def check(self) -> None:
        """Refuse empty advice."""
        _said(self.advice, "advice")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAbsence(Command):
    """Note a person's leave; Backups act while every Responsible is away."""

    domain = "permissions"

    login: str
    begins_at: datetime
    ends_at: datetime
    reason: str

    def check(self) -> None:
        """Refuse an end that does not come after the beginning."""
        if self.ends_at <= self.begins_at:
            raise ValueError("an absence ends after it begins")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndAbsence(Command):
    """Note that a person is back before the leave's end, or will not leave at all."""

    domain = "permissions"

    absence_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegateAuthority(Command):
    """Lend one's own rights to ``taker`` for a while.

    ``ids`` empty means any; ``largest_amount_krw`` None means that acts with an amount are not
    covered; with one, only acts are covered that state an amount up to it.
    """

    domain = "permissions"

    taker: str
    actions: tuple[str, ...]
    begins_at: datetime
    ends_at: datetime
    reason: str
    ids: tuple[str, ...] = ()
    largest_amount_krw: int | None = None

    def check(self) -> None:
        """Refuse a delegation of nothing, without reason, of a negative amount or no time."""
        if not self.actions or not all(action.strip() for action in self.actions):
            raise ValueError("a delegation names at least one action")
        if self.ends_at <= self.begins_at:
            raise ValueError("a delegation ends after it begins")
        if self.largest_amount_krw is not None and not 0 <= self.largest_amount_krw < 2**63:
            raise ValueError("an amount is not negative")
        if not all(self.ids):
            raise ValueError("an identifier is not empty")
        _said(self.reason, "a delegation")


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeDelegation(Command):
    """End a delegation now. Giver and taker may."""

    domain = "permissions"

    delegation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignWork(Command):
    """Give a piece of work to whom the matrix names: the primary Responsible first.

    ``resource`` is the identifier that the work is about, ``fields`` the typed fields by which
    its positions are found.
    """

    domain = "permissions"

    action: str
    resource: str
    fields: dict[str, str | int | float | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerAssignment(Command):
    """Say that one has taken up the work that one was given."""

    domain = "permissions"

    assignment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FireTimer(Command):
    """Do what was due at a moment; the program sends it."""

    domain = "permissions"

    timer_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseTimer(Command):
    """Give up what was due and could not be done, and tell whom it concerns.

    ``approval_id`` names the held command that it was about, for the audit.
    """

    domain = "permissions"

    timer_id: str
    code: str
    reason: str
    approval_id: str = ""
