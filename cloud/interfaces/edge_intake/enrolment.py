"""The door of those who have no certificate yet, or none that is accepted."""

import hashlib

import grpc
import grpc.aio
from kyndof_wire.enrolment.v1.enrolment_pb2 import (
    EnrolRequest,
    EnrolResponse,
    GetRenewalNonceRequest,
    GetRenewalNonceResponse,
    GetStatusRequest,
    GetStatusResponse,
    RenewExpiredCertificateRequest,
    RenewExpiredCertificateResponse,
)
from kyndof_wire.enrolment.v1.enrolment_pb2_grpc import EnrolmentServiceServicer

from cloud.commands.errors import CommandError
from cloud.events.ports import Clock
from cloud.interfaces.edge_intake.admission import cloud_context, station_context
from cloud.interfaces.edge_intake.ports import Bus, CertificateReader, StationDoor
from cloud.interfaces.edge_intake.rate_limit import RateLimit
from cloud.interfaces.edge_intake.renewal_nonce import RenewalNonces
from cloud.interfaces.edge_intake.status import refuse
from cloud.stations.commands import EnrolStation, RenewStationCertificate, ReportStationFault
from cloud.stations.errors import (
    JoinTokenUnknownError,
    JoinTokenUsedError,
    RenewalUnprovenError,
)
from cloud.stations.queries import Enrolment, Renewal, Standing, StationKey, StationStanding

EnrolContext = grpc.aio.ServicerContext[EnrolRequest, EnrolResponse]
StatusContext = grpc.aio.ServicerContext[GetStatusRequest, GetStatusResponse]
NonceContext = grpc.aio.ServicerContext[GetRenewalNonceRequest, GetRenewalNonceResponse]
LateContext = grpc.aio.ServicerContext[
    RenewExpiredCertificateRequest, RenewExpiredCertificateResponse
]
AnyContext = EnrolContext | StatusContext | NonceContext | LateContext


class EnrolmentDoor(EnrolmentServiceServicer):
    """Serves those without a certificate; guards itself, for anybody may knock."""

    def __init__(
        self,
        bus: Bus,
        door: StationDoor,
        certificates: CertificateReader,
        limit: RateLimit,
        clock: Clock,
    ) -> None:
        self._bus = bus
        self._door = door
        self._certificates = certificates
        self._limit = limit
        self._clock = clock
        self._nonces = RenewalNonces(clock)

    async def Enrol(  # noqa: N802  the wire names it
        self, request: EnrolRequest, context: EnrolContext
    ) -> EnrolResponse:
        """Exchange a join token for a certificate."""
        await self._knock(context)
        token_hash = hashlib.sha256(request.join_token.encode()).digest()
        owner = await self._door.owner_of_token(token_hash)
        if owner is None:
            await refuse(context, JoinTokenUnknownError("no such join token"))
        command = EnrolStation(
            join_token_hash=token_hash.hex(), csr_der=request.csr_der, serial=request.serial
        )
        acting = cloud_context(owner.organization_id)
        try:
            enrolment: Enrolment = await self._bus.send(command, acting)
        except JoinTokenUsedError as error:
            # Two devices with one token: one of them should not have it.
            fault = ReportStationFault(
                station_id=owner.station_id,
                code="join_token_reused",
                detail=f"from {context.peer()}",
            )
            await self._bus.send(fault, acting)
            await refuse(context, error)
        except CommandError as error:
            await refuse(context, error)
        response = EnrolResponse(
            certificate_pem=enrolment.certificate_pem.encode(),
            ca_pem=enrolment.ca_pem.encode(),
            station_id=enrolment.station_id,
            organization_id=owner.organization_id,
            station_name=enrolment.station_name,
            organization_code=owner.organization_code,
        )
        response.not_after.FromDatetime(enrolment.not_after)
        return response

    async def GetStatus(  # noqa: N802  the wire names it
        self, request: GetStatusRequest, context: StatusContext
    ) -> GetStatusResponse:
        """Say why a certificate is refused."""
        await self._knock(context)
        facts = self._certificates.read(request.certificate_pem)
        if facts is None:
            return GetStatusResponse(status="unknown", detail="not signed by this cloud")
        key = StationKey(organization_id=facts.organization_id, station_id=facts.station_id)
        query = StationStanding(station_id=key.station_id, certificate_serial=facts.serial)
        standing: Standing = await self._bus.ask(query, station_context(key))
        if standing.status == "known" and self._clock.now() >= facts.not_after:
            return GetStatusResponse(status="expired", detail=facts.not_after.isoformat())
        return GetStatusResponse(status=standing.status, detail=standing.detail)

    async def GetRenewalNonce(  # noqa: N802  the wire names it
        self, _request: GetRenewalNonceRequest, context: NonceContext
    ) -> GetRenewalNonceResponse:
        """Give a number to sign."""
        await self._knock(context)
        return GetRenewalNonceResponse(nonce=self._nonces.new())

    async def RenewExpiredCertificate(  # noqa: N802  the wire names it
        self, request: RenewExpiredCertificateRequest, context: LateContext
    ) -> RenewExpiredCertificateResponse:
        """Give the next certificate to whoever proves the key of one that ended."""
        await self._knock(context)
        facts = self._certificates.read(request.certificate_pem)
        message = request.nonce + request.csr_der
        if (
            facts is None
            or not self._nonces.knows(request.nonce)
            or not self._certificates.proves(request.certificate_pem, message, request.signature)
        ):
            await refuse(context, RenewalUnprovenError("certificate, number or signature is wrong"))
        key = StationKey(organization_id=facts.organization_id, station_id=facts.station_id)
        command = RenewStationCertificate(
            station_id=facts.station_id,
            certificate_serial=facts.serial,
            csr_der=request.csr_der,
        )
        try:
            renewal: Renewal = await self._bus.send(command, station_context(key))
        except CommandError as error:
            await refuse(context, error)
        response = RenewExpiredCertificateResponse(
            certificate_pem=renewal.certificate_pem.encode(), ca_pem=renewal.ca_pem.encode()
        )
        response.not_after.FromDatetime(renewal.not_after)
        return response

    async def _knock(self, context: AnyContext) -> None:
        if not self._limit.allows(context.peer()):
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many attempts; wait")
