"""What is wrong with the camera's setting or driver."""

from typing import ClassVar


class CaptureError(Exception):
    """Base of all errors of capture."""

    code: ClassVar[str] = "CAPTURE_ERROR"


class CameraAddressError(CaptureError):
    """KYNDOF_CAMERA is none of the known forms."""

    code: ClassVar[str] = "CAMERA_ADDRESS"


class CameraDriverMissingError(CaptureError):
    """The driver of that camera is not installed; the message names the extra."""

    code: ClassVar[str] = "CAMERA_DRIVER_MISSING"


class CameraSettingsError(CaptureError):
    """A file under firmware-config/cameras cannot be read."""

    code: ClassVar[str] = "CAMERA_SETTINGS"


class CameraLacksControlError(CaptureError):
    """A configuration sets something that this camera cannot be set to."""

    code: ClassVar[str] = "CONFIGURATION_CAMERA_LACKS"


class BeyondCameraError(CaptureError):
    """A configuration sets a value outside the camera's range, or a size it does not have."""

    code: ClassVar[str] = "CONFIGURATION_BEYOND_CAMERA"
