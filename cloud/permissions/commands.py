"""What may be asked of permissions: decide approvals, note absence, lend rights."""

from dataclasses import dataclass
from datetime import datetime

from cloud.commands.command import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveRequest(Command):
    """Let a held command be carried out, once. Only its Accountable may."""

    domain = "permissions"

    approval_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectRequest(Command):
    """Refuse a held command for good, with the reason that the requester is told."""

    domain = "permissions"

    approval_id: str
    reason: str

    def check(self) -> None:
        """Refuse an empty reason."""
        if not self.reason.strip():
            raise ValueError("a rejection needs a reason")


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
