"""Root and release keys in a folder, and the versions of ``trust.json`` that they made.

A folder holds ``root-KEY.pem``, ``release-KEY.pem`` and ``timestamp-KEY.pem``, private, for their
owner alone, and ``trust/N/trust.json`` with ``trust/N/trust.sig``. A root that lies elsewhere is
brought for a rotation and taken away again: signing bundles needs a release key only, and a server
the timestamp key.
"""

import base64
import hashlib
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cloud.events.ports import Clock
from cloud.rollouts.trust import ReleaseKey, SignedTrust, Trust, read_trust

SETTING = "KYNDOF_BUNDLE_KEYS"
TRUST_DAYS = 365
RELEASE_DAYS = 365


class BundleKeysMissingError(Exception):
    """A key that is needed does not lie in the folder of keys; the sentence names the setting."""

    code = "BUNDLE_KEYS_MISSING"


class EllipticJudge:
    """Implements ``SignatureJudge``."""

    def holds(self, public_key_pem: str, data: bytes, signature: bytes) -> bool:
        """Say whether the signature over ``data`` belongs to the key."""
        try:
            key = serialization.load_pem_public_key(public_key_pem.encode())
            if not isinstance(key, ec.EllipticCurvePublicKey):
                return False
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        except (ValueError, InvalidSignature):
            return False
        return True


class FolderTimestampSigner:
    """Implements ``TimestampSigner`` with the ``timestamp-KEY.pem`` of a folder, if any."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def sign(self, content: bytes) -> dict[str, str]:
        """Return base64 signatures by key id."""
        files = self._folder.glob("timestamp-*.pem") if self._folder is not None else ()
        return {
            file.stem.removeprefix("timestamp-"): _signature(file, content)
            for file in sorted(files)
        }


class FolderBundleKeys:
    """The keys in ``folder``; nothing is made before `make` or `rotate` is called."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    @property
    def folder(self) -> Path:
        """Return where the keys lie."""
        return self._folder

    def private_keys(self) -> frozenset[str]:
        """Return the names of the release keys whose private half lies here."""
        found = self._folder.glob("release-*.pem")
        return frozenset(file.stem.removeprefix("release-") for file in found)

    def make(self) -> None:
        """Make a root, a release key and the first version, unless there is one."""
        if self.versions():
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._write([self._new("root")], [self._new_release()], None, 1)

    def rotate(self, retired: tuple[str, ...] = (), threshold: int = 0) -> str:
        """Add a release key, leave out what is retired or over, and return the new key's name.

        ``threshold`` is how many of the keys have to sign a bundle from now on; 0: as before.

        Raises:
            BundleKeysMissingError: no root's private half lies here, or fewer keys are left than
                have to sign.
        """
        before = self._newest_trust()
        asked = threshold or before.threshold
        now = self._clock.now()
        kept = [
            key for key in before.release_keys if key.key_id not in retired and key.not_after > now
        ]
        if asked > len(kept) + 1:
            raise BundleKeysMissingError(
                f"{asked} keys cannot sign where there are {len(kept) + 1}: run "
                "`kyndof bundle keys --rotate` first"
            )
        fresh = self._new_release()
        self._write(list(before.root_keys.items()), [fresh, *kept], before, asked)
        return fresh.key_id

    def versions(self) -> tuple[SignedTrust, ...]:
        """Return every version, oldest first."""
        folders = sorted((self._folder / "trust").glob("[0-9]*"), key=lambda one: int(one.name))
        return tuple(
            SignedTrust(
                trust_json=(one / "trust.json").read_bytes(),
                trust_sig=(one / "trust.sig").read_bytes(),
            )
            for one in folders
            if (one / "trust.sig").exists()
        )

    def trust(self) -> Trust:
        """Return the newest version.

        Raises:
            BundleKeysMissingError: there is none.
        """
        return self._newest_trust()

    def signing_key(self, key_id: str = "") -> tuple[str, Path]:
        """Return name and file of a release key that is trusted today, the newest first.

        ``key_id`` asks for that one.

        Raises:
            BundleKeysMissingError: no such key's private half lies here.
        """
        now = self._clock.now()
        for key in self._newest_trust().release_keys:
            file = self._folder / f"release-{key.key_id}.pem"
            if key_id in {"", key.key_id} and key.not_after > now and file.exists():
                return key.key_id, file
        raise BundleKeysMissingError(
            f"no release key of today lies in {self._folder}: run `kyndof bundle keys --rotate`, "
            f"or let {SETTING} name the folder that has one"
        )

    def _newest_trust(self) -> Trust:
        versions = self.versions()
        if not versions:
            raise BundleKeysMissingError(
                f"no keys lie in {self._folder}: run `kyndof bundle keys`, or let {SETTING} name "
                "their folder"
            )
        return read_trust(versions[-1].trust_json)

    def _new(self, kind: str) -> tuple[str, str]:
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key()
        der = public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        key_id = hashlib.sha256(der).hexdigest()[:16]
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        _write(self._folder / f"{kind}-{key_id}.pem", private, mode=0o600)
        pem = public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return key_id, pem.decode()

    def _new_release(self) -> ReleaseKey:
        key_id, pem = self._new("release")
        not_after = self._clock.now() + timedelta(days=RELEASE_DAYS)
        return ReleaseKey(key_id=key_id, public_key_pem=pem, not_after=not_after)

    def _write(
        self,
        roots: list[tuple[str, str]],
        releases: list[ReleaseKey],
        before: Trust | None,
        threshold: int,
    ) -> None:
        version = 1 if before is None else before.version + 1
        stamps = {} if before is None else before.timestamp_keys
        if not stamps:
            stamps = dict([self._new("timestamp")])
        document = {
            "version": version,
            "expires_at": _text(self._clock.now() + timedelta(days=TRUST_DAYS)),
            "root_keys": [{"key_id": key, "public_key_pem": pem} for key, pem in roots],
            "root_threshold": 1 if before is None else before.root_threshold,
            "release_keys": [
                {
                    "key_id": key.key_id,
                    "public_key_pem": key.public_key_pem,
                    "not_after": _text(key.not_after),
                }
                for key in releases
            ],
            "threshold": threshold,
            "timestamp_keys": [
                {"key_id": key, "public_key_pem": pem} for key, pem in sorted(stamps.items())
            ],
        }
        data = (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()
        signatures = self._signed(data, [key for key, _ in roots])
        folder = self._folder / "trust" / str(version)
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "trust.json", data)
        # The signature last: a version without one does not count.
        _write(folder / "trust.sig", (json.dumps(signatures, indent=2) + "\n").encode())

    def _signed(self, data: bytes, roots: list[str]) -> dict[str, str]:
        signatures = {}
        for key_id in roots:
            file = self._folder / f"root-{key_id}.pem"
            if not file.exists():
                continue
            signatures[key_id] = _signature(file, data)
        if not signatures:
            raise BundleKeysMissingError(
                f"no root's private key lies in {self._folder}; bring it, or let {SETTING} name "
                "the folder that has it"
            )
        return signatures


def _signature(file: Path, data: bytes) -> str:
    key = serialization.load_pem_private_key(file.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BundleKeysMissingError(f"{file} is no key of an elliptic curve")
    return base64.b64encode(key.sign(data, ec.ECDSA(hashes.SHA256()))).decode()


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _write(file: Path, data: bytes, mode: int = 0o644) -> None:
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as written:
        written.write(data)
        written.flush()
        os.fsync(written.fileno())
    fresh.rename(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
