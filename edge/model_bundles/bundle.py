"""What a bundle is made of and when its files are what they claim to be."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from edge.model_bundles.errors import BundleCorruptError

MANIFEST = "manifest.json"
SIGNATURE = "model.sig"
REQUIRED = frozenset(
    {"model.onnx", "judges.onnx", "labels.json", "thresholds.json", "preprocess.json", "card.md"}
)
BASE_MANIFEST_SHA256 = "e6261e83f4ae656e69f0b32dce4ea87f13e8fe8daa32fc5851ebefbdfda88bc5"
"""Digest of the manifest of the bundle inside this package; it is trusted as the code is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A verified bundle: its name and version, manifest digest and files."""

    name: str
    version: str
    digest: str
    trusted_by: Literal["code", "signature"]
    files: Mapping[str, bytes]

    @property
    def label(self) -> str:
        """Name and version as results carry them."""
        return f"{self.name}@{self.version}"


def opened(files: Mapping[str, bytes], trusted_by: Literal["code", "signature"]) -> Bundle:
    """Check every file of a bundle against its manifest.

    Raises:
        BundleCorruptError: names the file that is missing, unexpected or changed.
    """
    if MANIFEST not in files:
        raise BundleCorruptError(MANIFEST, "missing")
    digest = hashlib.sha256(files[MANIFEST]).hexdigest()
    if trusted_by == "code" and digest != BASE_MANIFEST_SHA256:
        raise BundleCorruptError(MANIFEST, "its digest is not the one in the code")
    name, version, digests = _manifest(files[MANIFEST])
    for file in sorted(REQUIRED | digests.keys()):
        if file not in digests:
            raise BundleCorruptError(file, "the manifest does not list it")
        if file not in files:
            raise BundleCorruptError(file, "missing")
        if hashlib.sha256(files[file]).hexdigest() != digests[file]:
            raise BundleCorruptError(file, "its SHA-256 is not the manifest's")
    for file in files.keys() - digests.keys() - {MANIFEST, SIGNATURE}:
        raise BundleCorruptError(file, "the manifest does not list it")
    return Bundle(
        name=name, version=version, digest=digest, trusted_by=trusted_by, files=dict(files)
    )


def _manifest(data: bytes) -> tuple[str, str, dict[str, str]]:
    try:
        manifest = json.loads(data)
        digests = {str(k): str(v) for k, v in manifest["files"].items()}
        return str(manifest["name"]), str(manifest["version"]), digests
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise BundleCorruptError(MANIFEST, f"unreadable: {problem}") from problem
