"""The station's identity on disk: `pending` while it is asked for, `current` once it is whole."""

import asyncio
import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge.infrastructure.durable_files import sync_folder, write_durably

SECRET = 0o600
FILES = ("key.pem", "certificate.pem", "ca.pem", "station.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class StationIdentity:
    """What the cloud calls this station."""

    station_id: str
    organization_id: str
    station_name: str
    organization_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateLife:
    """From when to when a certificate holds, and its own share of the jitter, from 0 to 1."""

    not_before: datetime
    not_after: datetime
    chance_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinToken:
    """A one-time permission to join, with the fingerprint of the authority to believe."""

    join_token: str
    serial: str
    ca_fingerprint: str


def read_join_token(path: Path) -> JoinToken | None:
    """Read `join-token.json`; ``None`` when there is none or it is not whole yet."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return JoinToken(
            join_token=str(content["join_token"]),
            serial=str(content["serial"]),
            ca_fingerprint=str(content["ca_fingerprint"]).replace(":", "").lower(),
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def write_join_token(path: Path, token: JoinToken) -> None:
    """Leave a token for the agent, readable by its user only."""
    write_durably(path, json.dumps(asdict(token)).encode(), mode=SECRET)


class IdentityFolder:
    """`identity/current` and `identity/pending` of one station; a crash leaves one whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.current = folder / "current"
        self.pending = folder / "pending"
        self._retired = folder / "retired"
        #: Held by whoever makes a new pair: enrolment and rotation never do so at once.
        self.changing = asyncio.Lock()

    def settle(self) -> None:
        """Finish a promotion that a crash cut short."""
        if not self._is_whole(self.current):
            if self._is_whole(self.pending):
                self.promote()
            elif self._is_whole(self._retired):
                shutil.rmtree(self.current, ignore_errors=True)
                self._retired.rename(self.current)
        shutil.rmtree(self._retired, ignore_errors=True)

    @staticmethod
    def _is_whole(folder: Path) -> bool:
        return all((folder / name).is_file() for name in FILES)

    def station(self) -> StationIdentity | None:
        """Return who we are; ``None`` before enrolment."""
        if not self._is_whole(self.current):
            return None
        content = json.loads((self.current / "station.json").read_text(encoding="utf-8"))
        return StationIdentity(**{k: content[k] for k in StationIdentity.__dataclass_fields__})

    def station_id(self) -> str:
        """Return the station's id; empty before enrolment."""
        station = self.station()
        return station.station_id if station else ""

    def signing_request(self, station_name: str) -> bytes:
        """Return a signing request in DER by the pending key, made when there is none.

        The key stays the same until a certificate came for it: the cloud answers a repeated
        request by the same key with the same certificate.
        """
        key_path = self.pending / "key.pem"
        if not key_path.is_file():
            self.pending.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = ec.generate_private_key(ec.SECP256R1())
            pem = fresh.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            write_durably(key_path, pem, mode=SECRET)
        key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            key_path.unlink()
            return self.signing_request(station_name)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, station_name)])
        request = x509.CertificateSigningRequestBuilder().subject_name(name)
        return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def accept(
        self, certificate_pem: bytes, ca_pem: bytes, station: StationIdentity, token: JoinToken
    ) -> None:
        """Put the certificate beside its key and make the pair the current one."""
        write_durably(self.pending / "token.sha256", _digest(token), mode=SECRET)
        write_durably(self.pending / "certificate.pem", certificate_pem, mode=SECRET)
        write_durably(self.pending / "ca.pem", ca_pem, mode=SECRET)
        content = json.dumps(asdict(station), ensure_ascii=False).encode()
        write_durably(self.pending / "station.json", content, mode=SECRET)
        self.promote()

    def was_used(self, token: JoinToken) -> bool:
        """Say whether the current identity came from this token, before a crash deleted it."""
        try:
            return (self.current / "token.sha256").read_bytes() == _digest(token)
        except FileNotFoundError:
            return False

    def life(self) -> CertificateLife | None:
        """Return how long the current certificate holds; ``None`` before enrolment."""
        try:
            pem = (self.current / "certificate.pem").read_bytes()
            certificate = x509.load_pem_x509_certificate(pem)
        except (FileNotFoundError, ValueError):
            return None
        digest = certificate.fingerprint(hashes.SHA256())
        return CertificateLife(
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            chance_ratio=int.from_bytes(digest[:4], "big") / (1 << 32),
        )

    def has_pending(self) -> bool:
        """Say whether the next pair waits to be proved."""
        return self._is_whole(self.pending)

    def keep_pending(self, certificate_pem: bytes, ca_pem: bytes) -> None:
        """Put the next certificate beside its key; the current pair stays in force."""
        station = (self.current / "station.json").read_bytes()
        write_durably(self.pending / "ca.pem", ca_pem, mode=SECRET)
        write_durably(self.pending / "station.json", station, mode=SECRET)
        write_durably(self.pending / "certificate.pem", certificate_pem, mode=SECRET)

    def discard_pending(self) -> None:
        """Forget the next pair; the next renewal begins with a new key."""
        shutil.rmtree(self.pending, ignore_errors=True)

    def promote(self) -> None:
        """Make the pending pair the current one; a crash between the renames is settled later."""
        shutil.rmtree(self._retired, ignore_errors=True)
        if self.current.exists():
            self.current.rename(self._retired)
        self.pending.rename(self.current)
        sync_folder(self._folder)
        shutil.rmtree(self._retired, ignore_errors=True)


def _digest(token: JoinToken) -> bytes:
    return hashlib.sha256(token.join_token.encode()).hexdigest().encode()


def public_key_of(certificate_pem: bytes) -> bytes:
    """Return the public key of a certificate as DER."""
    certificate = x509.load_pem_x509_certificate(certificate_pem)
    return certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def public_key_of_request(csr_der: bytes) -> bytes:
    """Return the public key of a signing request as DER."""
    request = x509.load_der_x509_csr(csr_der)
    return request.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def sign_with(key_pem: bytes, message: bytes) -> bytes:
    """Sign a message with a P-256 key (ECDSA with SHA-256, DER)."""
    key = serialization.load_pem_private_key(key_pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("a station's key is P-256")
    return key.sign(message, ec.ECDSA(hashes.SHA256()))
