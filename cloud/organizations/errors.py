"""What sign-in and keys refuse."""

from cloud.commands.errors import CommandError


class OrganizationsError(CommandError):
    """Any refusal of this feature."""

    code = "ORGANIZATIONS_ERROR"


class NotSignedInError(OrganizationsError):
    """No valid session, token or key came with the request."""

    code = "NOT_SIGNED_IN"


class LoginLinkInvalidError(OrganizationsError):
    """The link is unknown, used or older than 15 minutes."""

    code = "LOGIN_LINK_INVALID"


class PersonUnknownError(OrganizationsError):
    """No such person in this organization."""

    code = "PERSON_UNKNOWN"


class PersonExistsError(OrganizationsError):
    """The login is taken in this organization."""

    code = "PERSON_EXISTS"
