"""Files of model bundles in the object store, under ``<organization>/models/ab/cd…``."""

import asyncio
import hashlib
import os
from pathlib import Path

import obstore
from obstore.exceptions import NotFoundError
from obstore.store import LocalStore, S3Store

from cloud.rollouts.errors import ModelBundleUnknownError


class ObjectBundleVault:
    """Keeps files by their SHA-256; a file of several bundles lies there once."""

    def __init__(self, store: LocalStore | S3Store) -> None:
        self._store = store

    async def keep(self, organization_id: str, content: bytes) -> str:
        """Keep a file durably and return its SHA-256 in hex."""
        sha256 = hashlib.sha256(content).hexdigest()
        place = _place(organization_id, sha256)
        await obstore.put_async(self._store, place, content)
        if isinstance(self._store, LocalStore) and self._store.prefix is not None:
            await asyncio.to_thread(_make_durable, Path(str(self._store.prefix)) / place)
        return sha256

    async def read(self, organization_id: str, sha256: str, start: int, length: int) -> bytes:
        """Return ``length`` bytes of a file from ``start`` on.

        Raises:
            ModelBundleUnknownError: the store has lost it.
        """
        try:
            found = await obstore.get_range_async(
                self._store, _place(organization_id, sha256), start=start, length=length
            )
        except (NotFoundError, FileNotFoundError) as error:
            raise ModelBundleUnknownError("the object store has lost a file") from error
        return bytes(found)


def _place(organization_id: str, sha256: str) -> str:
    return f"{organization_id}/models/{sha256[:2]}/{sha256[2:]}"


def _make_durable(path: Path) -> None:
    for file in (path, path.parent, path.parent.parent, path.parent.parent.parent):
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
