"""What learning refuses."""

from cloud.commands.errors import CommandError


class LearningError(CommandError):
    """Something that a person taught was refused."""

    code = "LEARNING_ERROR"


class FindingUnknownError(LearningError):
    """The organization has no such inspection, or the inspection no such finding."""

    code = "FINDING_UNKNOWN"


class NamingInvalidError(LearningError):
    """A word that is no name, or a description that nothing can be learned from."""

    code = "NAMING_INVALID"
