"""The certificate authority: signs stations and the server, reads what it signed."""

import hashlib
import ipaddress
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from cloud.events.ports import Clock
from cloud.infrastructure.signing.authority_folders import (
    AuthorityDamagedError,
    AuthorityFolders,
    common_name_of,
    key_bytes,
    key_usage,
    private_pem,
)
from cloud.stations.errors import SigningRequestInvalidError
from cloud.stations.ports import IssuedCertificate
from cloud.stations.queries import CertificateFacts

STATION_LIFE = timedelta(days=30)
SERVER_LIFE = timedelta(days=7)
SERVER_RENEWAL = timedelta(hours=1)
#: Clocks on the floor may be a little slow.
BACKDATED = timedelta(hours=1)
LARGEST_REQUEST_BYTES = 16 * 1024

_IDENTITY = re.compile(
    r"kyndof://(org_[0-9A-HJKMNP-TV-Z]{26})/station/(sta_[0-9A-HJKMNP-TV-Z]{26})"
)
_PEM = serialization.Encoding.PEM

__all__ = ["AuthorityDamagedError", "FolderCertificateAuthority", "ServerCertificates"]


class FolderCertificateAuthority:
    """Signs with the key in ``folder``, which it makes at the first use.

    While one authority follows another, both are believed; the folders are looked at before each
    act, so that a roll-over by the command line reaches a running server.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._clock = clock
        self._folders = AuthorityFolders(folder)
        self._folders.begin(clock.now())

    @property
    def _certificate(self) -> x509.Certificate:
        return self._folders.read().signing.certificate

    @property
    def ca_pem(self) -> str:
        """Return the certificates of the authorities to believe; the one that signs is first."""
        return "".join(self.trust()[1])

    def trust(self) -> tuple[int, tuple[str, ...]]:
        """Return the version of the bundle of authorities, and their certificates, PEM."""
        believed = self._folders.read()
        return believed.version, tuple(
            pair.certificate.public_bytes(_PEM).decode() for pair in believed.authorities
        )

    def sign_trust(self, bundle: bytes) -> tuple[bytes, ...]:
        """Sign a bundle with the key of every authority that is believed."""
        return tuple(
            pair.key.sign(bundle, ec.ECDSA(hashes.SHA256()))
            for pair in self._folders.read().authorities
        )

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the authority's certificate (DER) in hex."""
        return self._certificate.fingerprint(hashes.SHA256()).hex()

    def key_of_request(self, csr_der: bytes) -> bytes:
        """Return the SHA-256 of the public key in a signing request.

        Raises:
            SigningRequestInvalidError: damaged, not signed by its own key, or not P-256.
        """
        return hashlib.sha256(key_bytes(_requested_key(csr_der))).digest()

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
        return ServerPair(
            key_pem=private_pem(key),
            chain_pem=chain,
            made_at=self._clock.now(),
            authority=self.fingerprint,
        )

    def read(self, certificate_pem: bytes) -> CertificateFacts | None:
        """Read a station's certificate; ``None`` when it is not one that this authority signed."""
        try:
            certificate = x509.load_pem_x509_certificate(certificate_pem)
            if not any(
                _issued(certificate, pair.certificate) for pair in self._folders.read().authorities
            ):
                return None
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            uris = names.value.get_values_for_type(x509.UniformResourceIdentifier)
        except (ValueError, TypeError, x509.ExtensionNotFound):
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

    def proves(self, certificate_pem: bytes, message: bytes, signature: bytes) -> bool:
        """Say whether the key of a certificate signed a message (ECDSA with SHA-256, DER)."""
        try:
            key = x509.load_pem_x509_certificate(certificate_pem).public_key()
            if not isinstance(key, ec.EllipticCurvePublicKey):
                return False
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        except (ValueError, InvalidSignature):
            return False
        return True

    def _sign(
        self,
        key: ec.EllipticCurvePublicKey,
        common_name: str,
        names: x509.SubjectAlternativeName,
        purpose: x509.ObjectIdentifier,
    ) -> x509.Certificate:
        now, signing = self._clock.now(), self._folders.read().signing
        life = SERVER_LIFE if purpose == ExtendedKeyUsageOID.SERVER_AUTH else STATION_LIFE
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(common_name_of(common_name[:64]))
            .issuer_name(signing.certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATED)
            .not_valid_after(now + life)
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(authority, critical=False)
            .sign(signing.key, hashes.SHA256())
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPair:
    """A server's key and its certificate with the authority's behind it, both PEM."""

    key_pem: bytes
    chain_pem: bytes
    made_at: datetime
    authority: str


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
            signed = self._pair.authority == self._authority.fingerprint
            if not signed or not timedelta(0) <= age < SERVER_RENEWAL:
                self._pair = self._authority.issue_server(self._names)
            return self._pair.key_pem, self._pair.chain_pem


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


def _host_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _serial(certificate: x509.Certificate) -> str:
    return f"{certificate.serial_number:02x}"


def _issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
