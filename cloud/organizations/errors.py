"""What sign-in, keys, tokens and memberships refuse."""

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


class LoginInvalidError(OrganizationsError):
    """The login does not look like an address."""

    code = "LOGIN_INVALID"


class NameInvalidError(OrganizationsError):
    """A name or code is empty, too long or holds what cannot be seen."""

    code = "NAME_INVALID"


class OrganizationCodeTakenError(OrganizationsError):
    """Another organization has this short code."""

    code = "ORGANIZATION_CODE_TAKEN"


class LastOwnerError(OrganizationsError):
    """Without this person nobody could manage the organization's people."""

    code = "LAST_OWNER"


class InvitationInvalidError(OrganizationsError):
    """The invitation is unknown, used, taken back or older than a week."""

    code = "INVITATION_INVALID"


class InvitationForAnotherError(OrganizationsError):
    """The invitation names another login than the one signed in."""

    code = "INVITATION_FOR_ANOTHER"


class SignInRefusedError(OrganizationsError):
    """Login and password do not belong together; which of the two is not told."""

    code = "SIGN_IN_REFUSED"


class OrganizationNeededError(OrganizationsError):
    """The same login and password fit in several organizations: say which."""

    code = "ORGANIZATION_NEEDED"


class TooManyAttemptsError(OrganizationsError):
    """Too many attempts; ``details.retry_after_s`` says how long to wait."""

    code = "TOO_MANY_ATTEMPTS"


class PasswordWeakError(OrganizationsError):
    """The new password is too short, too long or guessed soon."""

    code = "PASSWORD_WEAK"


class PasswordLinkInvalidError(OrganizationsError):
    """The link for a password is unknown, used or older than a day."""

    code = "PASSWORD_LINK_INVALID"


class PasswordNotHereError(OrganizationsError):
    """The person's home organization keeps the password."""

    code = "PASSWORD_NOT_HERE"


class SessionNeededError(OrganizationsError):
    """This is done from a web session of one's own, not with a key or a token."""

    code = "SESSION_NEEDED"


class OwnProofNeededError(OrganizationsError):
    """A session opened by somebody else's link stays in its organization."""

    code = "OWN_PROOF_NEEDED"


class MembershipUnknownError(OrganizationsError):
    """The person is no member there."""

    code = "MEMBERSHIP_UNKNOWN"


class ScopeUnknownError(OrganizationsError):
    """A scope means nothing."""

    code = "SCOPE_UNKNOWN"


class ScopeWidenedError(OrganizationsError):
    """A narrowed key or token asks for more than it holds."""

    code = "SCOPE_WIDENED"


class ScopeMissingError(OrganizationsError):
    """The key or token does not cover this act, whatever its person may do."""

    code = "SCOPE_MISSING"


class ExpiryInvalidError(OrganizationsError):
    """A key's end lies in the past or more than two years away."""

    code = "EXPIRY_INVALID"


class RefreshTokenInvalidError(OrganizationsError):
    """The refresh token is unknown, expired or its sign-in has ended."""

    code = "REFRESH_TOKEN_INVALID"


class RefreshTokenReusedError(OrganizationsError):
    """The refresh token was used before: somebody holds a copy, so the sign-in was ended."""

    code = "REFRESH_TOKEN_REUSED"


class TokenKindWrongError(OrganizationsError):
    """A refresh token came where an access token is needed, or the other way round."""

    code = "TOKEN_KIND_WRONG"


class TokenExpiredError(OrganizationsError):
    """The access token's quarter of an hour is over."""

    code = "TOKEN_EXPIRED"


class DeviceCodeUnknownError(OrganizationsError):
    """No device waits with this code, or it waited too long."""

    code = "DEVICE_CODE_UNKNOWN"


class DevicePendingError(OrganizationsError):
    """Nobody has decided yet; ask again after ``details.interval_s``."""

    code = "DEVICE_PENDING"


class DeviceSlowDownError(OrganizationsError):
    """The device asks more often than it was told to."""

    code = "DEVICE_SLOW_DOWN"


class DeviceDeniedError(OrganizationsError):
    """The person said no."""

    code = "DEVICE_DENIED"


class DeviceExpiredError(OrganizationsError):
    """The code was not confirmed in time, or was used."""

    code = "DEVICE_EXPIRED"


class ProviderNotConfiguredError(OrganizationsError):
    """An outside provider is not set up; ``details.setting`` names what is missing."""

    code = "PROVIDER_NOT_CONFIGURED"


class ProviderAwayError(OrganizationsError):
    """The outside provider does not answer, or answers nonsense."""

    code = "PROVIDER_AWAY"


class ProviderRefusedError(OrganizationsError):
    """The outside provider's answer does not hold: state, nonce, signature or code."""

    code = "PROVIDER_REFUSED"


class ProviderPersonUnknownError(OrganizationsError):
    """The outside provider knows the person, and no organization here does."""

    code = "PROVIDER_PERSON_UNKNOWN"


class SlackAccountTakenError(OrganizationsError):
    """Somebody else has linked this Slack account."""

    code = "SLACK_ACCOUNT_TAKEN"
