"""Which authorities the station believes: a bundle that one of them has signed."""

import logging
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.message import DecodeError
from kyndof_wire.enrolment.v1.enrolment_pb2 import TrustBundle

from edge.infrastructure.durable_files import write_durably
from edge.outbox.errors import EnrolmentRefusedError

LOG = logging.getLogger("kyndof.rotation")
SECRET = 0o600


def trust_version(current: Path) -> int:
    """Return the version of the bundle that is believed, 0 before the first."""
    try:
        return int((current / "trust.version").read_text())
    except (FileNotFoundError, ValueError):
        return 0


def accept_bundle(current: Path, bundle: bytes, signatures: tuple[bytes, ...]) -> None:
    """Believe a newer bundle that an authority of the present one has signed.

    Raises:
        EnrolmentRefusedError: older, unreadable, or signed by nobody who is believed.
    """
    try:
        news = TrustBundle.FromString(bundle)
        fresh = [x509.load_pem_x509_certificate(pem) for pem in news.authorities_pem]
    except (DecodeError, ValueError) as error:
        raise EnrolmentRefusedError("the bundle of authorities cannot be read") from error
    if not fresh or news.version <= trust_version(current):
        raise EnrolmentRefusedError(f"bundle {news.version} is no newer one")
    believed = x509.load_pem_x509_certificates((current / "ca.pem").read_bytes())
    if not any(_signed(bundle, s, authority) for s in signatures for authority in believed):
        raise EnrolmentRefusedError("no authority that we believe has signed the bundle")
    write_durably(current / "ca.pem", b"".join(news.authorities_pem), mode=SECRET)
    write_durably(current / "trust.version", str(news.version).encode(), mode=SECRET)
    LOG.info("authorities to believe", extra={"version": news.version, "count": len(fresh)})


def _signed(bundle: bytes, signature: bytes, authority: x509.Certificate) -> bool:
    key = authority.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    try:
        key.verify(signature, bundle, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
