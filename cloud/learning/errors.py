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


class BankInvalidError(LearningError):
    """The bank is damaged, too large, or of another style than it is sent for."""

    code = "BANK_INVALID"


class BankUnknownError(LearningError):
    """The organization has no such bank."""

    code = "BANK_UNKNOWN"


class BankWithdrawnError(LearningError):
    """The bank was withdrawn before."""

    code = "BANK_WITHDRAWN"


class WithdrawalInvalidError(LearningError):
    """A withdrawal states its reason."""

    code = "WITHDRAWAL_INVALID"


class CalibrationInvalidError(LearningError):
    """A number of the calibration cannot be."""

    code = "CALIBRATION_INVALID"
