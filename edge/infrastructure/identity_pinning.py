"""Believe an authority by its fingerprint, before any secret is sent to it."""

import hashlib
import hmac
import socket

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from edge.outbox.errors import CloudNotTrustedError, CloudUnreachableError

CONNECT_S = 5.0


def fetch_authority(address: str, fingerprint: str) -> bytes:
    """Return, as PEM, the certificate in a server's chain that has this SHA-256 fingerprint.

    The chain itself proves nothing here; the caller's real connection verifies the server
    against the returned authority.

    Raises:
        CloudUnreachableError: nobody answers TLS there.
        CloudNotTrustedError: no certificate of the chain has the fingerprint.
    """
    host, _, port = address.rpartition(":")
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_verify(SSL.VERIFY_NONE)
    context.set_alpn_protos([b"h2"])
    try:
        with socket.create_connection((host.strip("[]"), int(port)), CONNECT_S) as plain:
            # pyOpenSSL works on blocking sockets only; the system bounds the wait instead.
            plain.settimeout(None)
            timeval = int(CONNECT_S).to_bytes(8, "little") + bytes(8)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)
            connection = SSL.Connection(context, plain)
            connection.set_connect_state()
            connection.set_tlsext_host_name(b"localhost")
            connection.do_handshake()
            chain = connection.get_peer_cert_chain(as_cryptography=True) or []
    except (OSError, SSL.Error, ValueError) as error:
        raise CloudUnreachableError(f"{address}: {error}") from error
    for certificate in chain:
        digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
        if hmac.compare_digest(digest, fingerprint):
            return certificate.public_bytes(Encoding.PEM)
    raise CloudNotTrustedError(f"{address} shows no authority with fingerprint {fingerprint[:16]}…")
