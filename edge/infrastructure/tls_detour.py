"""TLS with a time of our own: while this machine's clock is behind, no certificate would hold.

gRPC judges certificates by the machine's clock. Where that cannot be right, its bytes go over a
local socket through here, and the handshake is judged by the time that is known.
"""

import asyncio
import ipaddress
import logging
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from OpenSSL.crypto import X509

from edge.infrastructure.ending_tasks import end_tasks

LOG = logging.getLogger("kyndof.link")
CHUNK_BYTES = 1 << 16
HANDSHAKE_S = 10.0
#: OpenSSL's number for a certificate whose time has not begun.
NOT_YET_VALID = 9
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class TlsDetour:
    """Local sockets, one for each address and pair; what enters leaves as TLS to the cloud."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._folder = Path(tempfile.mkdtemp(prefix="kyndof-"))  # mode 0700
        self._sockets: dict[tuple[str, bytes, bytes], Path] = {}
        self._servers: list[asyncio.Server] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Close every socket."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(HANDSHAKE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=HANDSHAKE_S)
        self._loop.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await end_tasks([task for task in others if task is not None])

    def through(self, address: str, ca_pem: bytes, pair: tuple[bytes, bytes] | None) -> str:
        """Return the local address that leads to ``address``, believing ``ca_pem``.

        Args:
            address: host:port of the cloud.
            ca_pem: authorities to believe.
            pair: key and certificate to show, PEM; ``None`` shows nothing.
        """
        key = (address, ca_pem, pair[1] if pair else b"")
        if key not in self._sockets:
            path = self._folder / f"{len(self._sockets)}"
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(path))

            async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                context = _context(ca_pem, pair, self._now())
                await _carry(reader, writer, address, context)

            starting = asyncio.start_unix_server(carry, sock=listener)
            server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(HANDSHAKE_S)
            self._servers.append(server)
            self._sockets[key] = path
        return f"unix:{self._sockets[key]}"


def _context(ca_pem: bytes, pair: tuple[bytes, bytes] | None, now: datetime) -> SSL.Context:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_alpn_protos([b"h2"])
    # What is known is the least that it can be: an end that has passed has passed, and a beginning
    # that is still to come may have come.
    context.set_verify(
        SSL.VERIFY_PEER, lambda _c, _x, error, _depth, ok: bool(ok) or error == NOT_YET_VALID
    )
    store = context.get_cert_store()
    if store is None:
        raise SSL.Error("no store of certificates")
    for authority in x509.load_pem_x509_certificates(ca_pem):
        store.add_cert(X509.from_cryptography(authority))
    store.set_time(now.astimezone(UTC))
    if pair is not None:
        key = serialization.load_pem_private_key(pair[0], password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise SSL.Error("a station's key is P-256")
        context.use_privatekey(key)
        context.use_certificate(x509.load_pem_x509_certificate(pair[1]))
    return context


async def _carry(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    address: str,
    context: SSL.Context,
) -> None:
    host, _, port = address.rpartition(":")
    sink: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(HANDSHAKE_S):
            source, sink = await asyncio.open_connection(host.strip("[]"), int(port))
            tunnel = _Tunnel(SSL.Connection(context, None), source, sink)
            await tunnel.shake(host.strip("[]"))
        tasks = [
            asyncio.create_task(tunnel.send(reader)),
            asyncio.create_task(tunnel.receive(writer)),
        ]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.exception()
        finally:
            await end_tasks(tasks)
    except (OSError, SSL.Error, TimeoutError, ValueError) as error:
        LOG.warning("no way to the cloud", extra={"reason": str(error)})
    finally:
        for end in (writer, sink):
            if end is not None:
                end.close()


class _Tunnel:
    """One connection: plain bytes here, TLS there."""

    def __init__(
        self, tls: SSL.Connection, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        self._tls = tls
        self._source = source
        self._sink = sink

    async def shake(self, host: str) -> None:
        """Shake hands; the certificate must name ``host``."""
        name = "localhost" if host in _LOOPBACK else host
        self._tls.set_connect_state()
        self._tls.set_tlsext_host_name(name.encode())
        while True:
            try:
                self._tls.do_handshake()
                break
            except SSL.WantReadError:
                await self._flush()
                self._tls.bio_write(await self._arrived())
        await self._flush()
        shown = self._tls.get_peer_certificate(as_cryptography=True)
        if shown is None or not _names(shown, name):
            raise SSL.Error(f"the certificate does not name {name}")

    async def send(self, reader: asyncio.StreamReader) -> None:
        """Carry what gRPC says."""
        while data := await reader.read(CHUNK_BYTES):
            self._tls.sendall(data)
            await self._flush()

    async def receive(self, writer: asyncio.StreamWriter) -> None:
        """Carry what the cloud says."""
        while True:
            try:
                writer.write(self._tls.recv(CHUNK_BYTES))
            except SSL.WantReadError:
                await writer.drain()
                await self._flush()
                self._tls.bio_write(await self._arrived())

    async def _arrived(self) -> bytes:
        data = await self._source.read(CHUNK_BYTES)
        if not data:
            raise ConnectionResetError("the cloud closed the connection")
        return data

    async def _flush(self) -> None:
        try:
            while True:
                self._sink.write(self._tls.bio_read(CHUNK_BYTES))
        except SSL.WantReadError:
            await self._sink.drain()


def _names(certificate: x509.Certificate, name: str) -> bool:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    try:
        return ipaddress.ip_address(name) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        return name in names.get_values_for_type(x509.DNSName)
