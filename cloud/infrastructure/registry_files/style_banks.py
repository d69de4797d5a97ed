"""Statistics of styles as files of the registry: ``standards/styles/<style>.bank``."""

import re
from pathlib import Path

_STYLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
LARGEST_BYTES = 16 * 1024 * 1024


class FolderStyleBanks:
    """Reads banks from a folder at each call, so that a new one counts at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, style: str) -> bytes | None:
        """Return a style's bank; ``None`` when it was not taught."""
        path = self._folder / f"{style}.bank"
        # A style's name comes from a work order, and a file's name must not lead elsewhere.
        if not _STYLE.fullmatch(style) or not path.is_file():
            return None
        if path.stat().st_size > LARGEST_BYTES:
            return None
        return path.read_bytes()
