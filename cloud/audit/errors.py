"""What the audit chain refuses."""

from cloud.commands.errors import CommandError


class AuditError(CommandError):
    """Any refusal of this feature."""

    code = "AUDIT_ERROR"


class AuditChainBrokenError(AuditError):
    """A chain that does not hold is not sealed: its rows are evidence."""

    code = "AUDIT_CHAIN_BROKEN"
