"""A certificate authority in a folder: one key, made once, that signs stations and the server."""

import hashlib
import ipaddress
import os
import re
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cloud.events.ports import Clock
from cloud.stations.errors import SigningRequestInvalidError
from cloud.stations.ports import IssuedCertificate
from cloud.stations.queries import CertificateFacts

STATION_LIFE = timedelta(days=30)
SERVER_LIFE = timedelta(days=7)
SERVER_RENEWAL = timedelta(hours=1)
AUTHORITY_LIFE = timedelta(days=3650)
#: Clocks on the floor may be a little slow.
BACKDATED = timedelta(hours=1)
LARGEST_REQUEST_BYTES = 16 * 1024

_IDENTITY = re.compile(
    r"kyndof://(org_[0-9A-HJKMNP-TV-Z]{26})/station/(sta_[0-9A-HJKMNP-TV-Z]{26})"
)
_PEM = serialization.Encoding.PEM
_DER = serialization.Encoding.DER


class AuthorityDamagedError(Exception):
    """The authority's folder does not hold a key and the certificate that belongs to it."""

    code = "AUTHORITY_DAMAGED"


class FolderCertificateAuthority:
    """Signs with the key in ``folder``, which it makes at the first use.

    Key and certificate appear together by one rename, so that a crash leaves both or neither.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._clock = clock
        if not folder.exists():
            _make_authority(folder, clock.now())
        self._key, self._certificate = _read_authority(folder)

    @property
    def ca_pem(self) -> str:
        """Return the authority's own certificate."""
        return self._certificate.public_bytes(_PEM).decode()

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the authority's certificate (DER) in hex."""
        return self._certificate.fingerprint(hashes.SHA256()).hex()

    def key_of_request(self, csr_der: bytes) -> bytes:
        """Return the SHA-256 of the public key in a signing request.

        Raises:
            SigningRequestInvalidError: damaged, not signed by its own key, or not P-256.
        """
        return hashlib.sha256(_key_bytes(_requested_key(csr_der))).digest()

    def issue(self, csr_der: bytes, organization_id: str, station_id: str) -> IssuedCertificate:
        """Sign a certificate for the key in the request; the rest of the request is ignored.

        Raises:
            SigningRequestInvalidError: damaged, not signed by its own key, or not P-256.
        """
        identity = f"kyndof://{organization_id}/station/{station_id}"
        if not _IDENTITY.fullmatch(identity):
            raise SigningRequestInvalidError("no identity can be made of these ids")
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)])
        certificate = self._sign(
            _requested_key(csr_der), station_id, names, ExtendedKeyUsageOID.CLIENT_AUTH
        )
        return IssuedCertificate(
            serial=_serial(certificate),
            certificate_pem=certificate.public_bytes(_PEM).decode(),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
        )

    def issue_server(self, names: Sequence[str]) -> "ServerPair":
        """Make a fresh key and a certificate for host names and IP addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        general: list[x509.GeneralName] = [_host_name(name) for name in names]
        certificate = self._sign(
            key.public_key(),
            names[0],
            x509.SubjectAlternativeName(general),
            ExtendedKeyUsageOID.SERVER_AUTH,
        )
        # The authority goes along: a station that enrols knows nothing but its fingerprint.
        chain = certificate.public_bytes(_PEM) + self._certificate.public_bytes(_PEM)
        return ServerPair(key_pem=_private_pem(key), chain_pem=chain, made_at=self._clock.now())

    def read(self, certificate_pem: bytes) -> CertificateFacts | None:
        """Read a station's certificate; ``None`` when it is not one that this authority signed."""
        try:
            certificate = x509.load_pem_x509_certificate(certificate_pem)
            certificate.verify_directly_issued_by(self._certificate)
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            uris = names.value.get_values_for_type(x509.UniformResourceIdentifier)
        except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            return None
        found = _IDENTITY.fullmatch(uris[0]) if len(uris) == 1 else None
        if found is None:
            return None
        return CertificateFacts(
            organization_id=found[1],
            station_id=found[2],
            serial=_serial(certificate),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
        )

    def _sign(
        self,
        key: ec.EllipticCurvePublicKey,
        common_name: str,
        names: x509.SubjectAlternativeName,
        purpose: x509.ObjectIdentifier,
    ) -> x509.Certificate:
        now = self._clock.now()
        life = SERVER_LIFE if purpose == ExtendedKeyUsageOID.SERVER_AUTH else STATION_LIFE
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(_name(common_name[:64]))
            .issuer_name(self._certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATED)
            .not_valid_after(now + life)
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(authority, critical=False)
            .sign(self._key, hashes.SHA256())
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPair:
    """A server's key and its certificate with the authority's behind it, both PEM."""

    key_pem: bytes
    chain_pem: bytes
    made_at: datetime


class ServerCertificates:
    """The server's certificate, renewed long before its end.

    ``current`` is asked before every handshake, from whatever thread shakes hands.
    """

    def __init__(
        self, authority: FolderCertificateAuthority, names: Sequence[str], clock: Clock
    ) -> None:
        self._authority = authority
        self._names = names
        self._clock = clock
        self._lock = threading.Lock()
        self._pair = authority.issue_server(names)

    @property
    def ca_pem(self) -> bytes:
        """Return the authority's certificate, which clients' certificates are checked by."""
        return self._authority.ca_pem.encode()

    def current(self) -> tuple[bytes, bytes]:
        """Return key and chain, PEM, new ones when the time has come."""
        with self._lock:
            age = self._clock.now() - self._pair.made_at
            if not timedelta(0) <= age < SERVER_RENEWAL:
                self._pair = self._authority.issue_server(self._names)
            return self._pair.key_pem, self._pair.chain_pem


def _make_authority(folder: Path, now: datetime) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name("Kyndof certificate authority")
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    fresh = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))  # mode 0700
    _write_secret(fresh / "key.pem", _private_pem(key))
    _write_secret(fresh / "certificate.pem", certificate.public_bytes(_PEM))
    _sync_folder(fresh)
    try:
        fresh.rename(folder)
    except OSError:
        # Another process was first; its authority is the one.
        shutil.rmtree(fresh)
        if not folder.exists():
            raise
    _sync_folder(folder.parent)


def _read_authority(folder: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    try:
        key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
        certificate = x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise AuthorityDamagedError(
            f"{folder} does not hold the certificate authority's key.pem and certificate.pem "
            f"({error}); restore it from a backup, or move it away and enrol every station again"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or _key_bytes(
        key.public_key()
    ) != certificate.public_key().public_bytes(
        _DER, serialization.PublicFormat.SubjectPublicKeyInfo
    ):
        raise AuthorityDamagedError(f"key.pem and certificate.pem in {folder} are no pair")
    return key, certificate


def _requested_key(csr_der: bytes) -> ec.EllipticCurvePublicKey:
    if len(csr_der) > LARGEST_REQUEST_BYTES:
        raise SigningRequestInvalidError("the signing request is too long")
    try:
        request = x509.load_der_x509_csr(csr_der)
        is_signed = request.is_signature_valid
        key = request.public_key()
    except Exception as error:
        # The parser raises more kinds than it names; whatever it is, the request is unusable.
        raise SigningRequestInvalidError("the signing request cannot be read") from error
    if not is_signed:
        raise SigningRequestInvalidError("the signing request is not signed by its own key")
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise SigningRequestInvalidError("a station's key is P-256")
    return key


def _key_bytes(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(_DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _host_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
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


def _serial(certificate: x509.Certificate) -> str:
    return f"{certificate.serial_number:02x}"


def _write_secret(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
