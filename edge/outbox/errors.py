"""What can be wrong on the way from the floor to the cloud."""


class OutboxError(Exception):
    """The outbox cannot do what it is asked."""

    code = "OUTBOX_ERROR"


class OutboxFullError(OutboxError):
    """The disk or the outbox's own bound leaves no room; producers keep their events."""

    code = "OUTBOX_FULL"


class OutboxDamagedError(OutboxError):
    """The outbox file cannot be read or written any more."""

    code = "OUTBOX_DAMAGED"


class EventRefusedError(OutboxError):
    """A message on the station's topic is not an event."""

    code = "EVENT_REFUSED"


class StationTakenError(OutboxError):
    """Another process works for this station."""

    code = "STATION_TAKEN"


class StationHomeUnusableError(OutboxError):
    """Nothing can be written into the station's folder."""

    code = "STATION_HOME_UNUSABLE"


class EnrolmentError(OutboxError):
    """The station could not get its certificate."""

    code = "ENROLMENT_FAILED"


class EnrolmentRefusedError(EnrolmentError):
    """The cloud refuses this token or this key."""

    code = "ENROLMENT_REFUSED"


class CloudNotTrustedError(EnrolmentError):
    """The server's chain does not hold the authority that the token's fingerprint names."""

    code = "CLOUD_NOT_TRUSTED"


class CloudUnreachableError(EnrolmentError):
    """Nobody answers at the enrolment address."""

    code = "CLOUD_UNREACHABLE"


class WorkPackageDamagedError(OutboxError):
    """A fetched work package is not what its digest names."""

    code = "WORK_PACKAGE_DAMAGED"


class OutboxMissingError(OutboxError):
    """No agent has worked for this station yet."""

    code = "OUTBOX_MISSING"


class EnrolmentPendingError(EnrolmentError):
    """The running agent has the token but no certificate yet."""

    code = "ENROLMENT_PENDING"


class NotEnrolledError(OutboxError):
    """The station has no certificate."""

    code = "NOT_ENROLLED"


class ExportNotWrittenError(OutboxError):
    """The file of an export cannot be written."""

    code = "EXPORT_NOT_WRITTEN"


class CheckFailedError(OutboxError):
    """A part of the station does not work; the sentence says what."""

    code = "CHECK_FAILED"


class MediaIndexError(OutboxError):
    """The index of pictures cannot be read or written now; events go on without it."""

    code = "MEDIA_INDEX_FAILED"
