"""What credentials refuse."""

from cloud.commands.errors import CommandError


class CredentialsError(CommandError):
    """Any refusal of this feature."""

    code = "CREDENTIALS_ERROR"


class CredentialKeysMissingError(CredentialsError):
    """No key is set; the sentence names the setting."""

    code = "CREDENTIAL_KEYS_MISSING"


class CredentialKeysInvalidError(CredentialsError):
    """The keys that are set cannot be read; the sentence names the setting, never the keys."""

    code = "CREDENTIAL_KEYS_INVALID"


class CredentialKeyUnknownError(CredentialsError):
    """A secret was sealed by a key that is not among those set."""

    code = "CREDENTIAL_KEY_UNKNOWN"


class CredentialDamagedError(CredentialsError):
    """A sealed secret does not open at its place: it was changed or moved."""

    code = "CREDENTIAL_DAMAGED"


class CredentialUnknownError(CredentialsError):
    """No such credential in this organization."""

    code = "CREDENTIAL_UNKNOWN"


class CredentialExistsError(CredentialsError):
    """This field of this name is kept already."""

    code = "CREDENTIAL_EXISTS"
