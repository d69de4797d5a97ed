"""What the bus itself refuses. Every feature's errors derive from ``CommandError`` too."""

from typing import Any, ClassVar


class CommandError(Exception):
    """A command or query was refused; ``code`` is stable, ``details`` are plain JSON data."""

    code: ClassVar[str] = "COMMAND_ERROR"

    def __init__(self, message: str, **details: Any) -> None:  # noqa: ANN401  plain JSON data
        super().__init__(message)
        self.message = message
        self.details = details


class CommandUnknownError(CommandError):
    """No such command or query."""

    code = "COMMAND_UNKNOWN"


class PayloadInvalidError(CommandError):
    """A field is missing, of the wrong type or out of range."""

    code = "PAYLOAD_INVALID"


class ForbiddenError(CommandError):
    """The person has no right to this act."""

    code = "FORBIDDEN"


class ApprovalPendingError(CommandError):
    """The act waits for an approval; ``details.approval_id`` names it."""

    code = "APPROVAL_PENDING"


class IdempotencyConflictError(CommandError):
    """The idempotency key was used with another payload."""

    code = "IDEMPOTENCY_CONFLICT"


class NotFoundError(CommandError):
    """Nothing with this identifier can be read by the asker."""

    code = "NOT_FOUND"


class ConflictError(CommandError):
    """The state does not allow the act."""

    code = "CONFLICT"
