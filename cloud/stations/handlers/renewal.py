"""The next certificate of a station, and the end of the former one."""

from cloud.commands.ports import UnitOfWork
from cloud.stations.commands import RenewStationCertificate
from cloud.stations.enrolment import check_lateness
from cloud.stations.errors import CertificateRevokedError
from cloud.stations.events import StationCertificateRenewed, StationFaultReported
from cloud.stations.handlers.lookup import acts_for_itself, station_of
from cloud.stations.ports import CertificateAuthority, EnrolmentStore, IssuedCertificate
from cloud.stations.queries import Renewal


async def renew_station_certificate(command: RenewStationCertificate, unit: UnitOfWork) -> Renewal:
    """Sign the next certificate; a lost answer may be asked for again by the same key.

    The certificate in use stays good until the new one is seen. A second key that renews the same
    certificate before that is the station that lost its key, or a copy of it: the newest wins, the
    one before ends, and it is on record.

    Raises:
        StationUnknownError: no such station.
        StationRevokedError: it is shut out.
        CertificateRevokedError: the certificate was replaced or revoked.
        RenewalTooLateError: it ended too long ago.
        SigningRequestInvalidError: the request is not one that can be signed.
    """
    acts_for_itself(command.station_id, unit)
    authority, enrolments = unit.store(CertificateAuthority), unit.store(EnrolmentStore)
    key_sha256 = authority.key_of_request(command.csr_der)
    station = await station_of(command.station_id, unit, lock=True)
    current = await enrolments.find_certificate(station.station_id, command.certificate_serial)
    if current is None:
        raise CertificateRevokedError("the certificate was replaced or revoked")
    now = unit.clock.now()
    check_lateness(current.not_after, now)
    earlier = await enrolments.successor(station.station_id, command.certificate_serial)
    if earlier is not None and earlier[0] == key_sha256:
        return _renewal(earlier[1], authority)
    certificate = authority.issue(command.csr_der, unit.context.organization_id, station.station_id)
    if earlier is not None:
        await enrolments.revoke_certificate(station.station_id, earlier[1].serial, now)
        unit.record(
            StationFaultReported(
                station_id=station.station_id,
                station_name=station.name,
                code="certificate_renewed_twice",
                detail=f"{earlier[1].serial} gave way to {certificate.serial}",
            )
        )
    await enrolments.add_certificate(
        station.station_id, key_sha256, certificate, renews=command.certificate_serial
    )
    unit.record(
        StationCertificateRenewed(
            station_id=station.station_id,
            station_name=station.name,
            certificate_serial=certificate.serial,
            renews=command.certificate_serial,
        )
    )
    return _renewal(certificate, authority)


async def certificate_in_use(station_id: str, certificate_serial: str, unit: UnitOfWork) -> None:
    """Note that a certificate is in use; the one that it renews ends with its first use."""
    enrolments, now = unit.store(EnrolmentStore), unit.clock.now()
    former = await enrolments.see_certificate(station_id, certificate_serial, now)
    if former is not None:
        await enrolments.revoke_certificate(station_id, former, now)


def _renewal(certificate: IssuedCertificate, authority: CertificateAuthority) -> Renewal:
    return Renewal(
        certificate_pem=certificate.certificate_pem,
        ca_pem=authority.ca_pem,
        not_after=certificate.not_after,
    )
