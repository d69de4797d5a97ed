"""The files of a download: what is here already, what comes, and the step that installs it."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from edge.infrastructure.durable_files import sync_folder
from edge.model_bundles.bundle import SIGNATURE
from edge.model_bundles.errors import (
    BundleUnsignedError,
    DownloadDamagedError,
    DownloadRoomError,
)
from edge.model_bundles.fetching import CHUNK_BYTES, FetchPlan, Span

ROOM_RATIO = 2
Check = Callable[[Path], None]
"""Raises a BundleError unless the files of a folder may be installed."""


class BundleDownload:
    """One bundle on its way into ``{models}/{digest}``, by way of ``{digest}.part``.

    The part file is as long as the bundle from the start; which chunks of it are good is read off
    their digests, so a cut at any byte costs at most the chunk that was on its way.
    """

    def __init__(self, models: Path, plan: FetchPlan) -> None:
        self._models = models
        self._plan = plan
        self._part = models / f"{plan.digest}.part"
        self._fresh = models / f".{plan.digest}.new"
        self._target = models / plan.digest

    def missing(self) -> list[int]:
        """Lay out the part file, take over what lies here, and return the chunks to fetch.

        Raises:
            DownloadRoomError: the disk has not twice the bundle's size to spare.
            OSError: the part file cannot be written.
        """
        self._models.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self._fresh, ignore_errors=True)
        here = self._part.stat().st_blocks * 512 if self._part.exists() else 0
        free = shutil.disk_usage(self._models).free
        if free + here < ROOM_RATIO * self._plan.size_bytes:
            raise DownloadRoomError(
                f"{free} bytes are free, {ROOM_RATIO * self._plan.size_bytes} are asked for"
            )
        with self._part.open("ab"):
            pass
        os.truncate(self._part, self._plan.size_bytes)
        known = self._known_files()
        return [chunk for chunk in range(len(self._plan.chunks)) if not self._has(chunk, known)]

    def keep(self, chunk: int, content: bytes) -> bool:
        """Write a chunk that is what was announced, durably; say whether it was."""
        if hashlib.sha256(content).hexdigest() != self._plan.chunks[chunk]:
            return False
        descriptor = os.open(self._part, os.O_WRONLY)
        try:
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.seek(chunk * CHUNK_BYTES)
                file.write(content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return True

    def install(self, check: Check) -> None:
        """Put the files together, let them be checked, and rename the whole into its place.

        Raises:
            BundleError: a file is not what was announced, or may not be installed. Nothing of it
                stays.
            OSError: the disk refused; the part file stays.
        """
        self._fresh.mkdir()
        try:
            with self._part.open("rb") as part:
                for file in self._plan.files:
                    part.seek(file.offset_bytes)
                    content = part.read(file.size_bytes)
                    if hashlib.sha256(content).hexdigest() != file.sha256:
                        raise DownloadDamagedError(f"{file.name} is not what was announced")
                    _write(self._fresh / file.name, content)
            if not (self._fresh / SIGNATURE).is_file():
                raise BundleUnsignedError(self._plan.digest[:12])
            check(self._fresh)
            sync_folder(self._fresh)
            self._fresh.rename(self._target)
            sync_folder(self._models)
        finally:
            shutil.rmtree(self._fresh, ignore_errors=True)
        self._part.unlink(missing_ok=True)

    def forget(self) -> None:
        """Take away what came of a bundle that is refused."""
        shutil.rmtree(self._fresh, ignore_errors=True)
        self._part.unlink(missing_ok=True)

    def _has(self, chunk: int, known: dict[str, Path]) -> bool:
        with self._part.open("rb") as part:
            part.seek(chunk * CHUNK_BYTES)
            content = part.read(self._plan.chunk_bytes(chunk))
        if hashlib.sha256(content).hexdigest() == self._plan.chunks[chunk]:
            return True
        spans = list(self._plan.spans(chunk))
        if not all(span.file.sha256 in known for span in spans):
            return False
        return self.keep(chunk, b"".join(_stretch(known[s.file.sha256], s) for s in spans))

    def _known_files(self) -> dict[str, Path]:
        """Find the files of installed bundles that this one has too."""
        wanted = {(file.name, file.size_bytes): file.sha256 for file in self._plan.files}
        found = {}
        for path in self._models.glob("[0-9a-f]*/*"):
            if not path.is_file():
                continue
            digest = wanted.get((path.name, path.stat().st_size))
            if digest and hashlib.sha256(path.read_bytes()).hexdigest() == digest:
                found[digest] = path
        return found


def _stretch(path: Path, span: Span) -> bytes:
    with path.open("rb") as file:
        file.seek(span.offset_bytes)
        return file.read(span.size_bytes)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
