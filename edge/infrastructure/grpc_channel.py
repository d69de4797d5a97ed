"""Channels to the cloud: mutual TLS with the station's own certificate."""

from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio

from edge.infrastructure.clock_floor import clock_is_behind, floored_now
from edge.infrastructure.tls_detour import TlsDetour

#: Work packages carry pictures of guides.
LARGEST_MESSAGE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What the station shows and whom it believes, as PEM."""

    key_pem: bytes
    certificate_pem: bytes
    ca_pem: bytes

    @classmethod
    def read(cls, folder: Path) -> "Credentials | None":
        """Read ``identity/current``; ``None`` before enrolment."""
        try:
            return cls(
                key_pem=(folder / "key.pem").read_bytes(),
                certificate_pem=(folder / "certificate.pem").read_bytes(),
                ca_pem=(folder / "ca.pem").read_bytes(),
            )
        except FileNotFoundError:
            return None


def channel_options(address: str) -> list[tuple[str, str | int]]:
    """Options of every channel; a rebuilt one must not find the old connection again."""
    options: list[tuple[str, str | int]] = [
        ("grpc.keepalive_time_ms", 10_000),
        ("grpc.keepalive_timeout_ms", 5_000),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_retries", 0),
        ("grpc.max_receive_message_length", LARGEST_MESSAGE_BYTES),
        ("grpc.initial_reconnect_backoff_ms", 500),
        ("grpc.enable_http_proxy", 0),
    ]
    if address.rpartition(":")[0] in {"127.0.0.1", "localhost", "[::1]"}:
        options.append(("grpc.ssl_target_name_override", "localhost"))
    return options


_detours: list[TlsDetour] = []


def _detour() -> TlsDetour:
    """Return the process's way around its own clock."""
    if not _detours:
        _detours.append(TlsDetour(floored_now))
    return _detours[0]


def open_channel(address: str, credentials: Credentials) -> grpc.aio.Channel:
    """Open a channel that shows the station's certificate."""
    if clock_is_behind():
        pair = (credentials.key_pem, credentials.certificate_pem)
        local = _detour().through(address, credentials.ca_pem, pair)
        return grpc.aio.insecure_channel(local, options=channel_options(local))
    return grpc.aio.secure_channel(
        address,
        grpc.ssl_channel_credentials(
            credentials.ca_pem, credentials.key_pem, credentials.certificate_pem
        ),
        options=channel_options(address),
    )


def open_enrolment_channel(address: str, ca_pem: bytes) -> grpc.aio.Channel:
    """Open a channel that believes this authority and shows nothing."""
    if clock_is_behind():
        local = _detour().through(address, ca_pem, None)
        return grpc.aio.insecure_channel(local, options=channel_options(local))
    return grpc.aio.secure_channel(
        address, grpc.ssl_channel_credentials(ca_pem), options=channel_options(address)
    )
