"""What inspection refuses."""

from cloud.commands.errors import CommandError


class InspectionError(CommandError):
    """Something about an inspection or its standard was refused."""

    code = "INSPECTION_ERROR"


class ToleranceMissingError(InspectionError):
    """A tolerance is absent; ``details.field`` says where. There is no default one."""

    code = "TOLERANCE_MISSING"


class StandardInvalidError(InspectionError):
    """A standard contradicts itself; ``details.field`` says where."""

    code = "STANDARD_INVALID"


class InspectionUnknownError(InspectionError):
    """No such inspection in the asker's organization."""

    code = "INSPECTION_UNKNOWN"


class InspectionChangedError(InspectionError):
    """The inspection is recorded already and says something else."""

    code = "INSPECTION_CHANGED"


class InspectionInvalidError(InspectionError):
    """A recorded number or verdict cannot be."""

    code = "INSPECTION_INVALID"


class CorrectionInvalidError(InspectionError):
    """A correction lacks its reason or names something that is not there."""

    code = "CORRECTION_INVALID"


class PatternFileError(InspectionError):
    """A pattern's file cannot be read, or its piece cannot be laid out; the message says why."""

    code = "PATTERN_FILE_INVALID"


class TechPackError(InspectionError):
    """A tech pack cannot be read; ``details.field`` says where."""

    code = "TECH_PACK_INVALID"


class SamplingRefusedError(InspectionError):
    """There is no such lot, level or AQL; ``details.field`` says which."""

    code = "SAMPLING_REFUSED"


class SamplingStoppedError(InspectionError):
    """Too many lots failed under tightened inspection: the cause is put right first."""

    code = "SAMPLING_STOPPED"


class ChartInvalidError(InspectionError):
    """The numbers make no control chart; ``details.field`` says which."""

    code = "CHART_INVALID"


class StudyIncompleteError(InspectionError):
    """A part and a person have too few or too many readings; ``details`` name both."""

    code = "STUDY_INCOMPLETE"


class StudyInvalidError(InspectionError):
    """The numbers make no gauge study; ``details.field`` says why."""

    code = "STUDY_INVALID"
