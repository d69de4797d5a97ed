"""What the stations' room refuses."""

from cloud.commands.errors import CommandError


class StationError(CommandError):
    """Something about a station, its certificate or its events was refused."""

    code = "STATION_ERROR"


class StationUnknownError(StationError):
    """The organization has no such station."""

    code = "STATION_UNKNOWN"


class StationNameTakenError(StationError):
    """Another station of the organization has this name."""

    code = "STATION_NAME_TAKEN"


class StationInvalidError(StationError):
    """Name, stages or titles of a station are not usable."""

    code = "STATION_INVALID"


class StationStageUnknownError(StationError):
    """The registry knows no such stage; ``details.expected`` lists those that it knows."""

    code = "STATION_STAGE_UNKNOWN"


class StationRevokedError(StationError):
    """The station was shut out."""

    code = "STATION_REVOKED"


class CertificateRevokedError(StationError):
    """The certificate is not, or no longer, one that the cloud accepts."""

    code = "CERTIFICATE_REVOKED"


class ExportInvalidError(StationError):
    """A station's export is cut off, changed, or signed by nobody who may."""

    code = "EXPORT_INVALID"


class ExportForeignError(StationError):
    """The export comes from a station of another organization."""

    code = "EXPORT_FOREIGN"


class RenewalTooLateError(StationError):
    """The certificate ended too long ago to be renewed; the station needs a join token."""

    code = "RENEWAL_TOO_LATE"


class RenewalUnprovenError(StationError):
    """Whoever asks does not hold the key of the certificate that ended."""

    code = "RENEWAL_UNPROVEN"


class JoinTokenUnknownError(StationError):
    """No such join token."""

    code = "JOIN_TOKEN_UNKNOWN"


class JoinTokenExpiredError(StationError):
    """The join token's time is over."""

    code = "JOIN_TOKEN_EXPIRED"


class JoinTokenUsedError(StationError):
    """The join token was used with another key."""

    code = "JOIN_TOKEN_USED"


class JoinTokenSerialError(StationError):
    """The join token was issued for another device."""

    code = "JOIN_TOKEN_SERIAL"


class SigningRequestInvalidError(StationError):
    """The signing request is damaged, not signed by its own key, or its key is not P-256."""

    code = "SIGNING_REQUEST_INVALID"


class EpochUnknownError(StationError):
    """No outbox of the station has this epoch."""

    code = "EPOCH_UNKNOWN"


class EpochFencedError(StationError):
    """A newer outbox of the station has taken over."""

    code = "EPOCH_FENCED"


class SequenceGapError(StationError):
    """Events are missing before this batch; ``details.expected`` is the next number."""

    code = "SEQUENCE_GAP"


class DigestMismatchError(StationError):
    """The station's history differs from the committed one."""

    code = "DIGEST_MISMATCH"


class StationSilentError(StationError):
    """The station said nothing for too long."""

    code = "STATION_SILENT"


class ProtocolBrokenError(StationError):
    """The station does not keep to the protocol."""

    code = "PROTOCOL_BROKEN"


class DisputeUnknownError(StationError):
    """No open dispute about this event."""

    code = "DISPUTE_UNKNOWN"


class DisputeResolvedError(StationError):
    """The dispute was decided before."""

    code = "DISPUTE_RESOLVED"


class DecisionInvalidError(StationError):
    """A dispute is decided by ACCEPTED or REJECTED, with a reason."""

    code = "DECISION_INVALID"


class MediaUnknownError(StationError):
    """No picture with this address can be read by the asker."""

    code = "MEDIA_UNKNOWN"


class MediaInvalidError(StationError):
    """The picture's address, size or kind is not acceptable."""

    code = "MEDIA_INVALID"


class ConfigurationInvalidError(StationError):
    """The configuration is not what its schema says; ``details.field`` names the place."""

    code = "CONFIGURATION_INVALID"


class ConfigurationProfileError(StationError):
    """No profile of that name lies at the station."""

    code = "CONFIGURATION_NO_SUCH_PROFILE"


class ConfigurationCameraLacksError(StationError):
    """The station's camera has no such setting."""

    code = "CONFIGURATION_CAMERA_LACKS"


class ConfigurationBeyondCameraError(StationError):
    """A value lies outside of what the station's camera can be set to."""

    code = "CONFIGURATION_BEYOND_CAMERA"


class ConfigurationUnknownError(StationError):
    """The station was never given a configuration with this digest."""

    code = "CONFIGURATION_UNKNOWN"
