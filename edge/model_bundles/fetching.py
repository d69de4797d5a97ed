"""How a bundle travels: its files one after the other, cut into chunks that are checked one by one.

What the other side announces is believed in nothing: names stay plain, sizes and counts bounded,
and every digest is compared again when the files are put together.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge.model_bundles.bundle import MANIFEST, PLAIN_NAME
from edge.model_bundles.errors import DownloadDamagedError, DownloadNameError

CHUNK_BYTES = 4 * 1024 * 1024
MOST_FILES = 500
LARGEST_FILE_BYTES = 64 * 1024 * 1024
LARGEST_BUNDLE_BYTES = 512 * 1024 * 1024
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """One file and where its bytes begin in the bundle; ``sha256`` in hex."""

    name: str
    size_bytes: int
    sha256: str
    offset_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of a file that lies in a chunk."""

    file: PlannedFile
    offset_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPlan:
    """What will be fetched: files in the order of their bytes, and each chunk's SHA-256 in hex."""

    digest: str
    files: tuple[PlannedFile, ...]
    chunks: tuple[str, ...]
    size_bytes: int

    def chunk_bytes(self, chunk: int) -> int:
        """Return how long a chunk is."""
        return min(CHUNK_BYTES, self.size_bytes - chunk * CHUNK_BYTES)

    def spans(self, chunk: int) -> Iterator[Span]:
        """Give the stretches of files that make up a chunk."""
        begin = chunk * CHUNK_BYTES
        end = begin + self.chunk_bytes(chunk)
        for file in self.files:
            first = max(begin, file.offset_bytes)
            last = min(end, file.offset_bytes + file.size_bytes)
            if first < last:
                yield Span(
                    file=file, offset_bytes=first - file.offset_bytes, size_bytes=last - first
                )


def plan_fetch(
    digest: str, announced: Sequence[tuple[str, int, str]], chunks: Sequence[str]
) -> FetchPlan:
    """Check an announced list of (name, size in bytes, SHA-256 hex).

    Raises:
        DownloadNameError: a name that is not plain, or stands twice.
        DownloadDamagedError: sizes, counts or digests that do not belong together.
    """
    if not 0 < len(announced) <= MOST_FILES:
        raise DownloadDamagedError(f"{len(announced)} files")
    files, offset, seen = [], 0, set[str]()
    for name, size, sha256 in announced:
        if not PLAIN_NAME.fullmatch(name) or name.casefold() in seen:
            raise DownloadNameError(f"a file is called {name[:100]!r}")
        if not 0 < size <= LARGEST_FILE_BYTES or not _SHA256.fullmatch(sha256):
            raise DownloadDamagedError(f"{name} has {size} bytes")
        seen.add(name.casefold())
        files.append(PlannedFile(name=name, size_bytes=size, sha256=sha256, offset_bytes=offset))
        offset += size
    if {file.sha256 for file in files if file.name == MANIFEST} != {digest}:
        raise DownloadDamagedError("its manifest is not the one that was wished")
    if offset > LARGEST_BUNDLE_BYTES or len(chunks) != -(-offset // CHUNK_BYTES):
        raise DownloadDamagedError(f"{offset} bytes in {len(chunks)} chunks")
    if not all(_SHA256.fullmatch(chunk) for chunk in chunks):
        raise DownloadDamagedError("a chunk without a digest")
    return FetchPlan(digest=digest, files=tuple(files), chunks=tuple(chunks), size_bytes=offset)
