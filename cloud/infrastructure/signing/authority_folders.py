"""Where authorities lie: the one that signs, the one announced to follow it, the former one.

A roll-over goes in three steps, each one rename: `announce` makes the next authority, which
stations learn to believe; `switch` lets it sign; `retire` ends belief in the former one.
"""

import os
import shutil
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

AUTHORITY_LIFE = timedelta(days=3650)
#: A station that was away for less has heard of the next authority before it signs.
ANNOUNCED_BEFORE = timedelta(days=60)
#: Certificates live 30 days and may be renewed for 90 more.
FORMER_BELIEVED = timedelta(days=120)

_BACKDATED = timedelta(days=1)
_PEM = serialization.Encoding.PEM
_DER = serialization.Encoding.DER


class AuthorityDamagedError(Exception):
    """The authority's folder does not hold a key and the certificate that belongs to it."""

    code = "AUTHORITY_DAMAGED"


class RolloverRefusedError(Exception):
    """This step of a roll-over does not follow from where it stands, or comes too early."""

    code = "ROLLOVER_REFUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityPair:
    """An authority's key and its own certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the certificate (DER) in hex."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorities:
    """Who is believed: the first signs. ``version`` rises with each step of a roll-over."""

    authorities: tuple[AuthorityPair, ...]
    version: int

    @property
    def signing(self) -> AuthorityPair:
        """Return the one that signs."""
        return self.authorities[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloverView:
    """Where a roll-over stands: NONE, ANNOUNCED or SWITCHED, and when the next step may come."""

    state: str
    signing: str
    also_believed: str
    next_step_at: datetime | None


class AuthorityFolders:
    """Reads the folders again when one of them was renamed."""

    def __init__(self, folder: Path) -> None:
        self._current = folder
        self._next = folder.with_name(f"{folder.name}-next")
        self._former = folder.with_name(f"{folder.name}-former")
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] = ()
        self._known: Authorities | None = None

    def begin(self, now: datetime) -> None:
        """Finish a switch that a crash cut short; make the first authority where there is none.

        Raises:
            AuthorityDamagedError: a folder holds no pair.
        """
        if not self._current.exists() and self._next.exists():
            self._next.rename(self._current)
        if not self._current.exists():
            _make(self._current, now, 0)
        self.read()

    def read(self) -> Authorities:
        """Return who signs and who is believed.

        Raises:
            AuthorityDamagedError: a folder holds no pair.
        """
        with self._lock:
            seen = tuple(_mark(f) for f in (self._current, self._next, self._former))
            # Between the two renames of a switch nobody signs: what is known holds.
            if self._known is None or (seen != self._seen and seen[0]):
                self._known, self._seen = self._load(), seen
            return self._known

    def _load(self) -> Authorities:
        other = self._next if self._next.exists() else self._former
        pairs = [_read(self._current)] + ([_read(other)] if other.exists() else [])
        # Alone 3g + 1, announced 3g + 2, switched (the next one is current by then) 3g.
        version = 3 * _generation(self._current) + 1
        if len(pairs) > 1:
            version += 1 if other == self._next else -1
        return Authorities(authorities=tuple(pairs), version=version)

    def view(self) -> RolloverView:
        """Say where a roll-over stands."""
        known = self.read()
        also = known.authorities[1].fingerprint if len(known.authorities) > 1 else ""
        state, due = "NONE", None
        if self._next.exists():
            state = "ANNOUNCED"
            begun = known.authorities[1].certificate.not_valid_before_utc + _BACKDATED
            due = begun + ANNOUNCED_BEFORE
        elif also:
            state = "SWITCHED"
            due = datetime.fromisoformat((self._former / "replaced_at").read_text())
            due += FORMER_BELIEVED
        return RolloverView(
            state=state, signing=known.signing.fingerprint, also_believed=also, next_step_at=due
        )

    def announce(self, now: datetime) -> RolloverView:
        """Make the next authority; it is believed from now on and signs nothing yet.

        Raises:
            RolloverRefusedError: one is under way.
        """
        self._expect("NONE")
        _make(self._next, now, _generation(self._current) + 1)
        return self.view()

    def switch(self, now: datetime, *, early: bool) -> RolloverView:
        """Let the next authority sign; the former one is still believed.

        Raises:
            RolloverRefusedError: none was announced, or it is too early and nobody insists.
        """
        self._expect("ANNOUNCED")
        self._wait(now, early=early)
        (self._current / "replaced_at").unlink(missing_ok=True)
        write_secret(self._current / "replaced_at", now.isoformat().encode())
        self._current.rename(self._former)
        self._next.rename(self._current)
        sync_folder(self._current.parent)
        return self.view()

    def retire(self, now: datetime, *, early: bool) -> RolloverView:
        """Believe the former authority no more.

        Raises:
            RolloverRefusedError: nothing was switched, or it is too early and nobody insists.
        """
        self._expect("SWITCHED")
        self._wait(now, early=early)
        shutil.rmtree(self._former)
        sync_folder(self._current.parent)
        return self.view()

    def _expect(self, state: str) -> None:
        actual = self.view().state
        if actual != state:
            raise RolloverRefusedError(f"the roll-over stands at {actual}, not at {state}")

    def _wait(self, now: datetime, *, early: bool) -> None:
        due = self.view().next_step_at
        if due is not None and now < due and not early:
            raise RolloverRefusedError(
                f"stations that are away need time: not before {due.isoformat()}"
            )


def _mark(folder: Path) -> int:
    try:
        return folder.stat().st_ino
    except FileNotFoundError:
        return 0


def _generation(folder: Path) -> int:
    try:
        return int((folder / "generation").read_text())
    except (FileNotFoundError, ValueError):
        return 0


def _make(folder: Path, now: datetime, generation: int) -> None:
    """Key and certificate appear together by one rename: a crash leaves both or neither."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    suffix = f" {generation + 1}" if generation else ""
    subject = common_name_of(f"Kyndof certificate authority{suffix}")
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    fresh = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))  # mode 0700
    write_secret(fresh / "key.pem", private_pem(key))
    write_secret(fresh / "certificate.pem", certificate.public_bytes(_PEM))
    write_secret(fresh / "generation", str(generation).encode())
    sync_folder(fresh)
    try:
        fresh.rename(folder)
    except OSError:
        # Another process was first; its authority is the one.
        shutil.rmtree(fresh)
        if not folder.exists():
            raise
    sync_folder(folder.parent)


def _read(folder: Path) -> AuthorityPair:
    try:
        key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
        certificate = x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise AuthorityDamagedError(
            f"{folder} does not hold the certificate authority's key.pem and certificate.pem "
            f"({error}); restore it from a backup, or move it away and enrol every station again"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key_bytes(
        key.public_key()
    ) != certificate.public_key().public_bytes(
        _DER, serialization.PublicFormat.SubjectPublicKeyInfo
    ):
        raise AuthorityDamagedError(f"key.pem and certificate.pem in {folder} are no pair")
    return AuthorityPair(key=key, certificate=certificate)


def key_bytes(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return a public key as DER."""
    return key.public_bytes(_DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as PEM, not encrypted."""
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def common_name_of(common_name: str) -> x509.Name:
    """Return a name that is a common name alone."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """Return what a key may be used for: certificates, or handshakes."""
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def write_secret(path: Path, content: bytes) -> None:
    """Write a new file for its owner's eyes only; it is on the disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Flush a folder, so that a rename in it lasts."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
