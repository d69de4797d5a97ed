"""Bundles by their digest: the one in the code, the one the settings name, those installed."""

from collections.abc import Callable
from pathlib import Path

import edge.model_bundles
from edge.infrastructure.model_files import ModelFiles
from edge.infrastructure.plain_folder import read_folder
from edge.model_bundles.bundle import BASE_MANIFEST_SHA256, MANIFEST, Bundle, opened
from edge.model_bundles.errors import BundleAbsentError, BundleCorruptError


class ModelShelf:
    """Opens what was installed: whole, and by its digest; who signed it was asked before that."""

    def __init__(
        self, files: ModelFiles, base: Callable[[], Bundle], configured: tuple[Bundle, Path]
    ) -> None:
        self._files = files
        self._base = base
        self._configured, self._configured_place = configured

    def find(self, digest: str) -> Bundle:
        """Open a bundle, each file checked anew.

        Raises:
            BundleAbsentError: none of this digest lies here.
            BundleCorruptError: it is not what its digest says.
        """
        if digest == self._configured.digest:
            return self._configured
        if digest == BASE_MANIFEST_SHA256:
            return self._base()
        if not self._files.has(digest):
            raise BundleAbsentError(digest)
        bundle = opened(read_folder(self._files.place(digest)), "signature")
        if bundle.digest != digest:
            raise BundleCorruptError(MANIFEST, "it is another bundle's")
        return bundle

    def place(self, digest: str) -> Path:
        """Return the folder that a bundle lies in."""
        if digest == self._configured.digest:
            return self._configured_place
        if digest == BASE_MANIFEST_SHA256:
            return base_place()
        return self._files.place(digest)


def base_place() -> Path:
    """Return the folder of the bundle inside this package."""
    return Path(edge.model_bundles.__file__).parent / "base"
