"""The door where a station renews its certificate and hears which authorities to believe."""

from typing import TYPE_CHECKING

import grpc.aio
from kyndof_wire.enrolment.v1.enrolment_pb2 import (
    GetTrustBundleRequest,
    GetTrustBundleResponse,
    ProveCertificateRequest,
    ProveCertificateResponse,
    RenewCertificateRequest,
    RenewCertificateResponse,
    TrustBundle,
)
from kyndof_wire.enrolment.v1.enrolment_pb2_grpc import CertificateServiceServicer

from cloud.commands.errors import CommandError
from cloud.events.ports import Clock
from cloud.interfaces.edge_intake.admission import Admission
from cloud.interfaces.edge_intake.ports import Bus, CertificateReader
from cloud.interfaces.edge_intake.status import refuse
from cloud.stations.commands import RenewStationCertificate

if TYPE_CHECKING:
    from cloud.stations.queries import Renewal

RenewContext = grpc.aio.ServicerContext[RenewCertificateRequest, RenewCertificateResponse]
ProveContext = grpc.aio.ServicerContext[ProveCertificateRequest, ProveCertificateResponse]
TrustContext = grpc.aio.ServicerContext[GetTrustBundleRequest, GetTrustBundleResponse]


class CertificateDoor(CertificateServiceServicer):
    """Serves whoever holds a certificate that is still good."""

    def __init__(
        self, bus: Bus, admission: Admission, certificates: CertificateReader, clock: Clock
    ) -> None:
        self._bus = bus
        self._admission = admission
        self._certificates = certificates
        self._clock = clock

    async def RenewCertificate(  # noqa: N802  the wire names it
        self, request: RenewCertificateRequest, context: RenewContext
    ) -> RenewCertificateResponse:
        """Give the next certificate."""
        caller = await self._admission.admit(context)
        command = RenewStationCertificate(
            station_id=caller.station_id,
            certificate_serial=caller.certificate_serial,
            csr_der=request.csr_der,
        )
        try:
            renewal: Renewal = await self._bus.send(command, caller.context)
        except CommandError as error:
            await refuse(context, error)
        response = RenewCertificateResponse(
            certificate_pem=renewal.certificate_pem.encode(), ca_pem=renewal.ca_pem.encode()
        )
        response.not_after.FromDatetime(renewal.not_after)
        return response

    async def ProveCertificate(  # noqa: N802  the wire names it
        self, _request: ProveCertificateRequest, context: ProveContext
    ) -> ProveCertificateResponse:
        """Say that the certificate is good; the station may let go of its former one."""
        caller = await self._admission.admit(context)
        response = ProveCertificateResponse(certificate_serial=caller.certificate_serial)
        response.server_time.FromDatetime(self._clock.now())
        return response

    async def GetTrustBundle(  # noqa: N802  the wire names it
        self, request: GetTrustBundleRequest, context: TrustContext
    ) -> GetTrustBundleResponse:
        """Give the bundle of authorities, signed; nothing where the station has it."""
        await self._admission.admit(context)
        version, authorities = self._certificates.trust()
        if request.version == version:
            return GetTrustBundleResponse()
        bundle = TrustBundle(
            version=version, authorities_pem=[pem.encode() for pem in authorities]
        ).SerializeToString(deterministic=True)
        return GetTrustBundleResponse(
            bundle=bundle, signatures=self._certificates.sign_trust(bundle)
        )
