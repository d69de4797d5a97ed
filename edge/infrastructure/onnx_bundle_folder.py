"""Bundles as folders, signatures by model-signing with an elliptic-curve key."""

import tempfile
from pathlib import Path

import model_signing

import edge.model_bundles
from edge.infrastructure.plain_folder import read_folder
from edge.model_bundles.bundle import SIGNATURE, Bundle, opened
from edge.model_bundles.errors import (
    BundleKeyMissingError,
    BundleSignatureError,
    BundleUnsignedError,
)


class OnnxBundleFolders:
    """Implements ``BundleSource`` on the file system.

    The files are read once; what was verified is what is used, whatever happens to the folder
    afterwards.
    """

    def __init__(self, public_key: str) -> None:
        self._public_key = public_key

    def base(self) -> Bundle:
        """Open the bundle inside this package."""
        folder = Path(edge.model_bundles.__file__).parent / "base"
        return opened(read_folder(folder), "code")

    def signed(self, folder: str) -> Bundle:
        """Open a signed bundle."""
        place = Path(folder)
        if not self._public_key:
            raise BundleKeyMissingError
        key = Path(self._public_key)
        if not key.is_file():
            raise BundleKeyMissingError(f"{key} does not exist")
        files = read_folder(place)
        if SIGNATURE not in files:
            raise BundleUnsignedError(place.name)
        self._verify(place.name, files, key)
        return opened(files, "signature")

    def _verify(self, name: str, files: dict[str, bytes], key: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="kyndof-bundle-") as copy:
            root = Path(copy) / name
            root.mkdir()
            for file, data in files.items():
                (root / file).write_bytes(data)
            hashing = model_signing.hashing.Config()  # type: ignore[no-untyped-call]
            hashing.set_ignored_paths(paths=[root / SIGNATURE], ignore_git_paths=False)
            config = model_signing.verifying.Config()  # type: ignore[no-untyped-call]
            config.set_hashing_config(hashing)
            try:
                config.use_elliptic_key_verifier(public_key=key).verify(root, root / SIGNATURE)
            except Exception as problem:  # whatever its parsers raise
                raise BundleSignatureError(name, str(problem)[:200]) from problem
