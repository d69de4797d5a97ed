"""What background jobs refuse, and how an attempt may fail."""

from cloud.commands.errors import CommandError


class JobsError(CommandError):
    """Any refusal of this feature."""

    code = "JOBS_ERROR"


class JobUnknownError(JobsError):
    """The organization has no such job."""

    code = "JOB_UNKNOWN"


class JobQueueUnknownError(JobsError):
    """There is no queue of this name."""

    code = "JOB_QUEUE_UNKNOWN"


class JobNotFailedError(JobsError):
    """Only a job from the dead-letter list is tried again."""

    code = "JOB_NOT_FAILED"


class JobsAwayError(JobsError):
    """The queue does not answer, or none is configured; the sentence names the setting."""

    code = "JOBS_AWAY"


class JobRateLimitError(JobsError):
    """Somebody outside asks for patience: the attempt is made again after a minute."""

    code = "JOB_RATE_LIMIT"


class JobInvalidAuthError(JobsError):
    """Somebody outside refuses our credentials: trying again would not help."""

    code = "JOB_INVALID_AUTH"


class JobKindUnknownError(JobsError):
    """No part of this worker knows jobs of this name."""

    code = "JOB_KIND_UNKNOWN"


class JobCrashedError(JobsError):
    """An attempt ended in an error that nobody expected; the log has it."""

    code = "JOB_CRASHED"
