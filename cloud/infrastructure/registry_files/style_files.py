"""What is known of styles as files of the registry's folder ``standards/styles``.

``STYLE.bank`` holds statistics, ``STYLE.template.json`` an outline for every size and
``STYLE@SIZE.template.json`` one for a size; ``kinds.prototypes`` the kinds of flaws people named.
"""

import re
from collections.abc import Mapping
from pathlib import Path

_STYLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_TEMPLATE = ".template.json"
LARGEST_BYTES = 16 * 1024 * 1024
# A package that a station fetches whole must stay small.
LARGEST_TEMPLATE_BYTES = 256 * 1024


class FolderStyleFiles:
    """Reads files from a folder at each call, so that a new one counts at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def bank(self, style: str) -> bytes | None:
        """Return a style's bank; ``None`` when it was not taught."""
        # A style's name comes from a work order, and a file's name must not lead elsewhere.
        if not _STYLE.fullmatch(style):
            return None
        return _small(self._folder / f"{style}.bank", LARGEST_BYTES)

    def templates(self, style: str) -> Mapping[str, bytes]:
        """Return a style's templates by size, "" for every size."""
        if not _STYLE.fullmatch(style) or not self._folder.is_dir():
            return {}
        found = {}
        for path in sorted(self._folder.glob(f"{style}*{_TEMPLATE}")):
            name, _, size = path.name.removesuffix(_TEMPLATE).partition("@")
            content = _small(path, LARGEST_TEMPLATE_BYTES) if name == style else None
            if content is not None:
                found[size] = content
        return found

    def prototypes(self) -> bytes | None:
        """Return the kinds of flaws that people named; ``None`` when nobody did."""
        return _small(self._folder / "kinds.prototypes", LARGEST_BYTES)


def _small(path: Path, largest_bytes: int) -> bytes | None:
    if not path.is_file() or path.stat().st_size > largest_bytes:
        return None
    return path.read_bytes()
