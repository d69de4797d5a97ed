"""What production refuses."""

from cloud.commands.errors import CommandError


class ProductionError(CommandError):
    """Something about work orders, pieces or steps was refused."""

    code = "PRODUCTION_ERROR"


class WorkOrderUnknownError(ProductionError):
    """No such work order in the asker's organization."""

    code = "WORK_ORDER_UNKNOWN"


class WorkOrderNumberTakenError(ProductionError):
    """Another work order has this number."""

    code = "WORK_ORDER_NUMBER_TAKEN"


class WorkOrderInvalidError(ProductionError):
    """A work order as wished cannot be made; ``details.field`` says where."""

    code = "WORK_ORDER_INVALID"


class SpreadsheetInvalidError(ProductionError):
    """A spreadsheet holds problems; ``details.problems`` lists sheet, row, column and code."""

    code = "SPREADSHEET_INVALID"


class PieceUnknownError(ProductionError):
    """No such piece in the asker's organization."""

    code = "PIECE_UNKNOWN"


class StepUnknownError(ProductionError):
    """The piece has no such step."""

    code = "STEP_UNKNOWN"


class StageMismatchError(ProductionError):
    """The step belongs to another stage than the one named."""

    code = "STAGE_MISMATCH"


class SpecVersionUnknownError(ProductionError):
    """The work order has no such spec version."""

    code = "SPEC_VERSION_UNKNOWN"


class SpecVersionOldError(ProductionError):
    """A newer spec version exists already; a correction starts from the newest."""

    code = "SPEC_VERSION_OLD"


class SpecChangeInvalidError(ProductionError):
    """A design change names nothing that the spec holds, or changes nothing."""

    code = "SPEC_CHANGE_INVALID"


class StepOutOfOrderError(ProductionError):
    """Another step comes first; ``details`` name its stage, titles and stations."""

    code = "STEP_OUT_OF_ORDER"


class AttemptUnknownError(ProductionError):
    """The attempt named was never opened."""

    code = "ATTEMPT_UNKNOWN"


class VerdictMissingError(ProductionError):
    """The step asks for a quality check and the finish brings no verdict or no inspection."""

    code = "VERDICT_MISSING"


class InspectionMismatchError(ProductionError):
    """The inspection named is unknown, or speaks of another piece, step, attempt or verdict."""

    code = "INSPECTION_MISMATCH"


class ReasonMissingError(ProductionError):
    """The act needs a reason."""

    code = "REASON_MISSING"


class ReworkNotPossibleError(ProductionError):
    """The piece has nothing to rework, or the step named comes after the failed one."""

    code = "REWORK_NOT_POSSIBLE"


class DecisionNotPossibleError(ProductionError):
    """The piece waits for no decision of this kind."""

    code = "DECISION_NOT_POSSIBLE"


class StageUnknownError(ProductionError):
    """The registry knows no such stage."""

    code = "STAGE_UNKNOWN"


class LabelUnknownError(ProductionError):
    """Nothing to print a label for."""

    code = "LABEL_UNKNOWN"
