"""Pictures by their SHA-256 in ``media/ab/cdef…``, each whole or not there."""

import asyncio
import hashlib
from pathlib import Path

from edge.infrastructure.durable_files import sync_folder, write_durably
from edge.station.errors import DiskFullError


class PictureFolder:
    """Implements the station's `PictureStore`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, content: bytes) -> str:
        """Write a picture durably and return its SHA-256 in hex.

        Raises:
            DiskFullError: the disk takes no more; nothing was kept.
        """
        return await asyncio.to_thread(self._put, content)

    def _put(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        path = self.path(digest)
        if path.exists():
            return digest
        try:
            new_folder = not path.parent.exists()
            write_durably(path, content)
            if new_folder:
                sync_folder(self._folder)
        except OSError as error:
            for part in path.parent.glob(f".{path.name}.*.new"):
                part.unlink(missing_ok=True)
            raise DiskFullError(str(error)) from error
        return digest

    def path(self, digest: str) -> Path:
        """Return where a picture lies."""
        return self._folder / digest[:2] / digest[2:]
