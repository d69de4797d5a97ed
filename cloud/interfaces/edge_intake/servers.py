"""The two doors for stations: one asks for a certificate, the other gives one."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import grpc
import grpc.aio
from kyndof_wire.artifacts.v1.artifacts_pb2_grpc import (
    ArtifactServiceServicer,
    add_ArtifactServiceServicer_to_server,
)
from kyndof_wire.enrolment.v1.enrolment_pb2_grpc import (
    CertificateServiceServicer,
    EnrolmentServiceServicer,
    add_CertificateServiceServicer_to_server,
    add_EnrolmentServiceServicer_to_server,
)
from kyndof_wire.fleet.v1.fleet_pb2_grpc import (
    FleetServiceServicer,
    add_FleetServiceServicer_to_server,
)
from kyndof_wire.media.v1.media_pb2_grpc import (
    MediaServiceServicer,
    add_MediaServiceServicer_to_server,
)
from kyndof_wire.sync.v1.sync_pb2_grpc import add_EventSyncServiceServicer_to_server

from cloud.interfaces.edge_intake.event_sync import EventSync
from cloud.interfaces.edge_intake.ports import ServerCertificates
from cloud.interfaces.edge_intake.unreadable import RefuseUnreadable

#: A batch with one absurd event must still arrive, or it would stop its stream for ever.
LARGEST_REQUEST_BYTES = 16 * 1024 * 1024
LARGEST_ENROLMENT_BYTES = 64 * 1024
LARGEST_RESPONSE_BYTES = 64 * 1024 * 1024
GRACE_S = 2.0


class PortTakenError(Exception):
    """The address of a door cannot be used."""

    code = "PORT_TAKEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorAddress:
    """Where a door listens, and the setting that says so; port 0 takes a free one."""

    host: str
    port: int
    setting: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Servicers:
    """Who answers behind the doors."""

    events: EventSync
    fleet: FleetServiceServicer
    media: MediaServiceServicer
    enrolment: EnrolmentServiceServicer
    certificates: CertificateServiceServicer
    artifacts: ArtifactServiceServicer


@dataclass(slots=True)
class IntakeServers:
    """Both gRPC servers; ``port`` and ``enrolment_port`` are known once they have started."""

    certificates: ServerCertificates
    servicers: Servicers
    intake: DoorAddress
    enrolment: DoorAddress
    port: int = 0
    enrolment_port: int = 0
    _servers: list[grpc.aio.Server] = field(default_factory=list)

    async def start(self) -> None:
        """Listen on both addresses.

        Raises:
            PortTakenError: somebody else does; the sentence names the setting.
        """
        intake = grpc.aio.server(
            interceptors=[RefuseUnreadable()], options=_options(LARGEST_REQUEST_BYTES)
        )
        add_EventSyncServiceServicer_to_server(self.servicers.events, intake)
        add_FleetServiceServicer_to_server(self.servicers.fleet, intake)
        add_MediaServiceServicer_to_server(self.servicers.media, intake)
        add_CertificateServiceServicer_to_server(self.servicers.certificates, intake)
        add_ArtifactServiceServicer_to_server(self.servicers.artifacts, intake)
        enrolment = grpc.aio.server(
            interceptors=[RefuseUnreadable()],
            options=_options(LARGEST_ENROLMENT_BYTES),
            maximum_concurrent_rpcs=64,
        )
        add_EnrolmentServiceServicer_to_server(self.servicers.enrolment, enrolment)
        self._servers = [intake, enrolment]
        try:
            self.port = self._listen(intake, self.intake, mutual=True)
            self.enrolment_port = self._listen(enrolment, self.enrolment, mutual=False)
            for server in self._servers:
                await server.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Send stations away politely and close both doors."""
        if self._servers:
            await self.servicers.events.close()
        for server in self._servers:
            await server.stop(GRACE_S)
        self._servers = []

    def _listen(self, server: grpc.aio.Server, door: DoorAddress, *, mutual: bool) -> int:
        given = (self.certificates.current(), self.certificates.ca_pem)
        initial = _configuration(given, mutual=mutual)

        def renewed() -> grpc.ServerCertificateConfiguration | None:
            nonlocal given
            fresh = (self.certificates.current(), self.certificates.ca_pem)
            if fresh == given:
                return None
            given = fresh
            return _configuration(fresh, mutual=mutual)

        credentials = grpc.dynamic_ssl_server_credentials(
            initial,
            renewed,  # type: ignore[arg-type]  # None means no change
            mutual,
        )
        try:
            return server.add_secure_port(f"{door.host}:{door.port}", credentials)
        except RuntimeError as error:
            raise PortTakenError(
                f"cannot listen on {door.host}:{door.port}: the port is taken or the address is "
                f"not ours; set {door.setting} to another one"
            ) from error


def _configuration(
    given: tuple[tuple[bytes, bytes], bytes], *, mutual: bool
) -> grpc.ServerCertificateConfiguration:
    pair, authorities = given
    return grpc.ssl_server_certificate_configuration(
        [pair], root_certificates=authorities if mutual else None
    )


def _options(largest_request_bytes: int) -> Sequence[tuple[str, int]]:
    return (
        # Otherwise a second process listens on the same port and takes half of the stations.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", largest_request_bytes),
        ("grpc.max_send_message_length", LARGEST_RESPONSE_BYTES),
        ("grpc.keepalive_time_ms", 10_000),
        ("grpc.keepalive_timeout_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.max_connection_age_ms", 3_600_000),
        ("grpc.max_connection_age_grace_ms", 60_000),
    )
