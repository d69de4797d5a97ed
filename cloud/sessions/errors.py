"""What sessions refuse."""

from cloud.commands.errors import CommandError


class SessionsError(CommandError):
    """Any refusal of this feature."""

    code = "SESSIONS_ERROR"


class SessionUnknownError(SessionsError):
    """The asker has no such session; whose it is, if anybody's, is not told."""

    code = "SESSION_UNKNOWN"


class SessionEndedError(SessionsError):
    """The session was ended; it is read, not written."""

    code = "SESSION_ENDED"


class SessionTextInvalidError(SessionsError):
    """An entry is empty or too long."""

    code = "SESSION_TEXT_INVALID"


class SessionMetadataInvalidError(SessionsError):
    """Metadata are too many or too long."""

    code = "SESSION_METADATA_INVALID"


class SessionRoleRefusedError(SessionsError):
    """A person speaks as himself or herself only."""

    code = "SESSION_ROLE_REFUSED"
