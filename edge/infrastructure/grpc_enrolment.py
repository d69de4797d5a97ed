"""Exchange a join token for a certificate; ask why a certificate is refused."""

import asyncio
import hashlib
import logging
from pathlib import Path

import grpc
import grpc.aio
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from kyndof_wire.enrolment.v1.enrolment_pb2 import EnrolRequest, EnrolResponse, GetStatusRequest
from kyndof_wire.enrolment.v1.enrolment_pb2_grpc import EnrolmentServiceStub

from edge.infrastructure.grpc_channel import open_enrolment_channel
from edge.infrastructure.identity_files import (
    IdentityFolder,
    JoinToken,
    StationIdentity,
    public_key_of,
    public_key_of_request,
)
from edge.infrastructure.identity_pinning import fetch_authority
from edge.outbox.errors import (
    CloudNotTrustedError,
    CloudUnreachableError,
    EnrolmentRefusedError,
)

LOG = logging.getLogger("kyndof.enrolment")
CALL_S = 15.0
#: The cloud has heard us and says no; asking again changes nothing.
FINAL = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.FAILED_PRECONDITION,
    }
)


async def enrol(
    address: str, station_name: str, token: JoinToken, folder: IdentityFolder
) -> StationIdentity:
    """Get a certificate and make it the current identity.

    Raises:
        CloudUnreachableError: nobody answers; try again later.
        CloudNotTrustedError: the server is not the one that the token names; nothing was sent.
        EnrolmentRefusedError: the cloud refuses the token, or answered with a foreign certificate.
    """
    ca_pem = await asyncio.to_thread(fetch_authority, address, token.ca_fingerprint)
    csr_der = await asyncio.to_thread(folder.signing_request, station_name)
    request = EnrolRequest(join_token=token.join_token, csr_der=csr_der, serial=token.serial)
    async with open_enrolment_channel(address, ca_pem) as channel:
        try:
            response = await EnrolmentServiceStub(channel).Enrol(request, timeout=CALL_S)
        except grpc.aio.AioRpcError as error:
            reason = f"{error.code().name}: {error.details()}"
            if error.code() in FINAL:
                raise EnrolmentRefusedError(reason) from error
            raise CloudUnreachableError(reason) from error
    try:
        _check(response, csr_der, token)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise EnrolmentRefusedError(f"the answer holds no usable certificate: {error}") from error
    station = StationIdentity(
        station_id=response.station_id,
        organization_id=response.organization_id,
        station_name=response.station_name,
        organization_code=response.organization_code,
    )
    await asyncio.to_thread(
        folder.accept, response.certificate_pem, response.ca_pem, station, token
    )
    LOG.info("enrolled", extra={"station": station.station_id})
    return station


def _check(response: EnrolResponse, csr_der: bytes, token: JoinToken) -> None:
    authority = x509.load_pem_x509_certificate(response.ca_pem)
    if hashlib.sha256(authority.public_bytes(Encoding.DER)).hexdigest() != token.ca_fingerprint:
        raise CloudNotTrustedError("the answer names another authority than the token")
    if public_key_of(response.certificate_pem) != public_key_of_request(csr_der):
        raise EnrolmentRefusedError("the certificate is for another key than ours")
    certificate = x509.load_pem_x509_certificate(response.certificate_pem)
    certificate.verify_directly_issued_by(authority)


async def ask_status(address: str, current: Path) -> tuple[str, str]:
    """Ask what the cloud thinks of the current certificate.

    Returns:
        Status (known, expired, revoked, unknown; empty when nobody answers) and its detail.
    """
    request = GetStatusRequest(certificate_pem=(current / "certificate.pem").read_bytes())
    async with open_enrolment_channel(address, (current / "ca.pem").read_bytes()) as channel:
        try:
            response = await EnrolmentServiceStub(channel).GetStatus(request, timeout=CALL_S)
        except grpc.aio.AioRpcError as error:
            return "", error.code().name
    return response.status, response.detail
