"""What a bundle is made of and when its files are what they claim to be."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from edge.model_bundles.errors import BundleCorruptError
from edge.model_bundles.terms import Terms, read_terms

MANIFEST = "manifest.json"
SIGNATURE = "model.sig"
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SIGNATURE = re.compile(r"model\.(?:[A-Za-z0-9_-]{1,64}\.)?sig")
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
    terms: Terms = field(default_factory=Terms)

    @property
    def label(self) -> str:
        """Name and version as results carry them."""
        return f"{self.name}@{self.version}"


def is_signature(name: str) -> bool:
    """Say whether a file of a bundle is one of its signatures: model.sig, model.KEY.sig."""
    return _SIGNATURE.fullmatch(name) is not None


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
    name, version, digests, terms = _manifest(files[MANIFEST])
    for file in sorted(REQUIRED | digests.keys()):
        if file not in digests:
            raise BundleCorruptError(file, "the manifest does not list it")
        if file not in files:
            raise BundleCorruptError(file, "missing")
        if hashlib.sha256(files[file]).hexdigest() != digests[file]:
            raise BundleCorruptError(file, "its SHA-256 is not the manifest's")
    for file in sorted(files.keys() - digests.keys() - {MANIFEST}):
        if not is_signature(file):
            raise BundleCorruptError(file, "the manifest does not list it")
    return Bundle(
        name=name,
        version=version,
        digest=digest,
        trusted_by=trusted_by,
        files=dict(files),
        terms=terms,
    )


def _manifest(data: bytes) -> tuple[str, str, dict[str, str], Terms]:
    try:
        manifest = json.loads(data)
        digests = {str(k): str(v) for k, v in manifest["files"].items()}
        if refused := [name for name in digests if not PLAIN_NAME.fullmatch(name)]:
            raise BundleCorruptError(refused[0], "not a plain name")
        return str(manifest["name"]), str(manifest["version"]), digests, read_terms(manifest)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise BundleCorruptError(MANIFEST, f"unreadable: {problem}") from problem
