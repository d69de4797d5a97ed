"""What permissions and approvals refuse."""

from cloud.commands.errors import CommandError


class PermissionsError(CommandError):
    """Base of this room's errors."""

    code = "PERMISSIONS_ERROR"


class RabsicViolationError(PermissionsError):
    """A matrix is invalid; ``details`` name field, expected and actual."""

    code = "RABSIC_VIOLATION"


class ApprovalUnknownError(PermissionsError):
    """No approval with this identifier."""

    code = "APPROVAL_UNKNOWN"


class ApprovalClosedError(PermissionsError):
    """The approval was decided, or its time is over."""

    code = "APPROVAL_CLOSED"


class ApprovalPayloadChangedError(PermissionsError):
    """What is stored is not what was asked for: the hash does not match."""

    code = "APPROVAL_PAYLOAD_CHANGED"


class ApproverRightLostError(PermissionsError):
    """Who approved a command had no right to it any more when its moment came."""

    code = "APPROVER_RIGHT_LOST"


class DelegationInvalidError(PermissionsError):
    """The delegation is wider than the giver's own rights, or makes a circle."""

    code = "DELEGATION_INVALID"


class DelegationUnknownError(PermissionsError):
    """No delegation with this identifier that the asker may end."""

    code = "DELEGATION_UNKNOWN"


class AbsenceUnknownError(PermissionsError):
    """No leave with this identifier that could still be ended."""

    code = "ABSENCE_UNKNOWN"


class AssignmentUnknownError(PermissionsError):
    """No such work is assigned to the asker."""

    code = "ASSIGNMENT_UNKNOWN"


class NobodyToAssignError(PermissionsError):
    """No position answers for this work, or nobody in one is there."""

    code = "NOBODY_TO_ASSIGN"


class AdviceNotAskedError(PermissionsError):
    """The person was not asked for advice, has given it, or it comes too late."""

    code = "ADVICE_NOT_ASKED"
