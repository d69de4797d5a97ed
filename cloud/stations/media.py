"""What a picture may be."""

import re

from cloud.stations.errors import MediaInvalidError

LARGEST_BYTES = 32 * 1024 * 1024
CONTENT_TYPES = ("image/jpeg", "image/png")

_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_media(sha256: str, size_bytes: int, content_type: str) -> None:
    """Refuse what is no picture of ours.

    Raises:
        MediaInvalidError: address, size or kind is not acceptable.
    """
    if not _SHA256.fullmatch(sha256):
        raise MediaInvalidError("a picture is named by its SHA-256 in hex", field="sha256")
    if not 0 < size_bytes <= LARGEST_BYTES:
        raise MediaInvalidError(
            f"a picture has 1 to {LARGEST_BYTES} bytes", field="size_bytes", actual=size_bytes
        )
    if content_type not in CONTENT_TYPES:
        raise MediaInvalidError(
            "a picture is a JPEG or a PNG", field="content_type", actual=content_type
        )
