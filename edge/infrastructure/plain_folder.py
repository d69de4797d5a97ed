"""Bundles as folders of plain files, each read once."""

import os
import stat
from pathlib import Path

from edge.model_bundles.bundle import MANIFEST
from edge.model_bundles.errors import BundleCorruptError

_LARGEST_BYTES = 64 * 1024 * 1024


def read_folder(folder: Path) -> dict[str, bytes]:
    """Read every file of a bundle's folder once.

    Raises:
        BundleCorruptError: no manifest, or something that is not a plain file of bearable size.
    """
    if not (folder / MANIFEST).is_file():
        raise BundleCorruptError(MANIFEST, f"missing in {folder}")
    return {path.name: _read(path) for path in sorted(folder.iterdir())}


def _read(path: Path) -> bytes:
    """Read a file that is no link, as it is found once opened."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise BundleCorruptError(path.name, "not a plain file") from error
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise BundleCorruptError(path.name, "not a plain file")
        if found.st_size > _LARGEST_BYTES:
            raise BundleCorruptError(path.name, "larger than 64 MiB")
        return file.read(_LARGEST_BYTES)
