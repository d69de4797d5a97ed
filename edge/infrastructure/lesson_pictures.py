"""Pictures of good pieces, on the disk until a style was learned from them."""

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.infrastructure.opencv_pictures import decoded
from edge.station.errors import DiskFullError


class LessonPictures:
    """Implements the teaching desk's shelf; a restart finds nothing of an unfinished course."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        shutil.rmtree(folder, ignore_errors=True)

    async def clear(self) -> None:
        """Forget all pictures."""
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def put(self, mark: str, content: bytes) -> None:
        """Keep a picture by its mark, the SHA-256 of its bytes.

        Raises:
            DiskFullError: there is no room; it was not kept.
        """
        await asyncio.to_thread(self._put, mark, content)

    def _put(self, mark: str, content: bytes) -> None:
        path = self._folder / mark
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as problem:
            path.unlink(missing_ok=True)
            raise DiskFullError(str(problem)) from problem

    def pixels(self, marks: Sequence[str]) -> Iterator[NDArray[np.uint8]]:
        """Decode one picture after the other, (H, W, 3) uint8 RGB.

        Raises:
            PictureUnreadableError: a file was changed meanwhile.
            OSError: a file is gone.
        """
        for mark in marks:
            yield decoded((self._folder / mark).read_bytes(), mark)
