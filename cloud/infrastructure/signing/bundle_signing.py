"""Signs the folder of a bundle with OpenSSF model-signing, and reads a signed one to release it."""

import hashlib
import json
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import model_signing

from cloud.rollouts.bundle import (
    CHUNK_BYTES,
    LARGEST_FILE_BYTES,
    MANIFEST,
    SIGNATURE,
    BundleFile,
    check_files,
    is_signature,
    read_manifest,
)
from cloud.rollouts.errors import ModelBundleInvalidError
from cloud.rollouts.trust import Trust

#: Pictures with the answers that the networks gave where the bundle was prepared.
GOLDEN = "golden.npz"
#: What a bank of good pieces was taught with: where these stay the same, it holds on.
TAUGHT_WITH = ("model.onnx", "judges.onnx", "preprocess.json", "thresholds.json")


class BundleFolderError(Exception):
    """The folder is no bundle; the sentence says why."""

    code = "BUNDLE_FOLDER"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestWish:
    """What the manifest is to say before it is signed."""

    release_counter: int
    expires_at: datetime
    latency_ms: float
    memory_mb: int
    name: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedBundle:
    """A signed bundle, read: its files by name and what is to be said of it."""

    manifest: str
    contents: dict[str, bytes]
    files: tuple[BundleFile, ...]
    chunk_sha256: tuple[str, ...]
    key_id: str
    co_key_ids: tuple[str, ...] = ()


def complete_manifest(folder: Path, wish: ManifestWish) -> None:
    """Write what a release needs into the folder's manifest, and its files' digests anew.

    Banks taught with the bundle that the manifest named hold for the new one as long as the
    networks that score and their settings are the same; otherwise styles are taught again.

    Raises:
        BundleFolderError: the folder has no manifest that can be read.
    """
    contents = _contents(folder)
    try:
        manifest = json.loads(contents[MANIFEST])
        before, compat = dict(manifest["files"]), dict(manifest.get("compat", {}))
        manifest["files"] = {
            name: hashlib.sha256(data).hexdigest()
            for name, data in sorted(contents.items())
            if name != MANIFEST and not is_signature(name)
        }
        former = {hashlib.sha256(contents[MANIFEST]).hexdigest(), *compat.get("banks_of", [])}
        same = all(before.get(name) == manifest["files"].get(name) for name in TAUGHT_WITH)
        manifest["compat"] = compat | {"banks_of": sorted(former) if same else []}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BundleFolderError(f"{folder / MANIFEST} cannot be read: {error}") from error
    manifest["release_counter"] = wish.release_counter
    manifest["expires_at"] = wish.expires_at.isoformat(timespec="seconds")
    manifest["limits"] = {"latency_ms": wish.latency_ms, "memory_mb": wish.memory_mb}
    manifest["allow_rollback_to"] = manifest.get("allow_rollback_to", [])
    manifest["name"] = wish.name or manifest.get("name")
    manifest["version"] = wish.version or manifest.get("version")
    text = json.dumps(manifest, indent=2, sort_keys=True) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def keep_golden(folder: Path, content: bytes) -> None:
    """Put golden pictures into the folder of a bundle; its manifest is completed afterwards."""
    (folder / GOLDEN).write_bytes(content)


def sign_folder(folder: Path, key: Path, key_id: str = "", *, beside: bool = False) -> str:
    """Check the manifest, sign every file and return the manifest's digest.

    Earlier signatures are taken away; ``beside`` leaves them, for a bundle that several keys sign.

    Raises:
        BundleFolderError: the folder is no bundle, or brings no golden pictures.
        ModelBundleInvalidError: manifest and files do not agree, or the manifest lacks something.
    """
    signature = folder / (f"model.{key_id}.sig" if beside else SIGNATURE)
    for one in folder.glob("*.sig"):
        if is_signature(one.name) and (not beside or one == signature):
            one.unlink()
    contents = _contents(folder)
    if beside and SIGNATURE not in contents:
        raise BundleFolderError(f"{folder} carries no first signature to sign beside")
    contents.setdefault(SIGNATURE, b" ")
    manifest = read_manifest(_text(contents))
    check_files(manifest, _files(contents), _chunks(contents))
    if GOLDEN not in contents:
        raise BundleFolderError(f"{folder} holds no {GOLDEN}: run `kyndof bundle prepare {folder}`")
    config = model_signing.signing.Config()  # type: ignore[no-untyped-call]
    config.use_elliptic_key_signer(private_key=key)
    config.set_hashing_config(_hashing(folder, signature)).sign(folder, signature)
    return manifest.model_digest


def pack_folder(folder: Path, trust: Trust, now: datetime) -> PackedBundle:
    """Read a signed bundle, after the signatures of enough trusted release keys were found to hold.

    Raises:
        BundleFolderError: the folder is no bundle, or nobody signed it.
        ModelBundleInvalidError: too few trusted keys of today signed exactly these files.
    """
    contents = _contents(folder)
    if SIGNATURE not in contents:
        raise BundleFolderError(f"{folder} is not signed: run `kyndof bundle sign {folder}`")
    first, *others = _signers(folder.name, contents, trust, now)
    return PackedBundle(
        manifest=_text(contents),
        contents=contents,
        files=_files(contents),
        chunk_sha256=_chunks(contents),
        key_id=first,
        co_key_ids=tuple(others),
    )


def _signers(name: str, contents: dict[str, bytes], trust: Trust, now: datetime) -> list[str]:
    """Return the keys that signed a copy: so what was verified is what is released."""
    found, problem = [], "nobody did"
    with tempfile.TemporaryDirectory(prefix="kyndof-bundle-") as copy:
        root = Path(copy) / name
        root.mkdir()
        for file, data in contents.items():
            (root / file).write_bytes(data)
        for key in trust.release_keys:
            if key.not_after <= now:
                continue
            public = Path(copy) / f"{key.key_id}.pem"
            public.write_text(key.public_key_pem, encoding="utf-8")
            refusal = _refusal(root, public)
            if refusal is None:
                found.append(key.key_id)
            else:
                problem = refusal
    if not found:
        raise ModelBundleInvalidError(
            f"no trusted key of today signed these files: {problem[:200]}", field=SIGNATURE
        )
    if len(found) < trust.threshold:
        raise ModelBundleInvalidError(
            f"{len(found)} of {trust.threshold} release keys signed these files",
            field=SIGNATURE,
            expected=trust.threshold,
            actual=len(found),
        )
    return found


def _refusal(root: Path, public: Path) -> str | None:
    """Return why none of the folder's signatures is this key's; ``None``: one is."""
    problem = ""
    for signature in sorted(one for one in root.iterdir() if is_signature(one.name)):
        config = model_signing.verifying.Config()  # type: ignore[no-untyped-call]
        config.set_hashing_config(_hashing(root, signature))
        try:
            config.use_elliptic_key_verifier(public_key=public).verify(root, signature)
        except Exception as error:  # noqa: BLE001  whatever its parsers raise
            problem = str(error)
        else:
            return None
    return problem


def _hashing(root: Path, signature: Path) -> model_signing.hashing.Config:
    hashing = model_signing.hashing.Config()  # type: ignore[no-untyped-call]
    signatures = {signature, *(one for one in root.iterdir() if is_signature(one.name))}
    return hashing.set_ignored_paths(paths=sorted(signatures), ignore_git_paths=False)


def _contents(folder: Path) -> dict[str, bytes]:
    if not (folder / MANIFEST).is_file():
        raise BundleFolderError(f"{folder} holds no {MANIFEST}")
    contents = {}
    for entry in sorted(folder.iterdir()):
        if entry.is_symlink() or not entry.is_file():
            raise BundleFolderError(f"{entry} is no plain file")
        if entry.stat().st_size > LARGEST_FILE_BYTES:
            raise BundleFolderError(f"{entry} is larger than 64 MiB")
        contents[entry.name] = entry.read_bytes()
    return contents


def _text(contents: dict[str, bytes]) -> str:
    try:
        return contents[MANIFEST].decode()
    except UnicodeDecodeError as error:
        raise ModelBundleInvalidError("the manifest is no text", field=MANIFEST) from error


def _files(contents: dict[str, bytes]) -> tuple[BundleFile, ...]:
    return tuple(
        BundleFile(name=name, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        for name, data in sorted(contents.items())
    )


def _chunks(contents: dict[str, bytes]) -> tuple[str, ...]:
    whole = b"".join(data for _, data in sorted(contents.items()))
    return tuple(
        hashlib.sha256(whole[start : start + CHUNK_BYTES]).hexdigest()
        for start in range(0, len(whole), CHUNK_BYTES)
    )
