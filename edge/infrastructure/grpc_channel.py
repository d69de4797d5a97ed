"""Channels to the cloud: mutual TLS with the station's own certificate."""

from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio

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


def open_channel(address: str, credentials: Credentials) -> grpc.aio.Channel:
    """Open a channel that shows the station's certificate."""
    return grpc.aio.secure_channel(
        address,
        grpc.ssl_channel_credentials(
            credentials.ca_pem, credentials.key_pem, credentials.certificate_pem
        ),
        options=channel_options(address),
    )


def open_enrolment_channel(address: str, ca_pem: bytes) -> grpc.aio.Channel:
    """Open a channel that believes this authority and shows nothing."""
    return grpc.aio.secure_channel(
        address, grpc.ssl_channel_credentials(ca_pem), options=channel_options(address)
    )
