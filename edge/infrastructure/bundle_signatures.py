"""Signatures over bundles (model-signing, elliptic curves) and over the trusted keys."""

import contextlib
import tempfile
from collections.abc import Mapping
from pathlib import Path

import model_signing
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edge.model_bundles.bundle import is_signature


def holds(public_key_pem: str, content: bytes, signature: bytes) -> bool:
    """Say whether an ECDSA signature with SHA-256, in DER, belongs to a PEM public key."""
    try:
        key = serialization.load_pem_public_key(public_key_pem.encode())
    except ValueError:
        return False
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    try:
        key.verify(signature, content, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def signers_of(folder: Path, keys: Mapping[str, str]) -> frozenset[str]:
    """Return the ids of those PEM ``keys`` that signed all files of a bundle's folder."""
    signatures = [path for path in sorted(folder.iterdir()) if is_signature(path.name)]
    found = set()
    with tempfile.TemporaryDirectory(prefix="kyndof-keys-") as place:
        for key_id, pem in keys.items():
            path = Path(place) / "key.pem"
            path.write_text(pem, encoding="utf-8")
            if any(_signed(folder, signatures, one, path) for one in signatures):
                found.add(key_id)
    return frozenset(found)


def _signed(folder: Path, signatures: list[Path], signature: Path, key: Path) -> bool:
    hashing = model_signing.hashing.Config()  # type: ignore[no-untyped-call]
    hashing.set_ignored_paths(paths=signatures, ignore_git_paths=False)
    config = model_signing.verifying.Config()  # type: ignore[no-untyped-call]
    config.set_hashing_config(hashing)
    with contextlib.suppress(Exception):  # whatever its parsers raise
        config.use_elliptic_key_verifier(public_key=key).verify(folder, signature)
        return True
    return False
