"""Everything a station refuses or lacks; ``code`` is stable and names the text shown."""

from typing import ClassVar


class StationError(Exception):
    """Base of all errors of the station.

    ``details`` fill the placeholders of the shown text.
    """

    code: ClassVar[str] = "STATION_ERROR"

    def __init__(self, message: str = "", **details: str) -> None:
        super().__init__(message or type(self).code)
        self.details = details


class RefusalError(StationError):
    """A scan or an act that is refused; nothing was done."""

    code: ClassVar[str] = "REFUSED"


class NotEnrolledError(RefusalError):
    """The station has no identity yet."""

    code: ClassVar[str] = "NOT_ENROLLED"


class PackageMissingError(RefusalError):
    """No work package has arrived yet."""

    code: ClassVar[str] = "PACKAGE_MISSING"


class BadgeMissingError(RefusalError):
    """Nobody has scanned a badge."""

    code: ClassVar[str] = "BADGE_MISSING"


class BadgeUnknownError(RefusalError):
    """The badge is not in the roster."""

    code: ClassVar[str] = "BADGE_UNKNOWN"


class BadgeNotForStageError(RefusalError):
    """The badge's holder may not work at this stage."""

    code: ClassVar[str] = "BADGE_NOT_FOR_STAGE"


class CodeForeignError(RefusalError):
    """The text is not one of our codes."""

    code: ClassVar[str] = "CODE_FOREIGN"


class CodeOtherOrganizationError(RefusalError):
    """The code belongs to another organization."""

    code: ClassVar[str] = "CODE_OTHER_ORGANIZATION"


class CodeNotForWorkError(RefusalError):
    """A station's or a calibration board's code starts no work."""

    code: ClassVar[str] = "CODE_NOT_FOR_WORK"


class ShortCodeUnknownError(RefusalError):
    """Nothing in the package ends with the typed characters."""

    code: ClassVar[str] = "SHORT_CODE_UNKNOWN"


class PieceUnknownError(RefusalError):
    """The package names no such piece."""

    code: ClassVar[str] = "PIECE_UNKNOWN"


class OrderUnknownError(RefusalError):
    """The package names no such work order or step."""

    code: ClassVar[str] = "ORDER_UNKNOWN"


class NoPieceWaitingError(RefusalError):
    """No piece of the order waits for this station."""

    code: ClassVar[str] = "NO_PIECE_WAITING"


class WrongStepError(RefusalError):
    """An earlier step is still open."""

    code: ClassVar[str] = "STEP_OUT_OF_ORDER"


class StepAlreadyDoneError(RefusalError):
    """This station's steps are done; the piece belongs elsewhere now."""

    code: ClassVar[str] = "STEP_ALREADY_DONE"


class WrongStationError(RefusalError):
    """No step of the piece is done at this kind of station."""

    code: ClassVar[str] = "STATION_WRONG_KIND"


class PieceDoneError(RefusalError):
    """All steps of the piece are done."""

    code: ClassVar[str] = "PIECE_DONE"


class PieceQuarantinedError(RefusalError):
    """The piece is in quarantine."""

    code: ClassVar[str] = "PIECE_QUARANTINED"


class PieceScrappedError(RefusalError):
    """The piece was given up."""

    code: ClassVar[str] = "PIECE_SCRAPPED"


class PieceEscalatedError(RefusalError):
    """The limit of rework is reached; a supervisor decides."""

    code: ClassVar[str] = "PIECE_ESCALATED"


class PieceInReworkError(RefusalError):
    """The piece is in rework at another stage."""

    code: ClassVar[str] = "PIECE_IN_REWORK"


class PieceInReviewError(RefusalError):
    """A person must judge the last inspection first."""

    code: ClassVar[str] = "PIECE_IN_REVIEW"


class PieceWaitingError(RefusalError):
    """The piece failed and waits for the decision on its rework."""

    code: ClassVar[str] = "PIECE_WAITING"


class StepCardMismatchError(RefusalError):
    """The step card is of another step than the one shown."""

    code: ClassVar[str] = "STEP_CARD_MISMATCH"


class StandardMissingError(RefusalError):
    """The step asks for a check but names no standard."""

    code: ClassVar[str] = "STANDARD_MISSING"


class NothingToStartError(RefusalError):
    """No piece was scanned."""

    code: ClassVar[str] = "NOTHING_TO_START"


class NothingToFinishError(RefusalError):
    """No step has been started."""

    code: ClassVar[str] = "NOTHING_TO_FINISH"


class NothingToRetakeError(RefusalError):
    """The last verdict cannot be repeated."""

    code: ClassVar[str] = "NOTHING_TO_RETAKE"


class NothingToDisputeError(RefusalError):
    """No verdict of a bundle on trial is shown, or it was disputed already."""

    code: ClassVar[str] = "NOTHING_TO_DISPUTE"


class ChoiceUnknownError(RefusalError):
    """The chosen piece is not on the list."""

    code: ClassVar[str] = "CHOICE_UNKNOWN"


class StationBusyError(RefusalError):
    """A picture is being judged."""

    code: ClassVar[str] = "STATION_BUSY"


class CameraNotConfiguredError(RefusalError):
    """No camera is set (KYNDOF_CAMERA)."""

    code: ClassVar[str] = "CAMERA_NOT_CONFIGURED"


class CameraUnpluggedError(RefusalError):
    """No fresh frame comes from the camera."""

    code: ClassVar[str] = "CAMERA_UNPLUGGED"


class FrameBlackError(RefusalError):
    """The picture is black: cover, lens or light."""

    code: ClassVar[str] = "FRAME_BLACK"


class FrameBrokenError(RefusalError):
    """The camera's picture cannot be decoded."""

    code: ClassVar[str] = "FRAME_BROKEN"


class ThicknessInvalidError(RefusalError):
    """What was typed is no thickness of a cloth."""

    code: ClassVar[str] = "THICKNESS_INVALID"


class FrameTooLargeError(RefusalError):
    """The camera's picture has more pixels than are judged."""

    code: ClassVar[str] = "FRAME_TOO_LARGE"


class InspectionUnavailableError(RefusalError):
    """The pipeline could not be started; the detail names the setting or file."""

    code: ClassVar[str] = "INSPECTION_UNAVAILABLE"


class InspectionFailedError(RefusalError):
    """The pipeline broke on this picture; the step stays open."""

    code: ClassVar[str] = "INSPECTION_FAILED"


class DiskFullError(RefusalError):
    """The disk takes no more; nothing was recorded."""

    code: ClassVar[str] = "DISK_FULL"


class SupervisorNeededError(RefusalError):
    """Only who supervises may do that here."""

    code: ClassVar[str] = "SUPERVISOR_NEEDED"


class DeskBusyError(RefusalError):
    """The station is learning from pictures."""

    code: ClassVar[str] = "DESK_BUSY"


class DeskIdleError(RefusalError):
    """Nothing is being taught or calibrated."""

    code: ClassVar[str] = "DESK_IDLE"


class DeskUnknownActError(RefusalError):
    """The desk has no such act."""

    code: ClassVar[str] = "DESK_ACT_UNKNOWN"


class StyleUnknownError(RefusalError):
    """No open work order has this style."""

    code: ClassVar[str] = "STYLE_UNKNOWN"


class PicturesFewError(RefusalError):
    """Too few good pictures to teach a style."""

    code: ClassVar[str] = "PICTURES_FEW"


class BoardUnknownError(RefusalError):
    """No file describes this board."""

    code: ClassVar[str] = "BOARD_UNKNOWN"


class FindingUnknownError(RefusalError):
    """No such finding is shown."""

    code: ClassVar[str] = "FINDING_UNKNOWN"


class KindInvalidError(RefusalError):
    """The word cannot name a kind of flaw."""

    code: ClassVar[str] = "KIND_INVALID"


class FlawNotDescribedError(RefusalError):
    """The finding cannot be looked at again."""

    code: ClassVar[str] = "FLAW_NOT_DESCRIBED"


class StationLockedError(StationError):
    """Another process already runs this station's home."""

    code: ClassVar[str] = "STATION_LOCKED"


class PackageBrokenError(StationError):
    """The work package's bytes do not match its digest or cannot be read."""

    code: ClassVar[str] = "PACKAGE_BROKEN"


class IdentityBrokenError(StationError):
    """station.json cannot be read."""

    code: ClassVar[str] = "IDENTITY_BROKEN"


class ConfigurationError(StationError):
    """A configuration that the station does not take; the one in use stays."""

    code: ClassVar[str] = "CONFIGURATION_ERROR"


class ConfigurationInvalidError(ConfigurationError):
    """The document is no JSON, or not what the schema says."""

    code: ClassVar[str] = "CONFIGURATION_INVALID"


class ConfigurationProfileError(ConfigurationError):
    """No profile of that name lies under firmware-config, or it is not as its schema says."""

    code: ClassVar[str] = "CONFIGURATION_NO_SUCH_PROFILE"


class ConfigurationTooLargeError(ConfigurationError):
    """The document is larger than any that the cloud keeps."""

    code: ClassVar[str] = "CONFIGURATION_TOO_LARGE"


class ConfigurationDamagedError(ConfigurationError):
    """The bytes are not those that the digest names."""

    code: ClassVar[str] = "CONFIGURATION_DAMAGED"
