"""A released bundle: its manifest, its files and the chunks in which it travels."""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cloud.rollouts.errors import ModelBundleInvalidError

MANIFEST = "manifest.json"
SIGNATURE = "model.sig"
CHUNK_BYTES = 4 * 1024 * 1024
LARGEST_FILE_BYTES = 64 * 1024 * 1024
LARGEST_BUNDLE_BYTES = 512 * 1024 * 1024
MOST_FILES = 500

_FURTHER_SIGNATURE = re.compile(r"model\.[A-Za-z0-9_-]{1,64}\.sig")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")
_VERSION = re.compile(r"[0-9]+(\.[0-9]+){0,3}([-+][A-Za-z0-9.]{1,30})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleFile:
    """One file of a bundle; ``sha256`` in hex."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What the signed manifest says beside the digests of the files."""

    model_digest: str
    name: str
    version: str
    release_counter: int
    expires_at: datetime
    latency_ms: float
    memory_mb: int
    allow_rollback_to: tuple[str, ...]
    files: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedBundle:
    """A bundle that stations may be wished; ``co_signers`` signed it beside ``signed_by``."""

    model_digest: str
    name: str
    version: str
    release_counter: int
    expires_at: datetime
    signed_by: str
    key_id: str
    size_bytes: int
    manifest: str
    files: tuple[BundleFile, ...]
    chunk_sha256: tuple[str, ...]
    released_at: datetime
    co_signers: tuple[str, ...] = ()


def read_manifest(text: str) -> Manifest:
    """Read and check a manifest.

    Raises:
        ModelBundleInvalidError: ``field`` names what is missing or cannot be.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ModelBundleInvalidError("the manifest is no JSON", field=MANIFEST) from error
    if not isinstance(data, dict):
        raise ModelBundleInvalidError("the manifest is no object", field=MANIFEST)
    limits = _object(data, "limits")
    _object(data, "compat")
    return Manifest(
        model_digest=hashlib.sha256(text.encode()).hexdigest(),
        name=_text(data, "name", _NAME),
        version=_text(data, "version", _VERSION),
        release_counter=_positive(data, "release_counter"),
        expires_at=_moment(data, "expires_at"),
        latency_ms=_number(limits, "latency_ms"),
        memory_mb=_positive(limits, "memory_mb"),
        allow_rollback_to=_digests(data),
        files=_files(data),
    )


def is_signature(name: str) -> bool:
    """Say whether a file of a bundle is a signature: model.sig, or model.KEY.sig of another key."""
    return name == SIGNATURE or _FURTHER_SIGNATURE.fullmatch(name) is not None


def check_files(manifest: Manifest, files: tuple[BundleFile, ...], chunks: tuple[str, ...]) -> int:
    """Refuse files that are not exactly those of the manifest; return the bundle's size in bytes.

    Raises:
        ModelBundleInvalidError: a file is missing, unsigned, too large or has no plain name.
    """
    named = {file.name: file for file in files}
    if len(named) != len(files) or len(files) > MOST_FILES:
        raise ModelBundleInvalidError("each file once, 500 at most", field="files")
    wanted = {*manifest.files, MANIFEST, SIGNATURE}
    if missing := sorted(wanted - named.keys()):
        raise ModelBundleInvalidError("files are missing", field="files", missing=missing)
    extra = sorted(name for name in named.keys() - wanted if not is_signature(name))
    if extra:
        raise ModelBundleInvalidError(
            "the manifest does not list these files", field="files", actual=extra
        )
    for file in files:
        if not 0 < file.size_bytes <= LARGEST_FILE_BYTES:
            raise ModelBundleInvalidError("a file has 1 byte to 64 MiB", field=file.name)
        if manifest.files.get(file.name, file.sha256) != file.sha256:
            raise ModelBundleInvalidError("its SHA-256 is not the manifest's", field=file.name)
    if named[MANIFEST].sha256 != manifest.model_digest:
        raise ModelBundleInvalidError("the manifest is another one", field=MANIFEST)
    size = sum(file.size_bytes for file in files)
    if size > LARGEST_BUNDLE_BYTES:
        raise ModelBundleInvalidError("a bundle has at most 512 MiB", field="files")
    if len(chunks) != -(-size // CHUNK_BYTES) or not all(map(_SHA256.fullmatch, chunks)):
        raise ModelBundleInvalidError("one SHA-256 for each chunk", field="chunk_sha256")
    return size


def _object(data: dict[str, Any], name: str) -> dict[str, Any]:
    found = data.get(name)
    if not isinstance(found, dict):
        raise ModelBundleInvalidError(f"the manifest lacks {name}", field=name)
    return found


def _text(data: dict[str, Any], name: str, shape: re.Pattern[str]) -> str:
    found = data.get(name)
    if not isinstance(found, str) or not shape.fullmatch(found):
        raise ModelBundleInvalidError(f"{name} is not usable", field=name)
    return found


def _positive(data: dict[str, Any], name: str) -> int:
    found = data.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 < found < 2**31:
        raise ModelBundleInvalidError(f"{name} is no whole number above zero", field=name)
    return found


def _number(data: dict[str, Any], name: str) -> float:
    found = data.get(name)
    if not isinstance(found, int | float) or isinstance(found, bool) or not 0 < found < 1e9:
        raise ModelBundleInvalidError(f"{name} is no number above zero", field=name)
    return float(found)


def _moment(data: dict[str, Any], name: str) -> datetime:
    try:
        found = datetime.fromisoformat(str(data.get(name)))
    except ValueError as error:
        raise ModelBundleInvalidError(f"{name} is no moment", field=name) from error
    if found.tzinfo is None:
        raise ModelBundleInvalidError("a moment without a time zone", field=name)
    return found


def _digests(data: dict[str, Any]) -> tuple[str, ...]:
    found = data.get("allow_rollback_to", [])
    if not isinstance(found, list) or not all(
        isinstance(one, str) and _SHA256.fullmatch(one) for one in found
    ):
        raise ModelBundleInvalidError("a list of digests", field="allow_rollback_to")
    return tuple(found)


def _files(data: dict[str, Any]) -> dict[str, str]:
    found = _object(data, "files")
    for name, digest in found.items():
        if not _FILE.fullmatch(name) or name == MANIFEST or is_signature(name):
            raise ModelBundleInvalidError("a file has a plain name", field="files", actual=name)
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            raise ModelBundleInvalidError("no SHA-256 in hex", field=name)
    return found
