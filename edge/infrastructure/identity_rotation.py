"""Renews the station's certificate: the new one must open the door before the old one goes."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

import grpc.aio
from kyndof_wire.enrolment.v1.enrolment_pb2 import (
    GetRenewalNonceRequest,
    GetTrustBundleRequest,
    ProveCertificateRequest,
    RenewCertificateRequest,
    RenewExpiredCertificateRequest,
)
from kyndof_wire.enrolment.v1.enrolment_pb2_grpc import (
    CertificateServiceStub,
    EnrolmentServiceStub,
)

from edge.infrastructure.grpc_channel import Credentials, open_channel, open_enrolment_channel
from edge.infrastructure.grpc_enrolment import FINAL
from edge.infrastructure.grpc_link import CloudAddresses
from edge.infrastructure.identity_files import (
    IdentityFolder,
    public_key_of,
    public_key_of_request,
    sign_with,
)
from edge.infrastructure.identity_trust import accept_bundle, trust_version
from edge.infrastructure.link_report import LinkStatus
from edge.outbox.errors import CloudUnreachableError, EnrolmentError, EnrolmentRefusedError
from edge.outbox.renewal import renewal_due
from edge.station.ports import Clock

LOG = logging.getLogger("kyndof.rotation")
CALL_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationRules:
    """How often the certificate is looked at, in seconds."""

    check_s: float


class IdentityRotation:
    """Looks at the certificate from time to time; a crash at any point leaves a usable pair."""

    def __init__(
        self,
        addresses: CloudAddresses,
        identity: IdentityFolder,
        clock: Clock,
        status: LinkStatus,
        rules: RotationRules,
    ) -> None:
        self._addresses = addresses
        self._identity = identity
        self._clock = clock
        self._status = status
        self._rules = rules

    async def run(self, on_renewed: Callable[[], None]) -> None:
        """Renew for ever; ``on_renewed`` is called when there is a new pair."""
        while True:
            try:
                if await self.step():
                    on_renewed()
            except EnrolmentRefusedError as error:
                LOG.error(  # noqa: TRY400 - the reason says all
                    "the certificate was not renewed",
                    extra={"alarm": "RENEWAL_REFUSED", "reason": str(error)},
                )
            except (EnrolmentError, OSError) as error:
                LOG.warning("the certificate was not renewed", extra={"reason": str(error)})
            await asyncio.sleep(self._rules.check_s)

    async def step(self) -> bool:
        """Do what is due; return whether there is a new current pair.

        Raises:
            CloudUnreachableError: nobody answers; try again later.
            EnrolmentRefusedError: the cloud refuses.
        """
        async with self._identity.changing:
            if not await asyncio.to_thread(self._identity.has_pending):
                life = await asyncio.to_thread(self._identity.life)
                if life is None:
                    return False
                now = self._clock.now()
                if now >= life.not_after or self._status.detail == "CERTIFICATE_EXPIRED":
                    await self._renew_late()
                elif now >= renewal_due(life.not_before, life.not_after, life.chance_ratio):
                    await self._renew()
                else:
                    await self._learn_trust()
                    return False
            return await self._prove()

    async def _renew(self) -> None:
        """Ask for the next certificate while this one is good."""
        csr_der = await self._request()
        async with open_channel(self._addresses.intake, await self._credentials()) as channel:
            try:
                response = await CertificateServiceStub(channel).RenewCertificate(
                    RenewCertificateRequest(csr_der=csr_der), timeout=CALL_S
                )
            except grpc.aio.AioRpcError as error:
                raise _refusal(error) from error
        await self._keep(csr_der, response.certificate_pem, response.ca_pem)

    async def _renew_late(self) -> None:
        """Ask for the next certificate after this one has ended, by a signature with its key."""
        csr_der, held = await self._request(), await self._credentials()
        async with open_enrolment_channel(self._addresses.enrolment, held.ca_pem) as channel:
            stub = EnrolmentServiceStub(channel)
            try:
                answer = await stub.GetRenewalNonce(GetRenewalNonceRequest(), timeout=CALL_S)
                response = await stub.RenewExpiredCertificate(
                    RenewExpiredCertificateRequest(
                        certificate_pem=held.certificate_pem,
                        csr_der=csr_der,
                        nonce=answer.nonce,
                        signature=sign_with(held.key_pem, answer.nonce + csr_der),
                    ),
                    timeout=CALL_S,
                )
            except grpc.aio.AioRpcError as error:
                if "RENEWAL_TOO_LATE" in (error.details() or ""):
                    self._status.detail = "CERTIFICATE_TOO_OLD"
                raise _refusal(error) from error
        await self._keep(csr_der, response.certificate_pem, response.ca_pem)

    async def _prove(self) -> bool:
        """Open the door with the pending pair; promote it when it does."""
        pending = await asyncio.to_thread(Credentials.read, self._identity.pending)
        if pending is None:
            return False
        async with open_channel(self._addresses.intake, pending) as channel:
            try:
                await CertificateServiceStub(channel).ProveCertificate(
                    ProveCertificateRequest(), timeout=CALL_S
                )
            except grpc.aio.AioRpcError as error:
                if error.code() in FINAL:
                    await asyncio.to_thread(self._identity.discard_pending)
                raise _refusal(error) from error
        await asyncio.to_thread(self._identity.promote)
        LOG.info("certificate renewed")
        return True

    async def _learn_trust(self) -> None:
        """Hear which authorities to believe, from one that is believed."""
        held = await self._credentials()
        version = await asyncio.to_thread(trust_version, self._identity.current)
        async with open_channel(self._addresses.intake, held) as channel:
            try:
                response = await CertificateServiceStub(channel).GetTrustBundle(
                    GetTrustBundleRequest(version=version), timeout=CALL_S
                )
            except grpc.aio.AioRpcError as error:
                raise _refusal(error) from error
        if response.bundle:
            await asyncio.to_thread(
                accept_bundle, self._identity.current, response.bundle, tuple(response.signatures)
            )

    async def _request(self) -> bytes:
        station = await asyncio.to_thread(self._identity.station)
        name = station.station_name if station else ""
        return await asyncio.to_thread(self._identity.signing_request, name)

    async def _credentials(self) -> Credentials:
        held = await asyncio.to_thread(Credentials.read, self._identity.current)
        if held is None:
            raise EnrolmentRefusedError("there is no certificate to renew")
        return held

    async def _keep(self, csr_der: bytes, certificate_pem: bytes, ca_pem: bytes) -> None:
        try:
            ours = public_key_of(certificate_pem) == public_key_of_request(csr_der)
        except ValueError as error:
            raise EnrolmentRefusedError("the answer holds no certificate") from error
        if not ours:
            raise EnrolmentRefusedError("the certificate is for another key than ours")
        await asyncio.to_thread(self._identity.keep_pending, certificate_pem, ca_pem)


def _refusal(error: grpc.aio.AioRpcError) -> EnrolmentError:
    reason = f"{error.code().name}: {error.details()}"
    if error.code() in FINAL:
        return EnrolmentRefusedError(reason)
    return CloudUnreachableError(reason)
