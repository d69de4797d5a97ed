"""What can go wrong while judging a piece."""


class InspectionError(Exception):
    """Parent of every error of this feature."""

    code = "INSPECTION_FAILED"


class StyleBankCorruptError(InspectionError):
    """The bytes are not a style bank, or not one of this version."""

    code = "STYLE_BANK_CORRUPT"

    def __init__(self, problem: str) -> None:
        super().__init__(f"style bank cannot be read: {problem}")
        self.problem = problem


class StyleBankMismatchError(InspectionError):
    """The style bank was taught with another bundle."""

    code = "STYLE_BANK_MISMATCH"

    def __init__(self, taught_with: str, loaded: str) -> None:
        super().__init__(f"style bank was taught with {taught_with}, but {loaded} is loaded")
        self.taught_with = taught_with
        self.loaded = loaded


class PrototypesCorruptError(InspectionError):
    """The bytes are no prototypes of kinds of flaws, or not of this version."""

    code = "PROTOTYPES_CORRUPT"

    def __init__(self, problem: str) -> None:
        super().__init__(f"prototypes cannot be read: {problem}")
        self.problem = problem


class TeachingError(InspectionError):
    """The pictures do not teach a style."""

    code = "TEACHING_IMPOSSIBLE"


class TooFewPiecesError(TeachingError):
    """Fewer good pieces than it takes to know how they differ."""

    code = "TEACHING_TOO_FEW"

    def __init__(self, needed: int, given: int) -> None:
        super().__init__(f"{needed} good pieces are needed, {given} can be learned from")
        self.needed = needed
        self.given = given


class PieceDiffersError(TeachingError):
    """One of the good pieces is of quite another colour than the others."""

    code = "TEACHING_PIECE_DIFFERS"

    def __init__(self, number: int) -> None:
        super().__init__(f"piece {number} of those that can be learned from is of another cloth")
        self.number = number


class StandardError(InspectionError):
    """A standard contradicts itself."""

    code = "STANDARD_INVALID"


class TagBoardError(InspectionError):
    """The description of the tags on the table cannot be used."""

    code = "TAG_BOARD_INVALID"


class PictureUnreadableError(InspectionError):
    """A file is not a picture that can be decoded."""

    code = "PICTURE_UNREADABLE"

    def __init__(self, picture: str, problem: str) -> None:
        super().__init__(f"{picture}: {problem}")
        self.picture = picture
        self.problem = problem


class PictureTooLargeError(PictureUnreadableError):
    """A picture's header states more pixels than are judged."""

    code = "PICTURE_TOO_LARGE"

    def __init__(self, picture: str, most_megapixels: int) -> None:
        super().__init__(picture, f"larger than {most_megapixels} megapixels")


class CalibrationRefusedError(InspectionError):
    """The views do not teach a lens, or the table does not agree with it."""

    code = "CALIBRATION_REFUSED"

    def __init__(self, reason: str, problem: str) -> None:
        super().__init__(f"{reason}: {problem}")
        self.reason = reason
        self.problem = problem


class CalibrationFileError(InspectionError):
    """A stored calibration or gauge check cannot be read."""

    code = "CALIBRATION_FILE_INVALID"


class GaugeCheckError(InspectionError):
    """The gauge bar could not be measured."""

    code = "GAUGE_CHECK_IMPOSSIBLE"

    def __init__(self, reason: str, problem: str) -> None:
        super().__init__(f"{reason}: {problem}")
        self.reason = reason
        self.problem = problem
