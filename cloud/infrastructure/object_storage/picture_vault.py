"""Pictures in an object store, and the folder in which unfinished uploads wait.

An upload grows in a file of its own. Only when its whole SHA-256 is right does it go to the store,
under ``<organization>/ab/cd…``; and nobody is shown it before its row is committed.
"""

import asyncio
import hashlib
import json
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import NotFoundError
from obstore.store import LocalStore, S3Store

from cloud.infrastructure.object_storage.thumbnails import (
    WIDTHS,
    PictureUnreadableError,
    downscale,
)
from cloud.stations.errors import MediaUnknownError
from cloud.stations.queries import StationKey, Upload

_SHA256 = re.compile(r"[0-9a-f]{64}")
READ_BYTES = 1024 * 1024
#: Unfinished uploads of one station; the oldest give way.
MOST_UPLOADS = 64
#: First bytes of the kinds of picture that are taken.
_SIGNATURES = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n"}


class ObjectStoreSettingError(Exception):
    """The setting of the object store is not usable."""

    code = "OBJECT_STORE_SETTING"


def open_store(location: str) -> LocalStore | S3Store:
    """Open a folder, or a bucket by ``s3://bucket/prefix?endpoint=…&region=…``.

    Raises:
        ObjectStoreSettingError: neither; the sentence names the setting.
    """
    scheme, _, rest = location.partition("://")
    if not rest:
        return LocalStore(location, mkdir=True, automatic_cleanup=False)
    if scheme != "s3" or not urlsplit(location).netloc:
        raise ObjectStoreSettingError(
            "KYNDOF_OBJECT_STORE is a folder or s3://bucket/prefix; credentials come from "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    parts = urlsplit(location)
    options = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
    return S3Store(parts.netloc, prefix=parts.path.strip("/") or None, config=options)  # type: ignore[arg-type]


class ObjectPictureVault:
    """Keeps pictures in ``store`` and unfinished uploads under ``folder``."""

    def __init__(self, store: LocalStore | S3Store, folder: Path) -> None:
        self._store = store
        self._folder = folder

    async def holds(self, organization_id: str, sha256: str, size_bytes: int) -> bool:
        """Say whether the picture lies there whole."""
        try:
            found = await obstore.head_async(self._store, _place(organization_id, sha256))
        except (NotFoundError, FileNotFoundError):
            return False
        return found["size"] == size_bytes

    async def begin(self, station: StationKey, upload: Upload) -> int:
        """Begin or resume an upload; return how many bytes are safe."""
        return await asyncio.to_thread(self._begin, station, upload)

    async def find(self, station: StationKey, sha256: str) -> Upload | None:
        """Return an upload that was begun and not finished."""
        return await asyncio.to_thread(self._find, station, sha256)

    async def append(self, station: StationKey, sha256: str, offset: int, data: bytes) -> int:
        """Append bytes at the end; return the new length.

        Raises:
            ValueError: ``offset`` is not the end, or the picture gets longer than announced.
        """
        return await asyncio.to_thread(self._append, station, sha256, offset, data)

    async def flush(self, station: StationKey, sha256: str) -> int:
        """Make what was appended durable; return how many bytes are safe."""
        return await asyncio.to_thread(_flush, self._path(station, sha256))

    async def finish(self, station: StationKey, upload: Upload) -> str:
        """Verify the whole picture and put it into the store.

        Returns:
            Why it was thrown away, empty when it is whole.
        """
        path = self._path(station, upload.sha256)
        content = await asyncio.to_thread(path.read_bytes)
        flaw = await asyncio.to_thread(_flaw, content, upload)
        if flaw:
            if len(content) >= upload.size_bytes:
                # What is short may go on; what is wrong must begin anew.
                await self.forget(station, upload.sha256)
            return flaw
        place = _place(station.organization_id, upload.sha256)
        await obstore.put_async(self._store, place, content)
        await asyncio.to_thread(self._make_durable, place)
        return ""

    async def forget(self, station: StationKey, sha256: str) -> None:
        """Remove what is left of an upload."""
        await asyncio.to_thread(_remove, self._path(station, sha256))

    async def read(self, organization_id: str, sha256: str, width_px: int | None) -> bytes:
        """Return a picture, downscaled to one of the widths on offer when ``width_px`` is given.

        The caller has made sure that the asker may read it.

        Raises:
            MediaUnknownError: the store has lost it.
        """
        place = _place(organization_id, sha256)
        if width_px is None:
            return await self._get(place)
        width = next((w for w in WIDTHS if w >= width_px), WIDTHS[-1])
        small = f"{place}.{width}"
        try:
            return await self._get(small)
        except MediaUnknownError:
            whole = await self._get(place)
            try:
                picture = await asyncio.to_thread(downscale, whole, width)
            except PictureUnreadableError:
                # Its digest is right, so this is what the station has: let a person look at it.
                return whole
            await obstore.put_async(self._store, small, picture)
            return picture

    async def _get(self, place: str) -> bytes:
        try:
            found = await obstore.get_async(self._store, place)
            return bytes(await found.bytes_async())
        except (NotFoundError, FileNotFoundError) as error:
            raise MediaUnknownError("the object store has lost the picture") from error

    def _make_durable(self, place: str) -> None:
        if isinstance(self._store, LocalStore) and self._store.prefix is not None:
            path = Path(str(self._store.prefix)) / place
            for file in (path, path.parent, path.parent.parent):
                descriptor = os.open(file, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)

    def _path(self, station: StationKey, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise ValueError("no such upload")
        return self._folder / station.organization_id / station.station_id / sha256

    def _begin(self, station: StationKey, upload: Upload) -> int:
        path = self._path(station, upload.sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        if self._find(station, upload.sha256) == upload and path.exists():
            return path.stat().st_size
        _remove(path)
        _make_room(path.parent)
        path.touch()
        facts = {
            "sha256": upload.sha256,
            "size_bytes": upload.size_bytes,
            "content_type": upload.content_type,
            "event_id": upload.event_id,
        }
        _notes(path).write_text(json.dumps(facts), encoding="utf-8")
        return 0

    def _find(self, station: StationKey, sha256: str) -> Upload | None:
        try:
            return Upload(**json.loads(_notes(self._path(station, sha256)).read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _append(self, station: StationKey, sha256: str, offset: int, data: bytes) -> int:
        path = self._path(station, sha256)
        upload = self._find(station, sha256)
        if upload is None or not path.exists():
            raise ValueError("no such upload; offer the picture again")
        end = path.stat().st_size
        if offset != end:
            raise ValueError(f"expected byte {end}, got {offset}")
        if end + len(data) > upload.size_bytes:
            raise ValueError(f"the picture was announced with {upload.size_bytes} bytes")
        with path.open("ab") as file:
            file.write(data)
        return end + len(data)


def _place(organization_id: str, sha256: str) -> str:
    return f"{organization_id}/{sha256[:2]}/{sha256[2:]}"


def _notes(path: Path) -> Path:
    return path.with_suffix(".json")


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    _notes(path).unlink(missing_ok=True)


def _make_room(folder: Path) -> None:
    waiting = sorted(folder.glob("*.json"), key=lambda notes: notes.stat().st_mtime)
    for notes in waiting[: max(0, len(waiting) - MOST_UPLOADS + 1)]:
        _remove(notes.with_suffix(""))


def _flush(path: Path) -> int:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return os.fstat(file.fileno()).st_size


def _flaw(content: bytes, upload: Upload) -> str:
    if len(content) != upload.size_bytes:
        return f"{len(content)} of {upload.size_bytes} bytes are here"
    if hashlib.sha256(content).hexdigest() != upload.sha256:
        return "the SHA-256 differs"
    if not content.startswith(_SIGNATURES[upload.content_type]):
        return f"the bytes are no {upload.content_type}"
    return ""
