"""What can go wrong while reading codes."""


class ScanningError(Exception):
    """Parent of every error of this feature."""

    code = "SCANNING_FAILED"


class ScannerProfileError(ScanningError):
    """There is no profile of that name under firmware-config/scanners, or it is wrong."""

    code = "SCANNER_PROFILE"
