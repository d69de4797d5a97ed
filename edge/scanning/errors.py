"""What can go wrong while reading codes."""


class ScanningError(Exception):
    """Parent of every error of this feature."""

    code = "SCANNING_FAILED"
