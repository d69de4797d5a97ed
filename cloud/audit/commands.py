"""What can be done with the audit chain."""

from dataclasses import dataclass

from cloud.commands.command import Command

_DIGEST_COUNT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SealAuditChain(Command):
    """Let rows up to a number be dropped by policy; the chain goes on from its hash, in hex."""

    domain = "audit"

    through_number: int
    through_hash: str

    def check(self) -> None:
        """Refuse what is no point of a chain."""
        if self.through_number < 1 or len(bytes.fromhex(self.through_hash)) * 2 != _DIGEST_COUNT:
            raise ValueError("a row's number and its hash in hex are needed")
